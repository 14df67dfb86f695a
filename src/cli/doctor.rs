//! Checks whether this machine is fit for measuring; every check that fails has a remedy.

use std::fs;
use std::time::Duration;

use procfs::{Current, CurrentSI, KernelStats, LoadAverage};
use rustix::process::{Resource, getrlimit};

use crate::app;
use crate::error::Error;
use crate::model::{Machine, exit_code};
use crate::report;
use crate::stack::machine::others_now;
use crate::stack::{Engine, socket};

/// One check and its result.
struct Check {
    good: bool,
    what: &'static str,
    found: String,
    remedy: &'static str,
}

/// Connections of a usual load, several times over.
const FILES: u64 = 4096;
/// How long it is looked who is busy.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run() -> Result<u8, Error> {
    let mut checks = engine().await;
    checks.push(files());
    checks.extend(
        [
            cores(),
            clock(),
            load_average(),
            others().await,
            steal(),
            calibration(),
        ]
        .into_iter()
        .flatten(),
    );
    for Check {
        good,
        what,
        found,
        remedy,
    } in &checks
    {
        let mark = if *good { "ok  " } else { "look" };
        println!("{mark}  {what:<18} {found}");
        if !good {
            println!("                          → {remedy}");
        }
    }
    let fit = checks
        .iter()
        .all(|check| check.good || check.what != ENGINE);
    Ok(if fit {
        exit_code::PASSED
    } else {
        exit_code::ENVIRONMENT
    })
}

const ENGINE: &str = "container engine";

async fn engine() -> Vec<Check> {
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(error) => {
            return vec![Check {
                good: false,
                what: ENGINE,
                found: error.to_string(),
                remedy: "start Docker or set DOCKER_HOST; `run` servers work without",
            }];
        }
    };
    let version = Check {
        good: true,
        what: ENGINE,
        found: format!("{} at {}, API {}", engine.version(), socket(), engine.api()),
        remedy: "",
    };
    let cgroup = engine.cgroup_version().await.map_or_else(
        |error| error.to_string(),
        |found| format!("version {found}"),
    );
    let cgroup = Check {
        good: cgroup.starts_with("version"),
        what: "control groups",
        found: cgroup,
        remedy: "the engine must be allowed to answer questions about itself",
    };
    vec![version, cgroup]
}

fn cores() -> Option<Check> {
    let cores = std::thread::available_parallelism().ok()?.get();
    Some(Check {
        good: cores >= 2,
        what: "CPUs",
        found: cores.to_string(),
        remedy: "with one CPU load generator and server share it; use two or more",
    })
}

fn clock() -> Option<Check> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(path).ok()?.trim().to_owned();
    Some(Check {
        good: ["tsc", "kvm-clock", "arch_sys_counter"].contains(&source.as_str()),
        what: "clock source",
        found: source,
        remedy: "reading this clock is slow; boot with clocksource=tsc where the machine allows it",
    })
}

fn files() -> Check {
    let limit = getrlimit(Resource::Nofile).maximum;
    let found = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    Check {
        good: limit.is_none_or(|limit| limit >= FILES),
        what: "open files",
        found,
        remedy: "raise the hard limit: ulimit -Hn, or LimitNOFILE of the service",
    }
}

fn load_average() -> Option<Check> {
    let load = LoadAverage::current().ok()?;
    Some(Check {
        good: load.one < 1.0,
        what: "load average",
        found: format!("{:.2} over the last minute", load.one),
        remedy: "end what else runs here before measuring",
    })
}

/// Who takes CPU time right now, judged as in a round.
async fn others() -> Option<Check> {
    let others = others_now(LOOK).await?;
    let (name, cpus) = app::busiest(&others);
    Some(Check {
        good: !others.are_notable(),
        what: "other programs",
        found: format!("{name} took {cpus:.1} CPUs over the last second"),
        remedy: "end them before measuring; rounds beside them are noted, and repeated within limits",
    })
}

/// What the last calibration of the service here found; `None` if there is no configuration.
fn calibration() -> Option<Check> {
    let file = app::configuration(None).ok()?;
    let last = app::last_calibration(file.parent()?);
    let failed = last.as_ref().map_or(0, |it| it.result.unchanged.failed);
    Some(Check {
        good: last.is_some() && failed == 0,
        what: "calibration",
        found: last.map_or_else(|| "none".into(), |it| report::calibration_in_short(&it)),
        remedy: "`perfgate calibrate` shows what the gate detects here; `--write` raises margins",
    })
}

/// Time a hypervisor gave to others since boot.
fn steal() -> Option<Check> {
    let total = KernelStats::current().ok()?.total;
    let stolen = total.steal? as f64;
    let all = (total.user + total.nice + total.system + total.idle) as f64 + stolen;
    let share = stolen / all.max(1.0);
    Some(Check {
        good: share < Machine::NOTABLE_SHARE,
        what: "steal",
        found: format!("{:.2} % of CPU time since boot", share * 100.0),
        remedy: "other machines on the same host take CPU time; expect wide intervals",
    })
}
