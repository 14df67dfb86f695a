use std::time::Duration;

use super::{Error, Observer};
use crate::model::{Cell, Plan, Round, Target};

/// What the measuring loop drives: a live stack, or a simulation of one.
pub trait Driver {
    /// The settings around the servers that change their numbers, as text.
    fn settings(&self, plan: &Plan) -> String;

    /// Starts a server; how long it took to answer.
    fn start(
        &mut self,
        target: &Target,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Option<Duration>, Error>>;

    /// Loads a cell until its throughput is flat, at most for `longest`.
    fn warm_up(
        &mut self,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<WarmUp, Error>>;

    /// One timed window on a cell of the started server.
    fn round(
        &mut self,
        cell: &Cell,
        window: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Round, Error>>;

    /// Ends the server.
    fn stop(&mut self) -> impl Future<Output = Result<(), Error>>;
}

/// What a warm-up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// Whether throughput became flat in time.
    pub steady: bool,
}
