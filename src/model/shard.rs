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
    #[serde(default, skip_serializing_if = "Dealing::is_by_cell")]
    pub dealing: Dealing,
    /// What each server of the whole plan took when it was stored, in the plan's order: the endpoints were
    /// dealt by it. Empty where no stored run says so, and they were dealt by their number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<ServerTimes>,
}

/// What of a plan stays on one machine.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dealing {
    /// Both builds of a server's endpoint.
    #[default]
    ByCell,
    /// An endpoint of all servers, which are ranked by it.
    ByEndpoint,
}

impl Dealing {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_by_cell(&self) -> bool {
        *self == Self::ByCell
    }
}

/// What a server and its endpoints took in stored runs, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerTimes {
    /// One start, its data included.
    pub start_ms: u64,
    /// Each of its endpoints, in the plan's order.
    pub cells_ms: Vec<u64>,
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
