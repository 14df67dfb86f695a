//! How true the reported times are. Runs each engine against services whose times are known,
//! gives the quantiles beside the truth, and promises that the truth does not come from a generator.
//!
//! In the closed loop the truth is what the server measured from a request's arrival in its handler
//! to the answer; a generator adds the way there and back. In the open loop the truth is computed
//! from the schedule of the requests, the number of connections and the server's rule.

use std::time::Duration;

use crate::engine::{Engine, Engines, Kind, Latency, Load};
use crate::server::Server;
use crate::service::Service;
use crate::table::{Table, milliseconds};

const CLOSED_CONNECTIONS: usize = 16;
const CLOSED_SECONDS: u64 = 10;
const OPEN_CONNECTIONS: usize = 64;
/// Whole periods of the stall.
const OPEN_SECONDS: u64 = 20;
const RATE: u64 = 500;

pub(crate) fn seconds(engines: &Engines) -> u64 {
    engines.all().count() as u64 * (2 * CLOSED_SECONDS + OPEN_SECONDS)
}

pub(crate) fn run(engines: &Engines) -> String {
    let mut table = Table::new(
        2,
        ["service", "source", "p50", "p90", "p99", "p99.9"].map(String::from),
    );
    for service in [Service::Constant, Service::Bimodal] {
        closed(service, engines, &mut table);
    }
    let mut stalled = Table::new(
        2,
        ["loop", "source", "p50", "p99", "p99.9"].map(String::from),
    );
    open(engines, &mut stalled);
    format!(
        "## Accuracy\n\n\
         Closed loop with {CLOSED_CONNECTIONS} connections, ms. Each engine stands below what the server \
         itself measured in the same run, from the request's arrival in its handler to the answer: \
         the engine's times are to be a little longer, by the way there and back.\n\n{}\n\
         A server that stands still from 5 s to 6 s of every 10 s, with {OPEN_CONNECTIONS} connections for \
         {OPEN_SECONDS} s, ms. Open loop: {RATE} requests per second; the truth is computed from \
         their schedule. A closed loop has no schedule and is here for contrast.\n\n{}",
        table.markdown(),
        stalled.markdown()
    )
}

fn has_latency(engine: &Engine) -> bool {
    engine.kind != Kind::Floor
}

fn closed(service: Service, engines: &Engines, table: &mut Table) {
    let load = Load::closed(service.path(), CLOSED_CONNECTIONS, CLOSED_SECONDS);
    for engine in engines.all().filter(|engine| has_latency(engine)) {
        eprintln!("accuracy: {}, {}", load.path, engine.name);
        let server = Server::start();
        let latency = engine.run(&server, &load).latency;
        let truth = Latency::read(&server.times(), ["p50", "p90", "p99", "p999"], 1.0);
        table.add(row(service.path(), "server", truth));
        table.add(row(service.path(), engine.name, latency));
    }
}

fn row(label: &str, source: &str, latency: Latency) -> impl Iterator<Item = String> {
    [label.to_owned(), source.to_owned()]
        .into_iter()
        .chain(latency.all().map(milliseconds))
}

/// Without p90, which lies on the edge: a tenth of the requests meet the stall.
fn stalled_row(label: &str, source: &str, latency: Latency) -> impl Iterator<Item = String> {
    let times = [latency.p50, latency.p99, latency.p999].map(milliseconds);
    [label.to_owned(), source.to_owned()]
        .into_iter()
        .chain(times)
}

fn open(engines: &Engines, table: &mut Table) {
    table.add(stalled_row("open", "truth", truth()));
    for engine in engines.all().filter(|engine| has_latency(engine)) {
        eprintln!("accuracy: stall, {}", engine.name);
        let path = Service::Stall.path();
        let (name, load) = if engine.has_open_loop() {
            (
                "open",
                Load::open(path, OPEN_CONNECTIONS, OPEN_SECONDS, RATE),
            )
        } else {
            ("closed", Load::closed(path, OPEN_CONNECTIONS, OPEN_SECONDS))
        };
        // The server's clock starts with it, and so the load begins between two stalls.
        let latency = engine.run(&Server::start(), &load).latency;
        table.add(stalled_row(name, engine.name, latency));
    }
}

/// Latencies from the intended start: a request waits for the first free connection, then for
/// the server.
fn truth() -> Latency {
    let mut free = [Duration::ZERO; OPEN_CONNECTIONS];
    let requests = RATE * OPEN_SECONDS;
    let mut latencies: Vec<_> = (0..requests)
        .map(|number| {
            let intended = Duration::from_nanos(number * 1_000_000_000 / RATE);
            let connection = free.iter_mut().min().expect("there are connections");
            let start = intended.max(*connection);
            *connection = start + Service::Stall.time(number, start);
            connection.saturating_sub(intended)
        })
        .collect();
    latencies.sort();
    let quantile =
        |rank: usize| Some(latencies[latencies.len() * rank / 1000 - 1].as_secs_f64() * 1e6);
    Latency {
        p50: quantile(500),
        p90: quantile(900),
        p99: quantile(990),
        p999: quantile(999),
    }
}
