//! The slots of one thread, from the first request to the end of the last one.

use std::rc::Rc;

use tokio::task::JoinSet;

use super::slot::{Line, Slot};
use super::watch::Watch;
use super::worker::Worker;

/// Runs a slot on each line until all are done; gives the lines back. Belongs into a local runtime.
pub(super) async fn serve(worker: Rc<Worker>, lines: Vec<Line>) -> Vec<Line> {
    let mut tasks = JoinSet::new();
    let mut watches = Vec::with_capacity(lines.len());
    for line in lines {
        let slot = Slot::new(Rc::clone(&worker), line);
        watches.push(slot.watch());
        tasks.spawn_local(async { Some(slot.run().await) });
    }
    let pace = Rc::clone(&worker).pace();
    tasks.spawn_local(async {
        pace.await;
        None
    });
    let lines = attend(&worker, tasks, &watches).await;
    worker.finish();
    lines
}

async fn attend(
    worker: &Worker,
    mut tasks: JoinSet<Option<Line>>,
    watches: &[Rc<Watch>],
) -> Vec<Line> {
    let mut lines = Vec::with_capacity(watches.len());
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => lines.extend(done.expect("a slot neither panics nor is aborted")),
                None => return lines,
            },
            () = tokio::time::sleep_until(worker.next_scan().into()) => worker.scan(watches),
        }
    }
}
