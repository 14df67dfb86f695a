//! One plan measured by several jobs: what each of them measures, and one measurement of all.

mod deal;
mod merge;
#[cfg(test)]
mod tests;

pub use merge::{MergeOptions, merge};

pub(super) use deal::cut_to;

use crate::model::ShardRecord;

/// What the report of one shard says of its verdict.
pub(super) fn note(record: &ShardRecord) -> String {
    format!(
        "shard {} alone: `perfgate merge` judges all shards together",
        record.shard
    )
}
