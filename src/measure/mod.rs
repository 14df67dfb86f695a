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

use crate::model::{Key, Plan, Runner, Sample, Target};

/// Measures every cell of the plan; the rounds' order follows from `seed`.
pub async fn measure(
    plan: &Plan,
    runner: &Runner,
    seed: u64,
    driver: &mut impl Driver,
    observe: Observer<'_>,
) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    let settings = driver.settings(plan);
    for target in &plan.targets {
        let keys = key::keys(plan, target, &settings, runner);
        samples.extend(measure_target(plan, target, keys, seed, driver, observe).await?);
    }
    Ok(samples)
}

async fn measure_target(
    plan: &Plan,
    target: &Target,
    keys: Vec<Key>,
    seed: u64,
    driver: &mut impl Driver,
    observe: Observer<'_>,
) -> Result<Vec<Sample>, Error> {
    let startup = driver.start(target, observe).await?;
    let mut samples = Vec::new();
    for (cell, key) in target.cells.iter().zip(keys) {
        observe(Event::WarmUp {
            server: &target.name,
            endpoint: &cell.endpoint,
        });
        let WarmUp { steady } = driver.warm_up(cell, plan.pacing.warmup, observe).await?;
        samples.push(Sample {
            key,
            startup,
            steady,
            rounds: Vec::new(),
        });
    }
    let schedule = Schedule::new(target.cells.len(), plan.pacing.rounds, seed);
    let rounds = schedule.len();
    for (done, index) in schedule.enumerate() {
        let cell = &target.cells[index];
        observe(Event::Round {
            server: &target.name,
            endpoint: &cell.endpoint,
            round: done + 1,
            rounds,
            length: plan.pacing.round,
        });
        samples[index]
            .rounds
            .push(driver.round(cell, plan.pacing.round, observe).await?);
    }
    driver.stop().await?;
    Ok(samples)
}

#[cfg(test)]
mod tests;
