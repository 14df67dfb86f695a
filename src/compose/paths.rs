//! Paths of compose files, from the root on.

use std::path::{Component, Path, PathBuf};

/// A path that a file in a folder names, with every `..` taken that can be. Absolute ones stay.
pub(super) fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if ends_in_name(&parts) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.as_os_str().is_empty() {
        ".".into()
    } else {
        parts
    }
}

fn ends_in_name(path: &Path) -> bool {
    matches!(path.components().next_back(), Some(Component::Normal(_)))
}

/// The same as text.
pub(super) fn joined_text(folder: &Path, path: &str) -> String {
    joined(folder, path).to_string_lossy().into_owned()
}

/// Whether a path from the root on stays there.
pub(super) fn is_below(path: &str) -> bool {
    !path.starts_with("..") && !path.starts_with(['/', '~'])
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

/// Whether a source of a mount is a path; it is the name of a volume otherwise.
pub(super) fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_root() {
        let docker = Path::new("docker");
        for (path, expected) in [
            ("..", "."),
            ("./app", "docker/app"),
            ("../../elsewhere", "../elsewhere"),
            ("../../../x", "../../x"),
            ("/etc", "/etc"),
            ("a/../b/./c", "docker/b/c"),
        ] {
            assert_eq!(joined_text(docker, path), expected, "{path}");
        }
        assert_eq!(joined_text(Path::new(""), "."), ".");
        assert!(is_below("a/b") && !is_below("../a") && !is_below("/a"));
    }
}
