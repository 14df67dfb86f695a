use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};

use super::{Counted, Driver, Error, Observed, Observer, Startup, Testbed, WarmUp};
use crate::model::{Cell, Plan, Round, Sides, Tally, Target, Usage};

/// Drives nothing: rounds are drawn from a seeded noise model, so that procedures can be tested
/// against a truth that is known.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Time of one request on an idle machine.
    pub service_time: Duration,
    pub noise: Noise,
    machine: f64,
    random: StdRng,
}

/// Standard deviations on the log scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Of the whole run: another machine, another time of day.
    pub machine: f64,
    /// Of one round.
    pub round: f64,
}

impl Simulated {
    /// A run on a machine drawn from `seed`.
    pub fn new(service_time: Duration, noise: Noise, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let machine = draw(&mut random, noise.machine);
        Self {
            service_time,
            noise,
            machine,
            random,
        }
    }

    fn slowness(&mut self) -> f64 {
        (self.machine + draw(&mut self.random, self.noise.round)).exp()
    }
}

pub(super) fn draw(random: &mut StdRng, deviation: f64) -> f64 {
    Normal::new(0.0, deviation).map_or(0.0, |normal| normal.sample(random))
}

/// A round in which one request after the other took `each` and nothing but CPU time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests is positive and small"
)]
pub(super) fn round(window: Duration, each: Duration) -> Round {
    let requests = (window.as_secs_f64() / each.as_secs_f64()).round() as u64;
    let mut tally = Tally::empty(window);
    tally.started = requests;
    tally.succeeded = requests;
    tally.succeeded_in_window = requests;
    tally.status.insert(200, requests);
    tally
        .latency
        .saturating_record_n(each.as_nanos() as u64, requests);
    let usage = Usage {
        cpu: each.mul_f64(requests as f64),
        memory: 64 << 20,
        rss: None,
        grown: None,
    };
    Round {
        tally,
        usage: Some(usage),
        machine: None,
        turnover: None,
        workers: None,
    }
}

impl Driver for Simulated {
    fn testbed(&self, _: &Plan) -> Testbed {
        Testbed::default()
    }

    async fn start(&mut self, _: &Target, _: Observer<'_>) -> Result<Option<Startup>, Error> {
        Ok(Some(Startup {
            time: Duration::from_secs(1),
            disturbed: false,
        }))
    }

    async fn warm_up(
        &mut self,
        _: &Target,
        _: &Cell,
        _: Duration,
        _: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        let observed = Observed {
            rate: 1.0 / self.service_time.as_secs_f64(),
            answer: self.service_time,
        };
        Ok(WarmUp {
            steady: true,
            observed,
        })
    }

    async fn round(
        &mut self,
        _: &Target,
        _: &Cell,
        window: Duration,
        _: Observer<'_>,
    ) -> Result<Round, Error> {
        let each = self.service_time.mul_f64(self.slowness());
        Ok(round(window, each))
    }

    async fn count(&mut self, _: &Target, _: &Cell) -> Result<Counted, Error> {
        Ok(Counted::default())
    }

    async fn beside(
        &mut self,
        _: &Target,
        _: &Cell,
        _: &Target,
        window: Duration,
        _: Observer<'_>,
    ) -> Result<Sides<Round>, Error> {
        let slowness = self.slowness();
        let side = || round(window, self.service_time.mul_f64(slowness));
        Ok(Sides {
            head: side(),
            base: side(),
        })
    }

    async fn output(&mut self, _: &Target) -> String {
        String::new()
    }

    async fn stop(&mut self, _: &Target) -> Result<(), Error> {
        Ok(())
    }
}
