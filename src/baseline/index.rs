//! What a bucket holds: the files of its newest version, and in which object each of them is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A document that is replaced only by a writer who knows the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Index {
    /// Version of this document's form.
    schema: u32,
    /// By the path of the file, as on a branch.
    pub(super) files: BTreeMap<String, Place>,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The name of its object; none is written twice.
    pub(super) object: String,
    /// What its content is called.
    pub(super) digest: String,
    /// Bytes of the content.
    pub(super) size: usize,
}

impl Index {
    /// The version this program writes.
    pub(super) const SCHEMA: u32 = 1;
    /// What errors call such a document.
    pub(super) const KIND: &str = "bucket's index";
    /// The key of it.
    pub(super) const KEY: &str = "index.json";

    pub(super) fn objects(&self) -> BTreeSet<&str> {
        let places = self.files.values();
        places.map(|place| place.object.as_str()).collect()
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema: Self::SCHEMA,
            files: BTreeMap::new(),
        }
    }
}
