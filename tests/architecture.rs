//! Who may import whom: the table of the crate's layers, read against the `crate::` paths in the
//! source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder of `src` with the folders it may name.
const MAY_IMPORT: [(&str, &[&str]); 21] = [
    ("stats", &[]),
    ("model", &["stats"]),
    ("gate", &["model", "stats"]),
    ("report", &["model"]),
    ("publish", &["model", "report"]),
    ("bounded", &[]),
    ("config", &["bounded", "model"]),
    ("dial", &["model"]),
    ("stack", &["bounded", "dial", "git", "model"]),
    ("load", &["dial", "model"]),
    ("document", &["bounded"]),
    ("import", &["model"]),
    ("git", &["model"]),
    ("baseline", &["document", "git", "model"]),
    ("sample", &[]),
    ("measure", &["model", "gate", "stack", "load", "stats"]),
    (
        "error",
        &[
            "baseline", "config", "document", "git", "import", "load", "measure", "publish",
            "sample", "stack",
        ],
    ),
    (
        "cli",
        &[
            "baseline", "config", "document", "error", "gate", "git", "import", "load", "measure",
            "model", "publish", "report", "sample", "stack",
        ],
    ),
    (
        "fuzzing",
        &[
            "baseline", "config", "document", "gate", "import", "load", "model", "publish",
            "report",
        ],
    ),
    ("lib", &[]),
    // Other programs of the package.
    ("bin", &[]),
];

/// What the pure folders must not touch.
const IMPURE: [&str; 6] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::time::Instant",
    "tokio::",
    "println!",
];
const PURE: [&str; 4] = ["stats", "model", "gate", "report"];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| name != "tests.rs" && name != "main.rs")
            {
                let below = path.strip_prefix(&root).expect("below src");
                let folder = below.iter().next().expect("a name").to_string_lossy();
                let text = fs::read_to_string(&path).expect("source is text");
                let code = text
                    .split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default();
                found.push((
                    folder.trim_end_matches(".rs").to_owned(),
                    path.clone(),
                    code.to_owned(),
                ));
            }
        }
    }
    found
}

/// The folders named after `crate::`, those in `use crate::{a, b}` included.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect::<String>()
    };
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches('}');
                let mut depth = 0;
                let top = group.split(|letter| {
                    depth += i32::from(letter == '{') - i32::from(letter == '}');
                    letter == ',' && depth == 0
                });
                names.extend(
                    top.map(|name| word(name.trim()))
                        .filter(|name| !name.is_empty()),
                );
            }
            None => {
                names.insert(word(rest));
            }
        }
    }
    names
}

#[test]
fn folders_import_only_what_the_table_allows() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    for (folder, path, code) in sources() {
        let allowed = allowed
            .get(folder.as_str())
            .unwrap_or_else(|| panic!("`{folder}` is not in the table"));
        for name in imports(&code) {
            let fine = name == folder || allowed.contains(&name.as_str());
            assert!(
                fine,
                "{} imports `{name}`: `{folder}` may import {allowed:?}",
                path.display()
            );
        }
    }
}

#[test]
fn the_pure_folders_touch_nothing_outside() {
    for (folder, path, code) in sources()
        .into_iter()
        .filter(|(folder, ..)| PURE.contains(&folder.as_str()))
    {
        for impure in IMPURE {
            assert!(
                !code.contains(impure),
                "{} uses {impure}, and `{folder}` is pure",
                path.display()
            );
        }
    }
}

#[test]
fn groups_of_imports_are_read_whole() {
    let code = "use crate::model::X;\nuse crate::{load::{Crew, Job}, stack};\nlet x = crate::gate::judge();";
    let expected = ["gate", "load", "model", "stack"].map(str::to_owned);
    assert_eq!(imports(code), BTreeSet::from(expected));
}
