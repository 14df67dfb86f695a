//! Counters as the data grow, in a start of its own before all others.

use super::super::Error;
use super::super::driver::{Driver, Pass};
use super::super::pairs::Assignment;
use super::PairedRun;
use crate::model::{COUNTERS, Counters, CountsAtSize, Side, Statement, chain};

/// What was counted of one side and cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Grown {
    sizes: Vec<CountsAtSize>,
    /// At the largest size.
    statements: Vec<Statement>,
}

impl Grown {
    fn add(&mut self, size: u64, counters: Counters) {
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

impl<D: Driver> PairedRun<'_, D> {
    /// Counts single requests of both sides at each size of the data, which is theirs for this start alone.
    /// A base whose data cannot grow, such as one without the table, is said and not held against the head.
    pub(super) async fn count_growth(&mut self) -> Result<(), Error> {
        let sizes = self.sides.head.growth.as_ref().map(|it| it.sizes());
        let sizes = sizes.unwrap_or_default();
        // What is wrong on both sides is the head's to mend.
        let assignment = Assignment {
            first: Side::Head,
            slot: 0,
        };
        for started in self.startup_order(assignment) {
            self.start_sides(&started, assignment).await?;
            match self.at_each_size(&started, &sizes).await {
                Ok(()) => self.stop_sides().await?,
                Err(Error::Base { source, .. }) => {
                    self.stop_sides().await?;
                    self.grown.fill_with(Default::default);
                    self.say(format!(
                        "{}: its counters are not compared as the data grow, which those of the base do \
                         not: {}",
                        self.sides.head.name,
                        chain(&*source)
                    ));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn at_each_size(&mut self, up: &[Side], sizes: &[u64]) -> Result<(), Error> {
        for (step, size) in sizes.iter().copied().enumerate() {
            for side in up.iter().copied() {
                self.grow_side(side, step).await?;
            }
            for cell in self.answered_cells() {
                for side in up.iter().copied() {
                    let counted = self.counted(side, cell, Pass::Brief).await?;
                    if let Some(counters) = counted.counters {
                        self.grown[cell].get_mut(side).add(size, counters);
                    }
                }
            }
        }
        Ok(())
    }
}
