use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::ValueEnum;
use perfgate::config;
use perfgate::document;
use perfgate::model::{self, Measurement, Metric, Outcome, Reason, Report, Sample};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::Failure;
use crate::case::Case;
use crate::sample;

/// The service under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    Sample,
    Fixture,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Flagged,
    Passed,
    Inconclusive,
}

/// What a check said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Of everything that was judged.
    pub(crate) verdict: Verdict,
    /// Relative change of the metric that the case moves, with its interval.
    pub(crate) change: Option<f64>,
    pub(crate) interval: Option<[f64; 2]>,
    /// Pairs of rounds behind it.
    pub(crate) pairs: usize,
    /// Metrics that were flagged.
    pub(crate) flagged: Vec<Metric>,
    /// Metrics that stayed open, and why.
    pub(crate) open: Vec<(Metric, Option<Reason>)>,
}

impl Judged {
    fn from_report(report: &Report, moved: Metric) -> Self {
        let with = |verdict| {
            let findings = report.findings.iter();
            findings.filter(move |it| it.verdict == verdict)
        };
        let open = with(model::Verdict::Inconclusive);
        let finding = report.findings.iter().find(|it| it.metric == moved);
        Self {
            verdict: match report.outcome {
                Outcome::Regression => Verdict::Flagged,
                Outcome::Pass => Verdict::Passed,
                Outcome::Inconclusive | Outcome::NoBaseline => Verdict::Inconclusive,
            },
            change: finding.and_then(|it| it.change),
            interval: finding.and_then(|it| it.interval),
            pairs: finding.map_or(0, |it| it.pairs),
            flagged: with(model::Verdict::Regression)
                .map(|it| it.metric)
                .collect(),
            open: open.map(|it| (it.metric, it.reason.clone())).collect(),
        }
    }
}

/// A repository whose only commit is the base; the head is what is changed in it.
pub(crate) struct Testbed {
    folder: TempDir,
    subject: Subject,
    /// CPU time of a request of the base, in microseconds, once it has been measured.
    cost: Option<f64>,
}

const SAMPLE_ENDPOINTS: &str = r#"
[endpoint.health]
path = "/api/django-starter/monitoring/health"

[endpoint.movies]
path = "/api/demo/movie/movie?limit=20"
"#;

/// What is judged, and how long a check may take.
const RULES: &str = r#"
[load]
connections = 50
round       = "1s"
rounds      = 10
warmup      = "3s"
budget      = "60s"

[thresholds]
cpu_per_request = { max_increase = "2%" }
"#;

/// What peers judge: as many rounds of each side as a check begins with.
const ALONE: &str = r#"
[load]
connections = 50
round       = "500ms"
rounds      = 12
warmup      = "1s"
"#;

impl Subject {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sample => "embedded sample service",
            Self::Fixture => "Django under Gunicorn",
        }
    }

    /// Whether it can tell of a change: nothing counts the statements of a database in the process.
    pub(crate) const fn shows(self, case: Case) -> bool {
        matches!(self, Self::Fixture) || !matches!(case, Case::NPlusOne)
    }

    const fn server(self) -> &'static str {
        match self {
            Self::Sample => "app",
            Self::Fixture => "gunicorn",
        }
    }

    /// Milliseconds that both sides burn, so that the fault's own machinery is on in both; the
    /// sample costs as much as a request of an interpreted service by it.
    const fn burns(self) -> f64 {
        match self {
            Self::Sample => 0.3,
            Self::Fixture => 0.02,
        }
    }

    /// Servers and endpoints, with a place for the faults.
    fn stack(self) -> Result<String, Failure> {
        match self {
            Self::Sample => Ok(format!(
                "{}{SAMPLE_ENDPOINTS}",
                sample(self.server(), "FAULTS")
            )),
            Self::Fixture => fixture(),
        }
    }
}

/// The sample service as a server, with what its environment is.
pub(crate) fn sample(name: &str, environment: &str) -> String {
    let program = sample::program().display();
    format!(
        r#"
[server.{name}]
run   = ["{program}", "--listen", "{{host}}:{{port}}"]
ready = {{ path = "/api/django-starter/monitoring/health", within = "10s" }}
env   = {{ {environment} }}
"#
    )
}

/// The repository's own stack, whose folders lie where they are.
pub(crate) fn fixture() -> Result<String, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(config::FILE_NAME))?;
    let (stack, _) = text.split_once("[load]").ok_or("the load comes last")?;
    let start = "HOST = \"{host}\"";
    let fixtures = format!("\"{}/fixtures/", root.display());
    let stack = stack
        .replace("\"fixtures/", &fixtures)
        .replace(start, &format!("FAULTS, {start}"));
    Ok(format!("allow_outside = true\n{stack}"))
}

impl Testbed {
    pub(crate) fn build(subject: Subject) -> Result<Self, Failure> {
        let testbed = Self {
            folder: TempDir::new()?,
            subject,
            cost: None,
        };
        testbed.configure("perfgate.toml", Case::Unchanged, RULES)?;
        for words in [
            &["init", "--quiet"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=gate",
                "-c",
                "user.email=gate@localhost",
                "commit",
                "--quiet",
                "-m",
                "base",
            ],
        ] {
            succeeded(
                &Command::new("git")
                    .arg("-C")
                    .arg(testbed.folder.path())
                    .args(words)
                    .output()?,
            )?;
        }
        Ok(testbed)
    }

    /// A check of the case against the unchanged build.
    pub(crate) fn check(&mut self, case: Case, seed: usize) -> Result<Judged, Failure> {
        self.prepare(case)?;
        self.configure("perfgate.toml", case, RULES)?;
        let seed = seed.to_string();
        let out = self.path("report.json");
        let _ = fs::remove_file(&out);
        let output = self.perfgate(
            &["check", "--against", "HEAD", "--seed", &seed, "--json"],
            &out,
            case.endpoint(),
        )?;
        let report: Report = match document::read(&out, "report", Report::SCHEMA) {
            Ok(report) => report,
            Err(error) => {
                return Err(format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
        };
        Ok(Judged::from_report(&report, case.metric()))
    }

    /// Values of the rounds of one build alone.
    pub(crate) fn alone(
        &mut self,
        case: Case,
        endpoint: &str,
        metric: Metric,
    ) -> Result<Vec<f64>, Failure> {
        self.configure("alone.toml", case, ALONE)?;
        let out = self.path("measurement.json");
        let config = self.path("alone.toml").display().to_string();
        let output = self.perfgate(&["run", "--config", &config, "--json"], &out, endpoint)?;
        succeeded(&output)?;
        let measured: Measurement = document::read(&out, "measurement", Measurement::SCHEMA)?;
        let rounds = measured.samples.iter().flat_map(Sample::rounds);
        Ok(rounds.filter_map(|round| metric.of_round(round)).collect())
    }

    /// What a share of a request's CPU time is, is measured once.
    fn prepare(&mut self, case: Case) -> Result<(), Failure> {
        if self.cost.is_none() && case.burns() > 0.0 {
            let costs = self.alone(Case::Unchanged, "health", Metric::CpuPerRequest)?;
            self.cost = perfgate::stats::median(&costs);
        }
        Ok(())
    }

    fn configure(&self, name: &str, case: Case, rules: &str) -> Result<(), Failure> {
        let burns = self.subject.burns() + self.cost.unwrap_or_default() * case.burns() / 1e3;
        let faults = format!(
            "FAULT_CPU_MS = \"{burns:.6}\", FAULT_SLEEP_MS = \"{}\", FAULT_N_PLUS_ONE = \"{}\"",
            case.sleeps(),
            case.asks_n_times()
        );
        let text = self.subject.stack()?.replace("FAULTS", &faults);
        fs::write(self.path(name), format!("{text}{rules}"))?;
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn perfgate(&self, words: &[&str], out: &Path, endpoint: &str) -> Result<Output, Failure> {
        perfgate(
            self.folder.path(),
            words,
            out,
            self.subject.server(),
            endpoint,
        )
    }
}

/// Runs perfgate on one server and endpoint; the last of the words wants the file.
fn perfgate(
    folder: &Path,
    words: &[&str],
    out: &Path,
    server: &str,
    endpoint: &str,
) -> Result<Output, Failure> {
    let output = Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .args(words)
        .arg(out)
        .args(["--quiet", "--server", server])
        .args(["--endpoint", endpoint])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    Ok(output)
}

/// What one server and endpoint of a configuration measured.
pub(crate) fn measured(text: &str, server: &str, endpoint: &str) -> Result<Measurement, Failure> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join(config::FILE_NAME), text)?;
    let out = folder.path().join("measurement.json");
    let words = ["run", "--json"];
    succeeded(&perfgate(folder.path(), &words, &out, server, endpoint)?)?;
    let measured = document::read(&out, "measurement", Measurement::SCHEMA)?;
    Ok(measured)
}

fn succeeded(output: &Output) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}
