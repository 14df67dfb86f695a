//! What a fuzzer once found, and what was thought up for it, goes through the same functions in
//! every run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use perfgate_fuzz::TARGETS;

fn fuzz(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn names(below: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(below)).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("readable").path();
        path.file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_corpus_goes_through_its_target() {
    for (name, target) in TARGETS {
        let corpus = fs::read_dir(fuzz("corpus").join(name)).expect("a corpus");
        let files: Vec<_> = corpus.map(|it| it.expect("readable").path()).collect();
        assert!(files.len() > 3, "{name}");
        for file in files {
            let bytes = fs::read(&file).expect("a file");
            let length = bytes.len();
            for end in [length, length / 3, length / 2, length.saturating_sub(1)] {
                let ended = std::panic::catch_unwind(|| target(&bytes[..end]));
                assert!(ended.is_ok(), "{} up to {end}", file.display());
            }
        }
    }
}

#[test]
fn targets_corpora_and_programs_are_the_same() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).expect("a manifest");
    for name in &targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
