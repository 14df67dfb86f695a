//! How long windows are, and what the time of all cells pays for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::pairs::PairDriver;
use super::super::{Event, sizing};
use super::PairedRun;
use crate::gate::LOOKS;
use crate::model::Metric;

/// Starts that the budget should pay for.
const STARTS: usize = LOOKS[1];
/// How many times as long windows must become for a start that was measured by shorter ones to be
/// dropped.
const WORTH_A_TRIAL: f64 = 1.5;

/// Where a percentile has too few requests, and by how long rounds it would have enough.
#[derive(Debug, Default)]
struct Impossible<'a> {
    endpoints: Vec<&'a str>,
    windows: Vec<Duration>,
}

impl<D: PairDriver> PairedRun<'_, D> {
    /// Makes the windows of cells longer whose rounds vary much, as far as the budget has room, and drops
    /// what was measured by the shorter ones; whether there was any. `longer` is by how many times the
    /// start took longer than its rounds.
    pub(super) fn lengthen_windows(&mut self, cells: &[usize], longer: f64) -> bool {
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
    pub(super) fn length_of_start(&self, cells: &[usize]) -> Duration {
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
    pub(super) fn used(&self) -> Duration {
        self.driver.elapsed().saturating_sub(self.aside)
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
        let longest = self.longest_window(1.0);
        let mut impossible: BTreeMap<Metric, Impossible> = BTreeMap::new();
        for cell in self.answered_cells() {
            let Some(mut size) = self.sizes[cell] else {
                continue;
            };
            let (head, observed) = (&self.sides.head.cells[cell], size.observed);
            let (window, metrics) =
                sizing::percentiles(head, observed, pacing.pairs, size.window, longest);
            size.window = window;
            self.sizes[cell] = Some(size);
            for metric in metrics {
                let needed = sizing::window_for(metric, observed, pacing.pairs);
                let of_metric = impossible.entry(metric).or_default();
                of_metric.endpoints.push(&head.endpoint);
                of_metric.windows.push(needed);
            }
        }
        for (metric, Impossible { endpoints, windows }) in impossible {
            let shortest = windows.iter().min().copied().unwrap_or_default();
            let most = windows.iter().max().copied().unwrap_or_default();
            let rounds = if seconds(shortest) == seconds(most) {
                seconds(most)
            } else {
                format!("{} to {}", seconds(shortest), seconds(most))
            };
            self.say(format!(
                "{} {}: {} needs {} requests after a start, which takes rounds of {rounds}; the budget \
                 has time for {}, so it is not judged: raise `budget`",
                self.sides.head.name,
                endpoints.join(", "),
                metric.name(),
                metric.requests_needed(),
                seconds(longest),
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

    pub(super) fn say(&mut self, note: String) {
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
