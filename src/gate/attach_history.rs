//! Findings × stored runs → how the values got to where they are, for readers: no verdict rests on
//! it.

use super::trend::steps;
use crate::model::{Baseline, Finding, Key, LONGEST_SERIES, Measurement, Verdict, history};

/// Adds to each finding what is stored of its cell, and to what is judged where that last stepped.
pub(super) fn attach_history(
    findings: &mut [Finding],
    measurement: &Measurement,
    stored: &[Baseline],
) {
    let same_cell = |a: &Finding, b: &Finding| a.server == b.server && a.endpoint == b.endpoint;
    for findings in findings.chunk_by_mut(same_cell) {
        let runs = of_cell(&findings[0], measurement, stored);
        for finding in findings {
            finding.attach_history(&runs);
        }
    }
}

/// The runs of one key from the oldest that new ones are judged by, oldest first.
fn of_cell<'a>(
    cell: &Finding,
    measurement: &Measurement,
    stored: &'a [Baseline],
) -> Vec<&'a Baseline> {
    let is_of_cell = |key: &Key| key.server == cell.server && key.endpoint == cell.endpoint;
    let runs = || stored.iter().filter(|run| is_of_cell(&run.key));
    let keys = measurement.samples.iter().map(|sample| &sample.key);
    let machine = measurement.provenance.fingerprint.as_ref();
    let newest = || {
        runs()
            .filter(|run| machine.is_some_and(|it| it.runner == run.key.runner))
            .max_by_key(|run| run.time)
    };
    let key = keys.into_iter().find(|key| is_of_cell(key));
    let Some(key) = key.or_else(|| newest().map(|run| &run.key)) else {
        return Vec::new();
    };
    let mut runs: Vec<_> = runs().filter(|run| run.key == *key).collect();
    runs.sort_by_key(|run| run.time);
    if let Some(oldest) = history(runs.iter().copied()).last() {
        runs.retain(|run| run.time >= oldest.time);
    }
    runs.split_off(runs.len().saturating_sub(LONGEST_SERIES))
}

impl Finding {
    fn attach_history(&mut self, runs: &[&Baseline]) {
        let mut runs = runs.to_vec();
        runs.retain(|run| run.values.contains_key(&self.metric));
        let values = runs.iter().map(|run| run.values.get(&self.metric).copied());
        let values: Vec<_> = values.collect();
        let regressed = runs.iter().enumerate().filter(|(_, run)| !run.is_good());
        self.regressed_runs = regressed.map(|(position, _)| position).collect();
        // Finding a step takes a millisecond, and there are many metrics that nobody has a rule for.
        if self.verdict != Verdict::NotJudged {
            self.step = steps(&runs, &values, self.metric, self.margin).pop();
        }
        self.history = values.into_iter().flatten().collect();
    }
}
