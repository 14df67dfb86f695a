//! One load from several machines. Takes a worker's number and where the others meet, gives the moment
//! at which its window opens, and promises that the moments of all lie no further apart than the errors
//! that are stated.

mod clock;
mod coordinator;
#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use coordinator::{Coordinator, Entry, join};
