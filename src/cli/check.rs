use std::path::PathBuf;

use super::args::{Against, Naming, OF_MEASURING, Outputs, Selection, Strictness};
use super::dry_run;
use super::messages::{self, MessageFormat};
use super::output::print_report;
use super::ui::Progress;
use crate::app::{self, CheckOptions, Notice, RunOptions};
use crate::error::Error;
use crate::model::exit_code;

/// Measures, compares with another build or the stored baseline, and judges.
#[derive(Debug, clap::Args)]
#[group(id = "check")]
#[command(mut_arg("named", |it| it.requires("measurement")))]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) against: Against,
    #[command(flatten)]
    pub(super) outputs: Outputs,
    #[command(flatten)]
    pub(super) strictness: Strictness,
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    pub(super) baseline: Option<String>,
    /// Write the measurement to a file, or to `s3://BUCKET/PREFIX/measurement.json`, to judge it again later.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Judge this measurement instead of measuring: a file of `perfgate run --json`, or a result of
    /// wrk, oha, k6, vegeta or hey.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = OF_MEASURING)]
    #[arg(conflicts_with_all = ["git_ref", "images", "strategy", "since_change", "all", "no_profile"])]
    pub(super) measurement: Option<PathBuf>,
    #[command(flatten)]
    pub(super) naming: Naming,
    /// Do not profile regressed endpoints.
    #[arg(long, conflicts_with = "profile")]
    pub(super) no_profile: bool,
}

/// The command, which can also only be looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Command {
    #[command(flatten)]
    check: Args,
    /// Print the plan and its thresholds without starting anything. No file is written.
    #[arg(long)]
    #[arg(conflicts_with_all = ["measurement", "save", "json", "markdown", "junit", "html", "profile"])]
    dry_run: bool,
    /// Output format: a report for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = MessageFormat::Human, value_name = "FORMAT")]
    #[arg(conflicts_with = "dry_run")]
    message_format: MessageFormat,
}

pub(super) async fn run(command: Command) -> Result<u8, Error> {
    let args = command.check;
    let options = args.plain();
    if command.dry_run {
        print!("{}", dry_run::describe(&app::dry_run(&options)?));
        return Ok(exit_code::PASSED);
    }
    let is_quiet = args.selection.is_quiet();
    let report = match command.message_format {
        MessageFormat::Human => {
            let progress = Progress::new(is_quiet);
            let report = app::check(&options, &|notice| progress.show(notice)).await?;
            print_report(&report);
            report
        }
        MessageFormat::Json => {
            let show = |notice: &Notice<'_>| {
                if !is_quiet {
                    messages::show(notice);
                }
            };
            let report = app::check(&options, &show).await?;
            messages::finish(&report);
            report
        }
    };
    args.outputs.plain().write(&report)?;
    Ok(report.exit_code)
}

impl Args {
    pub(super) fn plain(&self) -> CheckOptions {
        CheckOptions {
            selection: app::Selection {
                baseline: self.baseline.clone(),
                ..self.selection.plain()
            },
            run: RunOptions {
                profiling: !self.no_profile,
                ..self.selection.options()
            },
            against: self.against.plain(),
            strictness: self.strictness.plain(),
            baseline: self.baseline.clone(),
            save: self.save.clone(),
            measurement: self.measurement.clone(),
            naming: self.naming.plain(),
        }
    }
}
