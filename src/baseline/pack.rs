use std::collections::{BTreeMap, BTreeSet};

use super::contents::{Contents, Line};
use super::name::{self, Kind};
use super::{prune, recent};
use crate::model::{Baseline, Key, Pin};

/// What becomes of a store's files when its runs are packed.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Paths and texts; some are as they were.
    pub(super) written: Vec<(String, Vec<u8>)>,
    pub(super) removed: Vec<String>,
    /// Runs that are kept no longer.
    pub(super) gone: usize,
}

/// How many runs are kept.
pub(super) struct Keep<'a> {
    /// Newest runs of each of the keys.
    pub(super) runs: usize,
    pub(super) of: &'a dyn Fn(&Key) -> bool,
}

impl Keep<'_> {
    pub(super) const ALL: Self = Self {
        runs: usize::MAX,
        of: &|_| true,
    };
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    Line { archive: String, index: usize },
    Own(String),
    New(usize),
}

/// Moves every run that has a document of its own, and those that are added, to the archive of their month; leaves out
/// what is kept no longer; and writes anew what checks read. `files` are the paths that there are.
pub(super) fn pack(
    contents: &Contents,
    files: impl Iterator<Item = String>,
    added: &[&Baseline],
    keep: &Keep<'_>,
) -> Packed {
    let pin = Pin::in_force(contents.pins.iter().cloned());
    let mut all = locations(contents, added);
    let runs = all.iter().map(|(location, run)| (location.clone(), *run));
    let old = prune::superseded(runs, keep.of, keep.runs, pin.as_ref());
    let old: BTreeSet<_> = old.into_iter().collect();
    all.retain(|(location, _)| !old.contains(location));
    let recent = recent::recent(all.iter().map(|(_, run)| *run), pin.as_ref());
    let recent = recent.into_iter();
    let recent = recent.map(|(key, runs)| (name::recent(key), runs.text()));
    let recent: BTreeMap<String, String> = recent.collect();
    let mut packed = Packed {
        gone: old.len(),
        ..Packed::default()
    };
    let is_stale =
        |path: &String| Kind::from_path(path) == Kind::Recent && !recent.contains_key(path);
    packed.removed.extend(files.filter(is_stale));
    packed.removed.extend(contents.gone.iter().cloned());
    let own = contents.own.iter();
    packed.removed.extend(own.map(|(path, _)| path.clone()));
    for (path, text) in archives(contents, &all, &old) {
        if text.is_empty() {
            packed.removed.push(path);
        } else {
            packed.written.push((path, text));
        }
    }
    let recent = recent.into_iter();
    packed
        .written
        .extend(recent.map(|(path, text)| (path, text.into_bytes())));
    packed
}

/// Every run with where it is, oldest first.
fn locations<'a>(contents: &'a Contents, added: &[&'a Baseline]) -> Vec<(Location, &'a Baseline)> {
    let mut all = Vec::new();
    for (archive, lines) in &contents.archives {
        for (index, line) in lines.iter().enumerate() {
            let archive = archive.clone();
            let location = Location::Line { archive, index };
            all.extend(line.run.as_ref().map(|run| (location, run)));
        }
    }
    let own = contents.own.iter();
    all.extend(own.map(|(path, run)| (Location::Own(path.clone()), run)));
    let added = added.iter().copied().enumerate();
    all.extend(added.map(|(index, run)| (Location::New(index), run)));
    all.sort_by_key(|(_, run)| run.time);
    all
}

/// The archives with the runs that stay, by their paths.
fn archives(
    contents: &Contents,
    stay: &[(Location, &Baseline)],
    old: &BTreeSet<Location>,
) -> BTreeMap<String, Vec<u8>> {
    let mut archives: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, lines) in &contents.archives {
        let text = archives.entry(path.clone()).or_default();
        for (index, line) in lines.iter().enumerate() {
            let archive = path.clone();
            if !old.contains(&Location::Line { archive, index }) {
                text.extend(&line.text);
            }
        }
        end_line(text);
    }
    let is_new = |location: &Location| !matches!(location, Location::Line { .. });
    for (_, run) in stay.iter().filter(|(location, _)| is_new(location)) {
        let text = Line::encode(run);
        let archive = archives.entry(name::archive(run)).or_default();
        archive.extend(text.into_bytes());
    }
    archives
}

/// Ends a last line that was cut off.
fn end_line(text: &mut Vec<u8>) {
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
}
