//! A route as a source file spells it out.

/// What stands in a path for a value that a request must have, as nobody knows it.
pub(super) const UNKNOWN: &str = "{}";

/// A path that a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The file it stands in, by its place among all.
    pub(super) file: usize,
    pub(super) path: String,
    pub(super) is_get: bool,
    /// Names at it and at its handler, which say who may call it.
    pub(super) words: String,
}

impl Route {
    pub(super) fn is_guarded_by(&mut self, name: &str) {
        self.words.push(' ');
        self.words.push_str(name);
    }
}
