//! Paths of the configuration: whoever reads a change of the file must see when one leaves its
//! folder, also by a symbolic link.

use std::path::{Component, Path, PathBuf};

use toml::Spanned;

use super::Error;
use super::resolve::Resolver;

const HINT: &str =
    "move it into the folder, or write `allow_outside = true` at the top of the file";

impl Resolver<'_> {
    /// Where a path of the file leads, which is within the file's folder unless it says otherwise.
    pub(super) fn inside(&self, path: &Spanned<PathBuf>) -> Result<PathBuf, Error> {
        self.inside_of(path.get_ref(), &path.span())
    }

    pub(super) fn inside_of(
        &self,
        path: &Path,
        span: &std::ops::Range<usize>,
    ) -> Result<PathBuf, Error> {
        let full = self.root.join(path);
        if self.allow_outside || leads_inside(&full, self.root) {
            return Ok(full);
        }
        let message = format!("`{}` leads outside the folder of this file", path.display());
        Err(self.places.invalid(span, message, Some(HINT.into())))
    }
}

/// Whether a path stays in a folder, as it is written and, as far as it is there, in truth.
fn leads_inside(path: &Path, folder: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).map(|path| plain(&path));
    let written = match (absolute(path), absolute(folder)) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    };
    let Ok(folder) = folder.canonicalize() else {
        // A folder that is not there has no links.
        return written;
    };
    let there = path.ancestors().find(|it| it.symlink_metadata().is_ok());
    let truth = there.is_none_or(|it| it.canonicalize().is_ok_and(|it| it.starts_with(&folder)));
    written && truth
}

/// An absolute path with every `..` taken.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_leave_a_folder_by_their_words_and_by_links() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("project");
        std::fs::create_dir_all(folder.join("sub")).expect("made");
        let link = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, folder.join(name)).expect("a link");
        };
        link("out", place.path());
        link("in", &folder.join("sub"));
        link("nowhere", Path::new("/nowhere/at/all"));
        let inside = |path: &str| leads_inside(&folder.join(path), &folder);
        for good in ["a.sql", "sub/new/a.sql", "sub/../a.sql", "in/a.sql", "."] {
            assert!(inside(good), "{good}");
        }
        for bad in [
            "../a.sql",
            "sub/../../a.sql",
            "/etc/passwd",
            "out/a.sql",
            "in/../../../a",
            "nowhere",
            "nowhere/a",
        ] {
            assert!(!inside(bad), "{bad}");
        }
    }
}
