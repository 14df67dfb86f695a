//! What is counted as the data grow.

use crate::model::{COUNTERS, Counters, CountsAtSize, Statement};

/// What was counted of one side and cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Grown {
    sizes: Vec<CountsAtSize>,
    /// At the largest size.
    statements: Vec<Statement>,
}

impl Grown {
    pub(super) fn add(&mut self, size: u64, counters: Counters) {
        let value = |metric| Some((metric, counters.median(metric)?));
        let ordered = COUNTERS.iter().filter(|it| it.ordered.is_some());
        let values = ordered.filter_map(|it| value(it.metric)).collect();
        self.sizes.push(CountsAtSize { size, values });
        self.statements = counters.statements;
    }

    pub(super) fn added_to(self, counters: Counters) -> Counters {
        if self.sizes.is_empty() {
            return counters;
        }
        counters.with_growth(self.sizes, &self.statements)
    }
}
