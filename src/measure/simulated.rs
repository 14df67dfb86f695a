use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp, Normal};

use super::{
    Counted, Counting, Driver, Error, Instance, Load, Observed, Observer, Sharing, Start, Startup,
    Testbed, WarmUp,
};
use crate::model::{Cell, Plan, Round, Side, Sides, Tally, Target, Usage};

/// Drives nothing: rounds are drawn from a seeded noise model around a change that is known, so that
/// procedures can be tested against the truth.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Time of one request on an idle machine.
    pub service_time: Duration,
    noise: Noise,
    /// By how much the head is slower, on the log scale.
    change: f64,
    /// What all servers see alike.
    drift: f64,
    throttle: f64,
    up: Vec<Up>,
    elapsed: Duration,
    random: StdRng,
}

/// A server that is up.
#[derive(Debug, Clone)]
struct Up {
    server: String,
    side: Side,
    build: Side,
    /// What is fixed until its next start.
    start: f64,
}

/// Noise of a shared machine on the log scale; times in rounds of a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Standard deviation of the drift, first-order autoregressive.
    pub drift: f64,
    /// Share of its deviation from zero that the drift keeps until the next round.
    pub memory: f64,
    /// Chance that the machine becomes throttled in a round; it stays so for ten on average and
    /// is slower by 10 % to 50 % meanwhile.
    pub throttle: f64,
    /// Standard deviation that a start adds to all rounds after it.
    pub start: f64,
    /// Standard deviation of a round.
    pub round: f64,
    /// Chance of a round that is slower still, by a tenth on average.
    pub spike: f64,
}

/// Time of one request on an idle machine, unless another is given.
const SERVICE_TIME: Duration = Duration::from_micros(350);
/// What is set up before the first start takes.
const SET_UP: Duration = Duration::from_secs(10);
/// What starting servers takes.
const START: Duration = Duration::from_secs(3);
/// What the noise of a round is of.
const PART: Duration = Duration::from_secs(1);
/// Chance that a throttled machine is free again in the next round.
const RELEASE: f64 = 0.1;

impl Noise {
    /// Every round like the one before.
    pub const NONE: Self = Self {
        drift: 0.0,
        memory: 0.0,
        throttle: 0.0,
        start: 0.0,
        round: 0.0,
        spike: 0.0,
    };

    /// A two-core runner on an average day.
    pub const TYPICAL: Self = Self {
        drift: 0.04,
        memory: 0.9,
        throttle: 0.02,
        start: 0.0,
        round: 0.03,
        spike: 0.03,
    };

    /// A machine with nothing else to do.
    pub const QUIET: Self = Self {
        drift: 0.01,
        memory: 0.9,
        round: 0.01,
        ..Self::NONE
    };
}

impl Simulated {
    /// A head that is slower by `change` (0.05 for 5 %), on a machine drawn from `seed`.
    pub fn new(change: f64, noise: Noise, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let drift = draw(&mut random, noise.drift);
        Self {
            service_time: SERVICE_TIME,
            noise,
            change: change.ln_1p(),
            drift,
            throttle: 0.0,
            up: Vec::new(),
            elapsed: Duration::ZERO,
            random,
        }
    }

    /// The machine a round later.
    fn step(&mut self) {
        let noise = self.noise;
        let fresh = (1.0 - noise.memory.powi(2)).sqrt() * noise.drift;
        self.drift = self.drift * noise.memory + draw(&mut self.random, fresh);
        if self.throttle > 0.0 {
            if self.random.random_bool(RELEASE) {
                self.throttle = 0.0;
            }
        } else if self.random.random_bool(noise.throttle) {
            self.throttle = self.random.random_range(0.1..0.5);
        }
    }

    fn up(&self, instance: Instance<'_>) -> &Up {
        let mut up = self.up.iter();
        up.find(|it| it.is(instance))
            .expect("a server is started before it is loaded")
    }

    /// What a request costs in a part of a round that is as long as the noise is of.
    fn cost(&mut self, instance: Instance<'_>) -> f64 {
        let mut own = draw(&mut self.random, self.noise.round);
        if self.random.random_bool(self.noise.spike)
            && let Ok(spike) = Exp::new(10.0)
        {
            own += spike.sample(&mut self.random);
        }
        let Up { build, start, .. } = *self.up(instance);
        let change = match build {
            Side::Head => self.change,
            Side::Base => 0.0,
        };
        let all = change + self.drift + self.throttle + start + own;
        all.exp()
    }
}

impl Up {
    fn is(&self, instance: Instance<'_>) -> bool {
        self.server == instance.server && self.side == instance.side
    }
}

impl Driver for Simulated {
    fn elapsed(&self) -> Duration {
        self.elapsed
    }

    fn testbed(&self, _: &Plan) -> Testbed {
        Testbed::default()
    }

    async fn set_up(&mut self, _: &Sides<Target>, _: Observer<'_>) -> Result<(), Error> {
        self.elapsed += SET_UP;
        Ok(())
    }

    async fn start(
        &mut self,
        starts: &[Start<'_>],
        _: Observer<'_>,
    ) -> Result<Vec<Option<Startup>>, Error> {
        self.elapsed += START;
        for Start { instance, data } in starts {
            self.up.retain(|it| !it.is(*instance));
            self.up.push(Up {
                server: instance.server.to_owned(),
                side: instance.side,
                build: data.build(),
                start: draw(&mut self.random, self.noise.start),
            });
        }
        let startup = Startup {
            time: START,
            disturbed: false,
        };
        Ok(vec![Some(startup); starts.len()])
    }

    async fn warm_up(
        &mut self,
        _: &Load<'_>,
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

    async fn rounds(
        &mut self,
        loads: &[Load<'_>],
        sharing: Sharing,
        _: Observer<'_>,
    ) -> Result<Vec<Round>, Error> {
        let window = sharing.window();
        self.elapsed += match sharing {
            Sharing::AtOnce(window) => window,
            Sharing::InTurns(turns) => turns.time(loads.len()),
        };
        // A longer window is as many rounds, one after the other.
        let parts = (window + PART / 2).as_secs().max(1);
        let mut costs = vec![0.0; loads.len()];
        for _ in 0..parts {
            self.step();
            for (cost, load) in costs.iter_mut().zip(loads) {
                *cost += self.cost(load.instance);
            }
        }
        let each = |cost: f64| self.service_time.mul_f64(cost / parts as f64);
        Ok(costs
            .into_iter()
            .map(|cost| round(window, each(cost)))
            .collect())
    }

    async fn grow(&mut self, _: Instance<'_>, _: usize, _: Observer<'_>) -> Result<(), Error> {
        Ok(())
    }

    async fn count(&mut self, _: Instance<'_>, _: &Cell, _: Counting) -> Result<Counted, Error> {
        Ok(Counted::default())
    }

    async fn output(&mut self, _: Instance<'_>) -> String {
        String::new()
    }

    async fn stop(&mut self, instances: &[Instance<'_>]) -> Result<(), Error> {
        for instance in instances {
            self.up.retain(|it| !it.is(*instance));
        }
        Ok(())
    }
}

fn draw(random: &mut StdRng, deviation: f64) -> f64 {
    Normal::new(0.0, deviation).map_or(0.0, |normal| normal.sample(random))
}

/// A round in which one request after the other took `each` and nothing but CPU time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests is positive and small"
)]
fn round(window: Duration, each: Duration) -> Round {
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
