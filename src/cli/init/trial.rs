//! What a trial of the configuration showed, for readers.

use std::path::Path;
use std::time::Duration;

use crate::app::{self, without_secrets};
use crate::cli::ui::Progress;
use crate::config;
use crate::error::Error;
use crate::measure::{self, EndpointTrial, Trial};
use crate::model::{chain, exit_code};
use crate::report;
use crate::{document, init};

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
    /// Then start the stack once, call every endpoint and report failures.
    #[arg(long)]
    pub(super) check: bool,
    /// Do not show progress.
    #[arg(long, short, requires = "check")]
    quiet: bool,
}

/// Tries the configuration in this folder; the code to exit with. One that is as it was proposed is put right where
/// the trial shows how.
pub(super) async fn run(options: &Options, proposed: Option<String>) -> Result<u8, Error> {
    let progress = Progress::new(options.quiet);
    let mut trials = tried(&progress).await?;
    let mut proposed = proposed;
    if let Some((text, said)) = proposed.as_deref().and_then(|it| moved(it, &trials)) {
        let file = Path::new(config::FILE_NAME);
        document::write(file, &text)?;
        let again = tried(&progress).await;
        let is_up = |it: &Vec<Trial>| it.iter().all(|it| it.started.is_ok());
        if again.as_ref().is_ok_and(is_up) {
            println!("{said}");
            proposed = Some(text);
            trials = again?;
        } else {
            document::write(file, &proposed.take().unwrap_or_default())?;
            again?;
        }
    }
    for trial in &trials {
        print!("{}", trial_text(trial));
    }
    if let Some((text, said)) = proposed.as_deref().and_then(|it| without(it, &trials)) {
        document::write(Path::new(config::FILE_NAME), &text)?;
        println!("{said}");
        return Ok(exit_code::PASSED);
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

async fn tried(progress: &Progress) -> Result<Vec<Trial>, Error> {
    let selection = app::Selection {
        shard: None,
        config: Some(config::FILE_NAME.into()),
        ..app::Selection::default()
    };
    app::try_configuration(&selection, &|notice| progress.show(notice)).await
}

/// A configuration whose endpoint has the path that it leads to, where nothing else answers; what there is to say.
fn moved(text: &str, trials: &[Trial]) -> Option<(String, String)> {
    let [trial] = trials else { return None };
    let location = trial.started.as_ref().err()?.redirection()?;
    let path = init::path_of(location)?;
    let endpoint = trial.first.as_deref()?;
    let text = init::moved(text, endpoint, &path)?;
    let path = report::printable(&path);
    let said = format!("moved `{endpoint}` to {path}, where it leads to");
    Some((text, said))
}

/// A configuration without the endpoints that answer otherwise, where others are left; what there is to say.
fn without(text: &str, trials: &[Trial]) -> Option<(String, String)> {
    let [trial] = trials else { return None };
    let answers = |it: &EndpointTrial| it.answered.is_ok();
    if trial.started.is_err() || !trial.endpoints.iter().any(answers) {
        return None;
    }
    let mut names = Vec::new();
    let mut changed = text.to_owned();
    for endpoint in trial.endpoints.iter().filter(|it| !answers(it)) {
        let answered = endpoint.answered.as_ref().err()?.wrong_answers()?;
        let answered = without_secrets(answered);
        changed = init::commented_out(&changed, &endpoint.endpoint, &answered)?;
        names.push(format!("`{}`", endpoint.endpoint));
    }
    let names = names.join(", ");
    (!names.is_empty()).then(|| {
        let said = format!(
            "made comments of what answers otherwise: {names}; `perfgate check` measures the others"
        );
        (changed, said)
    })
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
