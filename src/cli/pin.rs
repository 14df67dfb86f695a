use std::path::PathBuf;

use jiff::Timestamp;

use super::ui::print_notice;
use crate::app::{Covered, Pinning};
use crate::error::Error;
use crate::gate::FEWEST_RUNS;
use crate::model::{Pin, exit_code};
use crate::report;

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
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
}

impl StoreOptions {
    fn find(&self) -> Result<Pinning, Error> {
        Pinning::find(
            self.config.as_deref(),
            self.baseline.as_deref(),
            &print_notice,
        )
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let pinning = args.store.find()?;
    if !args.show {
        let pin = pinning.set(args.commit.as_deref(), args.reason.as_deref())?;
        print(&pin, &pinning);
    } else if let Some(pin) = pinning.current() {
        print(pin, &pinning);
    } else {
        println!("nothing is pinned");
    }
    Ok(exit_code::PASSED)
}

/// Gives the pin up.
pub(super) fn release(args: &Release) -> Result<u8, Error> {
    match args.store.find()?.release(args.reason.as_deref())? {
        Some(pin) => println!("given up: {}", describe(pin)),
        None => println!("nothing is pinned"),
    }
    Ok(exit_code::PASSED)
}

/// Prints what is pinned, and of each server and endpoint whether it can be judged by it.
fn print(pin: &Pin, pinning: &Pinning) {
    println!("{}", describe(pin));
    for covered in pinning.covered(pin) {
        let Covered {
            server, endpoint, ..
        } = &covered;
        println!("{server} {endpoint}: {}", coverage(covered.runs));
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

fn coverage(good: usize) -> String {
    match good {
        FEWEST_RUNS.. => format!("{good} good runs of the newest key"),
        _ => format!(
            "{good} of {FEWEST_RUNS} good runs of the newest key: only what is counted is held \
             against the pin"
        ),
    }
}
