//! A calibration as a page.

use maud::html;

use super::page::{self, Page};
use super::ranking::table;
use crate::model::Calibration;
use crate::report::calibration::{self as sheets, HOW_IT_IS_MADE, HOW_TO_READ};

/// What a gate detects on a machine, as a self-contained page.
pub fn calibration(calibration: &Calibration) -> String {
    let result = &calibration.result;
    let (failed, checks) = (result.unchanged.failed, result.unchanged.checks);
    let notes: Vec<_> = sheets::warnings(result).collect();
    let mut about = vec![page::moment(calibration.ended)];
    about.extend(sheets::duration(result));
    about.extend(calibration.runner.as_ref().map(|it| {
        let cpus = if it.cores == 1 { "CPU" } else { "CPUs" };
        format!("{}, {} {cpus}", it.cpu_model, it.cores)
    }));
    let headline = format!("CALIBRATED: {failed} of {checks} checks of an unchanged build failed");
    let page = Page {
        headline: &headline,
        tone: if failed == 0 { "good" } else { "bad" },
        about,
        notes: &notes,
        next: None,
        facts: vec![("how changes are made", HOW_IT_IS_MADE.into())],
    };
    page.around(&html! {
        p { (sheets::false_alarms(result)) "." }
        p.key { (HOW_TO_READ) }
        @for sheet in sheets::sheets(result) {
            section {
                h2 { (sheet.title) }
                (table(&sheet))
            }
        }
    })
}
