use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Metric;
use crate::stats;

/// What a fixed number of requests, one at a time, made the services count. Noise does not touch
/// it, so it may be compared across machines and loads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// Requests of the pass, all batches together.
    pub requests: u64,
    /// Per metric its value in each batch of requests, per request. Metrics that nothing here
    /// counts are missing.
    pub batches: BTreeMap<Metric, Vec<f64>>,
    /// What the database was asked, most frequent first.
    pub statements: Vec<Statement>,
}

/// A kind of SQL statement, its constants replaced: by `$1`, `$2`, … in Postgres, by `?` in MySQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    pub text: String,
    /// Executions per request.
    pub calls: f64,
    /// Rows given back or changed, per request.
    pub rows: f64,
}

/// A kind of statement that is new or more frequent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoreFrequent {
    pub text: String,
    /// Executions per request before; 0 for a new one.
    pub base: f64,
    pub head: f64,
}

/// Kinds of statements a document keeps.
const MOST_STATEMENTS: usize = 100;
/// Letters of a statement that a document keeps.
const LONGEST_STATEMENT: usize = 2000;
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

    /// Median of the batches: what happens once in a while, such as a pool that renews a
    /// connection, is not what a request costs.
    pub fn median(&self, metric: Metric) -> Option<f64> {
        stats::median(self.batches.get(&metric)?)
    }

    /// The statements made more often than in `base`, the largest increase first.
    pub fn more_frequent(&self, base: &Self) -> Vec<MoreFrequent> {
        let before = |text: &str| {
            let same = base.statements.iter().find(|it| it.text == text);
            same.map_or(0.0, |it| it.calls)
        };
        let statements = self.statements.iter().map(|statement| MoreFrequent {
            text: statement.text.clone(),
            base: before(&statement.text),
            head: statement.calls,
        });
        let mut more: Vec<_> = statements
            .filter(|statement| statement.head > statement.base)
            .collect();
        more.sort_by(|a, b| (b.head - b.base).total_cmp(&(a.head - a.base)));
        more.truncate(MOST_SHOWN);
        more
    }
}

impl Statement {
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
            rows: 0.0,
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
}
