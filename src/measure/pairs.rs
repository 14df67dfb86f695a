//! Two builds of a server, measured in pairs of rounds that are spread over fresh starts of both,
//! until every cell is decided or its time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::visit::{Stretch, Visit};
use super::{Counted, Error, Event, Observer};
use crate::gate::{Confirmation, LOOKS, Standing, standing};
use crate::model::{
    Cell, Incident, Pacing, PairedSample, PairedStart, Round, Side, Sides, Strategy, Target, chain,
};

/// What is compared, for how long, and who watches.
#[derive(Clone, Copy)]
pub struct Pairing<'a> {
    pub pacing: PairPacing,
    /// Side by side, or in turn.
    pub strategy: Strategy,
    /// How sure a confirmation must be.
    pub confirmation: Confirmation,
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
    /// Time for each cell until it is decided; what is set up before the first start, and the
    /// confirmation, come on top.
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
    /// The side that is started first: where both start at once, by the time of a call.
    pub first: Side,
    /// Which of the two places (database, port) the head takes, 0 or 1; the base takes the other.
    pub place: usize,
}

/// What the loop over pairs drives: a live stack, or a simulation of one.
pub trait PairDriver {
    /// Time since the driver was made.
    fn elapsed(&self) -> Duration;

    /// Runs each side's own commands, once.
    fn set_up(
        &mut self,
        sides: &Sides<Target>,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Starts some sides afresh, all at once; how long each took to answer.
    fn start(
        &mut self,
        sides: &Sides<Target>,
        started: &[Side],
        draw: Draw,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Sides<Option<Duration>>, Error>>;

    /// Single requests on a cell of one side, and what they made the services count.
    fn count(&mut self, side: Side, cell: &Cell) -> impl Future<Output = Result<Counted, Error>>;

    /// Loads a cell of the sides that are up; requests per second of the slowest.
    fn warm_up(
        &mut self,
        cells: Sides<&Cell>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<f64, Error>>;

    /// A round on a cell of every side that is up, all over the same stretch of time: as much as
    /// each takes, or at a rate.
    fn rounds(
        &mut self,
        cells: Sides<&Cell>,
        window: Duration,
        rate: Option<f64>,
        first: Side,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Sides<Option<Round>>, Error>>;

    /// Ends the sides that are up.
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
    /// Requests per second of the slower side by cell, where sides take turns: the rate of the open
    /// loop must be the same for both.
    capacities: Vec<Option<f64>>,
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
            strategy: self.strategy,
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
            capacities: vec![None; sides.head.cells.len()],
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

impl<'a, D: PairDriver> Contest<'a, D> {
    /// What was compared, also where something ended it.
    async fn run(mut self) -> (Compared, Result<(), Error>) {
        let result = self.compare().await;
        (self.compared, result)
    }

    async fn compare(&mut self) -> Result<(), Error> {
        let cells = self.compared.samples.len();
        let mut open: Vec<usize> = (0..cells).collect();
        let budget = self.pairing.pacing.budget * u32::try_from(cells).unwrap_or(u32::MAX);
        self.driver.set_up(self.sides, self.pairing.observe).await?;
        if self.pairing.strategy == Strategy::Interleaved {
            self.survey().await?;
        }
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
            for _ in 0..self.pairing.confirmation.starts {
                self.start(&suspects, Phase::Confirmation).await?;
            }
        }
        Ok(())
    }

    fn standing(&self, cell: usize) -> Standing {
        let thresholds = &self.sides.head.cells[cell].thresholds;
        let sample = &self.compared.samples[cell];
        standing(sample, thresholds, self.pairing.confirmation)
    }

    /// A fresh start of both sides, and pairs on some cells in an order of its own. Sides that take
    /// turns are each ended before the other starts.
    async fn start(&mut self, cells: &[usize], phase: Phase) -> Result<(), Error> {
        let draw = Draw {
            first: self.side(),
            place: self.random.random_range(0..2),
        };
        let is_first = self.compared.samples[0].starts.is_empty() && phase == Phase::Search;
        let counts = is_first && self.pairing.strategy == Strategy::Duet;
        let both = [draw.first, draw.first.other()];
        let shifts: &[&[Side]] = match self.pairing.strategy {
            Strategy::Interleaved => &[&both[..1], &both[1..]],
            _ => &[&both],
        };
        let mut startup = Sides::default();
        let mut visits: Vec<_> = cells.iter().map(|cell| Visit::of(*cell)).collect();
        visits.shuffle(&mut self.random);
        for started in shifts {
            let observe = self.pairing.observe;
            let took = self
                .driver
                .start(self.sides, started, draw, observe)
                .await?;
            for side in *started {
                *startup.get_mut(*side) = *took.get(*side);
            }
            if counts {
                self.count(started).await?;
            }
            for visit in &mut visits {
                self.visit(visit, phase).await?;
            }
            self.driver.stop().await?;
        }
        for visit in visits {
            let sample = &mut self.compared.samples[visit.cell];
            let start = PairedStart {
                startup,
                pairs: visit.pairs(),
            };
            match phase {
                Phase::Search => sample.starts.push(start),
                Phase::Confirmation => sample.confirmation.push(start),
            }
        }
        Ok(())
    }

    /// Rounds on one cell of the sides that are up. A stretch that something else decided is made
    /// again, at most one for every two.
    async fn visit(&mut self, visit: &mut Visit, phase: Phase) -> Result<(), Error> {
        let Pairing {
            pacing, observe, ..
        } = self.pairing;
        let cells = self.cells(visit.cell);
        let sample = &self.compared.samples[visit.cell];
        observe(Event::Pairs {
            server: &sample.server,
            endpoint: &sample.endpoint,
            start: phase.starts(sample).len() + 1,
            confirming: phase == Phase::Confirmation,
        });
        let capacity = self.driver.warm_up(cells, pacing.warmup, observe).await?;
        let capacity = self.capacities[visit.cell].unwrap_or(capacity);
        let (mut left, mut again) = (pacing.pairs, pacing.pairs / 2);
        while left > 0 {
            let stretch = self.stretch(cells, capacity).await?;
            if again > 0 && stretch.is_contaminated() {
                again -= 1;
            } else {
                left -= 1;
                visit.add(stretch);
            }
        }
        Ok(())
    }

    /// As much as each side takes, then half of the capacity; of a cell with a rate of its own
    /// one round is both.
    async fn stretch(&mut self, cells: Sides<&Cell>, capacity: f64) -> Result<Stretch, Error> {
        let Pairing {
            pacing, observe, ..
        } = self.pairing;
        let (window, first) = (pacing.round, self.side());
        let closed = self
            .driver
            .rounds(cells, window, None, first, observe)
            .await?;
        let open = if cells.head.workload.rate.is_some() {
            closed.clone()
        } else {
            let rate = Some(capacity / 2.0);
            self.driver
                .rounds(cells, window, rate, first, observe)
                .await?
        };
        Ok(Stretch { closed, open })
    }

    /// One start of each side, for what both must be known of before they take turns.
    async fn survey(&mut self) -> Result<(), Error> {
        let Pairing {
            pacing, observe, ..
        } = self.pairing;
        for first in Side::BOTH {
            let draw = Draw { first, place: 0 };
            self.driver
                .start(self.sides, &[first], draw, observe)
                .await?;
            self.count(&[first]).await?;
            for cell in 0..self.capacities.len() {
                let cells = self.cells(cell);
                let own = self.driver.warm_up(cells, pacing.warmup, observe).await?;
                let slower = self.capacities[cell].map_or(own, |other| other.min(own));
                self.capacities[cell] = Some(slower);
            }
            self.driver.stop().await?;
        }
        Ok(())
    }

    fn cells(&self, cell: usize) -> Sides<&'a Cell> {
        let sides = self.sides;
        Sides {
            head: &sides.head.cells[cell],
            base: &sides.base.cells[cell],
        }
    }

    async fn count(&mut self, up: &[Side]) -> Result<(), Error> {
        if !self.pairing.counting {
            return Ok(());
        }
        for (cell, sample) in self.compared.samples.iter_mut().enumerate() {
            for side in up.iter().copied() {
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
