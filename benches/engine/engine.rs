//! The engines: perfgate and its peers. Takes a load, gives what the engine reported and what it
//! cost; promises that each runs alone on core 1 with one thread and prints no progress.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Options;
use crate::child::{self, Finished};
use crate::server::Server;

const CORE: usize = 1;
/// Makes wrk print what its text leaves out.
const WRK_SCRIPT: &str = r#"function done(summary, latency, requests)
  io.write(string.format('{"responses":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d}\n', summary.requests,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9)))
end
"#;

/// A load of one server.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) path: String,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
    /// Requests per second of an open loop; none in a closed one.
    pub(crate) rate: Option<u64>,
}

impl Load {
    pub(crate) fn closed(path: &str, connections: usize, seconds: u64) -> Self {
        Self {
            path: path.into(),
            connections,
            seconds,
            rate: None,
        }
    }

    pub(crate) fn open(path: &str, connections: usize, seconds: u64, rate: u64) -> Self {
        Self {
            rate: Some(rate),
            ..Self::closed(path, connections, seconds)
        }
    }
}

/// One run of an engine.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) responses: u64,
    /// In microseconds; the floor has none.
    pub(crate) latency: Latency,
    /// All that the engine printed as JSON.
    pub(crate) report: Value,
    pub(crate) process: Finished,
}

impl Run {
    /// CPU time per response in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.process.cpu.as_secs_f64() * 1e6 / self.responses as f64
    }
}

/// Quantiles in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) p999: Option<f64>,
}

impl Latency {
    /// Reads the quantiles by their names in JSON.
    pub(crate) fn read(json: &Value, names: [&str; 4], unit: f64) -> Self {
        let [p50, p90, p99, p999] = names.map(|name| json[name].as_f64().map(|time| time * unit));
        Self {
            p50,
            p90,
            p99,
            p999,
        }
    }

    pub(crate) fn all(self) -> [Option<f64>; 4] {
        [self.p50, self.p90, self.p99, self.p999]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Perfgate,
    Floor,
    Wrk,
    Oha,
}

/// A program that generates load.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    program: PathBuf,
}

impl Engine {
    fn new(name: &'static str, kind: Kind, program: &Path) -> Self {
        Self {
            name,
            kind,
            program: program.into(),
        }
    }

    /// What the program says about itself; nothing when it is not there.
    fn introduce(&self) -> Option<String> {
        let flag = if self.kind == Kind::Wrk {
            "-v"
        } else {
            "--version"
        };
        let output = Command::new(&self.program)
            .arg(flag)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(crate) fn version(&self) -> String {
        match self.kind {
            Kind::Floor => "bare send-receive loop".into(),
            _ => self
                .introduce()
                .and_then(|text| Some(text.split_whitespace().nth(1)?.to_owned()))
                .unwrap_or_default(),
        }
    }

    /// Whether the engine has an open loop; wrk has none.
    pub(crate) fn has_open_loop(&self) -> bool {
        match self.kind {
            Kind::Perfgate => {
                let help = Command::new(&self.program)
                    .args(["load", "--help"])
                    .output();
                help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--rate"))
            }
            Kind::Oha => true,
            Kind::Floor | Kind::Wrk => false,
        }
    }

    pub(crate) fn run(&self, server: &Server, load: &Load) -> Run {
        let mut command = child::pinned(CORE, &self.program);
        let script = wrk_script();
        match self.kind {
            Kind::Perfgate => perfgate(&mut command, server, load),
            Kind::Floor => floor(&mut command, server, load),
            Kind::Wrk => wrk(&mut command, server, load, script.path()),
            Kind::Oha => oha(&mut command, server, load),
        }
        self.read(child::run(command))
    }

    fn read(&self, process: Finished) -> Run {
        let report = report(&process.output);
        let names = ["p50", "p90", "p99", "p999"];
        let (responses, latency) = match self.kind {
            Kind::Perfgate => (
                report["status"].clone(),
                Latency::read(&report["latency_us"], names, 1.0),
            ),
            Kind::Floor | Kind::Wrk => (
                report["responses"].clone(),
                Latency::read(&report, names, 1.0),
            ),
            Kind::Oha => (
                report["statusCodeDistribution"].clone(),
                Latency::read(
                    &report["latencyPercentiles"],
                    ["p50", "p90", "p99", "p99.9"],
                    1e6,
                ),
            ),
        };
        Run {
            responses: total(&responses),
            latency,
            report,
            process,
        }
    }
}

/// A number, or the sum of the numbers in an object.
fn total(counts: &Value) -> u64 {
    let sum = |counts: &serde_json::Map<_, Value>| counts.values().filter_map(Value::as_u64).sum();
    counts
        .as_u64()
        .or_else(|| counts.as_object().map(sum))
        .expect("engines count responses")
}

/// The JSON at the end of what an engine prints.
fn report(output: &str) -> Value {
    let start = if output.starts_with('{') {
        Some(0)
    } else {
        output.find("\n{")
    };
    let json = &output[start.expect("engines print JSON")..];
    serde_json::from_str(json).expect("engines print JSON")
}

fn perfgate(command: &mut Command, server: &Server, load: &Load) {
    command
        .arg("load")
        .arg(server.url(&load.path))
        .args(["-t", "1", "--json", "-"]);
    command.arg("-c").arg(load.connections.to_string());
    command.arg("-d").arg(format!("{}s", load.seconds));
    if let Some(rate) = load.rate {
        command.arg("--rate").arg(rate.to_string());
    }
}

fn floor(command: &mut Command, server: &Server, load: &Load) {
    command
        .arg("floor")
        .arg(server.address().to_string())
        .arg(&load.path);
    command
        .arg(load.connections.to_string())
        .arg(load.seconds.to_string());
}

fn wrk(command: &mut Command, server: &Server, load: &Load, script: &Path) {
    command
        .arg("-t1")
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.seconds));
    command.arg("-s").arg(script).arg(server.url(&load.path));
}

fn oha(command: &mut Command, server: &Server, load: &Load) {
    command.args([
        "--no-tui",
        "--output-format",
        "json",
        "--worker-threads",
        "1",
        "-w",
    ]);
    command
        .arg("-c")
        .arg(load.connections.to_string())
        .arg("-z")
        .arg(format!("{}s", load.seconds));
    if let Some(rate) = load.rate {
        command
            .arg("--latency-correction")
            .arg("-q")
            .arg(rate.to_string());
    }
    command.arg(server.url(&load.path));
}

fn wrk_script() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), WRK_SCRIPT).expect("a temporary file can be written");
    file
}

/// The engines that are there, this build of perfgate first.
#[derive(Debug)]
pub(crate) struct Engines {
    perfgate: Engine,
    peers: Vec<Engine>,
    /// What to do about those that are not there.
    missing: Vec<&'static str>,
}

impl Engines {
    pub(crate) fn find(options: &Options) -> Self {
        let own = std::env::current_exe().expect("this binary has a path");
        let perfgate = Engine::new(
            "perfgate",
            Kind::Perfgate,
            Path::new(env!("CARGO_BIN_EXE_perfgate")),
        );
        let mut peers = vec![Engine::new("floor", Kind::Floor, &own)];
        let before = options.before.as_ref();
        peers.extend(before.map(|before| Engine::new("before", Kind::Perfgate, before)));
        let mut missing = Vec::new();
        for (engine, advice) in [
            (
                Engine::new("wrk", Kind::Wrk, &options.wrk),
                "wrk is missing: `apt-get install wrk`, or `--wrk PATH`",
            ),
            (
                Engine::new("oha", Kind::Oha, &options.oha),
                "oha is missing: `cargo install oha --locked`, or `--oha PATH`",
            ),
        ] {
            match engine.introduce() {
                Some(_) => peers.push(engine),
                None => missing.push(advice),
            }
        }
        Self {
            perfgate,
            peers,
            missing,
        }
    }

    pub(crate) fn perfgate(&self) -> &Engine {
        &self.perfgate
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Engine> {
        std::iter::once(&self.perfgate).chain(&self.peers)
    }

    /// What to do about the engines that are not there.
    pub(crate) fn missing(&self) -> String {
        let advice = self.missing.iter().map(|advice| format!("{advice}."));
        advice.collect::<Vec<_>>().join(" ")
    }
}
