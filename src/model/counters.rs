use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{COUNTERS, CountsAtSize, Metric, PlanChange, QueryPlan, order_of_growth};
use crate::stats;

/// What a fixed number of requests, one at a time, made the services count. Noise does not touch
/// it, so it may be compared across machines and loads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// Single requests, in all batches.
    pub requests: u64,
    /// Per metric its value in each batch of requests, per request. Metrics that nothing here
    /// counts are missing.
    pub batches: BTreeMap<Metric, Vec<f64>>,
    /// What the database was asked, most frequent first.
    pub statements: Vec<Statement>,
    /// At each size of the data, ascending, where they grew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<CountsAtSize>,
}

/// A kind of SQL statement, its constants replaced: by `$1`, `$2`, … in Postgres, by `?` in MySQL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    pub text: String,
    /// Executions per request.
    pub calls: f64,
    /// Rows given back or changed, per request.
    pub rows: f64,
    /// Blocks looked at or moved to and from temporary files, per request, where the database reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<f64>,
    /// Of them those of temporary files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary_blocks: Option<f64>,
    /// Bytes written ahead (WAL), per request, where the database reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal: Option<f64>,
    /// The plan of the database, where it reports one.
    #[serde(default, skip_serializing_if = "QueryPlan::is_empty")]
    pub plan: QueryPlan,
    /// At the largest size of the data, where they grew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_largest: Option<AtLargest>,
}

/// What a kind of statement did per request when there was most data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AtLargest {
    pub calls: f64,
    pub rows: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<f64>,
}

/// A counter at one size of the data, on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SizeChange {
    /// Rows of all tables that grow, or the scale.
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<f64>,
}

/// A kind of statement that a counter rose in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementChange {
    pub text: String,
    /// Its part of the counter before, per request; 0 for a new statement.
    pub base: f64,
    pub head: f64,
    /// Of its blocks those of temporary files, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary_blocks: Option<f64>,
    /// What differs in its plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlanChange>,
}

/// Kinds of statements a document keeps.
const MOST_STATEMENTS: usize = 100;
/// Letters of a statement that a document keeps.
const LONGEST_STATEMENT: usize = 2000;
/// An increase that is shown, as a share of the largest.
const SMALLEST_SHARE: f64 = 0.01;
/// Statements shown for one finding.
const MOST_SHOWN: usize = 5;

impl Counters {
    /// Keeps the most frequent statements, shortened where they are very long.
    #[must_use]
    pub fn with_statements(mut self, statements: impl IntoIterator<Item = Statement>) -> Self {
        self.statements = statements.into_iter().map(Statement::shortened).collect();
        let by_calls = |a: &Statement, b: &Statement| {
            b.calls
                .total_cmp(&a.calls)
                .then_with(|| a.text.cmp(&b.text))
        };
        self.statements.sort_by(by_calls);
        self.statements.truncate(MOST_STATEMENTS);
        self
    }

    /// The same with what was counted as the data grew: the counters at each size, and the statements at
    /// the largest.
    #[must_use]
    pub fn with_growth(mut self, sizes: Vec<CountsAtSize>, largest: &[Statement]) -> Self {
        for kind in &COUNTERS {
            let order = kind.ordered.and_then(|ordered| {
                let order = order_of_growth(&sizes, kind.metric, ordered.damping)?;
                Some((ordered.by, vec![order]))
            });
            self.batches.extend(order);
        }
        for statement in largest {
            let at_largest = Some(AtLargest {
                calls: statement.calls,
                rows: statement.rows,
                blocks: statement.blocks,
            });
            let mut own = self.statements.iter_mut();
            match own.find(|it| it.text == statement.text) {
                Some(own) => own.at_largest = at_largest,
                None => self.statements.push(Statement {
                    text: statement.text.clone(),
                    at_largest,
                    ..Statement::default()
                }),
            }
        }
        self.sizes = sizes;
        self
    }

    /// A counter at each size of the data beside that of `base`, for its order of growth.
    pub fn sizes_beside(&self, base: &Self, order: Metric) -> Vec<SizeChange> {
        let mut kinds = COUNTERS.iter();
        let Some(kind) = kinds.find(|it| it.ordered.is_some_and(|it| it.by == order)) else {
            return Vec::new();
        };
        let value = |of: &CountsAtSize| of.values.get(&kind.metric).copied();
        let beside = |own: &CountsAtSize| SizeChange {
            size: own.size,
            base: base
                .sizes
                .iter()
                .find(|it| it.size == own.size)
                .and_then(value),
            head: value(own),
        };
        self.sizes.iter().map(beside).collect()
    }

    /// Median of the batches: what happens once in a while, such as a pool that renews a
    /// connection, is not what a request costs.
    pub fn median(&self, metric: Metric) -> Option<f64> {
        stats::median(self.batches.get(&metric)?)
    }

    /// The statements that make more of a counter than in `base`, the largest increase first.
    pub fn increases(&self, base: &Self, metric: Metric) -> Vec<StatementChange> {
        let increase = |statement: &Statement| {
            let before = base.statements.iter().find(|it| it.text == statement.text);
            let temporary = statement.temporary_blocks.filter(|it| *it > 0.0);
            let change = StatementChange {
                text: statement.text.clone(),
                base: before.and_then(|it| it.part_of(metric)).unwrap_or_default(),
                head: statement.part_of(metric)?,
                temporary_blocks: temporary.filter(|_| metric == Metric::BlocksPerRequest),
                plan: before.map_or_else(Vec::new, |it| statement.plan.changes(&it.plan)),
            };
            (change.head > change.base).then_some(change)
        };
        let mut increases: Vec<_> = self.statements.iter().filter_map(increase).collect();
        let size = |it: &StatementChange| it.head - it.base;
        increases.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let notable = increases.first().map_or(0.0, size) * SMALLEST_SHARE;
        increases.retain(|it| size(it) >= notable);
        increases.truncate(MOST_SHOWN);
        increases
    }
}

impl Statement {
    /// What it makes of a counter; nothing of one that is not about statements, or not known.
    fn part_of(&self, metric: Metric) -> Option<f64> {
        let of_statement = metric.counter_kind()?.of_statement.as_ref()?;
        (of_statement.part)(self)
    }

    fn shortened(mut self) -> Self {
        if let Some((end, _)) = self.text.char_indices().nth(LONGEST_STATEMENT) {
            self.text.truncate(end);
            self.text.push('…');
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str, calls: f64) -> Statement {
        Statement {
            text: text.into(),
            calls,
            ..Statement::default()
        }
    }

    #[test]
    fn the_most_frequent_statements_are_kept_and_long_ones_cut() {
        let many = (0..200).map(|n| statement(&format!("select {n}"), f64::from(n)));
        let long = statement(&"ä".repeat(3000), 1000.0);
        let kept = Counters::default().with_statements(many.chain([long]));
        assert_eq!(kept.statements.len(), MOST_STATEMENTS);
        assert_eq!(
            kept.statements[0].text.chars().count(),
            LONGEST_STATEMENT + 1
        );
        assert_eq!(kept.statements[1].text, "select 199");
    }

    #[test]
    fn statements_are_named_by_what_they_make_of_the_counter() {
        let of = |text, blocks: f64, node: &str| {
            let mut plan = QueryPlan::default();
            plan.add(0, node);
            Statement {
                blocks: Some(blocks),
                temporary_blocks: Some(blocks / 2.0),
                plan,
                ..statement(text, 1.0)
            }
        };
        let index = "Index Scan using movie_title on movie";
        let with = |statements: Vec<Statement>| Counters::default().with_statements(statements);
        let base = with(vec![of("a", 4.0, index), of("b", 3.0, index)]);
        let head = with(vec![
            of("a", 90.0, "Seq Scan on movie"),
            of("b", 3.0, "Seq Scan on movie"),
            of("c", 5.0, index),
        ]);
        assert_eq!(head.increases(&base, Metric::RowsPerRequest), []);
        let blocks = head.increases(&base, Metric::BlocksPerRequest);
        let shown: Vec<_> = blocks
            .iter()
            .map(|it| (it.text.as_str(), it.base, it.head, it.plan.len()))
            .collect();
        assert_eq!(shown, [("a", 4.0, 90.0, 1), ("c", 0.0, 5.0, 0)]);
        assert_eq!(blocks[0].temporary_blocks, Some(45.0));
        let new = head.increases(&base, Metric::SqlPerRequest);
        assert_eq!(new.len(), 1);
        assert_eq!((new[0].base, new[0].temporary_blocks), (0.0, None));
    }
}
