use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::ui::print_notice;
use crate::app::{configuration, store, stored};
use crate::baseline::{self, Store, Stored};
use crate::config;
use crate::error::Error;
use crate::gate::FEWEST_RUNS;
use crate::git::{self, Git};
use crate::model::{Baseline, Pin, history};
use crate::report;

/// Letters of a commit's name that tell it from all others.
const SHORTEST_COMMIT: usize = 7;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreOptions,
    /// Pin the runs up to those of this commit, not up to the newest.
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show the pin without changing it.
    #[arg(long, conflicts_with_all = ["commit", "reason"])]
    show: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Release {
    #[command(flatten)]
    store: StoreOptions,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A store. A pin is one for all servers and endpoints in it.
#[derive(Debug, clap::Args)]
struct StoreOptions {
    /// Configuration file [default: the nearest perfgate.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Baseline store: a folder, or `git:BRANCH` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
}

impl StoreOptions {
    /// The configuration file, and the store.
    fn find(&self) -> Result<(PathBuf, Store), Error> {
        let file = configuration(self.config.as_deref())?;
        let plan = config::load(&file)?;
        Ok((file, store(&plan, self.baseline.as_deref())?))
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let (file, store) = args.store.find()?;
    let found = stored(&store, &print_notice)?;
    if args.show {
        show(&found);
        return Ok(0);
    }
    let newest = match &args.commit {
        None => newest(&found, |_| true).ok_or(baseline::Error::NothingToPin)?,
        Some(name) => of_commit(&found, &file, name)?,
    };
    let pin = Pin {
        schema: Pin::SCHEMA,
        time: Timestamp::now(),
        commit: newest.commit.clone(),
        until: Some(newest.time),
        reason: args.reason.clone(),
    };
    store.pin(&pin)?;
    tell(&pin, &found.baselines);
    Ok(0)
}

/// Gives the pin up.
pub(super) fn release(args: &Release) -> Result<u8, Error> {
    let (_, store) = args.store.find()?;
    let Some(pin) = stored(&store, &print_notice)?.pin else {
        println!("nothing is pinned");
        return Ok(0);
    };
    store.pin(&Pin {
        time: Timestamp::now(),
        commit: None,
        until: None,
        reason: args.reason.clone(),
        ..pin.clone()
    })?;
    println!("given up: {}", describe(&pin));
    Ok(0)
}

/// The newest good run of those that are meant.
fn newest(found: &Stored, meant: impl Fn(&Baseline) -> bool) -> Option<&Baseline> {
    let good = found.baselines.iter().filter(|run| run.is_good());
    good.filter(|run| meant(run)).max_by_key(|run| run.time)
}

/// The newest good run of a commit, which goes by the beginning of its name or by anything that
/// git takes for one.
fn of_commit<'a>(found: &'a Stored, file: &Path, name: &str) -> Result<&'a Baseline, Error> {
    let of = |name: &str| {
        newest(found, |run| {
            let commit = run.commit.as_deref();
            commit.is_some_and(|it| it == name || is_short_for(name, it))
        })
    };
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
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
        reason: "no good run of it is stored; `perfgate baseline history --json FILE` lists the \
                 commits that are"
            .into(),
    })
}

fn is_short_for(name: &str, commit: &str) -> bool {
    name.len() >= SHORTEST_COMMIT && commit.starts_with(name)
}

fn show(found: &Stored) {
    match &found.pin {
        None => println!("nothing is pinned"),
        Some(pin) => tell(pin, &found.baselines),
    }
}

/// Says what is pinned, and of each server and endpoint whether it can be judged by it.
fn tell(pin: &Pin, runs: &[Baseline]) {
    println!("{}", describe(pin));
    let mut cells: BTreeMap<(&str, &str), Vec<&Baseline>> = BTreeMap::new();
    for run in runs {
        let cell = (run.key.server.as_str(), run.key.endpoint.as_str());
        cells.entry(cell).or_default().push(run);
    }
    for ((server, endpoint), runs) in &cells {
        println!("{server} {endpoint}: {}", coverage(pin, runs));
    }
}

/// `pinned 2026-10-01: the runs until 2026-09-30 12:00, at 3f2c1ab4d2e1 (release 1.2)`.
pub(super) fn describe(pin: &Pin) -> String {
    let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let until = pin.until.map(minute).unwrap_or_default();
    let commit = pin.commit.as_deref();
    let commit = commit.map_or_else(String::new, |it| format!(", at {}", report::commit(it)));
    let reason = pin.reason.as_ref();
    let reason = reason.map_or_else(String::new, |it| format!(" ({})", report::printable(it)));
    let day = pin.time.strftime("%Y-%m-%d");
    format!("pinned {day}: the runs until {until}{commit}{reason}")
}

/// How many runs of the newest key the pin is about.
fn coverage(pin: &Pin, runs: &[&Baseline]) -> String {
    let newest = runs.iter().max_by_key(|run| run.time);
    let of_key = runs
        .iter()
        .copied()
        .filter(|run| newest.is_some_and(|newest| run.key == newest.key));
    let good = history(of_key.filter(|run| pin.covers(run))).len();
    match good {
        FEWEST_RUNS.. => format!("{good} good runs of the newest key"),
        _ => format!(
            "{good} of {FEWEST_RUNS} good runs of the newest key: only what is counted is held \
             against the pin"
        ),
    }
}
