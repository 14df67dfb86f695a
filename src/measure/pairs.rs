//! Two builds of a server, measured in pairs of rounds that are spread over fresh starts of both,
//! until every cell is decided or its time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{Counted, Error, Event, Observer};
use crate::gate::{CONFIRMING_STARTS, LOOKS, Standing, standing};
use crate::model::{
    Cell, Incident, Pacing, Pair, PairedSample, PairedStart, Side, Sides, Target, chain,
};

/// What is compared, for how long, and who watches.
#[derive(Clone, Copy)]
pub struct Pairing<'a> {
    pub pacing: PairPacing,
    /// Whether single requests are counted after the first start.
    pub counting: bool,
    /// What is drawn follows from it.
    pub seed: u64,
    pub observe: Observer<'a>,
}

/// How long pairs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairPacing {
    /// Longest warm-up of a cell after a start.
    pub warmup: Duration,
    /// Length of a round.
    pub round: Duration,
    /// Pairs of a cell after one start.
    pub pairs: usize,
    /// Time for each cell until it is decided; its confirmation comes on top.
    pub budget: Duration,
}

/// Pairs after one start, whose median is the start's value.
const PAIRS: usize = 3;
/// A start's own warm-up; the machine's clock and the services are warm by then.
const WARMUP: Duration = Duration::from_secs(1);

impl PairPacing {
    /// A pair takes as long as a round: half of it as much as each side takes, half at a fixed rate.
    pub fn of(pacing: Pacing) -> Self {
        Self {
            warmup: pacing.warmup.min(WARMUP),
            round: pacing.round / 2,
            pairs: PAIRS,
            budget: pacing.budget,
        }
    }
}

/// What is drawn anew for every start: a side that always came first would lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The side that is started first.
    pub first: Side,
    /// Which of the two places (database, port) the head takes, 0 or 1; the base takes the other.
    pub place: usize,
}

/// What the loop over pairs drives: a live stack, or a simulation of one.
pub trait PairDriver {
    /// Time since the driver was made.
    fn elapsed(&self) -> Duration;

    /// Starts both sides afresh; how long each took to answer.
    fn start(
        &mut self,
        sides: &Sides<Target>,
        draw: Draw,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Sides<Option<Duration>>, Error>>;

    /// Single requests on a cell of one side, and what they made the services count.
    fn count(&mut self, side: Side, cell: &Cell) -> impl Future<Output = Result<Counted, Error>>;

    /// Loads a cell of both sides; requests per second of the slower one.
    fn warm_up(
        &mut self,
        cells: Sides<&Cell>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<f64, Error>>;

    /// One pair of rounds on a cell: as much as each side takes, then half of `capacity`.
    fn pair(
        &mut self,
        cells: Sides<&Cell>,
        window: Duration,
        capacity: f64,
        first: Side,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Pair, Error>>;

    /// Ends both sides, those that are there.
    fn stop(&mut self) -> impl Future<Output = Result<(), Error>>;
}

/// What a comparison of two builds came to.
#[derive(Debug, Default)]
pub struct Compared {
    pub samples: Vec<PairedSample>,
    /// Of builds that could not be measured to the end; there are no samples of them.
    pub incidents: Vec<Incident>,
    /// What could not be counted, and why.
    pub notes: BTreeSet<String>,
    /// What ended the comparison before its end; the samples hold what there was by then.
    pub cut: Option<Error>,
}

impl Compared {
    /// Takes over what another comparison came to.
    pub fn add(&mut self, other: Self) {
        self.samples.extend(other.samples);
        self.incidents.extend(other.incidents);
        self.notes.extend(other.notes);
        self.cut = self.cut.take().or(other.cut);
    }
}

/// Where the pairs of a start go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Search,
    Confirmation,
}

impl Phase {
    fn starts(self, sample: &PairedSample) -> &[PairedStart] {
        match self {
            Self::Search => &sample.starts,
            Self::Confirmation => &sample.confirmation,
        }
    }
}

struct Contest<'a, D> {
    pairing: Pairing<'a>,
    driver: &'a mut D,
    sides: &'a Sides<Target>,
    random: StdRng,
    compared: Compared,
}

impl Pairing<'_> {
    /// Measures two builds of one server, which have the same cells.
    pub async fn run(
        self,
        sides: &Sides<Target>,
        driver: &mut impl PairDriver,
    ) -> Result<Compared, Error> {
        let samples = sides.head.cells.iter().map(|cell| PairedSample {
            server: sides.head.name.clone(),
            endpoint: cell.endpoint.clone(),
            threads: cell.workload.threads,
            starts: Vec::new(),
            confirmation: Vec::new(),
            counters: Sides::default(),
        });
        let compared = Compared {
            samples: samples.collect(),
            ..Compared::default()
        };
        let contest = Contest {
            pairing: self,
            driver: &mut *driver,
            sides,
            random: StdRng::seed_from_u64(self.seed),
            compared,
        };
        let (mut compared, result) = contest.run().await;
        match result {
            Ok(()) => Ok(compared),
            Err(error) if error.is_of_one_server() => {
                driver.stop().await?;
                let incident = Incident {
                    server: sides.head.name.clone(),
                    during: "pairs of rounds".into(),
                    what: chain(&error),
                    output: error.output().unwrap_or_default().to_owned(),
                    fatal: true,
                };
                (self.observe)(Event::Incident(&incident));
                Ok(Compared {
                    incidents: vec![incident],
                    ..Compared::default()
                })
            }
            Err(error) => {
                compared.samples.retain(|sample| !sample.starts.is_empty());
                if compared.samples.is_empty() {
                    return Err(error);
                }
                compared.cut = Some(error);
                Ok(compared)
            }
        }
    }
}

impl<D: PairDriver> Contest<'_, D> {
    /// What was compared, also where something ended it.
    async fn run(mut self) -> (Compared, Result<(), Error>) {
        let result = self.compare().await;
        (self.compared, result)
    }

    async fn compare(&mut self) -> Result<(), Error> {
        let cells = self.compared.samples.len();
        let mut open: Vec<usize> = (0..cells).collect();
        let budget = self.pairing.pacing.budget * u32::try_from(cells).unwrap_or(u32::MAX);
        let begun = self.driver.elapsed();
        let mut longest = Duration::ZERO;
        for number in 1..=LOOKS[LOOKS.len() - 1] {
            let before = self.driver.elapsed();
            if before.saturating_sub(begun) + longest > budget {
                break;
            }
            self.start(&open, Phase::Search).await?;
            longest = longest.max(self.driver.elapsed().saturating_sub(before));
            if LOOKS.contains(&number) {
                open.retain(|cell| self.standing(*cell) == Standing::Open);
            }
            if open.is_empty() {
                break;
            }
        }
        let suspects: Vec<usize> = (0..cells)
            .filter(|cell| self.standing(*cell) == Standing::Suspect)
            .collect();
        if !suspects.is_empty() {
            for _ in 0..CONFIRMING_STARTS {
                self.start(&suspects, Phase::Confirmation).await?;
            }
        }
        Ok(())
    }

    fn standing(&self, cell: usize) -> Standing {
        let thresholds = &self.sides.head.cells[cell].thresholds;
        standing(&self.compared.samples[cell], thresholds)
    }

    /// A fresh start of both sides, and pairs on some cells in an order of its own.
    async fn start(&mut self, cells: &[usize], phase: Phase) -> Result<(), Error> {
        let Pairing {
            pacing,
            counting,
            observe,
            ..
        } = self.pairing;
        let draw = Draw {
            first: self.side(),
            place: self.random.random_range(0..2),
        };
        let startup = self.driver.start(self.sides, draw, observe).await?;
        let is_first = self.compared.samples[0].starts.is_empty();
        if counting && is_first && phase == Phase::Search {
            self.count().await?;
        }
        let mut cells = cells.to_vec();
        cells.shuffle(&mut self.random);
        for cell in cells {
            let both = Sides {
                head: &self.sides.head.cells[cell],
                base: &self.sides.base.cells[cell],
            };
            let sample = &self.compared.samples[cell];
            observe(Event::Pairs {
                server: &sample.server,
                endpoint: &sample.endpoint,
                start: phase.starts(sample).len() + 1,
                confirming: phase == Phase::Confirmation,
            });
            let capacity = self.driver.warm_up(both, pacing.warmup, observe).await?;
            let mut pairs = Vec::with_capacity(pacing.pairs);
            let mut again = pacing.pairs / 2;
            while pairs.len() < pacing.pairs {
                let first = self.side();
                let pair = self
                    .driver
                    .pair(both, pacing.round, capacity, first, observe)
                    .await?;
                if again > 0 && is_contaminated(&pair) {
                    again -= 1;
                } else {
                    pairs.push(pair);
                }
            }
            let start = PairedStart { startup, pairs };
            let sample = &mut self.compared.samples[cell];
            match phase {
                Phase::Search => sample.starts.push(start),
                Phase::Confirmation => sample.confirmation.push(start),
            }
        }
        self.driver.stop().await
    }

    async fn count(&mut self) -> Result<(), Error> {
        for (cell, sample) in self.compared.samples.iter_mut().enumerate() {
            for side in Side::BOTH {
                let cell = &self.sides.get(side).cells[cell];
                let counted = self.driver.count(side, cell).await?;
                *sample.counters.get_mut(side) = counted.counters;
                self.compared.notes.extend(counted.missing);
            }
        }
        Ok(())
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.random.random_range(0..2)]
    }
}

/// Share of a window that the hypervisor may give to others.
const STEAL: f64 = 0.05;
/// Difference between the sides' shares of time denied by a quota.
const THROTTLED: f64 = 0.03;

/// Whether something other than the two builds decided the rounds: told by what the machine says,
/// never by what was measured.
fn is_contaminated(pair: &Pair) -> bool {
    let rounds = [Some(&pair.closed), pair.open.as_ref()];
    rounds.into_iter().flatten().any(|sides| {
        let Some(Sides { head, base }) = sides.as_ref().map(|round| round.machine).both() else {
            return false;
        };
        let window = sides.head.tally.window.as_secs_f64();
        let throttled = head.throttled.abs_diff(base.throttled).as_secs_f64() / window;
        head.steal.max(base.steal) > STEAL || throttled > THROTTLED
    })
}
