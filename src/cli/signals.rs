//! Interruption: SIGINT, SIGTERM and SIGHUP end a command in order.

use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;
use crate::stack::{Engine, Owner, sweep};

/// Waits for the first signal that asks to end.
pub(super) async fn any() {
    let listen = |kind| signal(kind).expect("the runtime can listen to signals");
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hangup = listen(SignalKind::hangup());
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
        _ = hangup.recv() => (),
    }
}

/// Runs work that owns containers and processes. Whether it ends well, with an error or by a
/// signal, everything of its run is removed before the result is looked at.
pub(super) async fn cleaned_up<T>(
    owner: &Owner,
    engine: Option<&Engine>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = tokio::select! {
        result = work => result,
        () = any() => Err(Error::Interrupted),
    };
    let removed = sweep::remove_run(engine, owner).await;
    let value = result?;
    removed?;
    Ok(value)
}
