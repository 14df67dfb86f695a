//! A bar as a small picture: the margins stand at the same places in every row.

use maud::{Markup, html};

use crate::model::Finding;
use crate::report::margin_bar::{MarginBar, REACH};
use crate::report::text;

/// Half of the width.
const SIDE: f64 = 60.0;

pub(super) fn bar(finding: &Finding, tone: &str) -> Markup {
    let Some(bar) = MarginBar::from_finding(finding) else {
        return html! {};
    };
    let [low, high] = bar.interval.unwrap_or([bar.point; 2]).map(position);
    html! {
        svg class={ "margin-bar " (tone) } viewBox="0 0 124 16" width="124" height="16" role="img" aria-label=(aria_label(finding)) {
            path.scale d={ "M62 1v14M32 4v8M92 4v8" } {}
            path.interval d={ "M" (low) " 8H" (high) } {}
            circle.point cx=(position(bar.point)) cy="8" r="4" {}
            @if MarginBar::clipped(bar.point) && bar.point < 0.0 { path.beyond d="M7 4L2 8L7 12" {} }
            @if MarginBar::clipped(bar.point) && bar.point > 0.0 { path.beyond d="M117 4L122 8L117 12" {} }
        }
    }
}

fn position(margins: f64) -> String {
    // The outermost point leaves room for the arrow that says there is more.
    let position = margins.clamp(-REACH, REACH) / REACH * SIDE;
    format!("{:.1}", 62.0 + position.clamp(-50.0, 50.0))
}

fn aria_label(finding: &Finding) -> String {
    let change = finding.change.map(text::change).unwrap_or_default();
    let interval = finding.interval.map(|[low, high]| {
        let (low, high) = (text::change(low), text::change(high));
        format!(", interval {low} to {high}")
    });
    let margin = finding.margin.map(text::percent).unwrap_or_default();
    let interval = interval.unwrap_or_default();
    format!("change {change}{interval}, margin {margin}")
}
