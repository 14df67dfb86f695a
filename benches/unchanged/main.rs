//! Whether an unchanged build is ever blamed, by `perfgate check --against HEAD`: in a repository of each of
//! ten kinds of services, none like the fixture, or in a clone of this one. Prints what came of each check, and
//! ends with an error where one was called a regression or was not measured at all.
#![expect(clippy::print_stdout, reason = "a bench prints its figures as it goes")]

mod check;
mod repository;
#[path = "../support/stress_ng.rs"]
mod stress_ng;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::check::Checked;
use self::repository::KINDS;
use self::stress_ng::StressNg;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
    /// Times that each is checked.
    #[arg(long, global = true, default_value_t = 1)]
    times: usize,
    /// Processes of stress-ng that take a CPU each meanwhile.
    #[arg(long, global = true, default_value_t = 0)]
    beside: usize,
    /// Given by `cargo bench` alone.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Services by the standard library of Python.
    Services {
        /// Kinds to check; all without one.
        kinds: Vec<String>,
    },
    /// The six servers of the fixture (needs Docker).
    Fixture {
        /// More options of `perfgate check`, such as `--server uvicorn`.
        #[arg(last = true)]
        options: Vec<String>,
    },
}

fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench unchanged`");
        return Ok(ExitCode::SUCCESS);
    }
    println!("| repository | beside it | outcome | exit code | judged | inconclusive | seconds |");
    println!("|---|---|---|---:|---:|---|---:|");
    let mut all = Vec::new();
    match &options.what {
        What::Services { kinds } => {
            if let Some(kind) = kinds
                .iter()
                .find(|it| !KINDS.iter().any(|(known, ..)| known == it))
            {
                return Err(format!("`{kind}` is none of the kinds").into());
            }
            for (kind, endpoint, rest) in KINDS {
                if !kinds.is_empty() && !kinds.iter().any(|it| it == kind) {
                    continue;
                }
                let folder = repository::of_service(kind, endpoint, rest)?;
                for _ in 0..options.times {
                    let _busy = busy(options.beside)?;
                    all.push(check::check(kind, options.beside, folder.path(), &[])?);
                }
            }
        }
        What::Fixture { options: more } => {
            let folder = repository::of_fixture()?;
            for _ in 0..options.times {
                let _busy = busy(options.beside)?;
                all.push(check::check(
                    "fixture",
                    options.beside,
                    folder.path(),
                    more,
                )?);
            }
            by_cell(&all);
        }
    }
    Ok(if all.iter().all(|it| it.is_innocent) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How often each cell was left inconclusive, and the largest changes that were shown of it.
fn by_cell(all: &[Checked]) {
    let mut cells: BTreeMap<&str, (usize, f64, f64)> = BTreeMap::new();
    for (name, cell) in all.iter().flat_map(|it| &it.cells) {
        let (open, cpu, rate) = cells.entry(name).or_default();
        *open += usize::from(cell.is_open);
        *cpu = cpu.max(cell.cpu_per_request.abs());
        *rate = rate.max(cell.throughput.abs());
    }
    println!();
    println!("| cell | inconclusive | CPU time per request, at most | throughput, at most |");
    println!("|---|---:|---:|---:|");
    for (name, (open, cpu, rate)) in cells {
        let (cpu, rate) = (100.0 * cpu, 100.0 * rate);
        println!(
            "| {name} | {open} of {} | {cpu:.1} % | {rate:.1} % |",
            all.len()
        );
    }
}

/// As many processes that never rest.
fn busy(processes: usize) -> Result<Option<StressNg>, Failure> {
    (processes > 0)
        .then(|| StressNg::start(processes, 100))
        .transpose()
}
