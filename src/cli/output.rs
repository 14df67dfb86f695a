//! Where a report goes.

use super::args::Outputs;
use crate::app;
use crate::error::Error;
use crate::model::Report;
use crate::report;

/// Prints the report and writes the files that were asked for.
pub(super) fn deliver(report: &Report, outputs: &Outputs) -> Result<(), Error> {
    print_report(report);
    outputs.plain().write(report)
}

pub(super) fn print_report(report: &Report) {
    // Also one that an earlier version has written.
    let report = app::report_without_secrets(report.clone());
    print!("{}", report::terminal(&report));
}
