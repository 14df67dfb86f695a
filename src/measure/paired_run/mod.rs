//! Starts of two builds of one server: a search until every cell is decided, then a confirmation of
//! what regressed.

mod grown;
mod growth;
mod run;
mod sides;
mod size;
mod time;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use self::grown::Grown;
use super::cell_rounds::CellRounds;
use super::driver::{Counting, Driver, Startup};
use super::pairs::{Assignment, Builds, Compared, Pairing, Phase};
use super::side_load::SideLoad;
use super::sizing::Size;
use super::{Counted, Error, Event};
use crate::gate::{LOOKS, Standing, standing};
use crate::model::{
    BaseFailure, Machine, PairedSample, PairedStart, Round, Side, Sides, Strategy, Target, chain,
};

const FIRST_LOOK: usize = LOOKS[0];
/// Starts after which what is still open gets longer windows. Earlier, another start or two decides most of
/// it in less time (docs/decisions/0022).
const WIDER_FROM: usize = LOOKS[1];
/// So few rounds do not show whether the machine is always busy.
const FEW_ROUNDS: usize = 16;

/// Two builds of one server under measurement.
pub(super) struct PairedRun<'a, D> {
    pairing: Pairing<'a>,
    driver: &'a mut D,
    sides: &'a Sides<Target>,
    random: StdRng,
    /// What is left of a block.
    assignments: Vec<Assignment>,
    /// Of the sides that are up.
    builds: Builds,
    up: Vec<Side>,
    compared: Compared,
    /// How long single requests take, by cell: of the slower side.
    idle: Vec<Duration>,
    /// By cell: what was counted of each side as the data grew.
    grown: Vec<Sides<Grown>>,
    /// By cell, known from the first start on.
    sizes: Vec<Option<Size>>,
    /// By cell: whether the base answers its requests as expected.
    answered: Vec<bool>,
    /// Whether the first start has shown how long windows must be.
    has_windows: bool,
    /// Time that was used for what is known from then on, on top of the budget.
    aside: Duration,
    /// What was used when the search began.
    begun: Option<Duration>,
    /// Time that both sides take to start.
    startup: Duration,
    /// By how many times starts of the search take longer than their rounds and warm-ups, once one was
    /// made.
    longer: f64,
    /// Rounds so far, and those that something else disturbed.
    rounds: usize,
    disturbed: usize,
}

impl<'a, D: Driver> PairedRun<'a, D> {
    pub(super) fn new(pairing: Pairing<'a>, sides: &'a Sides<Target>, driver: &'a mut D) -> Self {
        let cells = &sides.head.cells;
        let samples = cells.iter().map(|cell| PairedSample {
            server: sides.head.name.clone(),
            endpoint: cell.endpoint.clone(),
            strategy: pairing.strategy,
            threads: cell.workload.threads,
            starts: Vec::new(),
            confirmation: Vec::new(),
            control: Vec::new(),
            counters: Sides::default(),
        });
        let compared = Compared {
            samples: samples.collect(),
            ..Compared::default()
        };
        Self {
            pairing,
            driver,
            sides,
            random: StdRng::seed_from_u64(pairing.seed),
            assignments: Vec::new(),
            builds: Builds::Own,
            up: Vec::new(),
            compared,
            idle: vec![Duration::ZERO; cells.len()],
            grown: cells.iter().map(|_| Sides::default()).collect(),
            sizes: vec![None; cells.len()],
            answered: vec![true; cells.len()],
            has_windows: false,
            aside: Duration::ZERO,
            begun: None,
            startup: Duration::ZERO,
            longer: 0.0,
            rounds: 0,
            disturbed: 0,
        }
    }

    /// What was compared, also where something ended it.
    pub(super) async fn run(mut self) -> (Compared, Result<(), Error>) {
        let result = self.compare().await;
        let mut answered = self.answered.into_iter();
        let samples = &mut self.compared.samples;
        samples.retain(|_| answered.next().unwrap_or(true));
        (self.compared, result)
    }

    async fn compare(&mut self) -> Result<(), Error> {
        self.driver.set_up(self.sides, self.pairing.observe).await?;
        if self.pairing.counting && self.sides.head.growth.is_some() {
            self.count_growth().await?;
        }
        if self.pairing.strategy == Strategy::Interleaved {
            self.survey().await?;
        }
        let mut open: Vec<usize> = (0..self.sizes.len()).collect();
        self.search(&mut open).await?;
        let mut suspects = self.answered_cells();
        suspects.retain(|cell| self.standing(*cell) == Standing::Suspect);
        if suspects.is_empty() {
            return Ok(());
        }
        let begun = self.used();
        self.confirm(&suspects).await?;
        self.aside += self.used().saturating_sub(begun);
        // Where nothing was confirmed, other metrics may be open still.
        suspects.retain(|cell| self.standing(*cell) == Standing::Open);
        self.search(&mut suspects).await
    }

    /// Fresh starts, each with a control beside it that drew the same. Each comes first as often as the
    /// other: what moves with time is in both alike.
    async fn confirm(&mut self, suspects: &[usize]) -> Result<(), Error> {
        self.assignments.clear();
        let mut controls = true;
        for number in 0..self.pairing.confirmation.starts {
            let assignment = self.assign();
            let mut both = [Phase::Confirmation, Phase::Control];
            both.rotate_left(number % 2);
            for phase in both {
                if phase == Phase::Confirmation {
                    self.start(suspects, phase, assignment).await?;
                } else if controls {
                    controls = self.control(suspects, assignment).await?;
                }
            }
        }
        Ok(())
    }

    /// A start of the base beside itself; whether it could be made. One that could not is said, and takes
    /// nothing from what was measured.
    async fn control(&mut self, suspects: &[usize], assignment: Assignment) -> Result<bool, Error> {
        match self.start(suspects, Phase::Control, assignment).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_of_one_server() => {
                self.stop_sides().await?;
                self.note(format!(
                    "{}: confirmed without a control, the base beside itself: {}",
                    self.sides.head.name,
                    chain(&error)
                ));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Starts until every open cell is decided, or the budget is used.
    async fn search(&mut self, open: &mut Vec<usize>) -> Result<(), Error> {
        let used = self.used();
        let begun = *self.begun.get_or_insert(used);
        let made = |run: &Self, cell: &usize| run.compared.samples[*cell].starts.len();
        let made = open.iter().map(|cell| made(self, cell)).max();
        for number in made.unwrap_or_default() + 1..=LOOKS[LOOKS.len() - 1] {
            if open.is_empty() {
                break;
            }
            let before = self.used();
            let next = self.length_of_start(open).mul_f64(self.longer);
            // Fewer starts than the first look needs would all be for nothing.
            let most = match number {
                ..=FIRST_LOOK => self.budget() * 2,
                _ => self.time(),
            };
            if before.saturating_sub(begun) + next > most {
                break;
            }
            let assignment = self.assign();
            self.start(open, Phase::Search, assignment).await?;
            open.retain(|cell| self.answered[*cell]);
            let ratio = |run: &Self, before| {
                let took = run.used().saturating_sub(before);
                took.div_duration_f64(run.length_of_start(open))
            };
            self.longer = self.longer.max(ratio(self, before));
            if LOOKS.contains(&number) {
                open.retain(|cell| self.standing(*cell) == Standing::Open);
            }
            if number == WIDER_FROM && !open.is_empty() {
                let left = LOOKS[LOOKS.len() - 1] - number;
                let used = self.used().saturating_sub(begun);
                self.widen_windows(open, self.time().saturating_sub(used), left);
            }
        }
        let used = self.used().saturating_sub(begun);
        self.compared.left = self.time().saturating_sub(used);
        Ok(())
    }

    fn answered_cells(&self) -> Vec<usize> {
        let cells = 0..self.answered.len();
        cells.filter(|cell| self.answered[*cell]).collect()
    }

    fn standing(&self, cell: usize) -> Standing {
        let thresholds = &self.sides.head.cells[cell].thresholds;
        let sample = &self.compared.samples[cell];
        standing(sample, thresholds, self.pairing.confirmation)
    }

    /// A fresh start of both sides, and pairs on some cells in an order of its own. Sides that take
    /// turns are each ended before the other starts.
    async fn start(
        &mut self,
        cells: &[usize],
        phase: Phase,
        assignment: Assignment,
    ) -> Result<(), Error> {
        self.builds = phase.builds();
        let startup_order = self.startup_order(assignment);
        let begun = self.used();
        let mut startups: Sides<Option<Startup>> = Sides::default();
        let mut order = cells.to_vec();
        order.shuffle(&mut self.random);
        let mut measured: Vec<CellRounds> = Vec::new();
        for started in &startup_order {
            let took = self.up(started, assignment).await?;
            for side in started {
                *startups.get_mut(*side) = *took.get(*side);
            }
            order.retain(|cell| self.answered[*cell]);
            if measured.is_empty() {
                measured = order
                    .iter()
                    .map(|cell| CellRounds::for_cell(*cell))
                    .collect();
            }
            for cell in &mut measured {
                self.measure(cell, phase).await?;
            }
            if self.pairing.strategy != Strategy::Interleaved {
                for cell in self.varying(&measured, begun) {
                    let mut anew = CellRounds::for_cell(cell);
                    self.measure(&mut anew, phase).await?;
                    measured.retain(|it| it.cell != cell);
                    measured.push(anew);
                }
            }
            self.stop_sides().await?;
        }
        // Sides that take turns are both needed for that.
        if !self.varying(&measured, begun).is_empty() {
            return Box::pin(self.start(cells, phase, assignment)).await;
        }
        let mut taken = [startups.head, startups.base].into_iter().flatten();
        let startup_disturbed = taken.any(|it| it.disturbed);
        let startup = startups.map(|it| it.map(|it| it.time));
        for rounds in measured {
            let sample = &mut self.compared.samples[rounds.cell];
            let start = PairedStart {
                startup,
                startup_disturbed,
                pairs: rounds.pairs(),
            };
            phase.starts(sample).push(start);
        }
        Ok(())
    }

    /// Which sides are up together, in which order.
    fn startup_order(&self, assignment: Assignment) -> Vec<Vec<Side>> {
        let both = [assignment.first, assignment.first.other()];
        match self.pairing.strategy {
            Strategy::Interleaved => both.map(|side| vec![side]).into(),
            _ => vec![both.into()],
        }
    }

    /// Starts some sides; those of the first start show how the cells are to be loaded.
    async fn up(
        &mut self,
        started: &[Side],
        assignment: Assignment,
    ) -> Result<Sides<Option<Startup>>, Error> {
        let before = self.driver.elapsed();
        let took = self.start_sides(started, assignment).await?;
        if self.sizes.iter().any(Option::is_some) {
            return Ok(took);
        }
        let begun = self.driver.elapsed();
        self.count(started).await?;
        for cell in self.answered_cells() {
            self.sizes[cell] = Some(self.size(cell).await?);
        }
        self.plan_time(begun.saturating_sub(before));
        self.aside += self.driver.elapsed().saturating_sub(begun);
        Ok(took)
    }

    /// Of the first start of all: cells whose rounds vary so much that they get longer ones, and are
    /// measured anew. Starts with rounds of different lengths do not vary alike. What the shorter ones
    /// took since it `begun` is not counted in the budget.
    fn varying(&mut self, measured: &[CellRounds], begun: Duration) -> Vec<usize> {
        if std::mem::replace(&mut self.has_windows, true) {
            return Vec::new();
        }
        let first: Vec<_> = measured.iter().map(|it| (it.cell, it.pairs())).collect();
        let cells: Vec<usize> = first.iter().map(|(cell, _)| *cell).collect();
        let took = self.used().saturating_sub(begun);
        let longer = took.div_duration_f64(self.length_of_start(&cells)).max(1.0);
        let varying = self.lengthen_windows(&first, longer);
        if !varying.is_empty() {
            self.aside += took;
        }
        varying
    }

    /// Rounds on one cell of the sides that are up: as much as each side takes, then half of the
    /// capacity.
    async fn measure(&mut self, rounds: &mut CellRounds, phase: Phase) -> Result<(), Error> {
        let observe = self.pairing.observe;
        let sample = &mut self.compared.samples[rounds.cell];
        let start = phase.starts(sample).len() + 1;
        observe(Event::Pairs {
            server: &sample.server,
            endpoint: &sample.endpoint,
            start,
            phase,
        });
        let size = self.sizes[rounds.cell].expect("the first start sizes every cell");
        let Size { connections, .. } = size;
        let answer = size.observed.mean_answer(connections);
        let warm_up = self.load(size.warmup, answer, connections, None);
        let observed = self.observed(rounds.cell, warm_up).await?;
        // Sides that take turns are loaded at one rate, which both are known to take.
        let capacity = match self.pairing.strategy {
            Strategy::Interleaved => size.observed.rate,
            _ => observed.rate,
        };
        let workload = &self.sides.head.cells[rounds.cell].workload;
        let own_rate = workload.rate.map(|rate| rate.from);
        let load = self.load(size.window, answer, connections, own_rate);
        let closed = self.rounds(rounds.cell, load).await?;
        let open = if own_rate.is_some() {
            // At a rate of its own a round is both.
            closed.clone()
        } else {
            let rate = Some(capacity / 2.0);
            // Requests that are due must not wait for a connection.
            let load = self.load(size.open_window, answer, workload.connections, rate);
            self.rounds(rounds.cell, load).await?
        };
        rounds.add(closed, open);
        Ok(())
    }

    /// Rounds of one kind, one right after the other: what a server does once in many requests, such as
    /// collecting garbage, is in their total as often as it should be, give or take one, where it would be
    /// in each of them give or take one. A round that something else disturbed is made again, at most
    /// one for every two, unless most rounds are disturbed.
    async fn rounds(
        &mut self,
        cell: usize,
        load: SideLoad,
    ) -> Result<Vec<Sides<Option<Round>>>, Error> {
        let pairs = self.pairing.pacing.pairs;
        let mut again = pairs / 2;
        let mut rounds = Vec::with_capacity(pairs);
        while rounds.len() < pairs {
            let first = self.side();
            let round = self.round_of_sides(cell, load, first).await?;
            let is_disturbed = Machine::is_disturbed(round.head.iter().chain(&round.base));
            self.disturbed += usize::from(is_disturbed);
            self.rounds += 1;
            // What is always there is there the next time as well.
            let is_rare = self.disturbed * 2 <= self.rounds.max(FEW_ROUNDS);
            if again > 0 && is_disturbed && is_rare {
                again -= 1;
            } else {
                rounds.push(round);
            }
        }
        Ok(rounds)
    }

    /// Counts single requests of the sides that are up. A cell whose base answers none of them as
    /// expected has nothing to be compared with; a head that does so is broken.
    async fn count(&mut self, up: &[Side]) -> Result<(), Error> {
        if !self.pairing.counting {
            return Ok(());
        }
        for cell in self.answered_cells() {
            for side in up.iter().copied() {
                let counted = self.counted(side, cell, Counting::Full).await?;
                self.idle[cell] = self.idle[cell].max(counted.idle);
                let grown = std::mem::take(self.grown[cell].get_mut(side));
                let counters = counted.counters.map(|it| grown.added_to(it));
                *self.compared.samples[cell].counters.get_mut(side) = counters;
            }
        }
        Ok(())
    }

    /// Single requests on a cell of one side, and what follows where none of them was answered.
    async fn counted(
        &mut self,
        side: Side,
        cell: usize,
        counting: Counting,
    ) -> Result<Counted, Error> {
        let mut counted = self.count_side(side, cell, counting).await?;
        self.compared
            .notes
            .append(&mut counted.missing.drain(..).collect());
        match (counted.failing.take(), side) {
            (None, _) => {}
            (Some(failing), Side::Head) => return Err(failing),
            (Some(failing), Side::Base) => self.base_fails(cell, &failing),
        }
        Ok(counted)
    }

    fn base_fails(&mut self, cell: usize, failing: &Error) {
        self.answered[cell] = false;
        let head = &self.sides.head;
        self.compared.base_failures.push(BaseFailure {
            server: head.name.clone(),
            endpoint: Some(head.cells[cell].endpoint.clone()),
            during: "single requests".into(),
            what: failing.to_string(),
            output: failing.output().unwrap_or_default().to_owned(),
        });
    }

    /// The next of a block of all four draws in an order of its own: what leans with the order or the
    /// place is as often on one side as on the other.
    fn assign(&mut self) -> Assignment {
        if self.assignments.is_empty() {
            let draws = |first: Side| [0, 1].map(|slot| Assignment { first, slot });
            self.assignments = Side::BOTH.into_iter().flat_map(draws).collect();
            self.assignments.shuffle(&mut self.random);
        }
        self.assignments.pop().expect("a block was just begun")
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.random.random_range(0..2)]
    }
}

impl Phase {
    const fn builds(self) -> Builds {
        match self {
            Self::Search | Self::Confirmation => Builds::Own,
            Self::Control => Builds::BaseTwice,
        }
    }

    /// Where what is measured goes.
    const fn starts(self, sample: &mut PairedSample) -> &mut Vec<PairedStart> {
        match self {
            Self::Search => &mut sample.starts,
            Self::Confirmation => &mut sample.confirmation,
            Self::Control => &mut sample.control,
        }
    }
}
