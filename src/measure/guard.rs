use std::time::Duration;

use super::Error;
use super::stop::{Step, Stop};
use crate::stack::Stack;

/// Time that a step may take beyond what it was given.
pub(super) const GRACE: Duration = Duration::from_secs(60);

/// What can end the work on a stack from outside: a stop, the deadline of a step, the loss of
/// something that all servers need.
#[derive(Clone, Copy)]
pub(super) struct Guard<'a> {
    pub(super) stack: &'a Stack,
    pub(super) stop: &'a Stop,
}

impl<'a> Guard<'a> {
    /// Work that has deadlines of its own.
    pub(super) fn over<T, E: Into<Error>>(
        self,
        work: impl Future<Output = Result<T, E>> + 'a,
    ) -> impl Future<Output = Result<T, Error>> {
        let work = self.stop.or(work);
        async move { self.outcome(work.await).await }
    }

    /// A step that is given so much time.
    pub(super) fn step<T: 'a>(
        self,
        step: Step<'a>,
        within: Duration,
        work: impl Future<Output = Result<T, Error>> + 'a,
    ) -> impl Future<Output = Result<T, Error>> {
        let work = self.stop.or_late(step, within + GRACE, work);
        async move { self.outcome(work.await).await }
    }

    /// The result; where something has gone that all servers need, that.
    async fn outcome<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Err(Error::Stopped(_)) => result,
            result => match self.stack.lost().await {
                Some(lost) => Err(lost.into()),
                None => result,
            },
        }
    }
}
