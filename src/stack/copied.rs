//! Files that are put into containers, with texts of them replaced.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Error;
use crate::bounded;

const READABLE: u32 = 0o644;
const EXECUTABLE: u32 = 0o111;
/// Bytes of a file.
const LARGEST: u64 = 256 << 20;

/// Rights of a file in the container: those that it has here, so that a script can be run there, and whoever
/// the server runs as can read it.
pub(super) fn mode(path: &Path) -> u32 {
    let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode());
    READABLE | mode & EXECUTABLE
}

/// What is put into the container; of two texts that begin at the same place the longer is replaced.
pub(super) fn contents(path: &Path, replace: &[(String, String)]) -> Result<Vec<u8>, Error> {
    let bytes = bounded::read(path, LARGEST).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    if replace.is_empty() {
        return Ok(bytes);
    }
    let (texts, values): (Vec<_>, Vec<_>) = replace.iter().cloned().unzip();
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(&texts)
        .expect("texts of a configuration are few and short");
    let mut found = vec![false; texts.len()];
    let mut replaced = Vec::with_capacity(bytes.len());
    search.replace_all_with_bytes(&bytes, &mut replaced, |it, _, into| {
        found[it.pattern()] = true;
        into.extend_from_slice(values[it.pattern()].as_bytes());
        true
    });
    match found.iter().position(|it| !it) {
        None => Ok(replaced),
        Some(at) => Err(Error::NotInFile {
            path: path.to_owned(),
            text: texts[at].clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(text: &str, replace: &[(&str, &str)]) -> Result<String, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.toml");
        fs::write(&path, text).expect("it is written");
        let pairs = replace.iter();
        let pairs: Vec<_> = pairs.map(|(a, b)| ((*a).into(), (*b).into())).collect();
        contents(&path, &pairs).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn a_script_can_be_run_and_everything_can_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("entrypoint.sh");
        fs::write(&path, "").expect("it is written");
        for (here, there) in [(0o600, 0o644), (0o755, 0o755), (0o700, 0o744)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(here)).expect("set");
            assert_eq!(mode(&path), there, "{here:o}");
        }
    }

    #[test]
    fn texts_of_a_file_are_replaced_once_and_the_longer_first() {
        let replace = [
            ("cache:1", "10.0.0.1:1"),
            ("cache:1/2", "cache:1/7"),
            ("db", "cache:1"),
        ];
        let text = copied("a = cache:1/2, b = cache:1, c = db", &replace).expect("it is there");
        assert_eq!(text, "a = cache:1/7, b = 10.0.0.1:1, c = cache:1");
    }

    #[test]
    fn a_text_that_the_file_lacks_is_an_error() {
        let error =
            copied("a = 1", &[("a", "b"), ("redis://cache", "x")]).expect_err("it lacks it");
        let message = error.to_string();
        assert!(
            message.contains("app.toml` has no text `redis://cache`"),
            "{message}"
        );
    }
}
