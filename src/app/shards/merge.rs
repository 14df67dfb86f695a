//! The measurements of all shards → one measurement, judged once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::super::check::{CheckOptions, judged_with};
use super::super::observer::Observer;
use super::super::provenance;
use super::deal::deal;
use crate::document;
use crate::error::Error;
use crate::model::{
    CellName, Measurement, Partial, Plan, Provenance, Report, Shard, ShardRecord, Target,
    Unfinished, chain, exit_code,
};

/// What is put together, and how it is judged.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Measurements, and folders that hold them.
    pub sources: Vec<PathBuf>,
    /// What the shards selected, and what makes the whole fail.
    pub check: CheckOptions,
}

/// The name of a measurement in a folder.
const FILE: &str = "measurement.json";
/// Endpoints of a missing shard that are named in a line; the report's JSON has all.
const MOST_NAMED: usize = 6;
/// Folders in folders in which measurements are looked for.
const DEEPEST: usize = 4;

/// Puts the measurements of all shards together and judges them once. What is missing, or belongs to
/// another run, is named in the report, which does not pass then.
pub fn merge(options: &MergeOptions, observe: Observer<'_>) -> Result<Report, Error> {
    let selection = &options.check.selection;
    let plan = selection.plan()?;
    let digest = selection.digest(&plan.file)?;
    let (commit, _) = provenance::head(&plan.root);
    let found = read(&options.sources)?;
    let checked_out = commit.name.filter(|_| !commit.is_dirty);
    let measurement = joined(&plan, &digest, checked_out.as_deref(), found);
    judged_with(&options.check, &plan, measurement, observe)
}

/// A file, and what it holds or why that cannot be read.
pub(super) type Found = (PathBuf, Result<Measurement, String>);

fn read(sources: &[PathBuf]) -> Result<Vec<Found>, Error> {
    let mut files = Vec::new();
    for source in sources {
        let unread = |error| Error::Read {
            path: source.clone(),
            source: error,
        };
        if fs::metadata(source).map_err(unread)?.is_dir() {
            let before = files.len();
            collect(source, DEEPEST, &mut files).map_err(unread)?;
            if files.len() == before {
                return Err(Error::Argument {
                    argument: source.display().to_string(),
                    reason: format!("there is no `{FILE}` in it"),
                });
            }
        } else {
            files.push(source.clone());
        }
    }
    files.sort();
    files.dedup();
    let parsed = files.into_iter().map(|path| {
        let read = document::read(&path, "measurement", Measurement::SCHEMA);
        (path, read.map_err(|error| chain(&error)))
    });
    Ok(parsed.collect())
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed: a folder may hold itself.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), depth - 1, files)?;
        } else if kind.is_file() && entry.file_name() == FILE {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// What all shards of one run have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    total: NonZeroUsize,
    head: Option<String>,
    base: Option<String>,
    perfgate: String,
    seed: Option<u64>,
}

impl Run {
    fn from_record(record: &ShardRecord, from: &Provenance) -> Self {
        Self {
            total: record.shard.total,
            head: from.head.clone(),
            base: from.base.clone(),
            perfgate: from.perfgate.clone(),
            seed: from.seed,
        }
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
        let differ: Vec<_> = differ
            .map(|(what, own, its)| format!("{what} {its} instead of {own}"))
            .collect();
        differ.join(", ")
    }
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
    let mut parts: Vec<(PathBuf, ShardRecord, Measurement)> = Vec::new();
    for (path, read) in found {
        let name = path.display();
        match read.map(|it| (it.provenance.shard.clone(), it)) {
            Err(why) => problems.push(format!("left out: {why}")),
            Ok((None, _)) => problems.push(format!("`{name}` is left out: it is of no shard")),
            Ok((Some(record), _)) if record.plan != digest => problems.push(format!(
                "`{name}` is left out: it was measured by another configuration or selection"
            )),
            Ok((Some(record), part)) => parts.push((path, record, part)),
        }
    }
    let run = common(&parts, checked_out);
    if let Some(run) = &run {
        parts.retain(|(path, record, part)| {
            let own = Run::from_record(record, &part.provenance);
            if own != *run {
                let differs = run.difference(&own);
                problems.push(format!(
                    "`{}` is left out: it is of another run: {differs}",
                    path.display()
                ));
            }
            own == *run
        });
    }
    let mut shards: BTreeMap<Shard, Measurement> = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    for (_, record, part) in parts {
        if shards.insert(record.shard, part).is_some() {
            doubled.insert(record.shard);
        }
    }
    for shard in doubled {
        problems.push(format!("shard {shard} is there twice: both are left out"));
        shards.remove(&shard);
    }
    if let Some(run) = &run {
        let dealt = deal(&names(plan), run.total);
        shards.retain(|shard, part| {
            let own = dealt.get(shard.index.get() - 1);
            let strange = cells(part)
                .into_iter()
                .find(|cell| !own.is_some_and(|own| own.contains(cell)));
            if let Some(CellName { server, endpoint }) = &strange {
                problems.push(format!(
                    "shard {shard} is left out: `{server}` `{endpoint}` is not one of its cells"
                ));
            }
            strange.is_none()
        });
        for index in 1..=run.total.get() {
            if !shards.keys().any(|it| it.index.get() == index) {
                let cells = dealt.get(index - 1).map(Vec::as_slice);
                let cells = in_words(cells.unwrap_or_default());
                problems.push(format!("shard {index}/{} is missing ({cells})", run.total));
            }
        }
    }
    put_together(plan, shards.into_values().collect(), problems)
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
fn common(parts: &[(PathBuf, ShardRecord, Measurement)], checked_out: Option<&str>) -> Option<Run> {
    let mut counts: BTreeMap<Run, usize> = BTreeMap::new();
    for (_, record, part) in parts {
        *counts
            .entry(Run::from_record(record, &part.provenance))
            .or_default() += 1;
    }
    let is_own = |run: &Run| checked_out.is_some() && run.head.as_deref() == checked_out;
    let best = counts
        .into_iter()
        .max_by_key(|(run, count)| (is_own(run), *count));
    best.map(|(run, _)| run)
}

pub(super) fn names(plan: &Plan) -> Vec<Vec<CellName>> {
    let of = |target: &Target| {
        let cells = target.cells.iter();
        cells
            .map(|cell| CellName::new(&target.name, &cell.endpoint))
            .collect()
    };
    plan.targets.iter().map(of).collect()
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
