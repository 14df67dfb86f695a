//! What the workers of servers did while these were loaded.

use std::collections::BTreeMap;

use crate::model::{Measurement, Round, Side};
use crate::report;

/// One cell's workers on one side.
struct Work {
    /// CPU time per request in microseconds and the highest memory in bytes, by worker.
    used: BTreeMap<String, (f64, u64)>,
    /// Most jobs that waited at the end of a round.
    jobs_left: Option<u64>,
}

/// A line for every cell whose server has workers.
pub(super) fn notes(measurement: &Measurement) -> Vec<String> {
    let alone = measurement.samples.iter().filter_map(|it| {
        let work = Work::from_rounds(it.rounds().iter())?;
        Some(note(&it.key.server, &it.key.endpoint, &work, None))
    });
    let paired = measurement.pairs.iter().filter_map(|it| {
        let head = Work::from_rounds(it.rounds_of(Side::Head))?;
        let base = Work::from_rounds(it.rounds_of(Side::Base));
        Some(note(&it.server, &it.endpoint, &head, base.as_ref()))
    });
    alone.chain(paired).collect()
}

impl Work {
    /// `None` if there are no workers, or no request succeeded.
    fn from_rounds<'a>(rounds: impl Iterator<Item = &'a Round>) -> Option<Self> {
        let (mut requests, mut jobs_left) = (0, None);
        let mut used: BTreeMap<String, (f64, u64)> = BTreeMap::new();
        for round in rounds {
            let Some(workers) = &round.workers else {
                continue;
            };
            requests += round.tally.succeeded;
            jobs_left = jobs_left.max(workers.jobs_left);
            for (name, usage) in &workers.usage {
                let (micros, memory) = used.entry(name.clone()).or_default();
                *micros += usage.cpu.as_secs_f64() * 1e6;
                *memory = usage.memory.max(*memory);
            }
        }
        if requests == 0 {
            return None;
        }
        for (micros, _) in used.values_mut() {
            *micros /= requests as f64;
        }
        Some(Self { used, jobs_left })
    }
}

fn note(server: &str, endpoint: &str, head: &Work, base: Option<&Work>) -> String {
    let mut parts = Vec::new();
    for (name, used) in &head.used {
        let of_base = base.and_then(|it| it.used.get(name));
        let of_base = of_base.map(|it| format!(" (base {})", per_request(*it)));
        parts.push(format!(
            "{name} {}{}",
            per_request(*used),
            of_base.unwrap_or_default()
        ));
    }
    if let Some(jobs) = head.jobs_left {
        let of_base = base.and_then(|it| it.jobs_left);
        let of_base = of_base.map(|it| format!(" (base {it})"));
        parts.push(format!(
            "jobs left at the end of a round: at most {jobs}{}",
            of_base.unwrap_or_default()
        ));
    }
    format!("workers, {server} {endpoint}: {}", parts.join("; "))
}

fn per_request((micros, memory): (f64, u64)) -> String {
    format!(
        "{} CPU time per request, {}",
        report::micros(micros),
        report::bytes(memory as f64)
    )
}
