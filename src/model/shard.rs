use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellName, Thresholds};

/// One of several parts of a plan, each measured by a job of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Shard {
    /// From 1.
    pub index: NonZeroUsize,
    pub total: NonZeroUsize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.total)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(index, total)| {
            let shard = Self {
                index: index.parse().ok()?,
                total: total.parse().ok()?,
            };
            (shard.index <= shard.total).then_some(shard)
        });
        numbers.ok_or_else(|| "expected I/N, with I from 1 to N, such as 2/4".into())
    }
}

/// The shard of a measurement, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShardRecord {
    #[serde(flatten)]
    pub shard: Shard,
    /// Digest of the configuration and of what was selected of it.
    pub plan: String,
}

/// What a plan knows of the other shards, where it is one.
#[derive(Debug, Clone)]
pub struct PlanShard {
    pub record: ShardRecord,
    /// The cells of the others. A verdict counts everything that the job judges.
    pub others: Vec<(CellName, Thresholds)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        let shard: Shard = "2/4".parse().expect("a shard");
        assert_eq!((shard.index.get(), shard.total.get()), (2, 4));
        assert_eq!(shard.to_string(), "2/4");
        for wrong in [
            "", "2", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/2/3", "1 / 2",
        ] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
