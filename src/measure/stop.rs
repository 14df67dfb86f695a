//! What ends a measurement from outside. A step that is stopped is dropped where it waits; what
//! was measured before it is kept.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use super::Error;

/// Why a measurement is to end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A signal came.
    Interrupted,
    /// The time for the whole run is over.
    Deadline(Duration),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::Deadline(timeout) => write!(
                f,
                "gave up after {timeout:?}, the time that `--timeout` gave"
            ),
        }
    }
}

/// Tells a measurement to end.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<Cause>>);

/// Hears it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Cause>>);

impl Stopper {
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Stop(receiver))
    }

    pub fn stop(&self, cause: Cause) {
        self.0.send_replace(Some(cause));
    }
}

impl Stop {
    /// The work, unless the stop comes first. It is boxed, as all that a run does is in it.
    pub fn or<'a, T, E: Into<Error>>(
        &'a self,
        work: impl Future<Output = Result<T, E>> + 'a,
    ) -> impl Future<Output = Result<T, Error>> + 'a {
        let work = Box::pin(work);
        async move {
            tokio::select! {
                biased;
                cause = self.comes() => Err(Error::Stopped(cause)),
                result = work => result.map_err(Into::into),
            }
        }
    }

    /// The same for a step that has its own deadline, so that nothing hangs.
    pub(super) fn or_late<'a, T: 'a>(
        &'a self,
        step: Step<'a>,
        within: Duration,
        work: impl Future<Output = Result<T, Error>> + 'a,
    ) -> impl Future<Output = Result<T, Error>> + 'a {
        let work = Box::pin(work);
        self.or(async move {
            let late = |_| step.overdue(within);
            tokio::time::timeout(within, work).await.map_err(late)?
        })
    }

    async fn comes(&self) -> Cause {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await.map(|it| *it) {
            Ok(Some(cause)) => cause,
            // Nobody is left to report it.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// What is done with whom, for the error of a step that hangs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) server: &'a str,
    pub(super) what: &'a str,
}

impl Step<'_> {
    fn overdue(self, within: Duration) -> Error {
        Error::Overdue {
            server: self.server.to_owned(),
            step: self.what.to_owned(),
            within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step<'static> = Step {
        server: "app",
        what: "a round of health",
    };

    #[tokio::test]
    async fn a_step_that_hangs_is_named() {
        let (_stopper, stop) = Stopper::new();
        let hangs = std::future::pending::<Result<(), Error>>();
        let within = Duration::from_millis(20);
        let error = stop.or_late(STEP, within, hangs).await.expect_err("late");
        let expected = "`app` hangs: a round of health did not end within 20ms";
        assert_eq!(error.to_string(), expected);
        assert!(error.is_of_one_server());
    }

    #[tokio::test]
    async fn a_stop_comes_before_everything_after_it() {
        let (stopper, stop) = Stopper::new();
        let work = || async { Ok::<_, Error>(1) };
        assert_eq!(stop.or(work()).await.expect("nobody stops"), 1);
        stopper.stop(Cause::Interrupted);
        let error = stop.or(work()).await.expect_err("stopped");
        assert!(matches!(error, Error::Stopped(Cause::Interrupted)));
    }

    #[tokio::test]
    async fn without_a_stopper_work_goes_on() {
        let (stopper, stop) = Stopper::new();
        drop(stopper);
        let work = async {
            tokio::task::yield_now().await;
            Ok::<_, Error>(())
        };
        stop.or(work).await.expect("done");
    }
}
