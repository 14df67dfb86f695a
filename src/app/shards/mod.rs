//! One plan measured by several jobs: what each of them measures, and one measurement of all.

mod deal;
mod merge;
#[cfg(test)]
mod tests;
mod times;

pub use merge::{MergeOptions, Merged, merge};

pub(super) use deal::cut_to;
pub(super) use merge::{FILE, merged_report};
pub(super) use times::times;

use crate::model::{CellName, Plan, ShardRecord, Target};

/// The cells of a plan, by server.
fn names(plan: &Plan) -> Vec<Vec<CellName>> {
    let of = |target: &Target| {
        let cells = target.cells.iter();
        cells
            .map(|cell| CellName::new(&target.name, &cell.endpoint))
            .collect()
    };
    plan.targets.iter().map(of).collect()
}

/// What the report of one shard says of its verdict.
pub(super) fn note(record: &ShardRecord) -> String {
    format!(
        "shard {} alone: `perfgate merge` judges all shards together",
        record.shard
    )
}
