use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp};

use super::simulated::{draw, round};
use super::{Assignment, Builds, Counted, Error, Observer, PairDriver, PairLoad, Startup};
use crate::model::{Cell, Round, Side, Sides, Target};

/// Drives nothing: pairs of rounds are drawn from a seeded noise model around a change that is
/// known.
#[derive(Debug, Clone)]
pub struct SimulatedPairs {
    noise: PairNoise,
    /// By how much the head is slower, on the log scale.
    change: f64,
    /// What both sides see alike.
    drift: f64,
    throttle: f64,
    /// What is fixed until the next start.
    starts: Sides<f64>,
    up: Vec<Side>,
    builds: Builds,
    elapsed: Duration,
    random: StdRng,
}

/// Noise of a shared machine on the log scale; times in rounds of a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairNoise {
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

/// Time of one request on an idle machine.
const SERVICE_TIME: Duration = Duration::from_micros(350);
/// What is set up before the first start takes.
const SET_UP: Duration = Duration::from_secs(10);
/// What starting both sides takes.
const START: Duration = Duration::from_secs(3);
/// What the noise of a round is of.
const PART: Duration = Duration::from_secs(1);
/// Chance that a throttled machine is free again in the next round.
const RELEASE: f64 = 0.1;

impl PairNoise {
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
        throttle: 0.0,
        start: 0.0,
        round: 0.01,
        spike: 0.0,
    };
}

impl SimulatedPairs {
    /// A head that is slower by `change` (0.05 for 5 %), on a machine drawn from `seed`.
    pub fn new(change: f64, noise: PairNoise, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let drift = draw(&mut random, noise.drift);
        Self {
            noise,
            change: change.ln_1p(),
            drift,
            throttle: 0.0,
            starts: Sides::default(),
            up: Vec::new(),
            builds: Builds::Own,
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

    fn of_those_up<T>(&mut self, mut of: impl FnMut(&mut Self, Side) -> T) -> Sides<Option<T>> {
        let up = self.up.clone();
        Sides::from_fn(|side| up.contains(&side).then(|| of(self, side)))
    }

    /// What a request costs in a part of a round that is as long as the noise is of.
    fn cost(&mut self, side: Side) -> f64 {
        let mut own = draw(&mut self.random, self.noise.round);
        if self.random.random_bool(self.noise.spike)
            && let Ok(spike) = Exp::new(10.0)
        {
            own += spike.sample(&mut self.random);
        }
        let change = match self.builds.on(side) {
            Side::Head => self.change,
            Side::Base => 0.0,
        };
        let all = change + self.drift + self.throttle + self.starts.get(side) + own;
        all.exp()
    }
}

impl PairDriver for SimulatedPairs {
    fn elapsed(&self) -> Duration {
        self.elapsed
    }

    async fn set_up(&mut self, _: &Sides<Target>, _: Observer<'_>) -> Result<(), Error> {
        self.elapsed += SET_UP;
        Ok(())
    }

    async fn start(
        &mut self,
        _: &Sides<Target>,
        builds: Builds,
        started: &[Side],
        _: Assignment,
        _: Observer<'_>,
    ) -> Result<Sides<Option<Startup>>, Error> {
        self.elapsed += START;
        self.builds = builds;
        started.clone_into(&mut self.up);
        for side in started {
            *self.starts.get_mut(*side) = draw(&mut self.random, self.noise.start);
        }
        Ok(self.of_those_up(|_, _| Startup {
            time: START,
            disturbed: false,
        }))
    }

    async fn count(&mut self, _: Side, _: &Cell) -> Result<Counted, Error> {
        Ok(Counted::default())
    }

    async fn rounds(
        &mut self,
        _: Sides<&Cell>,
        load: PairLoad,
        _: Observer<'_>,
    ) -> Result<Sides<Option<Round>>, Error> {
        let up = u32::try_from(self.up.len()).unwrap_or(u32::MAX);
        self.elapsed += load.window() * up;
        // A longer window is as many rounds, one after the other.
        let parts = (load.window() + PART / 2).as_secs().max(1);
        let mut costs = Sides::<f64>::default();
        for _ in 0..parts {
            self.step();
            for side in self.up.clone() {
                *costs.get_mut(side) += self.cost(side);
            }
        }
        Ok(self.of_those_up(|_, side| {
            let cost = costs.get(side) / parts as f64;
            round(load.window(), SERVICE_TIME.mul_f64(cost))
        }))
    }

    async fn stop(&mut self) -> Result<(), Error> {
        self.up.clear();
        Ok(())
    }
}
