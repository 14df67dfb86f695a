//! What a job is asked to do, and what distinguishes it from the jobs beside it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::super::check::CheckOptions;
use super::super::checked_out::Allowed;
use super::super::publishing::{Comment, Publisher};
use super::super::refresh::RefreshOptions;
use super::super::report_files::ReportFiles;
use crate::git::Git;
use crate::publish::{self, Job, Key, MEASURING_JOB, Mode, Trigger};

/// What a job is asked to do.
#[derive(Debug, Clone)]
pub struct CiOptions {
    pub check: CheckOptions,
    /// JSON and Markdown are also written where no file is named for them.
    pub files: ReportFiles,
    pub mode: Mode,
    pub comment: Comment,
    /// Distinguishes the job's section of the comment, and its check, from those of jobs beside it.
    pub key: String,
    /// Id of the job that measures, where it is not the usual one.
    pub job: Option<String>,
    /// Artifact of another run that holds its measurement.
    pub artifact: String,
    /// Folder with the measurements of all shards.
    pub shards: PathBuf,
    /// Whether a measurement is stored even if files differ from the commit.
    pub allow_dirty: bool,
}

impl CiOptions {
    /// Speaks for the job, which measures by the configuration in `file`.
    pub(super) fn publisher<'a>(
        &self,
        job: &'a Job,
        file: &Path,
    ) -> Result<Publisher<'a>, publish::Error> {
        Publisher::new(job, self.comment, self.key(job, file))
    }

    /// How the run of a commit is stored.
    pub(super) fn refresh(&self, commit: &str) -> RefreshOptions {
        let check = self.check.clone();
        RefreshOptions {
            selection: check.selection,
            run: check.run,
            baseline: check.baseline,
            runs: NonZeroUsize::MIN,
            measurement: check.measurement.into_iter().collect(),
            naming: check.naming,
            allowed: Allowed {
                allow_dirty: self.allow_dirty,
                commit: Some(commit.to_owned()),
            },
        }
    }

    /// Distinguishes a job on GitLab, which has no workflow, from those beside it.
    pub(super) fn gitlab_key(&self, name: &str, file: &Path) -> Key {
        let id = self.job.as_deref().unwrap_or(name);
        Key::new("", id, &within_repository(file), &self.key)
    }

    fn key(&self, job: &Job, file: &Path) -> Key {
        let id = match (&self.job, &job.trigger) {
            (Some(id), _) => id.as_str(),
            (None, Trigger::WorkflowRun(_)) => MEASURING_JOB,
            (None, _) => job.id.as_str(),
        };
        Key::new(job.measured_in(), id, &within_repository(file), &self.key)
    }
}

pub(super) fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The path of the configuration in its repository; outside of one, the path that was given.
fn within_repository(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    match Git::at(folder_of(file)).prefix() {
        Ok(prefix) => format!("{prefix}{}", name.to_string_lossy()),
        Err(_) if file.is_relative() => file.display().to_string(),
        Err(_) => name.to_string_lossy().into_owned(),
    }
}
