//! Noise of a shared runner, as numbers alone: logarithms of what a request costs, more is worse.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp, Normal};

/// How noisy a machine is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// Between jobs.
    pub(crate) machine: f64,
    /// Of the drift, which keeps nine tenths of itself from slot to slot.
    pub(crate) drift: f64,
    /// Chance that a slot begins a throttled stretch of ten on average.
    pub(crate) throttle: f64,
    /// Between starts of one build.
    pub(crate) start: f64,
    /// Of a round.
    pub(crate) round: f64,
    /// Chance of a round that is a tenth slower on average.
    pub(crate) spike: f64,
}

/// A two-core runner on an average day.
pub(crate) const TYPICAL: Noise = Noise {
    machine: 0.10,
    drift: 0.04,
    throttle: 0.02,
    start: 0.0,
    round: 0.03,
    spike: 0.03,
};

const MEMORY: f64 = 0.9;

/// One job's machine.
pub(crate) struct Machine {
    noise: Noise,
    factor: f64,
    drift: f64,
    throttled: f64,
    random: StdRng,
}

impl Machine {
    pub(crate) fn new(noise: Noise, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let factor = normal(&mut random, noise.machine);
        let drift = normal(&mut random, noise.drift);
        Self {
            noise,
            factor,
            drift,
            throttled: 0.0,
            random,
        }
    }

    /// What a fresh start adds to all of its rounds.
    pub(crate) fn start(&mut self) -> f64 {
        normal(&mut self.random, self.noise.start)
    }

    /// The machine in the next slot: what every round in it shares.
    pub(crate) fn slot(&mut self) -> f64 {
        let fresh = (1.0 - MEMORY * MEMORY).sqrt() * self.noise.drift;
        self.drift = self.drift * MEMORY + normal(&mut self.random, fresh);
        if self.throttled > 0.0 {
            if self.random.random_bool(0.1) {
                self.throttled = 0.0;
            }
        } else if self.random.random_bool(self.noise.throttle) {
            self.throttled = self.random.random_range(0.1..0.5);
        }
        self.factor + self.drift + self.throttled
    }

    /// A round's own noise.
    pub(crate) fn round(&mut self) -> f64 {
        let own = normal(&mut self.random, self.noise.round);
        if self.random.random_bool(self.noise.spike) {
            let spike = Exp::new(10.0).expect("a rate above zero");
            return own + spike.sample(&mut self.random);
        }
        own
    }
}

fn normal(random: &mut StdRng, deviation: f64) -> f64 {
    let normal = Normal::new(0.0, deviation).expect("a finite deviation");
    normal.sample(random)
}
