use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;

use super::signals;
use crate::config::parse_duration;
use crate::document;
use crate::error::Error;
use crate::load::{Crew, Job, Meter};
use crate::model::{Expect, Workload};
use crate::report::Load;

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
    let result = Load {
        url: &args.url,
        threads: args.threads,
        connections: args.connections,
        tally: &tally,
    };
    match &args.json {
        Some(path) if path.as_os_str() == "-" => println!("{:#}", result.json()),
        path => {
            print!("{}", result.terminal());
            path.as_ref()
                .map(|path| document::write(path, &format!("{:#}\n", result.json())))
                .transpose()?;
        }
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
