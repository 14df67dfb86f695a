//! A job on GitLab: checks a merge request and keeps a note on it, or stores what the default branch measures.

use std::path::Path;

use super::super::base;
use super::super::check;
use super::super::observer::{Notice, Observer};
use super::super::publishing::Comment;
use super::super::refresh;
use super::super::secrets::without_secrets;
use super::super::shards::{self, MergeOptions};
use super::delivery::in_folder;
use super::options::{CiOptions, folder_of};
use super::tasks::MEASUREMENT;
use crate::document;
use crate::error::Error;
use crate::model::{Report, chain, exit_code};
use crate::publish::comment::When;
use crate::publish::gitlab::{self, GitLab, GitLabJob, Noted};
use crate::publish::{self, Policy, Provider, Severity, Stamp, Task};
use crate::report::{self, Frame};

const TOKEN: &str = Provider::GitLab.token_variable();

/// Measures and judges, or stores, as the pipeline calls for; the code to exit with.
pub(super) async fn ci(options: &CiOptions, observe: Observer<'_>) -> Result<u8, Error> {
    let job = GitLabJob::find(super::variable)?;
    let speaker = Speaker {
        job: &job,
        options,
        observe,
    };
    match job.task(options.mode)? {
        Task::Check => {
            let mut check = options.check.clone();
            check.save.get_or_insert(in_folder(MEASUREMENT));
            let file = check.selection.file()?;
            check.against.usual = base::of_gitlab_job(&job, folder_of(&file));
            let report = check::check(&check, observe).await;
            speaker.deliver(report, &file).await
        }
        Task::Merge => {
            let mut check = options.check.clone();
            check.save.get_or_insert(in_folder(MEASUREMENT));
            let file = check.selection.file()?;
            let sources = vec![options.shards.clone()];
            let report = shards::merged_report(&MergeOptions { sources, check }, observe);
            speaker.deliver(report, &file).await
        }
        Task::Refresh => {
            let kept = refresh::refresh(&options.refresh(&job.head), observe).await?;
            Ok(kept.code)
        }
        Task::Report => Err(publish::Error::NothingToReport.into()),
    }
}

/// Speaks of one job.
struct Speaker<'a> {
    job: &'a GitLabJob,
    options: &'a CiOptions,
    observe: Observer<'a>,
}

impl Speaker<'_> {
    /// The files for the job's artifacts and the note, or why there are none.
    async fn deliver(&self, report: Result<Report, Error>, file: &Path) -> Result<u8, Error> {
        let is_shard = self.options.check.selection.shard.is_some();
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                // What an earlier pipeline said is of an earlier commit.
                if !is_shard && !matches!(error, Error::Interrupted) {
                    let why = report::escaped(&without_secrets(&chain(&error)));
                    let headline = "💥 could not measure";
                    let body = format!("### {headline}\n\n{why}\n");
                    let stamp = self.stamp(file, Severity::Error, headline.into());
                    self.write_note(&stamp, &body, When::OnlyIfThere).await;
                }
                return Err(error);
            }
        };
        (self.observe)(&Notice::Report(&report));
        self.write_files(&report)?;
        let partial = report.provenance.partial.as_ref();
        let is_cancelled = partial.is_some_and(|it| it.exit_code == exit_code::INTERRUPTED);
        if !is_shard && !is_cancelled {
            let when = match self.options.comment {
                Comment::OnChange if !report::has_news(&report) => When::OnlyIfThere,
                _ => When::Always,
            };
            let frame = Frame {
                budget: Some(gitlab::BUDGET),
                ..Frame::default()
            };
            let body = report::framed(&report, &frame);
            let stamp = self.stamp(file, report.outcome.into(), report::headline(&report));
            self.write_note(&stamp, &body, when).await;
        }
        Ok(report.exit_code)
    }

    /// JSON and Markdown, `JUnit` XML for `reports: junit` and metrics for `reports: metrics`.
    fn write_files(&self, report: &Report) -> Result<(), Error> {
        let mut files = self.options.files.clone();
        files.json.get_or_insert(in_folder("report.json"));
        files.markdown.get_or_insert(in_folder("report.md"));
        files.junit.get_or_insert(in_folder("junit.xml"));
        files.write(report)?;
        let metrics = report::openmetrics(report);
        document::write(&in_folder("metrics.txt"), &metrics)?;
        Ok(())
    }

    fn stamp(&self, file: &Path, severity: Severity, headline: String) -> Stamp {
        let key = self.options.gitlab_key(&self.job.name, file);
        Stamp {
            key: key.digest(),
            label: key.label(),
            commit: self.job.head.clone(),
            run: self.job.run,
            severity,
            headline,
            link: self.job.link.clone(),
        }
    }

    /// What does not succeed is a warning: it never changes the verdict.
    async fn write_note(&self, stamp: &Stamp, body: &str, when: When) {
        let Some(merge_request) = self.job.merge_request() else {
            return;
        };
        let note = |text: &str| (self.observe)(&Notice::Note(text));
        match self.options.comment {
            Comment::Never => return,
            // Its variables are not those of the project that it goes to.
            Comment::Auto | Comment::OnChange if merge_request.is_fork => {
                return note("no note: a pipeline of a fork has no token of this project");
            }
            Comment::Auto | Comment::Always | Comment::OnChange => {}
        }
        let token = super::variable(TOKEN).filter(|it| !it.is_empty());
        let Some(token) = token else {
            return note(&format!(
                "no note on the merge request: {TOKEN} is not set. Give the job a masked variable with a \
                 project access token: scope `api`, role Reporter"
            ));
        };
        let linked = if stamp.link.is_empty() {
            body.to_owned()
        } else {
            format!("{body}\n[job]({}) of commit {}\n", stamp.link, stamp.commit)
        };
        let gitlab = match GitLab::new(self.job, &token, Policy::default()) {
            Ok(gitlab) => gitlab,
            Err(error) => return (self.observe)(&Notice::Warning(&error.into())),
        };
        let number = merge_request.number;
        match gitlab::post(&gitlab, number, stamp, &linked, when).await {
            Ok(Noted::LeftToNewer) => note("no note: a later pipeline has written it"),
            Ok(Noted::Written | Noted::Edited | Noted::Nothing) => {}
            Err(error) => (self.observe)(&Notice::Warning(&error.into())),
        }
    }
}
