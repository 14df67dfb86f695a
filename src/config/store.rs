//! `[baseline]`: where baselines are kept, and how many.

use std::ops::RangeInclusive;
use std::path::Path;

use super::Error;
use super::resolve::Resolver;
use super::spanned::Spanned;
use crate::model::{Bucket, LONGEST_SERIES, RuleOrigin, Store};

const FOLDER: &str = ".perfgate/baselines";
const REMOTE: &str = "origin";
/// Runs of each key that are kept unless the file says otherwise.
const KEEP: usize = 1000;
/// What a store can be written as.
const FORMS: &str =
    "write \"dir:FOLDER\", \"git:BRANCH\", \"git:REMOTE#BRANCH\", or \"s3://BUCKET/PREFIX\"";
/// Lengths of the names of buckets.
const BUCKET_NAMES: RangeInclusive<usize> = 3..=63;

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
        let kinds = ["dir:", "git:", "s3:"];
        if !kinds.iter().any(|kind| text.starts_with(kind)) {
            return Err(wrong("it begins with none of `dir:`, `git:` and `s3://`"));
        }
        let origin = match self.spans.origin(&written.span()) {
            RuleOrigin::File { name, line } => format!("{name}:{line}"),
            RuleOrigin::Default => "default".to_owned(),
        };
        let store = parse(text, self.root, &origin).map_err(wrong)?;
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

/// A store as it is written: `dir:FOLDER`, `git:BRANCH`, `git:REMOTE#BRANCH`, `s3://BUCKET/PREFIX`, or a folder. Errors
/// say `origin` for where a bucket is named.
pub fn parse(text: &str, root: &Path, origin: &str) -> Result<Store, &'static str> {
    if let Some(written) = text.strip_prefix("s3:") {
        return Ok(Store::Bucket {
            bucket: bucket(written)?,
            origin: origin.to_owned(),
        });
    }
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

/// The bucket of an address after `s3:`.
fn bucket(written: &str) -> Result<Bucket, &'static str> {
    let written = written.strip_prefix("//").ok_or("it lacks `//`")?;
    if written.contains('@') {
        return Err("credentials are no part of it: `AWS_ACCESS_KEY_ID` and others name them");
    }
    if written.contains(['?', '#']) {
        return Err("it has no query and no fragment");
    }
    let (name, prefix) = written.split_once('/').unwrap_or((written, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if name.is_empty() {
        return Err("the bucket is missing");
    }
    if !is_bucket(name) {
        return Err("that is no name of a bucket: 3 to 63 small letters, digits, dots and hyphens");
    }
    if !prefix.is_empty() && !prefix.split('/').all(is_part_of_key) {
        return Err(
            "each part of its prefix is made of letters, digits, and `-`, `_`, `.`, `=`, `+`",
        );
    }
    Ok(Bucket {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// Whether S3 takes it as the name of a bucket.
fn is_bucket(name: &str) -> bool {
    let is_end = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    BUCKET_NAMES.contains(&name.len())
        && name.chars().all(|it| is_end(it) || ".-".contains(it))
        && name.starts_with(is_end)
        && name.ends_with(is_end)
        && !name.contains("..")
}

/// Whether a part of a key is written alike in keys and in addresses.
fn is_part_of_key(part: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.=+".contains(letter);
    !part.is_empty() && part.chars().all(is_plain) && part.chars().any(|it| it != '.')
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
