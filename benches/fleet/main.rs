//! Whether the engine's requests per second are what `wrk` sees. Takes the servers and endpoints
//! of `perfgate.toml`, loads each in turns by both from the same core, gives a Markdown table of
//! medians and of the ratio within a round, and promises that it ends with an error when a
//! median ratio is more than 5 % away from 1.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its table, and its progress beside it"
)]

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use perfgate::load::{Job, Meter, WorkerPool};
use perfgate::model::{Cell, Origin, Plan};
use perfgate::stack::{self, Engine, Owner, Stack, Tenancy, sweep};
use perfgate::{config, stats};

/// Farthest that a median ratio may be from 1.
const AGREEMENT: f64 = 0.05;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// Rounds of each engine.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Servers of the configuration; all by default.
    #[arg(long, num_args = 1.., value_name = "NAME")]
    server: Vec<String>,
    #[arg(long, num_args = 1.., value_name = "NAME", default_values = ["health", "movies"])]
    endpoint: Vec<String>,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench fleet`");
        return Ok(ExitCode::SUCCESS);
    }
    let engine = Engine::connect().await?;
    let owner = Owner::new_run();
    let result = Box::pin(compare(&options, &engine, &owner)).await;
    sweep::remove_run(Some(&engine), &owner).await?;
    Ok(if result? {
        ExitCode::SUCCESS
    } else {
        eprintln!("the engines differ by more than {:.0} %", AGREEMENT * 100.0);
        ExitCode::FAILURE
    })
}

/// Prints the table; whether every row agrees.
async fn compare(options: &Options, engine: &Engine, owner: &Owner) -> Result<bool, Failure> {
    let plan = plan(options)?;
    let quiet = |_: stack::Stage<'_>| ();
    stack::prepare(&plan, owner, &quiet).await?;
    let stack = Stack::up(&plan, Some(engine.clone()), owner.clone(), &quiet).await?;
    println!("| server | endpoint | perfgate, requests/s | wrk, requests/s | perfgate/wrk |");
    println!("| --- | --- | ---: | ---: | ---: |");
    let mut agree = true;
    for target in &plan.targets {
        let tenancy = Tenancy::default();
        stack.set_up(target, &tenancy, &quiet).await?;
        let server = stack.start(target, &tenancy, &quiet).await?;
        for cell in &target.cells {
            let job = Job {
                workload: cell.workload.clone(),
                origin: server.origin().clone(),
                cores: stack.cores().generator.clone(),
                opens_ahead: true,
                worker: None,
            };
            eprintln!("{} {}", target.name, cell.endpoint);
            let seconds = options.seconds;
            own(&job, seconds.max(5)).await?;
            let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..options.rounds {
                let (own, wrk) = if round % 2 == 0 {
                    let own = own(&job, seconds).await?;
                    (own, wrk(&job, cell, seconds)?)
                } else {
                    let wrk = wrk(&job, cell, seconds)?;
                    (own(&job, seconds).await?, wrk)
                };
                ours.push(own);
                theirs.push(wrk);
                ratios.push(own / wrk);
            }
            let [ours, theirs, ratio] =
                [&ours, &theirs, &ratios].map(|values| stats::median(values).unwrap_or(f64::NAN));
            let (low, high) = ratios
                .iter()
                .fold((f64::INFINITY, 0.0), |(low, high), ratio| {
                    (ratio.min(low), ratio.max(high))
                });
            println!(
                "| {} | {} | {ours:.0} | {theirs:.0} | {ratio:.3} ({low:.3}–{high:.3}) |",
                target.name, cell.endpoint
            );
            agree &= (ratio - 1.0).abs() <= AGREEMENT;
        }
        server.stop().await?;
    }
    Ok(agree)
}

/// What was chosen of this repository's own configuration.
fn plan(options: &Options) -> Result<Plan, Failure> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(config::FILE_NAME);
    let mut plan = config::load(&file)?;
    if !options.server.is_empty() {
        plan.targets
            .retain(|target| options.server.contains(&target.name));
    }
    for target in &mut plan.targets {
        target
            .cells
            .retain(|cell| options.endpoint.contains(&cell.endpoint));
    }
    if plan.targets.is_empty() || plan.targets[0].cells.is_empty() {
        return Err("perfgate.toml has no such server or endpoint".into());
    }
    Ok(plan)
}

/// Requests per second by perfgate's engine.
async fn own(job: &Job, seconds: u64) -> Result<f64, Failure> {
    let job = job.clone();
    let window = Duration::from_secs(seconds);
    let run = move || WorkerPool::connect(&job)?.run(window, &Arc::new(Meter::new()));
    let tally = tokio::task::spawn_blocking(run).await??;
    Ok(tally.succeeded_in_window as f64 / tally.window.as_secs_f64())
}

/// Requests per second by wrk, with as many threads and connections, on the same cores.
fn wrk(job: &Job, cell: &Cell, seconds: u64) -> Result<f64, Failure> {
    let cores: Vec<_> = job.cores.iter().map(ToString::to_string).collect();
    let output = Command::new("taskset")
        .args(["--cpu-list", &cores.join(",")])
        .args(["wrk", "--timeout", "2s"])
        .arg(format!("-t{}", job.workload.threads))
        .arg(format!("-c{}", job.workload.connections))
        .arg(format!("-d{seconds}s"))
        .arg(url(&job.origin, cell))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("wrk cannot be run, `apt-get install wrk`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    let rate = rate.ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("wrk prints no rate: {text}{complaint}")
    })?;
    Ok(rate.trim().parse()?)
}

/// The first request of a cell: wrk knows one only.
fn url(origin: &Origin, cell: &Cell) -> String {
    let path = &cell.workload.requests[0].path;
    format!("{}://{}{path}", origin.scheme(), origin.authority)
}
