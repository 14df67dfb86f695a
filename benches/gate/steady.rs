//! How far the CPU time per request of one unchanged build moves between phases of the machine: as
//! it is, and as a multiple of a reference program of the same kind of work or of another.

use perfgate::model::Metric;
use perfgate::stats;

use crate::Failure;
use crate::noise::Noise;
use crate::testbed;

/// What the multiple is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The same interpreter and framework, another request.
    SameWork,
    /// perfgate's own sample service.
    OtherWork,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::SameWork, Self::OtherWork];

    const fn name(self) -> &'static str {
        match self {
            Self::SameWork => "× a Django endpoint under Gunicorn",
            Self::OtherWork => "× a compiled service",
        }
    }

    /// The server that is the reference, and what it is asked for.
    fn table(self) -> String {
        let (server, path) = match self {
            Self::SameWork => ("fixed", "/api/demo/movie/movie?limit=20"),
            Self::OtherWork => ("compiled", "/api/django-starter/monitoring/health"),
        };
        format!("\n[reference]\nserver = \"{server}\"\npath = \"{path}\"\n")
    }
}

const LOAD: &str = r#"
[load]
connections = 50
round       = "1s"
rounds      = 5
warmup      = "1s"
"#;

const SERVER: &str = "gunicorn";

/// The fixture's stack with a copy of its server, and with one reference.
fn configuration(kind: Kind) -> Result<String, Failure> {
    let stack = testbed::fixture()?.replace("FAULTS, ", "");
    let (_, server) = stack
        .split_once("[server.gunicorn]")
        .ok_or("the fixture has Gunicorn")?;
    let (server, _) = server.split_once("\n[").ok_or("more follows")?;
    let compiled = testbed::sample("compiled", "FAULT_CPU_MS = \"0.3\"");
    let reference = kind.table();
    Ok(format!(
        "{stack}\n[server.fixed]{server}\n{compiled}{reference}{LOAD}"
    ))
}

/// What one turn measured, on the log scale.
struct Turn {
    noise: Noise,
    kind: Kind,
    own: f64,
    relative: f64,
}

/// A line for every way to tell the cost, over so many turns of every noise.
pub(crate) fn markdown(turns: usize) -> Result<String, Failure> {
    let mut measured = Vec::new();
    for number in 0..turns {
        for noise in Noise::ALL {
            for kind in Kind::BOTH {
                let turn = turn(noise, kind)?;
                eprintln!(
                    "{} of {turns}, {}: {:.1} us, {:.4} {}",
                    number + 1,
                    noise.name(),
                    turn.own.exp(),
                    turn.relative.exp(),
                    kind.name()
                );
                measured.push(turn);
            }
        }
    }
    let mut lines = vec![
        format!(
            "CPU time per request of Django under Gunicorn, {turns} runs of each kind, on the log scale:\n"
        ),
        "| shown as | phase | runs | standard deviation | from the median without a neighbour |"
            .into(),
        "| --- | --- | ---: | ---: | ---: |".into(),
    ];
    lines.extend(rows("as it is", &measured, |turn| Some(turn.own)));
    for kind in Kind::BOTH {
        let of_kind = |turn: &Turn| (turn.kind == kind).then_some(turn.relative);
        lines.extend(rows(kind.name(), &measured, of_kind));
    }
    Ok(lines.join("\n"))
}

fn rows(name: &str, turns: &[Turn], value: impl Fn(&Turn) -> Option<f64>) -> Vec<String> {
    let of = |noise| -> Vec<f64> {
        let turns = turns.iter().filter(|turn| turn.noise == noise);
        turns.filter_map(&value).collect()
    };
    let middle = |values: &[f64]| stats::median(values).unwrap_or(f64::NAN);
    let alone = middle(&of(Noise::None));
    let row = |noise: Noise| {
        let values = of(noise);
        let (_, deviation) = stats::mean_and_deviation(&values);
        format!(
            "| {name} | {} | {} | {:.1} % | {:+.1} % |",
            noise.name(),
            values.len(),
            100.0 * deviation,
            100.0 * (middle(&values) - alone),
        )
    };
    Noise::ALL.into_iter().map(row).collect()
}

fn turn(noise: Noise, kind: Kind) -> Result<Turn, Failure> {
    let running = noise.begin()?;
    let measured = testbed::measured(&configuration(kind)?, SERVER, "health")?;
    drop(running);
    let sample = measured.samples.first().ok_or("nothing was measured")?;
    let of = |metric: Metric| {
        let value = metric.of_sample(sample).filter(|value| *value > 0.0);
        value.ok_or_else(|| format!("no {}: {:?}", metric.name(), measured.incidents))
    };
    Ok(Turn {
        noise,
        kind,
        own: of(Metric::CpuPerRequest)?.ln(),
        relative: of(Metric::RelativeCpu)?.ln(),
    })
}
