//! The command line: flags → options of [`app`], and its values → what people read. One file for
//! each command. Only this folder prints.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line talks to people"
)]

/// As the standard ones, by [`terminal`].
macro_rules! print {
    ($($words:tt)*) => { $crate::cli::terminal::out(&format!($($words)*)) };
}
macro_rules! println {
    ($($words:tt)*) => { $crate::cli::terminal::out(&(format!($($words)*) + "\n")) };
}
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::cli::terminal::err(&(format!($($words)*) + "\n")) };
}

mod args;
mod baseline;
mod bisect;
mod calibrate;
mod check;
mod ci;
mod cleanup;
mod compare;
mod doctor;
mod dry_run;
mod examples;
mod export;
mod history;
mod init;
mod kubernetes;
mod load;
mod machines;
mod merge;
mod messages;
mod output;
mod pin;
mod rank;
mod report;
mod run;
mod schema;
mod shard;
mod shell;
mod site;
mod stored_runs;
mod terminal;
mod ui;

use clap::{Parser, Subcommand};

use crate::app;
use crate::document;
use crate::error::Error;
use crate::model::chain;
use crate::model::exit_code::EXIT_CODES;

/// A performance regression gate for HTTP services.
#[derive(Debug, Parser)]
#[command(name = "perfgate", version, about, after_help = exit_codes())]
pub struct Cli {
    /// When to use colours; `auto` follows the terminal, `NO_COLOR` and `CLICOLOR_FORCE`.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ui::Colours::Auto)]
    color: ui::Colours,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, compare with the base commit or stored baselines, and fail on a regression.
    #[command(after_help = examples::CHECK)]
    Check(check::Command),
    /// Write an initial configuration and workflows.
    Init(init::Args),
    /// Run inside a job of GitHub or GitLab: check, refresh or report, depending on the event, and publish the result.
    Ci(ci::Args),
    /// Measure without judging.
    #[command(after_help = examples::RUN)]
    Run(run::Args),
    /// Measure servers side by side and rank them.
    #[command(after_help = examples::RANK)]
    Rank(rank::Args),
    /// Compare a stored measurement with earlier ones.
    #[command(after_help = examples::COMPARE)]
    Compare(compare::Args),
    /// Combine and judge the measurements of all shards, or combine the loads of all workers.
    #[command(after_help = examples::MERGE)]
    Merge(merge::Args),
    /// Find the commit that made a metric worse.
    #[command(after_help = examples::BISECT)]
    Bisect(bisect::Args),
    /// Manage stored baselines.
    #[command(subcommand)]
    Baseline(baseline::Command),
    /// Send load to a URL and print the results.
    Load(load::Args),
    /// Write the manifest of a load from several Kubernetes nodes.
    #[command(after_help = examples::KUBERNETES)]
    Kubernetes(kubernetes::Args),
    /// Render a stored report in another format.
    #[command(after_help = examples::REPORT)]
    Report(report::Args),
    /// Write the history of stored runs as static pages.
    #[command(after_help = examples::SITE)]
    Site(site::Args),
    /// Export the latencies of a stored measurement for other tools.
    #[command(after_help = examples::EXPORT)]
    Export(export::Args),
    /// Print the JSON Schema of a document, or of perfgate.toml.
    #[command(after_help = examples::SCHEMA)]
    Schema(schema::Args),
    /// Print shell completions.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(shell::Completions),
    /// Print a manual page.
    #[command(after_help = examples::MAN)]
    Man(shell::Man),
    /// Prove the gate on this machine: false alarms, the smallest change found, suitable margins.
    #[command(after_help = examples::CALIBRATE)]
    Calibrate(calibrate::Args),
    /// Check whether this machine is suitable for measuring.
    Doctor,
    /// Remove containers and processes left behind by interrupted runs.
    Cleanup(cleanup::Args),
}

/// Runs a command; the code to exit with.
pub async fn run(cli: Cli) -> Result<u8, Error> {
    cli.color.apply();
    let code = Box::pin(dispatch(cli)).await?;
    match terminal::lost() {
        None => Ok(code),
        Some(source) => Err(Error::Document(document::Error::Print { source })),
    }
}

/// Waits for a signal that must end the process at once, and says what that means.
pub async fn interrupted() {
    app::interrupted().await;
    eprintln!(
        "interrupted at once; the next run removes what is left of this one, or `perfgate cleanup`"
    );
}

async fn dispatch(cli: Cli) -> Result<u8, Error> {
    match cli.command {
        Command::Check(args) => check::run(args).await,
        Command::Init(args) => init::run(&args).await,
        Command::Ci(args) => ci::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Rank(args) => rank::run(args).await,
        Command::Compare(args) => compare::run(&args),
        Command::Merge(args) => merge::run(args),
        Command::Bisect(args) => bisect::run(args).await,
        Command::Baseline(command) => baseline::run(command).await,
        Command::Load(args) => load::run(args).await,
        Command::Kubernetes(args) => kubernetes::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Site(args) => site::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Schema(args) => Ok(schema::run(&args)),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Calibrate(args) => calibrate::run(args).await,
        Command::Doctor => doctor::run().await,
        Command::Cleanup(args) => cleanup::run(args).await,
    }
}

/// Reports what went wrong to the user: the output of what failed, the chain of causes, the next step.
pub fn explain(error: &Error) {
    if let Some(output) = error.output() {
        let output = app::without_secrets(output);
        eprintln!("{}\n", crate::report::quoted(&output));
    }
    let (bad, good) = (ui::BAD, ui::GOOD);
    let error_chain = crate::report::printable(&app::without_secrets(&chain(error)));
    eprintln!("{bad}error:{bad:#} {error_chain}");
    if let Some(hint) = error.hint() {
        eprintln!("{good}hint:{good:#} {hint}");
    }
}

/// Reports what went wrong beside something graver.
fn warn(error: &Error) {
    let hint = error.hint().map(|hint| format!("; {hint}"));
    let hint = hint.unwrap_or_default();
    let error_chain = app::without_secrets(&chain(error));
    eprintln!("warning: {}{hint}", crate::report::printable(&error_chain));
}

fn exit_codes() -> String {
    let rows: Vec<_> = EXIT_CODES
        .iter()
        .map(|(code, meaning)| format!("  {code:<3} {meaning}"))
        .collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_is_sound() {
        super::Cli::command().debug_assert();
    }
}
