//! What must not leave this process: values that are secrets by their name, by their shape, or because
//! somebody said so. Every writer asks here, so that what a dying server prints is masked by value in
//! whatever is written.
//!
//! Two kinds are distinguished, because a mask that is too wide destroys a report. A secret of eight or
//! more characters that is no plain word is masked in every text ([`masked`]); a shorter one, and what
//! a configuration passes on without calling it a secret, in what servers and programs said alone
//! ([`masked_output`]). Words that everybody uses, such as `postgres`, are masked nowhere but in the place of a
//! password in an address.

mod forms;
mod known;
mod names;
mod scrubbed;
mod shapes;

pub use known::{know, know_masks, know_named, know_secret, masked, masked_output};
pub use scrubbed::{inherit, is_scrubbed};

/// What stands in place of a secret.
pub const INSTEAD: &str = "(hidden)";
