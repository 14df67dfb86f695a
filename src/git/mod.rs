//! git, called in one way: it never asks a person for anything, runs no hook, and speaks English,
//! and what it says when it refuses reaches the reader.
//!
//! [`Git`] is a folder in which a repository may lie; [`Call`] one command in it. `history` asks
//! about commits, `diff` about lines that changed, [`Tree`] is a commit's files in a folder of their own, [`credentials`] keeps
//! passwords out of arguments and messages.

mod call;
mod clone;
pub mod credentials;
mod deepen;
mod diff;
mod error;
mod history;
mod kept;
mod lfs;
mod retry;
mod scratch;
mod source;
mod tree;

pub use call::{Call, Git};
pub use diff::ChangedLines;
pub use error::Error;
pub(crate) use error::reason;
pub use tree::Tree;

#[cfg(test)]
mod tests;
