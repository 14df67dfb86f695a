use crate::model::Report;

/// The report as JSON, the form other programs read.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has a JSON form");
    text.push('\n');
    text
}
