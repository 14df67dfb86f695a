//! How long windows are, and what the time of all cells pays for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Event;
use super::super::driver::Driver;
use super::super::sizing;
use super::PairedRun;
use crate::gate::LOOKS;
use crate::model::{Metric, Pair, Strategy, Threshold};

/// Starts that the budget should pay for, where rounds vary much and where a percentile needs many
/// requests. A start has a spread of its own that longer rounds do not narrow (1 to 2 % for
/// asynchronous servers under Python), so that many starts beat long ones.
const STARTS_THAT_VARY: usize = LOOKS[LOOKS.len() - 1];
const STARTS_FOR_PERCENTILES: usize = LOOKS[1];
/// Both are loaded, one after the other.
const SIDES: u32 = 2;
/// How many times as long windows must become for what was measured by shorter ones to be dropped.
const WORTH_A_TRIAL: f64 = 1.5;
/// How many times as long windows become after a look, at the most and at the least.
const MOST_WIDER: f64 = 2.0;
const WORTH_WIDER: f64 = 1.25;

/// Where a percentile has too few requests, and by how long rounds it would have enough.
#[derive(Debug, Default)]
struct Impossible<'a> {
    endpoints: Vec<&'a str>,
    windows: Vec<Duration>,
}

impl<D: Driver> PairedRun<'_, D> {
    /// Makes the windows of cells longer whose rounds varied much in the first start, as far as the budget
    /// has room; which. `longer` is by how many times the start took longer than its rounds.
    pub(super) fn lengthen_windows(
        &mut self,
        first: &[(usize, Vec<Pair>)],
        longer: f64,
    ) -> Vec<usize> {
        let variances = first
            .iter()
            .map(|(_, pairs)| sizing::variance_between_rounds(pairs));
        let own: Vec<_> = variances.collect();
        let known: Vec<f64> = own.iter().flatten().copied().collect();
        let pooled = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let starts = u32::try_from(STARTS_THAT_VARY).unwrap_or(u32::MAX);
        let of_start = (self.budget() / starts).div_f64(longer.max(1.0));
        let cells: Vec<_> = first.iter().map(|(cell, _)| *cell).collect();
        let room = self.room(&cells, of_start);
        let mut lengthened = Vec::new();
        for (cell, own) in cells.into_iter().zip(own) {
            let Some(size) = &mut self.sizes[cell] else {
                continue;
            };
            // Few rounds say little of a cell; those of its server's others are much like it.
            let variance = f64::midpoint(own.unwrap_or(pooled), pooled);
            let pairs = self.pairing.pacing.pairs;
            let head = &self.sides.head.cells[cell];
            let times = sizing::times_longer(variance, pairs, &head.thresholds).min(room);
            if times <= WORTH_A_TRIAL {
                continue;
            }
            size.lengthen(times);
            let window = size.window;
            lengthened.push(cell);
            (self.pairing.observe)(Event::Note(&format!(
                "{} {} varies by {:.0} % from round to round: rounds of {}",
                self.sides.head.name,
                head.endpoint,
                100.0 * variance.sqrt(),
                seconds(self.round(window)),
            )));
        }
        lengthened
    }

    /// Gives cells that are still open the time that the others left: windows as long as it pays for in
    /// the starts to come, at most twice as long as before. Starts of less variance beside those of more
    /// keep the level of Student's *t* (Bakirov and Székely, *Student's t-test for Gaussian scale mixtures*,
    /// 2006: at levels up to 8 %) and of signed ranks, which ask for symmetry alone.
    pub(super) fn widen_windows(&mut self, open: &[usize], time: Duration, starts: usize) {
        let count = u32::try_from(starts.max(1)).unwrap_or(u32::MAX);
        let of_start = (time / count).div_f64(self.longer.max(1.0));
        let wider = self.room(open, of_start).min(MOST_WIDER);
        if wider < WORTH_WIDER {
            return;
        }
        for cell in open {
            if let Some(size) = &mut self.sizes[*cell] {
                size.lengthen(wider);
            }
        }
    }

    /// By how many times the windows of some cells may become longer in a start that takes so long.
    fn room(&self, cells: &[usize], of_start: Duration) -> f64 {
        let sizes = cells.iter().filter_map(|cell| self.sizes[*cell]);
        let warmups: Duration = sizes.map(|size| size.warmup).sum();
        let fixed = self.startup + warmups * SIDES;
        let now = self.length_of_start(cells).saturating_sub(fixed);
        of_start.saturating_sub(fixed).div_duration_f64(now)
    }

    /// What a start with rounds on some cells takes, as far as it is known beforehand.
    pub(super) fn length_of_start(&self, cells: &[usize]) -> Duration {
        let windows = u32::try_from(self.pairing.pacing.pairs).unwrap_or(u32::MAX);
        let sizes = cells.iter().filter_map(|cell| self.sizes[*cell]);
        let of_cells = sizes.map(|size| size.warmup + (size.window + size.open_window) * windows);
        self.startup + of_cells.sum::<Duration>() * SIDES
    }

    /// The longest windows below capacity that the budget has time for in so many starts, beside those at
    /// full load.
    fn longest_open_window(&self, starts: usize) -> Duration {
        let count = |count: usize| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let pairs = count(self.pairing.pacing.pairs);
        let sizes = self.sizes.iter().flatten();
        let others: Duration = sizes.map(|it| it.warmup + it.window * pairs).sum();
        let of_start = self.budget() / count(starts);
        let of_rounds = of_start.saturating_sub(self.startup + others * SIDES);
        of_rounds / (SIDES * pairs * count(self.answered_cells().len()))
    }

    /// Time that counts for the budget, since the driver was made.
    pub(super) fn used(&self) -> Duration {
        self.driver.elapsed().saturating_sub(self.aside)
    }

    /// The same with what servers before this one left.
    pub(super) fn time(&self) -> Duration {
        self.budget() + self.pairing.spare
    }

    /// The time of all cells, which those that are decided early leave to the others.
    pub(super) fn budget(&self) -> Duration {
        let cells = u32::try_from(self.answered_cells().len()).unwrap_or(u32::MAX);
        self.pairing.pacing.budget * cells
    }

    /// Makes windows longer where percentiles need it and the budget has room, and says beforehand
    /// what it has no room for.
    pub(super) fn plan_time(&mut self, startup: Duration) {
        let pacing = self.pairing.pacing;
        self.startup = startup;
        let longest = self.longest_open_window(STARTS_FOR_PERCENTILES);
        let mut impossible: BTreeMap<Metric, Impossible> = BTreeMap::new();
        for cell in self.answered_cells() {
            let Some(mut size) = self.sizes[cell] else {
                continue;
            };
            let (head, observed) = (&self.sides.head.cells[cell], size.observed);
            let (window, metrics) =
                sizing::percentiles(head, observed, pacing.pairs, size.open_window, longest);
            size.open_window = window;
            self.sizes[cell] = Some(size);
            for metric in metrics {
                // That a default rule has too few requests is said in its finding.
                let is_configured = |it: &Threshold| it.is_configured();
                if !head.thresholds.get(&metric).is_some_and(is_configured) {
                    continue;
                }
                let needed = sizing::window_for(metric, observed, pacing.pairs);
                let of_metric = impossible.entry(metric).or_default();
                of_metric.endpoints.push(&head.endpoint);
                of_metric.windows.push(needed);
            }
        }
        for (metric, Impossible { endpoints, windows }) in impossible {
            let shortest = windows.iter().min().copied().unwrap_or_default();
            let most = windows.iter().max().copied().unwrap_or_default();
            let (shortest, most) = (seconds(self.round(shortest)), seconds(self.round(most)));
            let rounds = if shortest == most {
                most
            } else {
                format!("{shortest} to {most}")
            };
            self.note(format!(
                "{} {}: {} needs {} requests after a start, which takes rounds of {rounds}; the budget \
                 has time for {}, so it is not judged: raise `budget`",
                self.sides.head.name,
                endpoints.join(", "),
                metric.name(),
                metric.requests_needed(),
                seconds(self.round(longest)),
            ));
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
                seconds(self.round(size.window)),
                seconds(first_look),
            )));
        }
        if first_look > self.budget() {
            let each = first_look / u32::try_from(cells.len().max(1)).unwrap_or(u32::MAX);
            self.note(format!(
                "{}: its answers are too slow for a budget of {} for each endpoint; a first verdict \
                 takes about {}: raise `budget`",
                self.sides.head.name,
                seconds(pacing.budget),
                seconds(each),
            ));
        }
    }

    /// The round in which each side is loaded for so long.
    fn round(&self, window: Duration) -> Duration {
        match self.pairing.strategy {
            Strategy::Duet => window * SIDES,
            _ => window,
        }
    }

    pub(super) fn note(&mut self, note: String) {
        (self.pairing.observe)(Event::Note(&note));
        self.compared.notes.insert(note);
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
