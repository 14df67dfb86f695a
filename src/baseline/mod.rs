//! Where measurements are kept: a store of small immutable documents, one per cell and run, in a
//! folder or on a branch of a git repository.

mod branch;
mod directory;
mod error;
mod git;
mod name;
mod prune;
mod store;

pub use branch::Branch;
pub use directory::Directory;
pub use error::Error;
pub use git::read_answers;
pub use store::{Store, Stored};

#[cfg(test)]
mod tests;
