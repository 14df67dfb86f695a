//! A pin: the runs that new ones are also compared with, until it is moved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::judging::{store, stored};
use super::observer::Observer;
use super::selection::configuration;
use crate::baseline::{self, Store, Stored};
use crate::config;
use crate::error::Error;
use crate::git::{self, Git};
use crate::model::{Baseline, Pin, history};

/// Letters of a commit's name that no other has.
const SHORTEST_COMMIT: usize = 7;

/// The pin of a store. It is one for all servers and endpoints in it.
pub struct Pinning {
    file: PathBuf,
    store: Store,
    found: Stored,
}

/// Good runs that a pin covers, of the newest key of a server and endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    pub server: String,
    pub endpoint: String,
    pub runs: usize,
}

impl Pinning {
    /// The pin in the store that the configuration names, or in the wanted one.
    pub fn find(
        config: Option<&Path>,
        wanted: Option<&str>,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let file = configuration(config)?;
        let store = store(&config::load(&file)?, wanted)?;
        let found = stored(&store, observe)?;
        Ok(Self { file, store, found })
    }

    pub const fn current(&self) -> Option<&Pin> {
        self.found.pin.as_ref()
    }

    /// Pins the runs up to those of a commit, or up to the newest.
    pub fn set(&self, commit: Option<&str>, reason: Option<&str>) -> Result<Pin, Error> {
        let newest = match commit {
            None => self.newest(|_| true).ok_or(baseline::Error::NothingToPin)?,
            Some(name) => self.of_commit(name)?,
        };
        let pin = Pin {
            schema: Pin::SCHEMA,
            time: Timestamp::now(),
            commit: newest.commit.clone(),
            until: Some(newest.time),
            reason: reason.map(str::to_owned),
        };
        self.store.pin(&pin)?;
        Ok(pin)
    }

    /// Gives the pin up; the one that was.
    pub fn release(&self, reason: Option<&str>) -> Result<Option<&Pin>, Error> {
        let Some(pin) = self.current() else {
            return Ok(None);
        };
        self.store.pin(&Pin {
            time: Timestamp::now(),
            commit: None,
            until: None,
            reason: reason.map(str::to_owned),
            ..pin.clone()
        })?;
        Ok(Some(pin))
    }

    /// What a pin covers, for each server and endpoint that has runs.
    pub fn covered(&self, pin: &Pin) -> Vec<Covered> {
        let mut cells: BTreeMap<(&str, &str), Vec<&Baseline>> = BTreeMap::new();
        for run in &self.found.baselines {
            let cell = (run.key.server.as_str(), run.key.endpoint.as_str());
            cells.entry(cell).or_default().push(run);
        }
        let of_cell = |((server, endpoint), runs): ((&str, &str), Vec<&Baseline>)| Covered {
            server: server.to_owned(),
            endpoint: endpoint.to_owned(),
            runs: covered(pin, &runs),
        };
        cells.into_iter().map(of_cell).collect()
    }

    /// The newest good run of those that are meant.
    fn newest(&self, meant: impl Fn(&Baseline) -> bool) -> Option<&Baseline> {
        let good = self.found.baselines.iter().filter(|run| run.is_good());
        good.filter(|run| meant(run)).max_by_key(|run| run.time)
    }

    /// The newest good run of a commit, which goes by the beginning of its name or by anything that
    /// git takes for one.
    fn of_commit(&self, name: &str) -> Result<&Baseline, Error> {
        let of = |name: &str| {
            self.newest(|run| {
                let commit = run.commit.as_deref();
                commit.is_some_and(|it| it == name || is_short_for(name, it))
            })
        };
        let folder = self.file.parent().filter(|it| !it.as_os_str().is_empty());
        let git = Git::at(folder.unwrap_or(Path::new(".")));
        let run = match of(name) {
            Some(run) => Some(run),
            None => match git.commit(name) {
                Err(error) if git::Error::is_refusal(&error) => return Err(error.into()),
                resolved => resolved.ok().flatten().and_then(|it| of(&it)),
            },
        };
        run.ok_or_else(|| Error::Argument {
            argument: format!("--commit {name}"),
            reason:
                "no good run of it is stored; `perfgate baseline history --json FILE` lists the \
                     commits that are"
                    .into(),
        })
    }
}

fn is_short_for(name: &str, commit: &str) -> bool {
    name.len() >= SHORTEST_COMMIT && commit.starts_with(name)
}

/// Good runs of the newest key that the pin covers.
fn covered(pin: &Pin, runs: &[&Baseline]) -> usize {
    let newest = runs.iter().max_by_key(|run| run.time);
    let of_key = runs
        .iter()
        .copied()
        .filter(|run| newest.is_some_and(|newest| run.key == newest.key));
    history(of_key.filter(|run| pin.covers(run))).len()
}
