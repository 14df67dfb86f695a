//! Whether profiles name the function that got slower, and none where nothing did: two small services,
//! each with one function made slower by a factor, profiled as after a regression. Prints a table.
#![expect(clippy::print_stdout, reason = "a bench prints its figures as it goes")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use perfgate::config;
use perfgate::measure::{Driver, Live, Profiling, Stopper, profile};
use perfgate::model::{CpuProfile, FunctionChange, Sides, Target};
use perfgate::stack::{Owner, Stack};

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// Times that each fault is profiled.
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// Times that two equal builds are.
    #[arg(long, default_value_t = 10)]
    equal: usize,
    /// Factors by which functions are made slower.
    #[arg(long, default_values_t = [1.25, 1.5])]
    factor: Vec<f64>,
    /// Only this service: `python` or `rust`.
    #[arg(long)]
    only: Option<String>,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

const FUNCTIONS: [&str; 3] = ["parse", "query", "serialize"];

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench cause`");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir()?;
    println!(
        "| service | slower function | CPU time of a request | profiles | it is first | others are | seconds |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for (service, command) in [("python", python()), ("rust", rust(folder.path())?)] {
        if options.only.as_ref().is_some_and(|it| it != service) {
            continue;
        }
        Box::pin(cases(service, &command, &options, folder.path())).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn python() -> String {
    let script = source("service.py");
    let script = script.display();
    format!("[\"python3\", \"{script}\", \"{{host}}\", \"{{port}}\"]")
}

fn rust(folder: &Path) -> Result<String, Failure> {
    let program = folder.join("service");
    let built = Command::new("rustc")
        .args(["-O", "--edition=2021", "-o"])
        .args([&program, &source("service.rs")])
        .status()?;
    if !built.success() {
        return Err("rustc cannot build the service".into());
    }
    let program = program.display();
    Ok(format!("[\"{program}\", \"{{host}}:{{port}}\"]"))
}

fn source(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.join("benches/cause").join(name)
}

async fn cases(
    service: &str,
    command: &str,
    options: &Options,
    folder: &Path,
) -> Result<(), Failure> {
    let text = format!(
        "[server.app]\nrun = {command}\n[endpoint.home]\npath = \"/\"\n[load]\nconnections = 8\n"
    );
    let plan = config::parse(&folder.join("perfgate.toml"), &text)?;
    let owner = Owner::new_run();
    let stack = Stack::up(&plan, None, owner, &|_| ()).await?;
    let mut faults = vec![(None, options.equal)];
    for function in FUNCTIONS {
        for factor in &options.factor {
            faults.push((Some((function, *factor)), options.times));
        }
    }
    for (fault, times) in faults {
        let sides = sides(&plan.targets[0], fault);
        let (_stopper, stop) = Stopper::new();
        let mut driver = Live::new(&stack, stop);
        driver.set_up(&sides, &|_| ()).await?;
        let mut case = Case::default();
        for seed in 0..times {
            case.add(&mut driver, &sides, fault.map(|it| it.0), seed as u64)
                .await?;
        }
        case.print(service, fault);
    }
    Ok(())
}

/// The base as it is, and a head with a fault.
fn sides(base: &Target, fault: Option<(&str, f64)>) -> Sides<Target> {
    let value = fault.map_or_else(String::new, |(name, factor)| format!("{name}:{factor}"));
    let mut head = base.clone();
    head.env.push(("FAULT".into(), value));
    Sides {
        head,
        base: Target {
            name: format!("{}.base", base.name),
            ..base.clone()
        },
    }
}

/// What came of the profiles of one fault.
#[derive(Debug, Default)]
struct Case {
    profiles: usize,
    right: usize,
    /// Profiles that name something else first, or anything where nothing changed.
    wrong: usize,
    seconds: f64,
    cpu: Vec<f64>,
}

impl Case {
    async fn add(
        &mut self,
        driver: &mut Live<'_>,
        sides: &Sides<Target>,
        slower: Option<&str>,
        seed: u64,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let profiling = Profiling {
            sides,
            cell: 0,
            trees: &Sides::default(),
            seed,
            observe: &|_| (),
        };
        let profiled = profile(driver, profiling).await?;
        self.seconds += begun.elapsed().as_secs_f64();
        for note in &profiled.notes {
            println!("{note}");
        }
        let profile: CpuProfile = profiled.profile.ok_or("nothing was seen")?;
        self.profiles += 1;
        self.cpu.push(profile.cpu.head / profile.cpu.base - 1.0);
        let first = profile.named().next();
        let name = |it: &FunctionChange| it.name.rsplit("::").next().map(str::to_owned);
        let named = first.and_then(name);
        match (named.as_deref(), slower) {
            (Some(name), Some(slower)) if name == slower => self.right += 1,
            (Some(name), _) => {
                self.wrong += 1;
                println!("named: {name} {:?}", first.map(|it| it.own));
            }
            (None, _) => {}
        }
        Ok(())
    }

    fn print(&self, service: &str, fault: Option<(&str, f64)>) {
        let fault = fault.map_or("none".into(), |(name, factor)| {
            format!("`{name}` × {factor}")
        });
        let cpu = self.cpu.iter().sum::<f64>() / self.cpu.len() as f64;
        let seconds = self.seconds / self.profiles as f64;
        println!(
            "| {service} | {fault} | {:+.1} % | {} | {} | {} | {seconds:.1} |",
            cpu * 100.0,
            self.profiles,
            self.right,
            self.wrong,
        );
    }
}
