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
            let reason = source.to_string();
            cli::explain(&Error::Argument {
                argument: "the runtime".into(),
                reason,
            });
            return ExitCode::from(4);
        }
    };
    let code = runtime.block_on(cli::run(cli)).unwrap_or_else(|error| {
        cli::explain(&error);
        error.exit_code()
    });
    // Load that is still running ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}
