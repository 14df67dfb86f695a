//! A connection that could not be opened.

use crate::model::Failure;

/// Why a connection could not be opened.
#[derive(Debug)]
pub(super) struct Unopened {
    /// The kind under which its request is counted.
    pub(super) failure: Failure,
    pub(super) why: String,
}
