//! Whether anything grows. Loads a server at a fixed rate for a given time, then brings the whole
//! stack up and takes it down again so many times, then builds a folder as often, each time with
//! another content, all in this process; prints what it holds and what the engine holds of it, and
//! promises to end with an error when something is left or when the last quarter of the looks holds
//! more than the first.
#![expect(clippy::print_stdout, reason = "a soak prints its figures as it goes")]

mod holdings;
#[path = "../../tests/support/sample.rs"]
mod sample;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use perfgate::config;
use perfgate::load::{Job, Meter, WorkerPool};
use perfgate::model::{Plan, Rate};
use perfgate::stack::{Engine, Owner, Stack, Stage, Tenancy, sweep};

use holdings::{Holdings, Look};

pub(crate) type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// Seconds of load.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Requests per second.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Times that the stack is brought up and taken down, and that a folder is built.
    #[arg(long, default_value_t = 200)]
    cycles: usize,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Load between two looks.
const WINDOW: Duration = Duration::from_secs(10);

/// The server that is loaded: perfgate's own sample service.
const SAMPLE: &str = r#"
[server.sample]
run   = ["SAMPLE", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "20s" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"
"#;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench soak`");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", Look::HEAD);
    let load = Box::pin(load(&options)).await?;
    let cycles = cycles(&options).await?;
    let builds = builds(&options).await?;
    let verdicts = [("load", load), ("cycles", cycles), ("builds", builds)];
    for (what, verdict) in &verdicts {
        match verdict {
            Ok(()) => println!("{what}: flat"),
            Err(why) => println!("{what}: {why}"),
        }
    }
    let flat = verdicts.iter().all(|(_, verdict)| verdict.is_ok());
    Ok(if flat {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Loads the sample service in windows, each with connections of its own.
async fn load(options: &Options) -> Result<Result<(), String>, Failure> {
    let text = SAMPLE.replace(
        "\"SAMPLE\"",
        &format!("\"{}\"", sample::program().display()),
    );
    let plan = config::parse(Path::new("perfgate.toml"), &text)?;
    let owner = Owner::new_run();
    let stack = Stack::up(&plan, None, owner.clone(), &quiet).await?;
    let target = &plan.targets[0];
    let server = stack.start(target, &Tenancy::default(), &quiet).await?;
    let mut workload = target.cells[0].workload.clone();
    workload.rate = Some(Rate {
        from: options.rate,
        to: options.rate,
    });
    let job = Job {
        workload,
        origin: server.origin().clone(),
        cores: stack.cores().generator.clone(),
        opens_ahead: true,
        worker: None,
    };
    let mut holdings = Holdings::default();
    let clock = Instant::now();
    while clock.elapsed() < Duration::from_secs(options.seconds) {
        let job = job.clone();
        let run = move || WorkerPool::connect(&job)?.run(WINDOW, &Arc::new(Meter::new()));
        let tally = tokio::task::spawn_blocking(run).await??;
        if tally.succeeded == 0 {
            return Err("the sample service does not answer".into());
        }
        let looked = holdings.look("load", clock.elapsed(), false)?;
        println!("{looked}");
    }
    server.stop().await?;
    sweep::remove_run(None, &owner).await?;
    Ok(holdings.verdict())
}

/// An image with a stage that it is copied from.
const DOCKERFILE: &str = "\
FROM scratch AS stage
COPY content /
FROM scratch
COPY --from=stage /content /
";

/// Builds a folder that changes from time to time.
async fn builds(options: &Options) -> Result<Result<(), String>, Failure> {
    let engine = Engine::connect().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE)?;
    let text =
        "network = \"published\"\n[server.app]\nbuild = \".\"\n[endpoint.home]\npath = \"/\"\n";
    let plan = config::parse(&folder.path().join(config::FILE_NAME), text)?;
    let mut holdings = Holdings::default();
    let clock = Instant::now();
    for number in 1..=options.cycles {
        std::fs::write(folder.path().join("content"), number.to_string())?;
        let owner = Owner::new_run();
        let stack = Stack::up(&plan, Some(engine.clone()), owner.clone(), &quiet).await;
        sweep::remove_run(Some(&engine), &owner).await?;
        drop(stack?);
        let looked = holdings.look(&format!("build {number}"), clock.elapsed(), true)?;
        println!("{looked}");
    }
    Ok(holdings.verdict())
}

/// Brings Postgres, Redis and a server of this repository's configuration up and down.
async fn cycles(options: &Options) -> Result<Result<(), String>, Failure> {
    let engine = Engine::connect().await?;
    let plan = plan()?;
    let mut holdings = Holdings::default();
    let clock = Instant::now();
    for number in 1..=options.cycles {
        let owner = Owner::new_run();
        let cycle = cycle(&plan, &engine, &owner).await;
        sweep::remove_run(Some(&engine), &owner).await?;
        cycle?;
        let name = format!("cycle {number}");
        let looked = holdings.look(&name, clock.elapsed(), true)?;
        println!("{looked}");
    }
    Ok(holdings.verdict())
}

async fn cycle(plan: &Plan, engine: &Engine, owner: &Owner) -> Result<(), Failure> {
    let stack = Stack::up(plan, Some(engine.clone()), owner.clone(), &quiet).await?;
    let tenancy = Tenancy::default();
    let server = stack.start(&plan.targets[0], &tenancy, &quiet).await?;
    server.stop().await?;
    Ok(())
}

/// One server of this repository's own configuration, on a network of its own.
fn plan() -> Result<Plan, Failure> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(config::FILE_NAME);
    let text = std::fs::read_to_string(&file)?;
    let mut plan = config::parse(&file, &format!("network = \"published\"\n{text}"))?;
    plan.targets.truncate(1);
    Ok(plan)
}

fn quiet(_: Stage<'_>) {}
