//! Which compose file a repository has.

use std::path::{Path, PathBuf};

use super::disk::Files;

/// Folders that compose files lie in, in the order in which they are looked into.
const FOLDERS: [&str; 7] = [
    "",
    "docker",
    ".docker",
    "deploy",
    "compose",
    "infra",
    "deployment",
];
/// What the names of compose files begin with.
const NAMES: [&str; 2] = ["compose", "docker-compose"];
/// Of several files, those with such a part in their names come first.
const LOCAL: [&str; 3] = ["local", "dev", "development"];

/// Compose files from the root on, each with its override where it has one; those in one folder in the
/// order of compose itself, then the others.
pub fn find(files: &dyn Files) -> Vec<Vec<PathBuf>> {
    let mut all = Vec::new();
    for folder in FOLDERS.map(Path::new) {
        let mut names = files.names(folder);
        names.retain(|name| rank(name).is_some());
        names.sort_by_key(|name| (rank(name), name.clone()));
        let paths = names.into_iter().map(|name| folder.join(name));
        all.extend(paths.map(|path| {
            let over = override_of(&path).filter(|it| files.is_file(it));
            std::iter::once(path).chain(over).collect()
        }));
    }
    all
}

/// How early a file is read; `None` if it is no compose file.
fn rank(name: &str) -> Option<usize> {
    let stem = name
        .strip_suffix(".yaml")
        .or_else(|| name.strip_suffix(".yml"))?;
    let rest = NAMES.iter().rev().find_map(|it| stem.strip_prefix(it))?;
    let parts: Vec<&str> = rest
        .split(['.', '-', '_'])
        .filter(|it| !it.is_empty())
        .collect();
    match parts.as_slice() {
        [] => Some(0),
        ["override"] => None,
        parts if parts.iter().any(|it| LOCAL.contains(it)) => Some(1),
        _ => Some(2),
    }
}

fn override_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.rsplit_once('.')?;
    NAMES
        .contains(&stem)
        .then(|| path.with_file_name(format!("{stem}.override.{ending}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_development_come_before_those_of_production() {
        let mut names = [
            "docker-compose.production.yml",
            "docker-compose.local.yml",
            "docker-compose.yml",
            "compose.override.yaml",
            "notes.yml",
        ];
        names.sort_by_key(|name| (rank(name), *name));
        let known: Vec<_> = names.into_iter().filter(|it| rank(it).is_some()).collect();
        assert_eq!(
            known,
            [
                "docker-compose.yml",
                "docker-compose.local.yml",
                "docker-compose.production.yml"
            ]
        );
    }
}
