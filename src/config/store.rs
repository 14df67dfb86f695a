//! `[baseline]`: where baselines are kept, and how many.

use std::path::Path;

use super::Error;
use super::resolve::Resolver;
use super::spanned::Spanned;
use crate::model::{LONGEST_SERIES, Store};

const FOLDER: &str = ".perfgate/baselines";
const REMOTE: &str = "origin";
/// Runs of each key that are kept unless the file says otherwise.
const KEEP: usize = 1000;
/// What a store can be written as.
const FORMS: &str = "write \"dir:FOLDER\", \"git:BRANCH\", or \"git:REMOTE#BRANCH\"";

impl Resolver<'_> {
    pub(super) fn store(&self, store: Option<&Spanned<String>>) -> Result<Store, Error> {
        let Some(written) = store else {
            return Ok(Store::Folder(self.root.join(FOLDER)));
        };
        let text = written.get_ref();
        let wrong = |why| {
            let message = format!("`{text}` is not a baseline store: {why}");
            self.spans
                .invalid(&written.span(), message, Some(FORMS.into()))
        };
        if !["dir:", "git:"].iter().any(|kind| text.starts_with(kind)) {
            return Err(wrong("it has neither `dir:` nor `git:`"));
        }
        let store = parse(text, self.root).map_err(wrong)?;
        if let Some(folder) = text.strip_prefix("dir:") {
            self.inside_of(Path::new(folder), &written.span())?;
        }
        Ok(store)
    }

    /// How many runs of each key are kept.
    pub(super) fn keep(&self, keep: Option<&Spanned<usize>>) -> Result<usize, Error> {
        let Some(written) = keep else { return Ok(KEEP) };
        match *written.get_ref() {
            runs if runs >= LONGEST_SERIES => Ok(runs),
            _ => {
                let message = format!("`keep` must be at least {LONGEST_SERIES}");
                let hint = "a check reads as many runs; `baseline prune --keep` can leave fewer";
                let span = written.span();
                Err(self.spans.invalid(&span, message, Some(hint.into())))
            }
        }
    }
}

/// A store as it is written: `dir:FOLDER`, `git:BRANCH`, `git:REMOTE#BRANCH`, or a folder.
pub fn parse(text: &str, root: &Path) -> Result<Store, &'static str> {
    let Some(written) = text.strip_prefix("git:") else {
        let folder = text.strip_prefix("dir:").unwrap_or(text);
        return match folder {
            "" => Err("the folder is missing"),
            folder => Ok(Store::Folder(root.join(folder))),
        };
    };
    let (remote, branch) = written.rsplit_once('#').unwrap_or((REMOTE, written));
    if remote.is_empty() || remote.starts_with('-') {
        return Err("the remote is missing");
    }
    if !is_branch(branch) {
        return Err("that is no name of a branch");
    }
    Ok(Store::Branch {
        clone: root.to_owned(),
        remote: remote.to_owned(),
        branch: branch.to_owned(),
    })
}

/// Whether git takes it as the name of a branch (the rules of `git check-ref-format`).
fn is_branch(name: &str) -> bool {
    let forbidden = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    let locked = |part: &str| part.strip_suffix(".lock").is_some();
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !locked(part);
    !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name.split('/').all(part)
}
