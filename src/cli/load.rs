use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;
use serde_json::{Map, Value, json};

use super::output::write_json;
use super::signals;
use crate::config::parse_duration;
use crate::error::Error;
use crate::load::{Crew, Job, Meter};
use crate::model::{Expect, Tally, Workload, histogram};
use crate::report;

/// The bare load engine: a closed loop against one URL.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Plain HTTP: http://HOST:PORT/PATH
    url: String,
    /// Generator threads.
    #[arg(short, long, default_value_t = 1)]
    threads: usize,
    /// Connections, each with one request in flight.
    #[arg(short, long, default_value_t = 50)]
    connections: usize,
    /// Length of the load.
    #[arg(short, long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Longest wait for one response.
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    timeout: Duration,
    /// Header field, as in "Accept: text/html"; may be given several times.
    #[arg(short = 'H', long, value_name = "FIELD", value_parser = header)]
    header: Vec<(String, String)>,
    /// Write the result as JSON; `-` prints it instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Share of its threads' time at which the generator, not the server, sets the pace.
const BOTTLENECK: f64 = 0.9;

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let job = job(&args)?;
    let meter = Arc::new(Meter::new());
    let shared = Arc::clone(&meter);
    let window = args.duration;
    let mut load = tokio::task::spawn_blocking(move || Crew::connect(&job)?.run(window, &shared));
    let tally = tokio::select! {
        tally = &mut load => tally,
        () = signals::any() => {
            meter.stop();
            load.await
        }
    };
    let tally = tally.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    match &args.json {
        Some(path) if path.as_os_str() == "-" => println!("{:#}", document(&tally, args.threads)),
        Some(path) => {
            print!("{}", table(&tally, &args));
            write_json(path, &document(&tally, args.threads))?;
        }
        None => print!("{}", table(&tally, &args)),
    }
    Ok(0)
}

fn job(args: &Args) -> Result<Job, Error> {
    let invalid = |reason: &str| Error::Argument {
        argument: args.url.clone(),
        reason: reason.into(),
    };
    let uri: Uri = args.url.parse().map_err(|_| invalid("it is not a URL"))?;
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Err(invalid("write http://HOST:PORT/PATH"));
    }
    let authority = uri.authority().ok_or_else(|| invalid("it names no host"))?;
    let address = resolve(authority.host(), authority.port_u16().unwrap_or(80))
        .ok_or_else(|| invalid("its host has no address"))?;
    Ok(Job {
        workload: Workload {
            path: uri
                .path_and_query()
                .map_or_else(|| "/".into(), ToString::to_string),
            headers: args.header.clone(),
            expect: Expect::default(),
            connections: args.connections,
            threads: args.threads,
            timeout: args.timeout,
        },
        address,
        host: authority.to_string(),
        cores: Vec::new(),
    })
}

fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, port).to_socket_addrs().ok()?.next()
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn table(tally: &Tally, args: &Args) -> String {
    let quantile = |q| micros(tally.latency.value_at_quantile(q));
    let mut lines = vec![
        format!(
            "{} for {:.1} s, {} threads, {} connections",
            args.url,
            tally.window.as_secs_f64(),
            args.threads,
            args.connections
        ),
        format!(
            "latency   mean {}  stdev {}  max {}",
            report::micros(tally.latency.mean() / 1e3),
            report::micros(tally.latency.stdev() / 1e3),
            micros(tally.latency.max()),
        ),
        format!(
            "          p50 {}  p75 {}  p90 {}  p99 {}  p99.9 {}",
            quantile(0.5),
            quantile(0.75),
            quantile(0.9),
            quantile(0.99),
            quantile(0.999)
        ),
        format!(
            "requests  {} started, {} succeeded, {} failed, {} unfinished, {} reconnects",
            tally.started,
            tally.succeeded,
            tally.failed(),
            tally.unfinished,
            tally.reconnects
        ),
    ];
    lines.extend(counts(tally).map(|(kind, count)| format!("          {count} × {kind}")));
    lines.push(format!(
        "rate      {} requests, {} transferred per second",
        report::rate(throughput(tally)),
        report::bytes(per_second(tally.bytes, tally)),
    ));
    if is_bottleneck(tally, args.threads) {
        lines.push("note: the generator was the bottleneck; give it more threads (-t)".into());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Statuses other than 200 and failures by kind.
fn counts(tally: &Tally) -> impl Iterator<Item = (String, u64)> {
    let statuses = tally.status.iter().filter(|(code, _)| **code != 200);
    let statuses = statuses.map(|(code, count)| (format!("status {code}"), *count));
    statuses.chain(failures(tally))
}

fn failures(tally: &Tally) -> impl Iterator<Item = (String, u64)> {
    tally.errors.iter().map(|(kind, count)| {
        let name = serde_json::to_value(kind).expect("kinds have a name");
        (name.as_str().unwrap_or_default().to_owned(), *count)
    })
}

fn document(tally: &Tally, threads: usize) -> Value {
    let micros = |quantile| tally.latency.value_at_quantile(quantile) as f64 / 1e3;
    let cpu = tally.generator_cpu.as_secs_f64();
    let status = tally
        .status
        .iter()
        .map(|(code, count)| (code.to_string(), json!(count)));
    json!({
        "requests": tally.started,
        "succeeded": tally.succeeded,
        "unfinished": tally.unfinished,
        "errors": failures(tally).map(|(kind, count)| (kind, json!(count))).collect::<Map<_, _>>(),
        "status": status.collect::<Map<_, _>>(),
        "seconds": tally.window.as_secs_f64(),
        "throughput": throughput(tally),
        "bytes": tally.bytes,
        "reconnects": tally.reconnects,
        "latency_us": {
            "mean": tally.latency.mean() / 1e3, "stdev": tally.latency.stdev() / 1e3,
            "p50": micros(0.5), "p75": micros(0.75), "p90": micros(0.9), "p99": micros(0.99),
            "p999": micros(0.999), "max": tally.latency.max() as f64 / 1e3,
        },
        "generator": {
            "cpu_seconds": cpu,
            "cpu_us_per_request": (tally.completed() > 0).then(|| cpu * 1e6 / tally.completed() as f64),
            "bottleneck": is_bottleneck(tally, threads),
        },
        "histogram": histogram::encode(&tally.latency),
    })
}

fn is_bottleneck(tally: &Tally, threads: usize) -> bool {
    tally.generator_cpu.as_secs_f64() > BOTTLENECK * tally.window.as_secs_f64() * threads as f64
}

fn throughput(tally: &Tally) -> f64 {
    per_second(tally.succeeded_in_window, tally)
}

fn per_second(count: u64, tally: &Tally) -> f64 {
    count as f64 / tally.window.as_secs_f64()
}

fn micros(nanoseconds: u64) -> String {
    report::micros(nanoseconds as f64 / 1e3)
}
