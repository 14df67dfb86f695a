//! What a request costs each engine. Takes connections and bodies, gives CPU time per request,
//! throughput and peak memory; promises that all engines take turns in every round, that
//! ratios are taken within a round, and that the responses perfgate reports are those the server gave.

use crate::Options;
use crate::engine::{Engine, Engines, Kind, Load, Run};
use crate::samples::Samples;
use crate::server::Server;
use crate::table::{Table, ratios};

/// Chunked bodies of these lengths are measured by default.
const CHUNKED: [usize; 2] = [50, 16 * 1024];
/// Greatest difference between the responses perfgate counts and those the server counts.
const TOLERANCE: f64 = 0.01;

#[derive(Debug, Clone, Copy)]
struct Case {
    connections: usize,
    body: usize,
    chunked: bool,
}

impl Case {
    fn load(self, seconds: u64) -> Load {
        let query = if self.chunked { "?chunked" } else { "" };
        Load::closed(
            &format!("/bytes/{}{query}", self.body),
            self.connections,
            seconds,
        )
    }

    fn labels(self) -> [String; 3] {
        let framing = if self.chunked { "chunked" } else { "length" };
        [
            size(self.body),
            framing.into(),
            self.connections.to_string(),
        ]
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1024 {
        format!("{bytes} B")
    } else {
        format!("{} KiB", bytes / 1024)
    }
}

fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    for &body in &options.bodies {
        for chunked in [false, true] {
            let is_wanted = !chunked || options.full || CHUNKED.contains(&body);
            let connections = options.connections.iter().filter(|_| is_wanted);
            cases.extend(connections.map(|&connections| Case {
                connections,
                body,
                chunked,
            }));
        }
    }
    cases
}

pub(crate) fn seconds(options: &Options, engines: &Engines) -> u64 {
    let runs = cases(options).len() * options.rounds * engines.all().count();
    runs as u64 * (options.seconds + 1)
}

/// What one engine showed in one case, round by round.
#[derive(Debug, Default)]
struct Figures {
    cost: Samples,
    throughput: Samples,
    /// In MiB.
    peak: Samples,
}

impl Figures {
    fn add(&mut self, run: &Run, seconds: u64) {
        self.cost.push(run.cost());
        self.throughput.push(run.responses as f64 / seconds as f64);
        self.peak.push(run.process.peak as f64 / 1024.0);
    }
}

pub(crate) fn run(options: &Options, engines: &Engines) -> String {
    let mut tables = Tables::new(engines);
    let mut differences = Samples::default();
    for case in cases(options) {
        eprintln!("cost: {}", case.labels().join(", "));
        tables.add(case, &measure(case, options, engines, &mut differences));
    }
    tables.markdown() + &counted(&differences)
}

/// The figures of each engine, in the order of the engines.
fn measure(
    case: Case,
    options: &Options,
    engines: &Engines,
    differences: &mut Samples,
) -> Vec<Figures> {
    let server = Server::start();
    let load = case.load(options.seconds);
    let mut entries: Vec<(&Engine, Figures)> = engines
        .all()
        .map(|engine| (engine, Figures::default()))
        .collect();
    let count = entries.len();
    for round in 0..options.rounds {
        for turn in 0..count {
            let (engine, figures) = &mut entries[(round + turn) % count];
            let before = server.count();
            let run = engine.run(&server, &load);
            figures.add(&run, load.seconds);
            if engine.kind == Kind::Perfgate {
                differences.push(run.responses as f64 / (server.count() - before) as f64 - 1.0);
            }
        }
    }
    entries.into_iter().map(|(_, figures)| figures).collect()
}

#[derive(Debug)]
struct Tables {
    cost: Table,
    ratio: Table,
    throughput: Table,
    peak: Table,
}

impl Tables {
    fn new(engines: &Engines) -> Self {
        let names: Vec<_> = engines.all().map(|engine| engine.name.to_owned()).collect();
        let table = |names: Vec<String>| {
            let labels = ["body", "framing", "connections"].map(String::from);
            Table::new(3, labels.into_iter().chain(names))
        };
        let pairs = names[1..].iter().map(|peer| format!("perfgate / {peer}"));
        Self {
            ratio: table(pairs.collect()),
            cost: table(names.clone()),
            throughput: table(names.clone()),
            peak: table(names),
        }
    }

    fn add(&mut self, case: Case, figures: &[Figures]) {
        let row = |cells: Vec<String>| case.labels().into_iter().chain(cells);
        let own = &figures[0];
        self.ratio.add(row(figures[1..]
            .iter()
            .map(|peer| ratios(&own.cost.over(&peer.cost)))
            .collect()));
        self.cost.add(row(figures
            .iter()
            .map(|engine| format!("{:.2}", engine.cost.median()))
            .collect()));
        self.throughput.add(row(figures
            .iter()
            .map(|engine| format!("{:.0}", engine.throughput.median()))
            .collect()));
        self.peak.add(row(figures
            .iter()
            .map(|engine| format!("{:.1}", engine.peak.max()))
            .collect()));
    }

    fn markdown(&self) -> String {
        format!(
            "## Cost\n\n\
             CPU time of the engine's process, user and system, per response: perfgate's in \
             proportion to its peers', median of the rounds (lowest–highest).\n\n{}\n\
             The same in µs per response, medians:\n\n{}\n\
             Responses per second, medians:\n\n{}\n\
             Peak resident memory in MiB:\n\n{}\n",
            self.ratio.markdown(),
            self.cost.markdown(),
            self.throughput.markdown(),
            self.peak.markdown()
        )
    }
}

fn counted(differences: &Samples) -> String {
    let agrees = differences.min() >= -TOLERANCE && differences.max() <= TOLERANCE;
    format!(
        "Responses perfgate reported beside those the server counted: {:+.3} % to {:+.3} %, {}.\n",
        differences.min() * 1e2,
        differences.max() * 1e2,
        if agrees {
            "as it must be (within 1 %)"
        } else {
            "**which is more than 1 % apart**"
        }
    )
}
