use std::time::Duration;

use super::{Error, Observed, Observer};
use crate::model::{Cell, Counters, Identity, NetworkPath, Plan, Round, Sides, Target};

/// How long a server took to its first expected response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Startup {
    pub time: Duration,
    /// Whether other programs took the CPUs meanwhile.
    pub disturbed: bool,
}

/// What servers run on, as far as their numbers depend on it; nothing of what is not known or not
/// used.
#[derive(Debug, Clone, Default)]
pub struct Testbed {
    pub network: Option<NetworkPath>,
    /// CPUs of the server, of services and of the load generator.
    pub cpus: Option<[Vec<usize>; 3]>,
    /// The program that CPU time is compared with.
    pub reference: Option<Identity>,
}

/// What the measuring loop drives: a live stack, or a simulation of one. A server is started
/// before anything else is asked of it.
pub trait Driver {
    /// What the servers run on.
    fn testbed(&self, plan: &Plan) -> Testbed;

    /// Starts a server; how long it took to answer, where that is known.
    fn start(
        &mut self,
        target: &Target,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Option<Startup>, Error>>;

    /// Loads a cell until its throughput is flat, at most for `longest`.
    fn warm_up(
        &mut self,
        target: &Target,
        cell: &Cell,
        longest: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<WarmUp, Error>>;

    /// One timed window on a cell.
    fn round(
        &mut self,
        target: &Target,
        cell: &Cell,
        window: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Round, Error>>;

    /// Single requests on a cell, and what they made the services count.
    fn count(
        &mut self,
        target: &Target,
        cell: &Cell,
    ) -> impl Future<Output = Result<Counted, Error>>;

    /// A round on a cell of a server, and one on the reference program at the same time.
    fn beside(
        &mut self,
        target: &Target,
        cell: &Cell,
        reference: &Target,
        window: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Sides<Round>, Error>>;

    /// The last lines of a server's output.
    fn output(&mut self, target: &Target) -> impl Future<Output = String>;

    /// Ends a server, if it is there.
    fn stop(&mut self, target: &Target) -> impl Future<Output = Result<(), Error>>;
}

/// What a warm-up showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// Whether throughput became flat in time.
    pub steady: bool,
    pub observed: Observed,
}

/// What single requests showed.
#[derive(Debug, Default)]
pub struct Counted {
    /// Nothing where requests were not answered.
    pub counters: Option<Counters>,
    /// How long one of them takes when no other is in flight; zero where none was answered.
    pub idle: Duration,
    /// Why none of them was answered as expected.
    pub failing: Option<Error>,
    /// What is not counted, and why.
    pub missing: Vec<String>,
}

impl Counted {
    /// The same, unless no request was answered as expected.
    pub(super) fn unless_failing(self) -> Result<Self, Error> {
        match self.failing {
            Some(failing) => Err(failing),
            None => Ok(self),
        }
    }
}
