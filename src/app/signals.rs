//! Interruption: the first SIGINT, SIGTERM or SIGHUP ends a command in order, a second one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::observer::{Notice, Observer};
use crate::error::Error;
use crate::measure::{Cause, Stop, Stopper};
use crate::stack::{self, Engine, Owner, sweep};

/// How many are at work that end in order when a signal comes.
static ORDERLY: AtomicUsize = AtomicUsize::new(0);

/// Time for what is measuring to give back what it has.
const YIELD: Duration = Duration::from_secs(5);

/// An engine that is restarted gives its containers 15 s to end, and is back soon after.
const BACK: Duration = Duration::from_secs(30);

/// Work that takes up the first signal. Once one has come, it stays so to the end of the process.
struct Orderly;

impl Orderly {
    fn begin() -> Self {
        ORDERLY.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        ORDERLY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The signals that ask to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if whoever started us wants it ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> Self {
        let listen = |kind| signal(kind).expect("the runtime can listen to signals");
        Self {
            interrupt: listen(SignalKind::interrupt()),
            terminate: listen(SignalKind::terminate()),
            hangup: (!ignores_hangup()).then(|| listen(SignalKind::hangup())),
        }
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = hangup => (),
        }
    }
}

fn ignores_hangup() -> bool {
    let status = procfs::process::Process::myself().and_then(|it| it.status());
    // Signal 1 is bit 0.
    status.is_ok_and(|status| status.sigign & 1 == 1)
}

/// Waits for the first signal, and promises that whoever waits ends in order.
pub async fn any() {
    let orderly = Orderly::begin();
    Signals::listen().next().await;
    std::mem::forget(orderly);
}

/// Takes up the first signal over several pieces of work, so that what lies between them ends in order
/// too.
pub(super) struct Watch {
    is_stopped: Arc<AtomicBool>,
    listening: JoinHandle<()>,
    _orderly: Orderly,
}

impl Watch {
    pub(super) fn begin() -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let mut signals = Signals::listen();
        let listening = tokio::spawn(async move {
            signals.next().await;
            stopped.store(true, Ordering::SeqCst);
        });
        Self {
            is_stopped,
            listening,
            _orderly: Orderly::begin(),
        }
    }

    /// An error once a signal has come.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_stopped.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Waits until the process must end at once: for a signal that nobody takes up, or the second.
pub async fn at_once() {
    let mut signals = Signals::listen();
    signals.next().await;
    if ORDERLY.load(Ordering::SeqCst) > 0 {
        signals.next().await;
    }
}

/// Runs work that owns containers and processes. Whether it ends well, with an error, by a signal
/// or because its time is over, everything of its run is removed before the result is looked at.
/// The result of the work, and whether the removal succeeded; where both failed, the removal's error is a
/// warning.
pub(super) async fn cleaned_up<T, W: Future<Output = Result<T, Error>>>(
    engine: Option<&Engine>,
    timeout: Option<Duration>,
    observe: Observer<'_>,
    work: impl FnOnce(Owner, Stop) -> W,
) -> (Result<T, Error>, Result<(), Error>) {
    let owner = Owner::new_run();
    let (stopper, stop) = Stopper::new();
    let orderly = Orderly::begin();
    let mut signals = Signals::listen();
    let mut work = Box::pin(work(owner.clone(), stop));
    let result = tokio::select! {
        result = &mut work => result,
        cause = cause(&mut signals, timeout) => {
            stopper.stop(cause);
            if cause == Cause::Interrupted {
                // The next signal ends the process.
                ORDERLY.fetch_add(1, Ordering::SeqCst);
            }
            let yielded = tokio::time::timeout(YIELD, work).await;
            yielded.unwrap_or_else(|_| Err(cause.into()))
        }
    };
    let removed = remove(engine, &owner, observe).await.map_err(Into::into);
    drop(orderly);
    observe(&Notice::Ended);
    if let (Err(_), Err(left)) = (&result, &removed) {
        observe(&Notice::Warning(left));
    }
    (result, removed)
}

/// Removes everything of a run. An engine that has gone is waited for: one that is restarted comes
/// back, and knows the containers that it had.
async fn remove(
    engine: Option<&Engine>,
    owner: &Owner,
    observe: Observer<'_>,
) -> Result<(), stack::Error> {
    let removed = sweep::remove_run(engine, owner).await;
    let Some(engine) = engine.filter(|_| removed.is_err()) else {
        return removed;
    };
    if engine.answers().await.is_ok() {
        return removed;
    }
    observe(&Notice::Note(&format!(
        "waiting for the container engine, at most {BACK:?}"
    )));
    if engine.comes_back(BACK).await {
        return sweep::remove_run(Some(engine), owner).await;
    }
    Err(stack::Error::Left {
        run: owner.run.clone(),
        left: format!("the container engine did not come back within {BACK:?}"),
    })
}

async fn cause(signals: &mut Signals, timeout: Option<Duration>) -> Cause {
    let over = async {
        match timeout {
            Some(timeout) => {
                tokio::time::sleep(timeout).await;
                timeout
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.next() => Cause::Interrupted,
        timeout = over => Cause::Deadline(timeout),
    }
}
