//! What the event of a job calls for.

use std::path::Path;

use super::super::base;
use super::super::check::{self, report_of_artifact};
use super::super::observer::Observer;
use super::super::refresh::{NotStored, refresh_or_keep_aside};
use super::super::shards::{self, MergeOptions};
use super::delivery::{Delivery, Published, absolute, in_folder};
use super::options::{CiOptions, folder_of};
use crate::error::Error;
use crate::publish::{self, Finished, Job, Trigger, artifact, pull_request, workflow};
use crate::report;

/// What was measured, in the folder of reports and in artifacts.
pub(super) const MEASUREMENT: &str = "measurement.json";

/// Measures and judges.
pub(super) async fn check(
    options: &CiOptions,
    job: &Job,
    observe: Observer<'_>,
) -> Result<Published, Error> {
    let mut check = options.check.clone();
    let file = check.selection.file()?;
    let mut publisher = options.publisher(job, &file)?;
    let save = check.save.get_or_insert(in_folder(MEASUREMENT)).clone();
    let github = publisher.github().ok();
    check.against.usual = base::of_job(job, folder_of(&file), github).await;
    let is_shard = check.selection.shard.is_some();
    if is_shard {
        publisher.of_shard();
    }
    publisher.open().await;
    let report = check::check(&check, observe).await;
    let delivery = Delivery {
        publisher,
        files: &options.files,
        measurement: &save,
        observe,
    };
    let (code, commands) = delivery.finish(report).await?;
    // The job that merges all shards annotates.
    Ok((code, if is_shard { Vec::new() } else { commands }))
}

/// Judges what the jobs before this one measured, each a shard.
pub(super) async fn merge(
    options: &CiOptions,
    job: &Job,
    observe: Observer<'_>,
) -> Result<Published, Error> {
    let mut check = options.check.clone();
    let save = check.save.get_or_insert(in_folder(MEASUREMENT)).clone();
    let file = check.selection.file()?;
    let mut publisher = options.publisher(job, &file)?;
    publisher.open().await;
    let sources = vec![options.shards.clone()];
    let report = shards::merged_report(&MergeOptions { sources, check }, observe);
    let delivery = Delivery {
        publisher,
        files: &options.files,
        measurement: &save,
        observe,
    };
    delivery.finish(report).await
}

/// Measures the default branch and stores what was measured.
pub(super) async fn refresh(
    options: &CiOptions,
    job: &Job,
    observe: Observer<'_>,
) -> Result<Published, Error> {
    let file = options.check.selection.file()?;
    let mut publisher = options.publisher(job, &file)?;
    let options = options.refresh(&job.head);
    let kept = match refresh_or_keep_aside(&options, observe).await {
        Ok(kept) => kept,
        Err(NotStored { error, aside }) => {
            if let Some(path) = aside {
                publisher.set_outputs(&[("measurement", absolute(&path))]);
            }
            return Err(error);
        }
    };
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
pub(super) async fn report(
    options: &CiOptions,
    job: &Job,
    observe: Observer<'_>,
) -> Result<Published, Error> {
    let Trigger::WorkflowRun(finished) = &job.trigger else {
        return Err(publish::Error::NothingToReport.into());
    };
    let file = options.check.selection.file()?;
    let mut publisher = options.publisher(job, &file)?;
    let github = publisher.github()?.clone();
    let artifact = artifact::fetch(&github, finished.run.id, &options.artifact, MEASUREMENT);
    let Some(artifact) = artifact.await? else {
        return without_artifact(finished, &options.artifact);
    };
    let report = report_of_artifact(&options.check, &artifact, observe)?;
    publisher.open().await;
    publisher.of_untrusted(pull_request::of_run(&github, finished).await?);
    let delivery = Delivery {
        publisher,
        files: &options.files,
        measurement: Path::new(""),
        observe,
    };
    delivery.finish(Ok(report)).await
}

/// A run that failed or was cancelled before it had measured is no fault of this workflow.
fn without_artifact(finished: &Finished, artifact: &str) -> Result<Published, Error> {
    let run = finished.run.id;
    if matches!(finished.conclusion.as_str(), "" | "success") {
        let name = artifact.to_owned();
        return Err(publish::Error::NoArtifact { run, name }.into());
    }
    let ended = &finished.conclusion;
    let why = format!("nothing to report: run {run} ended as {ended} and left no `{artifact}`");
    let command = workflow::annotation(workflow::Level::Notice, "perfgate", &why);
    Ok((0, vec![command]))
}
