//! Stack × load over time → samples: every server in turn is started, warmed up on each endpoint
//! and measured in rounds whose order is drawn from a seed. Progress goes to an observer; nothing
//! is printed here.

mod driver;
mod error;
mod event;
mod fingerprint;
mod key;
mod live;
mod schedule;
mod simulated;
mod steady;

pub use driver::{Driver, WarmUp};
pub use error::Error;
pub use event::{Event, Observer};
pub use fingerprint::fingerprint;
pub use live::Live;
pub use schedule::Schedule;
pub use simulated::{Noise, Simulated};

use std::time::Duration;

use crate::model::{Pacing, Plan, Runner, Sample, Target};

/// What is measured, where, and who watches.
#[derive(Clone, Copy)]
pub struct Measuring<'a> {
    pub plan: &'a Plan,
    pub runner: &'a Runner,
    /// The order of the rounds follows from it.
    pub seed: u64,
    pub observe: Observer<'a>,
}

impl Measuring<'_> {
    /// Measures every cell of the plan, one server after the other.
    pub async fn run(self, driver: &mut impl Driver) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        for (index, target) in self.plan.targets.iter().enumerate() {
            let startup = driver.start(target, self.observe).await?;
            let mut of_target = self.warm_up(target, startup, driver).await?;
            self.measure(index, &mut of_target, driver).await?;
            driver.stop().await?;
            samples.extend(of_target);
        }
        Ok(samples)
    }

    /// A sample per cell, without rounds yet.
    async fn warm_up(
        self,
        target: &Target,
        startup: Option<Duration>,
        driver: &mut impl Driver,
    ) -> Result<Vec<Sample>, Error> {
        let keys = key::keys(self.plan, target, &driver.settings(self.plan), self.runner);
        let mut samples = Vec::new();
        for (cell, key) in target.cells.iter().zip(keys) {
            (self.observe)(Event::WarmUp {
                server: &target.name,
                endpoint: &cell.endpoint,
            });
            let longest = self.plan.pacing.warmup;
            let WarmUp { steady } = driver.warm_up(cell, longest, self.observe).await?;
            let rounds = Vec::new();
            samples.push(Sample {
                key,
                startup,
                steady,
                rounds,
            });
        }
        Ok(samples)
    }

    async fn measure(
        self,
        index: usize,
        samples: &mut [Sample],
        driver: &mut impl Driver,
    ) -> Result<(), Error> {
        let target = &self.plan.targets[index];
        let Pacing {
            round: window,
            rounds,
            ..
        } = self.plan.pacing;
        let schedule = Schedule::new(target.cells.len(), rounds, self.seed);
        let rounds = schedule.len();
        for (done, drawn) in schedule.enumerate() {
            let cell = &target.cells[drawn];
            (self.observe)(Event::Round {
                server: &target.name,
                endpoint: &cell.endpoint,
                round: done + 1,
                rounds,
                left: self.left(index, rounds - done),
            });
            samples[drawn]
                .rounds
                .push(driver.round(cell, window, self.observe).await?);
        }
        Ok(())
    }

    /// Time for the remaining rounds of this server, and for the servers after it.
    fn left(self, index: usize, rounds: usize) -> Duration {
        let pacing = self.plan.pacing;
        let times = |time: Duration, count: usize| time * u32::try_from(count).unwrap_or(u32::MAX);
        let each = pacing.warmup + times(pacing.round, pacing.rounds);
        let later = self.plan.targets[index + 1..]
            .iter()
            .map(|target| times(each, target.cells.len()));
        times(pacing.round, rounds) + later.sum::<Duration>()
    }
}

#[cfg(test)]
mod tests;
