//! What a reader must know of the conditions that samples were taken under.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{busy, worker_notes};
use crate::gate;
use crate::model::{
    COUNTERS, Counters, Lenience, Machine, Measurement, Metric, PairedSample, Provenance, Round,
    Sample,
};
use crate::report;

/// Why not everything was measured, for what has no headline.
pub fn partial_note(provenance: &Provenance) -> Option<String> {
    let partial = provenance.partial.as_ref()?;
    let cells = partial.unfinished.iter();
    let cells: Vec<_> = cells
        .map(|it| format!("{} {}", it.server, it.endpoint))
        .collect();
    Some(format!(
        "PARTIAL ({}): not measured to the end: {}",
        partial.reason,
        cells.join(", ")
    ))
}

/// Cells whose server reports no resources, cells that never became steady, and what kept the
/// machine from its work.
pub fn notes(measurement: &Measurement) -> Vec<String> {
    let samples = &measurement.samples;
    let unread = of_cells(samples, |sample| {
        let unread = sample.rounds().iter().all(|round| round.usage.is_none());
        (unread && sample.summary.is_none()).then(String::new)
    });
    let unsteady = of_cells(samples, |sample| {
        sample.starts.iter().any(|it| !it.steady).then(String::new)
    });
    let stolen = of_cells(samples, |sample| {
        let worst = worst(sample, |machine, _| machine.steal)?;
        Some(format!(" {}", report::percent(worst)))
    });
    let throttled = of_cells(samples, |sample| {
        let worst = worst(sample, |machine, window| {
            machine.throttled.as_secs_f64() / window.as_secs_f64()
        })?;
        Some(format!(" {}", report::percent(worst)))
    });
    let lost = measurement.samples.iter().filter_map(|sample| {
        let worst = worst_loss(sample.rounds().iter())?;
        Some(format!(
            "{} {} {worst}",
            sample.key.server, sample.key.endpoint
        ))
    });
    let lost_in_pairs = measurement.pairs.iter().filter_map(|sample| {
        let worst = worst_loss(sample.rounds())?;
        Some(format!("{} {} {worst}", sample.server, sample.endpoint))
    });
    [
        ("CPU time and memory cannot be read", unread),
        ("never became steady in the warm-up", unsteady),
        (
            "CPU time that the hypervisor gave to others, worst round",
            stolen,
        ),
        ("time denied by a CPU quota, worst round", throttled),
        (
            "TCP segments that were lost and sent again, worst round",
            lost.chain(lost_in_pairs).collect(),
        ),
    ]
    .into_iter()
    .filter(|(_, cells)| !cells.is_empty())
    .map(|(what, cells)| format!("{what}: {}", cells.join(", ")))
    .chain(busy::notes(&rounds(measurement)))
    .chain(worker_notes::notes(measurement))
    .chain(leniences(measurement))
    .chain(unused(measurement))
    .chain(dependence(measurement))
    .collect()
}

/// Whether what a start shows goes with what the one before showed.
fn dependence(measurement: &Measurement) -> Option<String> {
    let found = gate::dependence(&measurement.pairs)?;
    Some(format!(
        "the machine changes over minutes: starts resemble the ones before (serial correlation {:.1}, \
         chance {:.3}), so that intervals are too narrow",
        found.coefficient, found.chance
    ))
}

/// Services that nothing of a server used, which may have found another one by its own defaults.
fn unused(measurement: &Measurement) -> Vec<String> {
    let alone = measurement.samples.iter();
    let alone = alone.filter_map(|it| Some((&it.key.server, it.counters.as_ref()?)));
    let paired = measurement.pairs.iter();
    let paired = paired.filter_map(|it| Some((&it.server, it.counters.head.as_ref()?)));
    let mut of_server: BTreeMap<&str, Vec<&Counters>> = BTreeMap::new();
    for (server, counters) in alone.chain(paired) {
        of_server.entry(server).or_default().push(counters);
    }
    let services = COUNTERS.iter().filter_map(|it| Some((it.metric, it.sent?)));
    let of_service = |(metric, what): (Metric, &str)| {
        let is_unused = |all: &[&Counters]| {
            let mut batches = all.iter().map(|it| it.batches.get(&metric));
            batches.all(|it| it.is_some_and(|values| values.iter().all(|value| *value == 0.0)))
        };
        let servers = of_server.iter().filter(|(_, all)| is_unused(all));
        let servers: Vec<_> = servers.map(|(server, _)| *server).collect();
        (!servers.is_empty()).then(|| format!("no endpoint sent a {what}: {}", servers.join(", ")))
    };
    services.filter_map(of_service).collect()
}

/// All rounds, those of pairs among them.
fn rounds(measurement: &Measurement) -> Vec<&Round> {
    let alone = measurement.samples.iter().flat_map(Sample::rounds);
    let in_pairs = measurement.pairs.iter().flat_map(PairedSample::rounds);
    alone.chain(in_pairs).collect()
}

/// What was overlooked to read responses, each with the cells that needed it.
fn leniences(measurement: &Measurement) -> Vec<String> {
    let cells = |lenience: Lenience| {
        let needs = |round: &Round| round.tally.leniences.contains(&lenience);
        let alone = measurement.samples.iter();
        let alone = alone.filter(|it| it.rounds().iter().any(needs));
        let alone = alone.map(|it| format!("{} {}", it.key.server, it.key.endpoint));
        let paired = measurement.pairs.iter();
        let paired = paired.filter(|it| it.rounds().any(needs));
        let paired = paired.map(|it| format!("{} {}", it.server, it.endpoint));
        alone.chain(paired).collect::<Vec<_>>().join(", ")
    };
    let all = Lenience::ALL.map(|it| (report::lenience(it), cells(it)));
    let used = all.into_iter().filter(|(_, cells)| !cells.is_empty());
    used.map(|(what, cells)| format!("{what}: {cells}"))
        .collect()
}

/// The cells of which there is something to say, with it.
fn of_cells(samples: &[Sample], say: impl Fn(&Sample) -> Option<String>) -> Vec<String> {
    let cell = |sample: &Sample| {
        let said = say(sample)?;
        Some(format!(
            "{} {}{said}",
            sample.key.server, sample.key.endpoint
        ))
    };
    samples.iter().filter_map(cell).collect()
}

/// The largest share among the rounds, where it is notable.
fn worst(sample: &Sample, share: impl Fn(&Machine, Duration) -> f64) -> Option<f64> {
    let shares = sample.rounds().iter().filter_map(|round| {
        let machine = round.machine.as_ref()?;
        Some(share(machine, round.tally.window))
    });
    shares
        .reduce(f64::max)
        .filter(|worst| *worst >= Machine::NOTABLE_SHARE)
}

/// The largest share of lost segments, where it is notable. Rounds that lost packets are judged
/// all the same: a server that takes connections too slowly loses them, too.
fn worst_loss<'a>(rounds: impl Iterator<Item = &'a Round>) -> Option<String> {
    let shares = rounds.filter_map(|round| Some(round.machine.as_ref()?.lost));
    let worst = shares.reduce(f64::max)?;
    (worst >= Machine::NOTABLE_LOSS).then(|| report::percent(worst))
}
