//! What the action runs.

use std::path::PathBuf;

use clap::ValueEnum;

use super::check;
use super::ui::Progress;
use crate::app::{self, CiOptions, Notice};
use crate::error::Error;
use crate::model::exit_code;
use crate::publish;

/// Runs inside a job of GitHub or GitLab: measures and judges, refreshes the baseline or publishes a report,
/// depending on the event, and publishes the result there. The token is read from `GITHUB_TOKEN`, or from
/// `GITLAB_TOKEN`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    check: check::Args,
    /// Task of the job.
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// When to comment on the pull request.
    #[arg(long, value_enum, default_value_t = Comment::Auto)]
    comment: Comment,
    /// Key of this job's check and of its section in the comment, to distinguish them from those of other jobs, such as
    /// the legs of a matrix; of a JSON object the values are used.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    key: String,
    /// Id of the measuring job [default: this job's, and `check` with `--mode report`].
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Only close the check that a cancelled run of this job left open.
    #[arg(long)]
    close: bool,
    /// Artifact with measurement.json (with `--mode report`).
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
    /// Depends on the event.
    Auto,
    /// Measure and judge.
    Check,
    /// Measure and store.
    Refresh,
    /// Publish the measurement of another workflow.
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

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let progress = Progress::new(args.check.selection.is_quiet());
    let observe = |notice: &Notice<'_>| progress.show(notice);
    let options = args.plain();
    if args.close {
        app::close_check(&options, &observe).await?;
        return Ok(exit_code::PASSED);
    }
    app::ci(&options, &observe).await
}

impl Args {
    fn plain(&self) -> CiOptions {
        CiOptions {
            check: self.check.plain(),
            files: self.check.outputs.plain(),
            mode: self.mode.plain(),
            comment: self.comment.plain(),
            key: self.key.clone(),
            job: self.job.clone(),
            artifact: self.artifact.clone(),
            shards: self.shards.clone(),
            allow_dirty: self.allow_dirty,
        }
    }
}
