//! What the action runs: the command for the event, published on GitHub.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::Outputs;
use super::output::deliver;
use super::ui::{Progress, print_notice};
use super::{check, explain, warn};
use crate::app::{self, Allowed, MergeOptions, Publisher, RefreshOptions};
use crate::error::Error;
use crate::git::Git;
use crate::model::{Report, Verdict, chain};
use crate::publish::{
    self, Finished, Job, Key, MEASURING_JOB, Task, Trigger, artifact, pull_request, workflow,
};
use crate::{report, stack};

/// Where reports lie unless it is said otherwise.
const FOLDER: &str = ".perfgate";
/// What was measured, in that folder and in artifacts.
const MEASUREMENT: &str = "measurement.json";

/// In a workflow of GitHub: measures and judges, or refreshes the baseline, as the event calls
/// for, and tells GitHub. The token is read from `GITHUB_TOKEN`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    check: check::Args,
    /// What to do.
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// When to comment on the pull request.
    #[arg(long, value_enum, default_value_t = Comment::Auto)]
    comment: Comment,
    /// What tells this job's section of the comment, and its check, from those of jobs beside it, such
    /// as a leg of a matrix; an object of JSON counts as its values.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    key: String,
    /// Id of the job that measures [default: this job's, and `check` with `--mode report`].
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Close the check that a cancelled run of this job left open, and do nothing else.
    #[arg(long)]
    close: bool,
    /// Artifact that holds measurement.json (with `--mode report`).
    #[arg(long, value_name = "NAME", default_value = "perfgate")]
    artifact: String,
    /// Folder with the measurements of all shards (with `--mode merge`).
    #[arg(long, value_name = "FOLDER", default_value = "shards")]
    shards: PathBuf,
    /// Store the measurement even if files differ from the commit (with `--mode refresh`).
    #[arg(long)]
    allow_dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// What the event calls for.
    Auto,
    /// Measure and judge.
    Check,
    /// Measure and store.
    Refresh,
    /// Publish what another workflow measured.
    Report,
    /// Judge and publish the measurements of all shards.
    Merge,
}

/// When a pull request is commented on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Comment {
    /// Where the token has write access: not on pull requests from forks.
    Auto,
    /// Also on pull requests from forks.
    Always,
    /// Only when a metric changed; an existing comment is updated.
    OnChange,
    Never,
}

impl Mode {
    const fn plain(self) -> publish::Mode {
        match self {
            Self::Auto => publish::Mode::Auto,
            Self::Check => publish::Mode::Check,
            Self::Refresh => publish::Mode::Refresh,
            Self::Report => publish::Mode::Report,
            Self::Merge => publish::Mode::Merge,
        }
    }
}

impl Comment {
    const fn plain(self) -> app::Comment {
        match self {
            Self::Auto => app::Comment::Auto,
            Self::Always => app::Comment::Always,
            Self::OnChange => app::Comment::OnChange,
            Self::Never => app::Comment::Never,
        }
    }
}

/// The code to exit with, and what is said to the runner at the end.
type Published = (u8, Vec<String>);

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    // What is measured runs as the same user, and this process holds a token.
    if let Err(error) = stack::close_to_others() {
        eprintln!("warning: what is measured could read this process's environment: {error}");
    }
    let job = Job::find(|name| std::env::var(name).ok())?;
    if args.close {
        return close(&args, &job).await;
    }
    let task = job.task(args.mode.plain()).map_err(Error::from);
    let task = task.inspect_err(|error| say_failed(&job, error))?;
    // Nothing that a server or a container says is a command to the runner.
    let silence = workflow::Silence::begin();
    print!("{}", silence.start());
    let result = match task {
        Task::Check => check(args, &job).await,
        Task::Refresh => refresh(args, &job).await,
        Task::Report => report(args, &job).await,
        Task::Merge => merge(args, &job).await,
    };
    let (code, lines) = result.unwrap_or_else(|error| {
        explain(&error);
        say_failed(&job, &error);
        let line = workflow::annotation(
            workflow::Level::Error,
            "perfgate",
            &app::without_secrets(&chain(&error)),
        );
        (error.exit_code(), vec![line])
    });
    print!("{}", silence.end());
    for line in lines {
        println!("{line}");
    }
    Ok(code)
}

/// What later steps and readers find of a job that has no report, whatever ended it.
fn say_failed(job: &Job, error: &Error) {
    let page = report::failure(&app::without_secrets(&chain(error)));
    let summary = job
        .summary
        .as_ref()
        .map(|it| workflow::summarise(it, &page));
    let verdict = [("verdict", "error".to_owned())];
    let output = job
        .outputs
        .as_ref()
        .map(|it| workflow::set_outputs(it, &verdict));
    for error in summary.into_iter().chain(output).filter_map(Result::err) {
        warn(&error.into());
    }
}

/// What the clean-up step runs, whatever became of the job.
async fn close(args: &Args, job: &Job) -> Result<u8, Error> {
    // Of what was refused, and of a refresh, there is no check.
    let has_check = matches!(
        job.task(args.mode.plain()),
        Ok(Task::Check | Task::Report | Task::Merge)
    );
    let file = args.check.selection.plain().file();
    if let (true, Ok(file)) = (has_check, file) {
        let mut publisher = Publisher::new(job, args.comment.plain(), args.key(job, &file))?;
        publisher.close_left_open().await;
        for line in publisher.into_lines() {
            println!("{line}");
        }
    }
    Ok(0)
}

async fn check(args: Args, job: &Job) -> Result<Published, Error> {
    let file = args.check.selection.plain().file()?;
    let mut publisher = Publisher::new(job, args.comment.plain(), args.key(job, &file))?;
    let mut check = args.check;
    let save = check.save.get_or_insert(kept(MEASUREMENT)).clone();
    let github = publisher.github().ok();
    let usual = app::of_job(job, folder_of(&file), github).await;
    let is_shard = check.selection.is_shard();
    if is_shard {
        publisher.of_shard();
    }
    publisher.open().await;
    let progress = Progress::new(check.selection.is_quiet());
    let options = check.plain(usual);
    let report = match app::check(&options, &|notice| progress.show(notice)).await {
        Ok(report) => report,
        Err(error) => {
            publisher.failed(&error).await;
            return Err(error);
        }
    };
    let (code, mut lines) = publish(publisher, &report, check.outputs, &save).await?;
    if is_shard {
        lines.clear();
    }
    Ok((code, lines))
}

/// Judges what the jobs before this one measured, each a shard.
async fn merge(args: Args, job: &Job) -> Result<Published, Error> {
    let mut check = args.check.plain(None);
    let save = check.save.get_or_insert(kept(MEASUREMENT)).clone();
    let sources = vec![args.shards.clone()];
    let options = MergeOptions { sources, check };
    let file = options.check.selection.file()?;
    let mut publisher = Publisher::new(job, args.comment.plain(), args.key(job, &file))?;
    publisher.open().await;
    let report = match app::merge(&options, &print_notice) {
        Ok(report) => report,
        Err(error) => {
            publisher.failed(&error).await;
            return Err(error);
        }
    };
    publish(publisher, &report, args.check.outputs, &save).await
}

/// Measures the default branch and keeps what was measured.
async fn refresh(args: Args, job: &Job) -> Result<Published, Error> {
    let progress = Progress::new(args.check.selection.is_quiet());
    let check = args.check.plain(None);
    let file = check.selection.file()?;
    let mut publisher = Publisher::new(job, app::Comment::Never, args.key(job, &file))?;
    let refresh = RefreshOptions {
        selection: check.selection,
        run: check.run,
        baseline: check.baseline,
        runs: NonZeroUsize::MIN,
        measurement: check.measurement.into_iter().collect(),
        naming: check.naming,
        allowed: Allowed {
            allow_dirty: args.allow_dirty,
            commit: Some(job.head.clone()),
        },
    };
    let kept = app::refresh(&refresh, &|notice| progress.show(notice)).await?;
    let verdict = match kept.code {
        0 => "refreshed",
        _ => "not_refreshed",
    };
    publisher.summarise(&report::baseline_lines(&kept.lines));
    publisher.set_outputs(&[("verdict", verdict.to_owned())]);
    Ok((kept.code, publisher.into_lines()))
}

/// Judges and publishes what a run measured that had no right to publish. Its code wrote the
/// numbers: thresholds and baselines are those of this clone, no text of it is believed.
async fn report(args: Args, job: &Job) -> Result<Published, Error> {
    let Trigger::WorkflowRun(finished) = &job.trigger else {
        return Err(publish::Error::NothingToReport.into());
    };
    let check = args.check.plain(None);
    let file = check.selection.file()?;
    let mut publisher = Publisher::new(job, args.comment.plain(), args.key(job, &file))?;
    let github = publisher.github()?.clone();
    let artifact = artifact::fetch(&github, finished.run.id, &args.artifact, MEASUREMENT);
    let Some(artifact) = artifact.await? else {
        return nothing_left(finished, args.artifact);
    };
    let report = app::report_of_artifact(&check, &artifact, &print_notice)?;
    publisher.open().await;
    publisher.of_untrusted(pull_request::of_run(&github, finished).await?);
    publish(publisher, &report, args.check.outputs, Path::new("")).await
}

/// A run that failed or was cancelled before it had measured is no fault of this workflow.
fn nothing_left(finished: &Finished, artifact: String) -> Result<Published, Error> {
    let run = finished.run.id;
    if matches!(finished.conclusion.as_str(), "" | "success") {
        return Err(publish::Error::NoArtifact {
            run,
            name: artifact,
        }
        .into());
    }
    let ended = &finished.conclusion;
    let why = format!("nothing to report: run {run} ended as {ended} and left no `{artifact}`");
    let line = workflow::annotation(workflow::Level::Notice, "perfgate", &why);
    Ok((0, vec![line]))
}

/// Files and outputs, then everything that GitHub shows.
async fn publish(
    mut publisher: Publisher<'_>,
    report: &Report,
    mut files: Outputs,
    measurement: &Path,
) -> Result<Published, Error> {
    let json = files.json.get_or_insert(kept("report.json")).clone();
    let markdown = files.markdown.get_or_insert(kept("report.md")).clone();
    deliver(report, &files)?;
    publisher.publish(report).await;
    let regressions = report.with_verdict(Verdict::Regression).count();
    let seconds = report.provenance.length().map(|it| format!("{it:.0}"));
    let comment = publisher.comment_url().unwrap_or_default();
    let base = report.provenance.base.as_deref().unwrap_or_default();
    let outputs = [
        ("verdict", report::outcome_name(report.outcome).to_owned()),
        ("regressions", regressions.to_string()),
        ("worst", report::worst(report)),
        ("counts", report::counts(report)),
        ("seconds", seconds.unwrap_or_default()),
        ("report-json", absolute(&json)),
        ("report-markdown", absolute(&markdown)),
        ("measurement", absolute(measurement)),
        ("comment-url", comment.to_owned()),
        ("baseline-sha", commit_of(base).to_owned()),
    ];
    publisher.set_outputs(&outputs);
    let mut lines = workflow::annotations(report);
    lines.extend(publisher.into_lines());
    Ok((report.exit_code, lines))
}

/// A path as later steps find it, which run elsewhere; nothing for no path.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).map_or_else(|_| String::new(), |it| it.display().to_string())
}

fn kept(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl Args {
    /// What tells the job from those beside it.
    fn key(&self, job: &Job, file: &Path) -> Key {
        let id = match (&self.job, &job.trigger) {
            (Some(id), _) => id.as_str(),
            (None, Trigger::WorkflowRun(_)) => MEASURING_JOB,
            (None, _) => job.id.as_str(),
        };
        Key::new(job.measured_in(), id, &within_repository(file), &self.key)
    }
}

/// Where the configuration lies in its repository; outside of one, where it was said to lie.
fn within_repository(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    match Git::at(folder_of(file)).prefix() {
        Ok(prefix) => format!("{prefix}{}", name.to_string_lossy()),
        Err(_) if file.is_relative() => file.display().to_string(),
        Err(_) => name.to_string_lossy().into_owned(),
    }
}

/// The name of a commit, and nothing else: later steps may hand an output on to a shell.
fn commit_of(base: &str) -> &str {
    let is_hex = base.bytes().all(|it| it.is_ascii_hexdigit());
    if is_hex && matches!(base.len(), 40 | 64) {
        base
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_commit_is_no_output() {
        for commit in ["a1".repeat(20), "F0".repeat(32)] {
            assert_eq!(commit_of(&commit), commit);
        }
        for other in [
            "",
            "$(id)",
            "main",
            &"a".repeat(39),
            &format!("{}\n", "a".repeat(39)),
        ] {
            assert_eq!(commit_of(other), "");
        }
    }
}
