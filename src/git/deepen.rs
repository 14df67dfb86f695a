//! Fetching what a clone lacks of the history. The objects alone are added: no reference of the
//! clone and no `FETCH_HEAD` is written, since others may be at work in it.

use super::{Error, Git};

/// Commits that are fetched beyond the end of a shallow clone, step by step. The whole history of a
/// large repository is more than a check may ask for.
const STEPS: [u32; 3] = [50, 200, 1000];

const REMOTE: &str = "origin";

impl Git {
    /// Makes sure that a commit is here, by fetching it from where the clone came from. Whether it
    /// is.
    pub fn fetch_commit(&self, commit: &str) -> Result<bool, Error> {
        if self.commit(commit)?.is_some() {
            return Ok(true);
        }
        // With a depth git would cut a whole clone off where the commit is.
        let depth = self.is_shallow()?.then_some("--depth=1");
        self.fetch(depth, &[commit])?;
        Ok(self.commit(commit)?.is_some())
    }

    /// The newest commit that two have in their past. A shallow clone is deepened until it is found,
    /// or as far as may be.
    pub fn merge_base_deepened(&self, one: &str, other: &str) -> Result<Option<String>, Error> {
        for step in STEPS {
            let found = self.merge_base(one, other)?;
            if found.is_some() || !self.is_shallow()? {
                return Ok(found);
            }
            self.fetch(Some(&format!("--deepen={step}")), &[one, other])?;
        }
        self.merge_base(one, other)
    }

    fn fetch(&self, depth: Option<&str>, commits: &[&str]) -> Result<(), Error> {
        let quietly = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        let nowhere = ["--no-recurse-submodules", "--refmap="];
        let from = ["--", REMOTE];
        let words = [
            quietly.as_slice(),
            &nowhere,
            depth.as_slice(),
            &from,
            commits,
        ]
        .concat();
        self.call(&words).remote().text().map(drop)
    }
}
