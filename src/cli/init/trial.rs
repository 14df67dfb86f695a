//! What a trial of the configuration showed, for readers.

use std::time::Duration;

use crate::app::{self, without_secrets};
use crate::cli::ui::Progress;
use crate::config;
use crate::error::Error;
use crate::measure::{self, Trial};
use crate::model::{chain, exit_code};
use crate::report;

/// What resolvers of libc, libpq, Node, Go, Rust and netcat say of a name that has no address.
const UNRESOLVED: [&str; 7] = [
    "Name or service not known",
    "could not translate host name",
    "ENOTFOUND",
    "no such host",
    "failed to lookup address information",
    "host lookup failed",
    "name resolution",
];

/// Whether there is a trial, and what it shows.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Then start the stack once, call every endpoint and report what fails.
    #[arg(long)]
    pub(super) check: bool,
    /// Do not show progress.
    #[arg(long, short, requires = "check")]
    quiet: bool,
}

/// Tries the configuration in this folder; the code to exit with.
pub(super) async fn run(options: &Options) -> Result<u8, Error> {
    let progress = Progress::new(options.quiet);
    let selection = app::Selection {
        shard: None,
        config: Some(config::FILE_NAME.into()),
        ..app::Selection::default()
    };
    let trials = app::try_configuration(&selection, &|notice| progress.show(notice)).await?;
    for trial in &trials {
        print!("{}", trial_text(trial));
    }
    if let Some(failure) = trials.iter().find_map(Trial::failure) {
        if let Some(hint) = failure.hint() {
            println!("hint: {}", without_secrets(&hint));
        }
        let output = failure.output().unwrap_or_default();
        if UNRESOLVED.iter().any(|it| output.contains(it)) {
            println!(
                "hint: it looks for a host that is not known here, such as a service by its name in a compose \
                 file: give it the address by `env`, or put it into a file by `files` with `replace`"
            );
        }
        return Ok(exit_code::ENVIRONMENT);
    }
    println!("every endpoint answers as expected: `perfgate check` measures them");
    Ok(exit_code::PASSED)
}

fn trial_text(trial: &Trial) -> String {
    let fails = |error: &measure::Error| {
        let why = report::printable(&without_secrets(&chain(error)));
        let output = error.output().filter(|it| !it.is_empty());
        let output = output.map(|it| report::quoted(&without_secrets(it)) + "\n");
        format!("FAILS: {why}\n{}", output.unwrap_or_default())
    };
    let mut text = format!("{}: ", trial.server);
    text += &match &trial.started {
        Ok(Some(time)) => format!("answers {} after its start\n", seconds(*time)),
        Ok(None) => "answers\n".into(),
        Err(error) => fails(error),
    };
    for endpoint in &trial.endpoints {
        text += &format!("  {}: ", endpoint.endpoint);
        text += &match &endpoint.answered {
            Ok(time) => format!("as expected, in {}\n", seconds(*time)),
            Err(error) => fails(error),
        };
    }
    for missing in &trial.missing {
        text += &format!("  note: {}\n", report::printable(&without_secrets(missing)));
    }
    text
}

fn seconds(time: Duration) -> String {
    report::micros(time.as_secs_f64() * 1e6)
}
