//! Report → bytes: one function per format, all of them views of the same finished report.

mod json;
mod load;
mod markdown;
pub mod ranking;
mod summary;
mod terminal;
mod text;

pub use json::json;
pub use load::Load;
pub use markdown::{
    Frame, baseline_lines, escape as escaped, failure, framed, has_news, headline, markdown,
};
pub use summary::headline as title;
pub use terminal::terminal;
pub use text::{
    bytes, clean, incident, micros, outcome_name, percent, printable, quoted, rate, sentence, value,
};

#[cfg(test)]
mod tests;
