//! Where a report goes.

use std::path::Path;

use super::args::Outputs;
use crate::app;
use crate::document;
use crate::error::Error;
use crate::model::{Report, Side};
use crate::report;

/// Prints the report and writes the files that were asked for.
pub(super) fn deliver(report: &Report, outputs: &Outputs) -> Result<(), Error> {
    print_report(report);
    write_files(report, outputs)
}

pub(super) fn print_report(report: &Report) {
    // Also one that an earlier version has written.
    let report = app::report_without_secrets(report.clone());
    print!("{}", report::terminal(&report));
}

/// Writes the files that were asked for.
pub(super) fn write_files(report: &Report, outputs: &Outputs) -> Result<(), Error> {
    let report = &app::report_without_secrets(report.clone());
    let files = [
        (&outputs.json, report::json as fn(&Report) -> String),
        (&outputs.markdown, report::markdown),
        (&outputs.junit, report::junit),
        (&outputs.html, report::html),
    ];
    for (path, render) in files {
        if let Some(path) = path {
            document::write(path, &render(report))?;
        }
    }
    if let Some(path) = &outputs.profile {
        for side in Side::BOTH {
            let path = format!("{}.{}.folded", path.display(), side.name());
            document::write(Path::new(&path), &report::folded(report, side))?;
        }
    }
    Ok(())
}
