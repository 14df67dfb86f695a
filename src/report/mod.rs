//! Report → bytes: one function per format, all of them views of the same finished report.

mod advice;
mod bisection;
mod bridge;
mod calibration;
mod folded;
mod gate;
mod hlog;
mod html;
mod json;
mod junit;
mod load;
mod margin_bar;
mod markdown;
mod openmetrics;
mod outputs;
pub mod ranking;
mod sparkline;
mod summary;
mod terminal;
mod text;
mod trend;

pub use bisection::{bisection, bisection_check};
pub use bridge::{bencher, github_action_benchmark};
pub use calibration::{calibration, calibration_badge, calibration_in_short};
pub use folded::folded;
pub use gate::gate_changes;
pub use hlog::hlog;
pub use html::{
    SiteContext, SitePage, calibration as html_calibration, html, ranking as html_ranking, site,
};
pub use json::json;
pub use junit::junit;
pub use load::Load;
pub use markdown::{
    Frame, baseline_lines, escape as escaped, failure, framed, has_news, headline, markdown,
};
pub use openmetrics::openmetrics;
pub use outputs::{counts, worst};
pub use summary::{headline as title, news, warnings};
pub use terminal::terminal;
pub use text::{
    bytes, clean, commit, incident, lenience, micros, new_step, outcome_icon, outcome_name,
    percent, printable, quoted, rate, sentence, value,
};
pub use trend::trend;

#[cfg(test)]
mod tests;
