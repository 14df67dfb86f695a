//! The measurements of all shards → one measurement, judged once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::super::check::{CheckOptions, judged_with, save};
use super::super::observer::Observer;
use super::super::part_files::{self, Sources};
use super::super::provenance;
use super::super::ranking::{Ranked, ranked};
use super::deal::dealt;
use super::names;
use crate::error::Error;
use crate::model::{
    CellName, Dealing, Incident, Measurement, Partial, Plan, Provenance, Report, Shard,
    ShardRecord, Unfinished, exit_code,
};

/// What is put together, and how it is judged.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Measurements, and folders and addresses of buckets that hold them.
    pub sources: Vec<PathBuf>,
    /// What the shards selected, and what makes the whole fail.
    pub check: CheckOptions,
}

/// The name of a measurement in a folder.
pub(in crate::app) const FILE: &str = "measurement.json";
/// Endpoints of a missing shard that are named in a line; the report's JSON has all.
const MOST_NAMED: usize = 6;

/// What all shards came to.
#[derive(Debug)]
pub enum Merged {
    Judged(Box<Report>),
    /// Of servers that were measured to be ranked.
    Ranked(Box<Ranked>),
}

/// Puts the measurements of all shards together and judges or ranks them once. What is missing, or belongs to
/// another run, is named in the report, which does not pass then.
pub fn merge(options: &MergeOptions, observe: Observer<'_>) -> Result<Merged, Error> {
    let (plan, measurement, dealing) = whole(options)?;
    Ok(match dealing {
        Dealing::ByCell => {
            let report = judged_with(&options.check, &plan, measurement, observe)?;
            Merged::Judged(Box::new(report))
        }
        Dealing::ByEndpoint => {
            save(&options.check, &measurement)?;
            Merged::Ranked(Box::new(ranked(&plan, &measurement)))
        }
    })
}

/// The report on the measurements of all shards together.
pub(in crate::app) fn merged_report(
    options: &MergeOptions,
    observe: Observer<'_>,
) -> Result<Report, Error> {
    let (plan, measurement, _) = whole(options)?;
    judged_with(&options.check, &plan, measurement, observe)
}

/// The plan, one measurement of what belongs together, and what it was dealt by.
fn whole(options: &MergeOptions) -> Result<(Plan, Measurement, Dealing), Error> {
    let selection = &options.check.selection;
    let plan = selection.plan()?;
    let digest = selection.digest(&plan.file)?;
    let (commit, _) = provenance::head(&plan.root);
    let found = read(&options.sources)?;
    let checked_out = commit.name.filter(|_| !commit.is_dirty);
    let mut records = found.iter().filter_map(|(_, read)| {
        let read = read.as_ref().ok()?;
        read.provenance.shard.as_ref()
    });
    let is_to_rank = |it: &ShardRecord| it.dealing == Dealing::ByEndpoint;
    let dealing = if records.any(is_to_rank) {
        Dealing::ByEndpoint
    } else {
        Dealing::ByCell
    };
    let measurement = joined(&plan, &digest, checked_out.as_deref(), found);
    Ok((plan, measurement, dealing))
}

/// A file, and what it holds or why that cannot be read.
pub(super) type Found = (PathBuf, Result<Measurement, String>);

fn read(sources: &[PathBuf]) -> Result<Vec<Found>, Error> {
    let sources = Sources::open(sources)?;
    sources.none_is_without(FILE)?;
    let files = sources.find(FILE)?;
    part_files::read(&files, "measurement", Measurement::SCHEMA)
}

/// What all shards of one run have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    total: NonZeroUsize,
    head: Option<String>,
    base: Option<String>,
    perfgate: String,
    seed: Option<u64>,
    dealing: Dealing,
    /// The cells of each shard.
    dealt: Vec<Vec<CellName>>,
}

impl Run {
    /// Nothing where the record is of no plan like this one.
    fn from_record(
        names: &[Vec<CellName>],
        record: &ShardRecord,
        from: &Provenance,
    ) -> Option<Self> {
        Some(Self {
            dealt: dealt(names, record)?,
            total: record.shard.total,
            dealing: record.dealing,
            head: from.head.clone(),
            base: from.base.clone(),
            perfgate: from.perfgate.clone(),
            seed: from.seed,
        })
    }

    /// Where another differs from it.
    fn difference(&self, other: &Self) -> String {
        let commit = |it: &Option<String>| it.clone().unwrap_or_else(|| "unknown".into());
        let seed = |it: Option<u64>| it.map_or_else(|| "unknown".into(), |it| it.to_string());
        let pairs = [
            ("shards", self.total.to_string(), other.total.to_string()),
            ("head", commit(&self.head), commit(&other.head)),
            ("base", commit(&self.base), commit(&other.base)),
            ("perfgate", self.perfgate.clone(), other.perfgate.clone()),
            ("seed", seed(self.seed), seed(other.seed)),
        ];
        let differ = pairs.into_iter().filter(|(_, own, its)| own != its);
        let mut differ: Vec<_> = differ
            .map(|(what, own, its)| format!("{what} {its} instead of {own}"))
            .collect();
        let what = |it: Dealing| match it {
            Dealing::ByCell => "judged",
            Dealing::ByEndpoint => "ranked",
        };
        if self.dealing != other.dealing {
            let (own, its) = (what(self.dealing), what(other.dealing));
            differ.push(format!("measured to be {its} instead of {own}"));
        } else if self.total == other.total && self.dealt != other.dealt {
            differ.push("dealt by other stored times".into());
        }
        differ.join(", ")
    }
}

/// A measurement, the shard that it says it is, and the run of that.
struct Part {
    path: PathBuf,
    shard: Shard,
    run: Run,
    measurement: Measurement,
}

/// One measurement of what belongs together. `digest` is the plan's, `checked_out` the commit that is
/// to be judged, where it is known.
pub(super) fn joined(
    plan: &Plan,
    digest: &str,
    checked_out: Option<&str>,
    found: Vec<Found>,
) -> Measurement {
    let mut problems = Vec::new();
    let parts = parts(&names(plan), digest, found, &mut problems);
    let run = common(&parts, checked_out);
    let shards = match &run {
        Some(run) => of_run(run, parts, &mut problems),
        None => BTreeMap::new(),
    };
    if let Some(run) = &run {
        let missing = (1..).zip(&run.dealt);
        let missing =
            missing.filter(|(index, _)| !shards.keys().any(|it| it.index.get() == *index));
        problems.extend(missing.map(|(index, cells)| {
            let cells = in_words(cells);
            format!("shard {index}/{} is missing ({cells})", run.total)
        }));
    }
    put_together(plan, shards.into_values().collect(), problems)
}

/// The measurements that are shards of this plan.
fn parts(
    names: &[Vec<CellName>],
    digest: &str,
    found: Vec<Found>,
    problems: &mut Vec<String>,
) -> Vec<Part> {
    let mut parts = Vec::new();
    for (path, read) in found {
        let name = path.display();
        let measurement = match read {
            Ok(measurement) => measurement,
            Err(why) => {
                problems.push(format!("left out: {why}"));
                continue;
            }
        };
        let Some(record) = &measurement.provenance.shard else {
            problems.push(format!("`{name}` is left out: it is of no shard"));
            continue;
        };
        let shard = record.shard;
        if record.plan != digest {
            problems.push(format!(
                "`{name}` is left out: it was measured by another configuration or selection"
            ));
        } else if let Some(run) = Run::from_record(names, record, &measurement.provenance) {
            parts.push(Part {
                path,
                shard,
                run,
                measurement,
            });
        } else {
            problems.push(format!(
                "`{name}` is left out: the plan cannot have a shard {shard} dealt by its times"
            ));
        }
    }
    parts
}

/// The shards of one run, each once and with its own cells.
fn of_run(run: &Run, parts: Vec<Part>, problems: &mut Vec<String>) -> BTreeMap<Shard, Measurement> {
    let mut shards: BTreeMap<Shard, Measurement> = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    for part in parts {
        if part.run != *run {
            let differs = run.difference(&part.run);
            let name = part.path.display();
            problems.push(format!(
                "`{name}` is left out: it is of another run: {differs}"
            ));
        } else if shards.insert(part.shard, part.measurement).is_some() {
            doubled.insert(part.shard);
        }
    }
    for shard in doubled {
        problems.push(format!("shard {shard} is there twice: both are left out"));
        shards.remove(&shard);
    }
    shards.retain(|shard, part| {
        let own = &run.dealt[shard.index.get() - 1];
        let measured = cells(part);
        let strange = measured.iter().find(|it| !own.contains(it));
        if let Some(CellName { server, endpoint }) = strange {
            problems.push(format!(
                "shard {shard} is left out: `{server}` `{endpoint}` is not one of its cells"
            ));
            return false;
        }
        let lacking = own
            .iter()
            .filter(|it| !measured.contains(it) && !tells_of(part, it));
        let lacking: Vec<_> = lacking.cloned().collect();
        if !lacking.is_empty() {
            problems.push(format!("shard {shard} lacks {}", in_words(&lacking)));
        }
        true
    });
    shards
}

/// Whether a measurement says why it does not hold a cell.
fn tells_of(part: &Measurement, cell: &CellName) -> bool {
    let failed = |it: &Incident| it.fatal && it.server == cell.server;
    let partial = part.provenance.partial.as_ref();
    part.incidents.iter().any(failed)
        || partial.is_some_and(|it| it.lacks(&cell.server, &cell.endpoint))
}

/// Servers with their endpoints: `app home, app movies and 3 more`.
fn in_words(cells: &[CellName]) -> String {
    let names = cells.iter().take(MOST_NAMED);
    let names: Vec<_> = names
        .map(|it| format!("{} {}", it.server, it.endpoint))
        .collect();
    match cells.len().saturating_sub(MOST_NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The run whose shards are put together: that of the commit that is checked out, where there is one,
/// else the one with most shards.
fn common(parts: &[Part], checked_out: Option<&str>) -> Option<Run> {
    let mut counts: BTreeMap<&Run, usize> = BTreeMap::new();
    for part in parts {
        *counts.entry(&part.run).or_default() += 1;
    }
    let is_own = |run: &Run| checked_out.is_some() && run.head.as_deref() == checked_out;
    let best = counts
        .into_iter()
        .max_by_key(|(run, count)| (is_own(run), *count));
    best.map(|(run, _)| run.clone())
}

/// The cells that a measurement speaks of.
fn cells(part: &Measurement) -> Vec<CellName> {
    let samples = part.samples.iter();
    let samples = samples.map(|it| CellName::new(&it.key.server, &it.key.endpoint));
    let pairs = part.pairs.iter();
    let pairs = pairs.map(|it| CellName::new(&it.server, &it.endpoint));
    samples
        .chain(pairs)
        .chain(part.identical.iter().cloned())
        .collect()
}

/// Joins lists: a start is a start, whichever machine made it.
fn put_together(plan: &Plan, parts: Vec<Measurement>, problems: Vec<String>) -> Measurement {
    let measured: BTreeSet<CellName> = parts.iter().flat_map(cells).collect();
    let provenance = provenance_of(plan, &parts, problems, &measured);
    let mut whole = Measurement {
        schema: Measurement::SCHEMA,
        provenance,
        samples: Vec::new(),
        pairs: Vec::new(),
        incidents: Vec::new(),
        identical: Vec::new(),
        same_build: Vec::new(),
        profiles: Vec::new(),
    };
    for part in parts {
        whole.samples.extend(part.samples);
        whole.pairs.extend(part.pairs);
        whole.incidents.extend(part.incidents);
        whole.identical.extend(part.identical);
        whole.same_build.extend(part.same_build);
        whole.profiles.extend(part.profiles);
    }
    let order: Vec<CellName> = names(plan).concat();
    let position = |server: &str, endpoint: &str| {
        let mut order = order.iter();
        order.position(|it| it.server == server && it.endpoint == endpoint)
    };
    whole
        .samples
        .sort_by_key(|it| position(&it.key.server, &it.key.endpoint));
    whole
        .pairs
        .sort_by_key(|it| position(&it.server, &it.endpoint));
    whole
        .identical
        .sort_by_key(|it| position(&it.server, &it.endpoint));
    whole.same_build.sort();
    whole.same_build.dedup();
    whole
}

/// Where all of it comes from: the whole run lasted from the first start to the last end.
fn provenance_of(
    plan: &Plan,
    parts: &[Measurement],
    problems: Vec<String>,
    measured: &BTreeSet<CellName>,
) -> Provenance {
    let all = || parts.iter().map(|it| &it.provenance);
    let first = all().min_by_key(|it| it.started);
    let started = first.map_or_else(jiff::Timestamp::now, |it| it.started);
    let ends = all().map(|it| {
        (it.started - started)
            .total(jiff::Unit::Second)
            .unwrap_or(0.0)
            + it.seconds
    });
    let mut notes: Vec<String> = Vec::new();
    for part in all() {
        let of_shard = part.shard.as_ref().map(super::note);
        for note in &part.notes {
            if Some(note) != of_shard.as_ref() && !notes.contains(note) {
                notes.push(note.clone());
            }
        }
    }
    let machines: BTreeSet<_> = all()
        .filter_map(|it| Some(&it.fingerprint.as_ref()?.runner))
        .map(|it| format!("{} CPUs of {}", it.cores, it.cpu_model))
        .collect();
    if machines.len() > 1 {
        let machines: Vec<_> = machines.into_iter().collect();
        notes.push(format!(
            "shards ran on different machines: {}",
            machines.join("; ")
        ));
    }
    Provenance {
        perfgate: first.map_or_else(
            || env!("CARGO_PKG_VERSION").into(),
            |it| it.perfgate.clone(),
        ),
        head: first.and_then(|it| it.head.clone()),
        dirty: all().any(|it| it.dirty),
        base: first.and_then(|it| it.base.clone()),
        fingerprint: first.and_then(|it| it.fingerprint.clone()),
        images: all().flat_map(|it| it.images.clone()).collect(),
        path: first.map_or_else(String::new, |it| it.path.clone()),
        // Without one it would pass for the result of another load generator.
        seed: first.and_then(|it| it.seed).or(Some(0)),
        started,
        seconds: ends.fold(0.0, f64::max),
        notes,
        shard: None,
        partial: partial(plan, parts, problems, measured),
    }
}

/// Why the whole is not whole: what is wrong with the shards, and what ended one of them early.
fn partial(
    plan: &Plan,
    parts: &[Measurement],
    mut problems: Vec<String>,
    measured: &BTreeSet<CellName>,
) -> Option<Partial> {
    let cut: Vec<&Partial> = parts
        .iter()
        .filter_map(|it| it.provenance.partial.as_ref())
        .collect();
    if parts.is_empty() {
        problems.push("there is no shard".into());
    }
    if problems.is_empty() && cut.is_empty() {
        return None;
    }
    let mut unfinished: BTreeSet<Unfinished> =
        cut.iter().flat_map(|it| it.unfinished.clone()).collect();
    if !problems.is_empty() {
        let missing = names(plan).concat().into_iter();
        let missing = missing.filter(|it| !measured.contains(it));
        unfinished
            .extend(missing.map(|CellName { server, endpoint }| Unfinished { server, endpoint }));
    }
    let reasons = cut.iter().map(|it| it.reason.clone());
    let reasons: Vec<_> = problems.into_iter().chain(reasons).collect();
    Some(Partial {
        reason: reasons.join("; "),
        exit_code: exit_code::ENVIRONMENT,
        unfinished: unfinished.into_iter().collect(),
    })
}
