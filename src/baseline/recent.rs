use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document;
use crate::model::{Baseline, Key, LONGEST_SERIES, Pin, history};

/// The runs of one key that checks read: a copy of a small part of the archive, made anew whenever runs are packed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recent {
    /// Version of this document's form.
    pub(super) schema: u32,
    /// Oldest first.
    pub(super) runs: Vec<Baseline>,
}

impl Recent {
    /// The version this program writes. Version 1 of a document at such a place is a run: a perfgate that knows no other
    /// reports these and leaves them out.
    pub(super) const SCHEMA: u32 = 2;
    /// What errors call such a document.
    pub(super) const KIND: &str = "document of recent runs";

    pub(super) fn text(&self) -> String {
        document::line(self)
    }

    fn new(runs: Vec<Baseline>) -> Self {
        Self {
            schema: Self::SCHEMA,
            runs,
        }
    }
}

/// What checks read of these runs, by key.
pub(super) fn recent<'a>(
    runs: impl IntoIterator<Item = &'a Baseline>,
    pin: Option<&Pin>,
) -> BTreeMap<&'a Key, Recent> {
    let mut keys: BTreeMap<&Key, Vec<&Baseline>> = BTreeMap::new();
    for run in runs {
        keys.entry(&run.key).or_default().push(run);
    }
    let of_key = |runs: Vec<&Baseline>| Recent::new(of_key(runs, pin));
    let keys = keys.into_iter();
    keys.map(|(key, runs)| (key, of_key(runs))).collect()
}

/// The newest runs of a key, whatever their verdicts, the newest good ones, and the same up to the pin. What the
/// database was asked is compared with the newest alone.
fn of_key(mut runs: Vec<&Baseline>, pin: Option<&Pin>) -> Vec<Baseline> {
    runs.sort_by_key(|run| run.time);
    let pinned = runs.iter().copied();
    let pinned = pinned.filter(|run| pin.is_some_and(|pin| pin.covers(run)));
    let pinned: Vec<_> = pinned.collect();
    let (mut read, mut newest) = (BTreeSet::new(), BTreeSet::new());
    for runs in [&runs, &pinned] {
        read.extend(times(runs.iter().rev().take(LONGEST_SERIES).copied()));
        read.extend(times(history(runs.iter().copied())));
        newest.extend(runs.last().map(|run| run.time));
    }
    // Runs of one time stand or fall together: nothing says which of them is newer.
    runs.retain(|run| read.contains(&run.time));
    let copy = |run: &Baseline| {
        let mut run = run.clone().without_rounds();
        if !newest.contains(&run.time) {
            run.statements.clear();
        }
        run
    };
    runs.into_iter().map(copy).collect()
}

fn times<'a>(runs: impl IntoIterator<Item = &'a Baseline>) -> impl Iterator<Item = Timestamp> {
    runs.into_iter().map(|run| run.time)
}
