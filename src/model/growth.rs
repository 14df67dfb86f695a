use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Metric;
use crate::stats;

/// How the data of a server grow while single requests are counted, size by size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Growth {
    /// Tables of Postgres by name, each with its rows at every size.
    Rows(Vec<(String, Vec<u64>)>),
    /// A command of the server that brings its data to a size, for which `{scale}` stands.
    Command { words: Vec<String>, sizes: Vec<u64> },
}

impl Growth {
    /// What stands for a size in a command.
    pub const SCALE: &str = "{scale}";

    /// Sizes of the data, ascending: the rows of all tables together, or the scale.
    pub fn sizes(&self) -> Vec<u64> {
        match self {
            Self::Command { sizes, .. } => sizes.clone(),
            Self::Rows(tables) => {
                let count = tables.first().map_or(0, |(_, rows)| rows.len());
                let of_all = |step: usize| tables.iter().map(|(_, rows)| rows[step]).sum();
                (0..count).map(of_all).collect()
            }
        }
    }

    /// In words, for readers: `movie 1000, 4000, 16000 rows`.
    pub fn describe(&self) -> String {
        let list = |sizes: &[u64]| {
            let sizes: Vec<_> = sizes.iter().map(u64::to_string).collect();
            sizes.join(", ")
        };
        match self {
            Self::Command { words, sizes } => {
                format!("`{}` with a scale of {}", words.join(" "), list(sizes))
            }
            Self::Rows(tables) => {
                let table = |(name, rows): &(String, Vec<u64>)| format!("{name} {}", list(rows));
                let tables: Vec<_> = tables.iter().map(table).collect();
                format!("{} rows", tables.join("; "))
            }
        }
    }
}

/// What single requests made the services count at one size of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CountsAtSize {
    /// Rows of all tables that grow, or the scale.
    pub size: u64,
    /// Values by counter, per request.
    pub values: BTreeMap<Metric, f64>,
}

/// Order of growth of a counter: the *b* of *n*^*b*, by which it grows with the size *n* of the data.
/// It is the slope of a straight line, by least squares, through the logarithms of the sizes and of the
/// values; `damping` is added to the values, so that small ones that hardly move have no order.
/// `None` if fewer than two sizes have a value.
pub fn order_of_growth(counts: &[CountsAtSize], metric: Metric, damping: f64) -> Option<f64> {
    let points = counts.iter().filter_map(|it| {
        let value = it.values.get(&metric)?;
        Some(((it.size as f64).ln(), (value + damping).ln()))
    });
    let points: Vec<_> = points.collect();
    stats::slope(&points)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Metric = Metric::BlocksPerRequest;

    fn counts(value: fn(f64) -> f64) -> Vec<CountsAtSize> {
        let at = |size: u64| CountsAtSize {
            size,
            values: BTreeMap::from([(BLOCKS, value(size as f64))]),
        };
        [1000, 4000, 16_000].map(at).into()
    }

    #[test]
    fn the_order_is_the_exponent() {
        let order = |value| order_of_growth(&counts(value), BLOCKS, 1.0).expect("three sizes");
        assert!(order(|_| 7.0).abs() < 1e-12);
        assert!((order(|n| n) - 1.0).abs() < 0.01);
        assert!((order(|n| n * n) - 2.0).abs() < 0.01);
        assert!(order(|_| 0.0).abs() < 1e-12);
        // An index that becomes a level deeper is no growth.
        let deeper = |n: f64| if n > 5000.0 { 4.0 } else { 3.0 };
        assert!(order_of_growth(&counts(deeper), BLOCKS, 16.0).expect("three sizes") < 0.05);
    }

    #[test]
    fn what_was_counted_at_one_size_has_no_order() {
        assert_eq!(order_of_growth(&counts(|n| n)[..1], BLOCKS, 1.0), None);
        assert_eq!(
            order_of_growth(&counts(|n| n), Metric::SqlPerRequest, 1.0),
            None
        );
    }

    #[test]
    fn sizes_are_those_of_all_tables_together() {
        let growth = Growth::Rows(vec![
            ("movie".into(), vec![1000, 4000]),
            ("rating".into(), vec![10_000, 40_000]),
        ]);
        assert_eq!(growth.sizes(), [11_000, 44_000]);
        assert_eq!(
            growth.describe(),
            "movie 1000, 4000; rating 10000, 40000 rows"
        );
    }
}
