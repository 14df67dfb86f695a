//! The slots of one thread, from the first request to the end of the last one.

use std::rc::Rc;

use tokio::task::JoinSet;

use super::connection::Connection;
use super::slot::Slot;
use super::watch::Watch;
use super::worker::Worker;

/// Runs a slot for each connection until all are done. Belongs into a local runtime.
pub(super) async fn serve(worker: Rc<Worker>, connections: Vec<Option<Connection>>) {
    let mut tasks = JoinSet::new();
    let mut watches = Vec::with_capacity(connections.len());
    for connection in connections {
        let slot = Slot::new(Rc::clone(&worker), connection);
        watches.push(slot.watch());
        tasks.spawn_local(slot.run());
    }
    tasks.spawn_local(Rc::clone(&worker).pace());
    attend(&worker, &mut tasks, &watches).await;
    worker.finish();
}

async fn attend(worker: &Worker, tasks: &mut JoinSet<()>, watches: &[Rc<Watch>]) {
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => done.expect("a slot neither panics nor is aborted"),
                None => return,
            },
            () = tokio::time::sleep_until(worker.next_scan().into()) => worker.scan(watches),
        }
    }
}
