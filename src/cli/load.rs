use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::machines::{self, Worker};
use super::terminal;
use crate::app;
use crate::config::{Url, parse_duration, parse_rate};
use crate::error::Error;
use crate::load::{self, Job, Meter, WorkerPool};
use crate::model::{
    Concurrency, Failure, Origin, Rate, Request, Tally, Tls, Transport, Trust, Workload, exit_code,
};
use crate::report::Load;
use crate::secrets;

/// The load engine alone: one request repeatedly, in a closed loop or at a given rate.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// `http://HOST:PORT/PATH`, `https://…`, or `unix:/SOCKET:/PATH`.
    url: String,
    /// Generator threads.
    #[arg(short, long, default_value_t = 1)]
    threads: usize,
    /// Connections, each with at most one request in flight.
    #[arg(short, long, default_value_t = 50)]
    connections: usize,
    /// Length of the load.
    #[arg(short, long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Requests per second, sent at fixed times, without waiting for earlier responses (open loop): `200/s`, or
    /// `100..1000/s` for a rising rate.
    #[arg(long, value_parser = parse_rate)]
    rate: Option<Rate>,
    /// Longest wait for one response.
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    timeout: Duration,
    /// Request method [default: GET, or POST with a body].
    #[arg(short = 'X', long)]
    method: Option<String>,
    /// Header field, as in "Accept: text/html"; may be given several times. `Host` replaces the
    /// URL's.
    #[arg(short = 'H', long, value_name = "FIELD", value_parser = header)]
    header: Vec<(String, String)>,
    /// Body of the request.
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    body: Option<String>,
    /// File with the body of the request.
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
    /// Expected status.
    #[arg(long, value_name = "CODE", default_value_t = 200)]
    expect_status: u16,
    /// HTTP/2: negotiated for https, by prior knowledge for http.
    #[arg(long)]
    http2: bool,
    /// Trust any certificate.
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,
    /// Trust only the certificates in this PEM file.
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Write the result as JSON; `-` prints it instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    machines: machines::Options,
}

const EXAMPLES: &str = "Examples:
  perfgate load http://127.0.0.1:8000/health -c 50 -d 10s
  perfgate load http://127.0.0.1:8000/movies --rate 200/s
  perfgate load http://127.0.0.1:8000/movies --rate 100..1000/s -d 60s
  perfgate load http://10.0.0.5:8000/ --rate 50000/s --worker 2/4 --coordinator 10.0.0.11:7070 --out load.json
  perfgate load https://localhost:8443/ --http2 --cacert ca.pem
  perfgate load unix:/run/app.sock:/health -H 'Host: app.test'
  perfgate load http://127.0.0.1:8000/items --body-file item.json -H 'Content-Type: application/json'";

impl Args {
    /// That nothing of it is of this machine, or what a worker gets from its Job.
    pub(super) fn in_a_pod(&self) -> Result<(), &'static str> {
        if self.body_file.is_some() || self.cacert.is_some() || self.json.is_some() {
            return Err("a pod has no file of this machine");
        }
        if self.machines.are_set() {
            return Err("the Job gives each worker its own number, start and file");
        }
        Ok(())
    }

    pub(super) const fn threads(&self) -> usize {
        self.threads
    }

    /// The window, and the longest wait for answers after it.
    pub(super) fn longest(&self) -> Duration {
        self.duration + self.timeout
    }
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let worker = args.machines.worker()?;
    let job = Job {
        worker: worker.as_ref().map(Worker::shard),
        ..job(&args)?
    };
    let (same, of_worker) = (job.clone(), worker.clone());
    let meter = Arc::new(Meter::new());
    let shared = Arc::clone(&meter);
    let window = args.duration;
    let mut load = tokio::task::spawn_blocking(move || match of_worker {
        None => Ok((WorkerPool::connect(&job)?.run(window, &shared)?, None)),
        Some(worker) => {
            let (tally, begun) = worker.load(&job, window, &shared)?;
            Ok((tally, Some(begun)))
        }
    });
    let loaded = tokio::select! {
        loaded = &mut load => loaded,
        () = app::signalled() => {
            meter.stop();
            load.await
        }
    };
    let loaded = loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let (tally, begun) = loaded.map_err(|error| match error {
        load::Error::Stopped => Error::Interrupted,
        error => error.into(),
    })?;
    if let Some(why) = refusal(&same, &tally).await {
        terminal::err(&format!("note: {why}\n"));
    }
    let result = Load {
        url: &args.url,
        threads: args.threads,
        connections: args.connections,
        rate: args.rate,
        tally: &tally,
        joined: None,
    };
    if let Some((worker, begun)) = worker.zip(begun) {
        worker.write(&same, &args.url, window, (&tally, begun))?;
        let (number, out) = (worker.shard(), worker.out().display());
        terminal::err(&format!(
            "note: worker {number} alone; `perfgate merge` puts all together: `{out}`\n"
        ));
    }
    show(&result, args.json.as_deref())?;
    Ok(exit_code::PASSED)
}

/// Prints a load, and writes it where that was asked for.
pub(super) fn show(result: &Load<'_>, json: Option<&Path>) -> Result<(), Error> {
    match json {
        Some(path) if path.as_os_str() == "-" => println!("{:#}", result.json()),
        path => {
            print!("{}", result.terminal());
            path.map(|path| {
                app::write_result(
                    path,
                    "--json",
                    &secrets::masked(&format!("{:#}\n", result.json())),
                )
            })
            .transpose()?;
        }
    }
    Ok(())
}

/// Why connections were refused, where their count alone does not say it: as it is now.
async fn refusal(job: &Job, tally: &Tally) -> Option<String> {
    let kinds = [Failure::Dns, Failure::Connect, Failure::Tls];
    let is_unexplained = kinds.iter().any(|kind| tally.errors.contains_key(kind));
    if !is_unexplained {
        return None;
    }
    let asked = tokio::time::timeout(job.workload.timeout, job.refusal());
    asked.await.unwrap_or_default()
}

fn job(args: &Args) -> Result<Job, Error> {
    let url = Url::parse(&args.url).map_err(|reason| Error::Argument {
        argument: args.url.clone(),
        reason,
    })?;
    if !url.is_https && (args.insecure || args.cacert.is_some()) {
        return Err(Error::Argument {
            argument: args.url.clone(),
            reason: "--cacert and --insecure are for https".into(),
        });
    }
    Ok(Job {
        workload: Workload {
            requests: vec![request(args, url.target)?],
            rate: args.rate,
            connections: args.connections,
            concurrency: Concurrency::Configured,
            threads: args.threads,
            timeout: args.timeout,
        },
        origin: Origin {
            address: url.address,
            authority: url.authority,
            transport: Transport {
                http2: args.http2,
                tls: url.is_https.then(|| tls(args)),
            },
        },
        cores: Vec::new(),
        opens_ahead: true,
        worker: None,
    })
}

fn request(args: &Args, target: String) -> Result<Request, Error> {
    let body = match &args.body_file {
        Some(path) => Some(std::fs::read(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?),
        None => args.body.clone().map(String::into_bytes),
    };
    let usual = if body.is_some() { "POST" } else { "GET" };
    let mut request = Request::get(target);
    request.method = args.method.clone().unwrap_or_else(|| usual.into());
    request.headers.clone_from(&args.header);
    request.body = body.unwrap_or_default();
    request.expect.status = args.expect_status;
    Ok(request)
}

fn tls(args: &Args) -> Tls {
    let trust = match &args.cacert {
        Some(path) => Trust::File(path.clone()),
        None if args.insecure => Trust::Anyone,
        None => Trust::System,
    };
    Tls { name: None, trust }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
