//! The files that a report is written to.

use std::path::{Path, PathBuf};

use super::secrets::report_without_secrets;
use crate::document;
use crate::error::Error;
use crate::model::{Report, Side};
use crate::report;

/// A file for each format that is asked for.
#[derive(Debug, Clone)]
pub struct ReportFiles {
    pub json: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub junit: Option<PathBuf>,
    pub html: Option<PathBuf>,
    /// Where the names of both files of collapsed stacks begin.
    pub profile: Option<PathBuf>,
}

impl ReportFiles {
    /// Writes the files, without secrets.
    pub fn write(&self, report: &Report) -> Result<(), Error> {
        let report = &report_without_secrets(report.clone());
        let files = [
            (&self.json, report::json as fn(&Report) -> String),
            (&self.markdown, report::markdown),
            (&self.junit, report::junit),
            (&self.html, report::html),
        ];
        for (path, render) in files {
            if let Some(path) = path {
                document::write(path, &render(report))?;
            }
        }
        if let Some(path) = &self.profile {
            for side in Side::BOTH {
                let path = format!("{}.{}.folded", path.display(), side.name());
                document::write(Path::new(&path), &report::folded(report, side))?;
            }
        }
        Ok(())
    }
}
