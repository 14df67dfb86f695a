//! Which compose file a repository has.

use std::path::{Path, PathBuf};

use super::disk::Files;
use super::variants::Variant;

/// Folders that compose files lie in, in the order in which they are looked into.
const FOLDERS: [&str; 10] = [
    "",
    "docker",
    ".docker",
    "deploy",
    "compose",
    "infra",
    "deployment",
    "backend",
    "server",
    "app",
];
/// What the names of compose files begin with.
const NAMES: [&str; 2] = ["compose", "docker-compose"];
/// Compose files from the root on, each with its override where it has one: those that are not for production
/// or for something else first, then those of earlier folders, then in the order of compose itself.
pub fn find(files: &dyn Files) -> Vec<Vec<PathBuf>> {
    let mut all = Vec::new();
    for (number, folder) in FOLDERS.iter().enumerate() {
        let folder = Path::new(folder);
        for name in files.names(folder) {
            if let Some(variant) = variant(&name) {
                let is_late = variant > Variant::Other;
                all.push((is_late, number, variant, folder.join(name)));
            }
        }
    }
    all.sort();
    let with_override = |(.., path): (bool, usize, Variant, PathBuf)| {
        let over = override_of(&path).filter(|it| files.is_file(it));
        std::iter::once(path).chain(over).collect()
    };
    all.into_iter().map(with_override).collect()
}

/// What a file is for; `None` if it is no compose file.
fn variant(name: &str) -> Option<Variant> {
    let stem = name
        .strip_suffix(".yaml")
        .or_else(|| name.strip_suffix(".yml"))?;
    let rest = NAMES.iter().rev().find_map(|it| stem.strip_prefix(it))?;
    let is_whole = rest.is_empty() || rest.starts_with(['.', '-', '_']);
    (is_whole && !rest.ends_with("override")).then(|| Variant::from_text(rest))
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
    use super::super::disk::Folder;
    use super::*;

    #[test]
    fn files_for_development_come_before_those_of_production() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("docker")).expect("made");
        for name in [
            "docker-compose.production.yml",
            "docker-compose.test.yml",
            "docker-compose.yml",
            "docker-compose.local.yml",
            "docker/docker-compose.dev.yml",
            "compose.override.yaml",
            "composer.yml",
            "notes.yml",
        ] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let found = find(&Folder::at(folder.path()));
        let found: Vec<_> = found.iter().map(|it| it[0].display().to_string()).collect();
        assert_eq!(
            found,
            [
                "docker-compose.yml",
                "docker-compose.local.yml",
                "docker/docker-compose.dev.yml",
                "docker-compose.production.yml",
                "docker-compose.test.yml",
            ]
        );
    }
}
