//! Where measurements are kept: a store of small documents, one per cell and run, in a folder, on a branch of a git
//! repository or in a bucket. What machines share, a branch or a bucket, is packed from time to time, so that a check reads
//! few bytes however many documents there are. Beside them lie, in buckets, results of several machines that are one run.

mod access;
mod backend;
mod badge;
mod branch;
mod bucket;
mod contents;
mod directory;
mod error;
mod fault;
mod git;
mod index;
mod name;
mod pack;
mod prune;
mod recent;
mod remote;
mod results;
mod s3;
mod sender;
mod shared;
mod store;

pub use branch::Branch;
pub use bucket::Bucket;
pub use directory::Directory;
pub use error::Error;
pub use fault::Fault;
pub use git::read_answers;
pub use results::Results;
pub use s3::Text;
pub use shared::Shared;
pub use store::{Store, Stored};

#[cfg(test)]
mod tests;
