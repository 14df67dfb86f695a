use std::time::Duration;

use super::Phase;
use crate::model::Incident;
use crate::stack::Stage;

/// What happens in a run, for its observer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    Stage(Stage<'a>),
    WarmUp {
        server: &'a str,
        endpoint: &'a str,
    },
    Round {
        server: &'a str,
        endpoint: &'a str,
        /// Number of this round among those of the servers that are up, from 1.
        round: usize,
        rounds: usize,
        /// What the rest of the run takes when every warm-up is as long as it may be.
        left: Duration,
    },
    /// A round after a fresh start, which a broken rule asked for.
    Again {
        server: &'a str,
        endpoint: &'a str,
        round: usize,
        rounds: usize,
    },
    /// Pairs of rounds begin.
    Pairs {
        server: &'a str,
        endpoint: &'a str,
        /// Number of the fresh start of both builds, from 1.
        start: usize,
        phase: Phase,
    },
    /// A round beside the reference program begins.
    BesideReference {
        server: &'a str,
        endpoint: &'a str,
    },
    /// Single requests begin.
    Count {
        server: &'a str,
        endpoint: &'a str,
    },
    /// Something to know before the numbers come.
    Note(&'a str),
    /// Something befell a server.
    Incident(&'a Incident),
    /// Completed requests per second just now.
    Rate(f64),
}

/// Receives events as they happen.
pub type Observer<'a> = &'a (dyn Fn(Event<'_>) + Send + Sync);
