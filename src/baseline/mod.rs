//! Where measurements are kept: a store of small immutable documents, one per cell and run.

mod directory;
mod error;

pub use directory::Directory;
pub use error::Error;

#[cfg(test)]
mod tests;
