//! Paths of the configuration: whoever reads a change of the file must see when one leaves its
//! folder, also by a symbolic link.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::Error;
use super::resolve::Resolver;
use crate::bounded::leads_inside;

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
        Err(self.spans.invalid(span, message, Some(HINT.into())))
    }
}
