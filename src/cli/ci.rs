//! What the action runs: the command that the event calls for, told to GitHub.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::args::Outputs;
use super::checked_out::Allowed;
use super::judging::{Scope, assemble, judge, note_not_pinned, reference, store};
use super::output::deliver;
use super::publishing::{Comment, Publisher};
use super::{base, baseline, check, explain, untrusted};
use crate::error::Error;
use crate::gate;
use crate::git::Git;
use crate::model::{GateComparison, Report, Verdict, chain, digest};
use crate::publish::{self, Job, Mode, Task, Trigger, artifact, pull_request, workflow};
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
    /// Artifact that holds measurement.json (with `--mode report`).
    #[arg(long, value_name = "NAME", default_value = "perfgate")]
    artifact: String,
    /// Store the measurement even if files differ from the commit (with `--mode refresh`).
    #[arg(long)]
    allow_dirty: bool,
}

/// The code to exit with, and what is said to the runner at the end.
type Told = (u8, Vec<String>);

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    // What is measured runs as the same user, and this process holds a token.
    if let Err(error) = stack::close_to_others() {
        eprintln!("warning: what is measured could read this process's environment: {error}");
    }
    let job = Job::find(|name| std::env::var(name).ok())?;
    let task = job.task(args.mode)?;
    // Nothing that a server or a container says is a command to the runner.
    let silence = workflow::Silence::begin();
    print!("{}", silence.start());
    let result = match task {
        Task::Check => check(args, &job).await,
        Task::Refresh => refresh(args, &job).await,
        Task::Report => report(args, &job).await,
    };
    let (code, lines) = result.unwrap_or_else(|error| {
        explain(&error);
        let line = workflow::annotation(workflow::Level::Error, "perfgate", &chain(&error));
        (error.exit_code(), vec![line])
    });
    print!("{}", silence.end());
    for line in lines {
        println!("{line}");
    }
    Ok(code)
}

async fn check(args: Args, job: &Job) -> Result<Told, Error> {
    let mut check = args.check;
    let file = check.selection.file()?;
    let save = check.save.get_or_insert(kept(MEASUREMENT)).clone();
    let mut publisher = Publisher::new(job, args.comment, &name(&file))?;
    let github = publisher.github().ok();
    check.against.usual = base::of_job(job, folder_of(&file), github).await;
    publisher.open().await;
    let report = match check::report(&check).await {
        Ok(report) => report,
        Err(error) => {
            publisher.failed(&error).await;
            return Err(error);
        }
    };
    tell(publisher, &report, check.outputs, &save).await
}

/// Measures the default branch and keeps what was measured.
async fn refresh(args: Args, job: &Job) -> Result<Told, Error> {
    let file = args.check.selection.file()?;
    let mut publisher = Publisher::new(job, Comment::Never, &name(&file))?;
    let refresh = baseline::Refresh {
        selection: args.check.selection,
        baseline: args.check.baseline,
        runs: NonZeroUsize::MIN,
        measurement: args.check.measurement.into_iter().collect(),
        naming: args.check.naming,
        allowed: Allowed {
            allow_dirty: args.allow_dirty,
            commit: Some(job.head.clone()),
        },
    };
    let kept = baseline::kept(&refresh).await?;
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
async fn report(args: Args, job: &Job) -> Result<Told, Error> {
    let Trigger::WorkflowRun(finished) = &job.trigger else {
        return Err(publish::Error::NothingToReport.into());
    };
    let check = args.check;
    let plan = check.selection.plan()?;
    let mut publisher = Publisher::new(job, args.comment, &name(&plan.file))?;
    let github = publisher.github()?.clone();
    let artifact = artifact::fetch(&github, finished.run.id, &args.artifact, MEASUREMENT);
    let mut measurement = untrusted::measurement(&artifact.await?)?;
    let store = store(&plan, check.baseline.as_deref())?;
    let reference = reference(&store)?;
    note_not_pinned(&mut measurement, &reference);
    let findings = judge(&plan, &measurement, &reference);
    let scope = Scope {
        coverage: gate::coverage(&plan, &measurement),
        gate: Some(GateComparison::unknown(None, untrusted::GATE)),
    };
    let report = assemble(&measurement, findings, scope, &check.strictness);
    publisher.open().await;
    publisher.of_stranger(pull_request::of_run(&github, finished).await?);
    tell(publisher, &report, check.outputs, Path::new("")).await
}

/// Files and outputs, then everything that GitHub shows.
async fn tell(
    mut publisher: Publisher<'_>,
    report: &Report,
    mut files: Outputs,
    measurement: &Path,
) -> Result<Told, Error> {
    let json = files.json.get_or_insert(kept("report.json")).clone();
    let markdown = files.markdown.get_or_insert(kept("report.md")).clone();
    deliver(report, &files)?;
    publisher.publish(report).await;
    let regressions = report.with_verdict(Verdict::Regression).count();
    let comment = publisher.comment_url().unwrap_or_default();
    let base = report.provenance.base.as_deref().unwrap_or_default();
    let outputs = [
        ("verdict", report::outcome_name(report.outcome).to_owned()),
        ("regressions", regressions.to_string()),
        ("report-json", absolute(&json)),
        ("report-markdown", absolute(&markdown)),
        ("measurement", absolute(measurement)),
        ("comment-url", comment.to_owned()),
        ("baseline-sha", base.to_owned()),
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

/// A digest of where the configuration lies in its repository: each has its own comment.
fn name(file: &Path) -> String {
    let prefix = Git::at(folder_of(file)).prefix().unwrap_or_default();
    let name = file.file_name().unwrap_or(file.as_os_str());
    digest(format!("{prefix}{}", name.to_string_lossy()).as_bytes())
}
