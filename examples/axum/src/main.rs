//! A small JSON service to try perfgate on.

mod primes;
mod routes;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::{io, thread};

use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about)]
struct Options {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// A fault to try: how many times each answer is computed
    #[arg(long, env = "WORK_FACTOR", value_name = "TIMES", default_value = "1")]
    work_factor: NonZeroU32,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot serve on `{}`: {error}", options.listen);
            ExitCode::FAILURE
        }
    }
}

/// One thread speaks HTTP; sieves run on others, as many at once as there are CPUs.
fn run(options: &Options) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(thread::available_parallelism()?.get())
        .build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Options) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    let listener = TcpListener::bind(options.listen).await?;
    axum::serve(listener, routes::router(options.work_factor))
        .with_graceful_shutdown(asked_to_stop)
        .await
}
