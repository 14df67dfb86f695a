//! Report → bytes: one function per format, all of them views of the same finished report.

mod json;
mod load;
mod markdown;
mod summary;
mod terminal;
mod text;

pub use json::json;
pub use load::Load;
pub use markdown::markdown;
pub use terminal::terminal;
pub use text::{bytes, micros, rate};

#[cfg(test)]
mod tests;
