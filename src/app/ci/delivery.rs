//! A report as files and outputs for later steps, and as everything that GitHub shows.

use std::path::{Path, PathBuf};

use super::super::observer::{Notice, Observer};
use super::super::part_files::is_in_bucket;
use super::super::publishing::Publisher;
use super::super::report_files::ReportFiles;
use crate::error::Error;
use crate::model::{Report, Verdict};
use crate::publish::workflow;
use crate::report;

/// Folder of files that no other place is named for.
const FOLDER: &str = ".perfgate";

/// Outputs of a step that judges.
pub const OUTPUTS: [&str; 10] = [
    "verdict",
    "regressions",
    "worst",
    "counts",
    "seconds",
    "report-json",
    "report-markdown",
    "measurement",
    "comment-url",
    "baseline-sha",
];

/// The code to exit with, and commands for the runner.
pub(super) type Published = (u8, Vec<String>);

pub(super) fn in_folder(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Where a report goes.
pub(super) struct Delivery<'a> {
    pub(super) publisher: Publisher<'a>,
    pub(super) files: &'a ReportFiles,
    /// The file that was judged; empty where it is not on this machine.
    pub(super) measurement: &'a Path,
    pub(super) observe: Observer<'a>,
}

impl Delivery<'_> {
    /// Publishes a report, or why there is none.
    pub(super) async fn finish(
        mut self,
        report: Result<Report, Error>,
    ) -> Result<Published, Error> {
        match report {
            Ok(report) => self.publish(&report).await,
            Err(error) => {
                self.publisher.failed(&error).await;
                Err(error)
            }
        }
    }

    async fn publish(self, report: &Report) -> Result<Published, Error> {
        let Self {
            mut publisher,
            files,
            measurement,
            observe,
        } = self;
        let mut files = files.clone();
        let json = files.json.get_or_insert(in_folder("report.json")).clone();
        let markdown = files.markdown.get_or_insert(in_folder("report.md")).clone();
        observe(&Notice::Report(report));
        files.write(report)?;
        publisher.publish(report).await;
        let regressions = report.with_verdict(Verdict::Regression).count();
        let seconds = report.provenance.length().map(|it| format!("{it:.0}"));
        let comment = publisher.comment_url().unwrap_or_default();
        let base = report.provenance.base.as_deref().unwrap_or_default();
        // In the order of their names.
        let values: [String; OUTPUTS.len()] = [
            report::outcome_name(report.outcome).to_owned(),
            regressions.to_string(),
            report::worst(report),
            report::counts(report),
            seconds.unwrap_or_default(),
            absolute(&json),
            absolute(&markdown),
            absolute(measurement),
            comment.to_owned(),
            commit_of(base).to_owned(),
        ];
        let outputs: Vec<_> = OUTPUTS.into_iter().zip(values).collect();
        publisher.set_outputs(&outputs);
        let mut commands = workflow::annotations(report);
        commands.extend(publisher.into_lines());
        Ok((report.exit_code, commands))
    }
}

/// A path as later steps find it, which run elsewhere; empty for an empty one. The address of a bucket stays as it is.
pub(super) fn absolute(path: &Path) -> String {
    if is_in_bucket(path) {
        return path.display().to_string();
    }
    std::path::absolute(path).map_or_else(|_| String::new(), |it| it.display().to_string())
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
