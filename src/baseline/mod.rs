//! Where measurements are kept: a store of small documents, one per cell and run, in a folder or on a branch of a git
//! repository. On a branch they are packed from time to time, so that a check reads few bytes however many there are.

mod badge;
mod branch;
mod contents;
mod directory;
mod error;
mod git;
mod name;
mod pack;
mod prune;
mod recent;
mod remote;
mod store;

pub use branch::Branch;
pub use directory::Directory;
pub use error::Error;
pub use git::read_answers;
pub use store::{Store, Stored};

#[cfg(test)]
mod tests;
