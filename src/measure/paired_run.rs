use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::cell_rounds::{CellRounds, PairedRound};
use super::pairs::{Compared, Draw, PairDriver, PairLoad, Pairing};
use super::sizing::{self, Observed, Size};
use super::{Error, Event, Startup};
use crate::gate::{LOOKS, Standing, standing};
use crate::model::{BaseFailure, Cell, PairedSample, PairedStart, Side, Sides, Strategy, Target};

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

/// Tries to find the number of connections that saturate a server.
const SIZING_TRIES: usize = 3;
/// Starts that the budget should pay for.
const STARTS: usize = LOOKS[1];
/// How many times as long windows must become for a start that was measured by shorter ones to be
/// dropped.
const WORTH_A_TRIAL: f64 = 1.5;

/// Two builds of one server under measurement.
pub(super) struct PairedRun<'a, D> {
    pairing: Pairing<'a>,
    driver: &'a mut D,
    sides: &'a Sides<Target>,
    random: StdRng,
    /// What is left of a block.
    draws: Vec<Draw>,
    compared: Compared,
    /// How long single requests take, by cell: of the slower side.
    idle: Vec<Duration>,
    /// By cell, known from the first start on.
    sizes: Vec<Option<Size>>,
    /// By cell: whether the base answers its requests as expected.
    answered: Vec<bool>,
    /// Time that was used for what is known from then on, on top of the budget.
    aside: Duration,
    /// Time that both sides take to start.
    startup: Duration,
}

impl<'a, D: PairDriver> PairedRun<'a, D> {
    pub(super) fn new(pairing: Pairing<'a>, sides: &'a Sides<Target>, driver: &'a mut D) -> Self {
        let cells = &sides.head.cells;
        let samples = cells.iter().map(|cell| PairedSample {
            server: sides.head.name.clone(),
            endpoint: cell.endpoint.clone(),
            strategy: pairing.strategy,
            threads: cell.workload.threads,
            starts: Vec::new(),
            confirmation: Vec::new(),
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
            draws: Vec::new(),
            compared,
            idle: vec![Duration::ZERO; cells.len()],
            sizes: vec![None; cells.len()],
            answered: vec![true; cells.len()],
            aside: Duration::ZERO,
            startup: Duration::ZERO,
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
        if self.pairing.strategy == Strategy::Interleaved {
            self.survey().await?;
        }
        let mut open: Vec<usize> = (0..self.sizes.len()).collect();
        self.search(&mut open).await?;
        let mut suspects = self.answered_cells();
        suspects.retain(|cell| self.standing(*cell) == Standing::Suspect);
        if !suspects.is_empty() {
            self.draws.clear();
            for _ in 0..self.pairing.confirmation.starts {
                self.start(&suspects, Phase::Confirmation).await?;
            }
        }
        Ok(())
    }

    /// Starts until every open cell is decided, or the budget is used.
    async fn search(&mut self, open: &mut Vec<usize>) -> Result<(), Error> {
        let begun = self.used();
        // By how many times starts take longer than their rounds and warm-ups.
        let mut longer: f64 = 0.0;
        for number in 1..=LOOKS[LOOKS.len() - 1] {
            let before = self.used();
            let next = self.length_of_start(open).mul_f64(longer);
            if before.saturating_sub(begun) + next > self.budget() {
                break;
            }
            self.start(open, Phase::Search).await?;
            open.retain(|cell| self.answered[*cell]);
            let ratio = |run: &Self, before| {
                let took = run.used().saturating_sub(before);
                took.div_duration_f64(run.length_of_start(open))
            };
            longer = longer.max(ratio(self, before));
            if number == 1 && self.lengthen_windows(open, longer) {
                // Starts with rounds of different lengths do not vary alike: this one was a trial.
                self.aside += self.used().saturating_sub(before);
                self.start(open, Phase::Search).await?;
                longer = longer.max(ratio(self, before));
            }
            if LOOKS.contains(&number) {
                open.retain(|cell| self.standing(*cell) == Standing::Open);
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Makes the windows of cells longer whose rounds vary much, as far as the budget has room, and drops
    /// what was measured by the shorter ones; whether there was any. `longer` is by how many times the
    /// start took longer than its rounds.
    fn lengthen_windows(&mut self, cells: &[usize], longer: f64) -> bool {
        let of_cell = |cell: &usize| {
            let start = self.compared.samples[*cell].starts.last()?;
            sizing::variance_between_rounds(&start.pairs)
        };
        let own: Vec<_> = cells.iter().map(of_cell).collect();
        let known: Vec<f64> = own.iter().flatten().copied().collect();
        let pooled = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let longest = self.longest_window(longer);
        let mut has_longer = false;
        for (cell, own) in cells.iter().zip(own) {
            let Some(mut size) = self.sizes[*cell] else {
                continue;
            };
            // Few rounds tell little of a cell; those of its server's others are much like it.
            let variance = f64::midpoint(own.unwrap_or(pooled), pooled);
            let pairs = self.pairing.pacing.pairs;
            let head = &self.sides.head.cells[*cell];
            let wanted = sizing::quiet_window(size.window, variance, pairs, &head.thresholds);
            let window = wanted.min(longest);
            if window <= size.window.mul_f64(WORTH_A_TRIAL) {
                continue;
            }
            size.window = window;
            self.sizes[*cell] = Some(size);
            has_longer = true;
            (self.pairing.observe)(Event::Note(&format!(
                "{} {} varies by {:.0} % from round to round: rounds of {}",
                self.sides.head.name,
                head.endpoint,
                100.0 * variance.sqrt(),
                seconds(window),
            )));
        }
        if has_longer {
            for cell in cells {
                self.compared.samples[*cell].starts.clear();
            }
        }
        has_longer
    }

    /// What a start with rounds on some cells takes, as far as it is known beforehand.
    fn length_of_start(&self, cells: &[usize]) -> Duration {
        let windows = u32::try_from(2 * self.pairing.pacing.pairs).unwrap_or(u32::MAX);
        let sizes = cells.iter().filter_map(|cell| self.sizes[*cell]);
        let of_cells = sizes.map(|size| size.warmup + size.window * windows);
        self.startup + of_cells.sum::<Duration>()
    }

    /// The longest windows of all cells that the budget has time for, where starts take so many times as
    /// long as their rounds: on a busy machine rounds are made again.
    fn longest_window(&self, longer: f64) -> Duration {
        let cells = self.answered_cells();
        let starts = u32::try_from(STARTS).unwrap_or(u32::MAX);
        let sizes = self.sizes.iter().flatten();
        let warmups: Duration = sizes.map(|size| size.warmup).sum();
        let of_start = (self.budget() / starts).div_f64(longer.max(1.0));
        let of_rounds = of_start.saturating_sub(self.startup + warmups);
        let windows = 2 * self.pairing.pacing.pairs * cells.len().max(1);
        of_rounds / u32::try_from(windows).unwrap_or(u32::MAX)
    }

    /// Time that counts for the budget, since the driver was made.
    fn used(&self) -> Duration {
        self.driver.elapsed().saturating_sub(self.aside)
    }

    /// The time of all cells, which those that are decided early leave to the others.
    fn budget(&self) -> Duration {
        let cells = u32::try_from(self.answered_cells().len()).unwrap_or(u32::MAX);
        self.pairing.pacing.budget * cells
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
    async fn start(&mut self, cells: &[usize], phase: Phase) -> Result<(), Error> {
        let draw = self.draw();
        let both = [draw.first, draw.first.other()];
        let startup_order: &[&[Side]] = match self.pairing.strategy {
            Strategy::Interleaved => &[&both[..1], &both[1..]],
            _ => &[&both],
        };
        let mut startups: Sides<Option<Startup>> = Sides::default();
        let mut order = cells.to_vec();
        order.shuffle(&mut self.random);
        let mut measured: Vec<CellRounds> = Vec::new();
        for started in startup_order {
            let took = self.up(started, draw).await?;
            for side in *started {
                *startups.get_mut(*side) = *took.get(*side);
            }
            order.retain(|cell| self.answered[*cell]);
            if measured.is_empty() {
                measured = order.iter().map(|cell| CellRounds::of(*cell)).collect();
            }
            for cell in &mut measured {
                self.measure(cell, phase).await?;
            }
            self.driver.stop().await?;
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
            match phase {
                Phase::Search => sample.starts.push(start),
                Phase::Confirmation => sample.confirmation.push(start),
            }
        }
        Ok(())
    }

    /// Starts some sides; those of the first start of all tell how the cells are to be loaded.
    async fn up(&mut self, started: &[Side], draw: Draw) -> Result<Sides<Option<Startup>>, Error> {
        let observe = self.pairing.observe;
        let before = self.driver.elapsed();
        let driver = &mut *self.driver;
        let took = driver.start(self.sides, started, draw, observe).await?;
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

    /// Rounds on one cell of the sides that are up. One that something else disturbed is made again,
    /// at most one for every two.
    async fn measure(&mut self, rounds: &mut CellRounds, phase: Phase) -> Result<(), Error> {
        let Pairing {
            pacing, observe, ..
        } = self.pairing;
        let sample = &self.compared.samples[rounds.cell];
        observe(Event::Pairs {
            server: &sample.server,
            endpoint: &sample.endpoint,
            start: phase.starts(sample).len() + 1,
            confirming: phase == Phase::Confirmation,
        });
        let size = self.sizes[rounds.cell].expect("the first start sizes every cell");
        let observed = self
            .load(rounds.cell, size.connections, size.warmup)
            .await?;
        // Sides that take turns are loaded at one rate, which both are known to take.
        let capacity = match self.pairing.strategy {
            Strategy::Interleaved => size.observed.rate,
            _ => observed.rate,
        };
        let (mut left, mut again) = (pacing.pairs, pacing.pairs / 2);
        while left > 0 {
            let round = self.paired_round(rounds.cell, size, capacity).await?;
            if again > 0 && round.is_contaminated() {
                again -= 1;
            } else {
                left -= 1;
                rounds.add(round);
            }
        }
        Ok(())
    }

    /// As much as each side takes, then half of the capacity; of a cell with a rate of its own
    /// one round is both.
    async fn paired_round(
        &mut self,
        cell: usize,
        size: Size,
        capacity: f64,
    ) -> Result<PairedRound, Error> {
        let observe = self.pairing.observe;
        let cells = self.cells(cell);
        let load = PairLoad {
            window: size.window,
            connections: size.connections,
            rate: None,
            first: self.side(),
        };
        let closed = self.driver.rounds(cells, load, observe).await?;
        let open = if cells.head.workload.rate.is_some() {
            closed.clone()
        } else {
            let load = PairLoad {
                // Requests that are due must not wait for a connection.
                connections: cells.head.workload.connections,
                rate: Some(capacity / 2.0),
                ..load
            };
            self.driver.rounds(cells, load, observe).await?
        };
        Ok(PairedRound { closed, open })
    }

    /// One start of each side, for what both must be known of before they take turns.
    async fn survey(&mut self) -> Result<(), Error> {
        let mut sizes: Vec<Option<Size>> = vec![None; self.sizes.len()];
        let mut startup = Duration::ZERO;
        for first in Side::BOTH {
            let draw = Draw { first, place: 0 };
            let observe = self.pairing.observe;
            let before = self.driver.elapsed();
            let driver = &mut *self.driver;
            driver.start(self.sides, &[first], draw, observe).await?;
            startup += self.driver.elapsed().saturating_sub(before);
            self.count(&[first]).await?;
            for cell in self.answered_cells() {
                let own = self.size(cell).await?;
                sizes[cell] = Some(sizes[cell].map_or(own, |other| other.or_larger(own)));
            }
            self.driver.stop().await?;
        }
        self.sizes = sizes;
        self.plan_time(startup);
        Ok(())
    }

    /// Finds out how a cell is to be loaded.
    async fn size(&mut self, cell: usize) -> Result<Size, Error> {
        let workload = &self.sides.head.cells[cell].workload;
        let (usual, idle) = (self.pairing.pacing.warmup, self.idle[cell]);
        let mut connections = sizing::first_connections(workload);
        let mut tries = SIZING_TRIES;
        loop {
            let warmup = sizing::warm_up(usual, idle, connections);
            let observed = self.load(cell, connections, warmup).await?;
            let wanted = sizing::saturating(observed, idle, workload);
            tries -= 1;
            if wanted > connections && tries > 0 {
                connections = wanted;
                continue;
            }
            return Ok(Size {
                connections,
                observed,
                warmup,
                window: sizing::shortest_window(self.pairing.pacing.round, observed),
            });
        }
    }

    /// Makes windows longer where percentiles need it and the budget has room, and says beforehand
    /// what it has no room for.
    fn plan_time(&mut self, startup: Duration) {
        let pacing = self.pairing.pacing;
        self.startup = startup;
        let longest = self.longest_window(1.0);
        for cell in self.answered_cells() {
            let Some(mut size) = self.sizes[cell] else {
                continue;
            };
            let (head, observed) = (&self.sides.head.cells[cell], size.observed);
            let (window, impossible) =
                sizing::percentiles(head, observed, pacing.pairs, size.window, longest);
            size.window = window;
            self.sizes[cell] = Some(size);
            for metric in impossible {
                self.say(format!(
                    "{} {}: {} needs {} requests after a start, which takes rounds of {} at {:.0} \
                     requests a second; the budget has time for {}, so it is not judged: raise \
                     `budget`",
                    self.sides.head.name,
                    head.endpoint,
                    metric.name(),
                    metric.requests_needed(),
                    seconds(sizing::window_for(metric, observed, pacing.pairs)),
                    observed.rate,
                    seconds(longest.max(window)),
                ));
            }
        }
        self.announce();
    }

    /// Says beforehand which answers make rounds longer, and how long all of it takes.
    fn announce(&mut self) {
        let pacing = self.pairing.pacing;
        let cells = self.answered_cells();
        let looks = u32::try_from(LOOKS[0]).unwrap_or(u32::MAX);
        let first_look = self.length_of_start(&cells) * looks;
        for cell in cells.iter().copied() {
            let Some(size) = self.sizes[cell].filter(|it| it.window > pacing.round) else {
                continue;
            };
            (self.pairing.observe)(Event::Note(&format!(
                "{} {} answers in {}: rounds of {}; at least {} for this server",
                self.sides.head.name,
                self.sides.head.cells[cell].endpoint,
                seconds(size.observed.answer),
                seconds(size.window),
                seconds(first_look),
            )));
        }
        if first_look > self.budget() {
            let each = first_look / u32::try_from(cells.len().max(1)).unwrap_or(u32::MAX);
            self.say(format!(
                "{}: its answers are too slow for a budget of {} for each endpoint; a first verdict \
                 takes about {}: raise `budget`",
                self.sides.head.name,
                seconds(pacing.budget),
                seconds(each),
            ));
        }
    }

    fn say(&mut self, note: String) {
        (self.pairing.observe)(Event::Note(&note));
        self.compared.notes.insert(note);
    }

    /// Loads a cell of the sides that are up, as much as they take.
    async fn load(
        &mut self,
        cell: usize,
        connections: usize,
        window: Duration,
    ) -> Result<Observed, Error> {
        let load = PairLoad {
            window,
            connections,
            rate: None,
            first: Side::Head,
        };
        let cells = self.cells(cell);
        let rounds = self
            .driver
            .rounds(cells, load, self.pairing.observe)
            .await?;
        let up = [rounds.head, rounds.base].into_iter().flatten();
        let observed = up.map(|round| Observed::of_tally(&round.tally));
        let slower = observed.reduce(Observed::or_slower);
        Ok(slower.expect("at least one side is up"))
    }

    fn cells(&self, cell: usize) -> Sides<&'a Cell> {
        let sides = self.sides;
        Sides {
            head: &sides.head.cells[cell],
            base: &sides.base.cells[cell],
        }
    }

    /// Counts single requests of the sides that are up. A cell whose base answers none of them as
    /// expected has nothing to be compared with; a head that does so is broken.
    async fn count(&mut self, up: &[Side]) -> Result<(), Error> {
        if !self.pairing.counting {
            return Ok(());
        }
        for cell in self.answered_cells() {
            for side in up.iter().copied() {
                let counted = self.driver.count(side, &self.sides.get(side).cells[cell]);
                let counted = counted.await?;
                self.compared.notes.extend(counted.missing);
                self.idle[cell] = self.idle[cell].max(counted.idle);
                *self.compared.samples[cell].counters.get_mut(side) = counted.counters;
                match (counted.failing, side) {
                    (None, _) => (),
                    (Some(failing), Side::Head) => return Err(failing),
                    (Some(failing), Side::Base) => self.base_fails(cell, &failing),
                }
            }
        }
        Ok(())
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
    fn draw(&mut self) -> Draw {
        if self.draws.is_empty() {
            let draws = |first: Side| [0, 1].map(|place| Draw { first, place });
            self.draws = Side::BOTH.into_iter().flat_map(draws).collect();
            self.draws.shuffle(&mut self.random);
        }
        self.draws.pop().expect("a block was just begun")
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.random.random_range(0..2)]
    }
}

impl Size {
    /// What suits both of two sides that take turns.
    fn or_larger(self, other: Self) -> Self {
        Self {
            connections: self.connections.max(other.connections),
            observed: self.observed.or_slower(other.observed),
            warmup: self.warmup.max(other.warmup),
            window: self.window.max(other.window),
        }
    }
}

/// Rounded so that it reads well: `43 ms`, `1.5 s`, `12 s`.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if time < Duration::from_secs(1) {
        return format!("{:.0} ms", seconds * 1e3);
    }
    let digits = usize::from(seconds < 10.0);
    format!("{seconds:.digits$} s")
}
