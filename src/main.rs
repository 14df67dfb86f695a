//! The command line: parse, run, exit.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use perfgate::cli::{self, Cli};
use perfgate::error::Error;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(source) => {
            let error = Error::Runtime { source };
            cli::explain(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    runtime.spawn(async {
        cli::interrupted().await;
        std::process::exit(i32::from(Error::Interrupted.exit_code()));
    });
    let code = runtime.block_on(cli::run(cli)).unwrap_or_else(|error| {
        cli::explain(&error);
        error.exit_code()
    });
    // Load that is still running ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}
