//! What the servers and endpoints of a plan took in stored runs.

use crate::model::{Baseline, CellName, Plan, ServerTimes, Target};
use crate::stats;

/// By server, in the plan's order: medians over all stored runs, whatever machine made them, so that every
/// machine comes to the same. What was never stored takes as long as the median of the others; nothing
/// where no run says how long it took.
pub(crate) fn times(plan: &Plan, runs: &[Baseline]) -> Vec<ServerTimes> {
    let took = |name: &CellName| {
        let own = runs
            .iter()
            .filter(|it| it.key.server == name.server && it.key.endpoint == name.endpoint);
        let took: Vec<_> = own.filter_map(|it| it.took).collect();
        stats::median(&took.iter().map(|it| millis(it.cell)).collect::<Vec<_>>())
    };
    let starts = |target: &Target| {
        let own = runs.iter().filter(|it| it.key.server == target.name);
        let took: Vec<_> = own.filter_map(|it| it.took).collect();
        stats::median(&took.iter().map(|it| millis(it.start)).collect::<Vec<_>>())
    };
    let known = plan.targets.iter().map(|target| {
        let cells = target.cells.iter();
        let cells = cells.map(|it| took(&CellName::new(&target.name, &it.endpoint)));
        (starts(target), cells.collect::<Vec<_>>())
    });
    let known: Vec<_> = known.collect();
    let of_starts: Vec<_> = known.iter().filter_map(|(start, _)| *start).collect();
    let of_cells: Vec<_> = known
        .iter()
        .flat_map(|(_, cells)| cells)
        .filter_map(|it| *it)
        .collect();
    let (Some(start), Some(cell)) = (stats::median(&of_starts), stats::median(&of_cells)) else {
        return Vec::new();
    };
    let of_server = |(own, cells): (Option<f64>, Vec<Option<f64>>)| ServerTimes {
        start_ms: whole(own.unwrap_or(start)),
        cells_ms: cells
            .into_iter()
            .map(|it| whole(it.unwrap_or(cell)))
            .collect(),
    };
    known.into_iter().map(of_server).collect()
}

fn millis(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is positive; one beyond all times becomes the longest"
)]
fn whole(milliseconds: f64) -> u64 {
    milliseconds.round() as u64
}
