//! Counters as the data grow, in a start of its own before all others.

use super::super::Error;
use super::super::driver::{Counting, Driver};
use super::super::pairs::Assignment;
use super::PairedRun;
use crate::model::{Growth, Side, chain};

impl<D: Driver> PairedRun<'_, D> {
    /// Counts single requests of both sides at each size of the data, which is theirs for this start alone.
    /// A base whose data cannot grow, such as one without the table, is said and not held against the head.
    pub(super) async fn count_growth(&mut self) -> Result<(), Error> {
        let sizes = self.sides.head.growth.as_ref().map(Growth::sizes);
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
                    self.note(format!(
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
                    let counted = self.counted(side, cell, Counting::Brief).await?;
                    if let Some(counters) = counted.counters {
                        self.grown[cell].get_mut(side).add(size, counters);
                    }
                }
            }
        }
        Ok(())
    }
}
