//! What Dockerfiles and compose files say. Of a compose file nothing but folders and images is of
//! interest.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The port of a server that names none.
const PORT: u16 = 8000;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Container {
    /// From the repository's root; `.` for the root itself.
    pub(super) folder: String,
    /// Where the server listens in it.
    pub(super) port: u16,
}

impl Container {
    /// The folder with a Dockerfile: the root, else the first that a service of compose is built
    /// from.
    pub(super) fn find(root: &Path, compose: &str) -> Option<Self> {
        let values = |key: &'static str| {
            let lines = compose.lines().map(str::trim);
            lines.filter_map(move |line| Some(unquoted(line.strip_prefix(key)?)))
        };
        let built = values("build:").chain(values("context:"));
        let mut folders = std::iter::once(".").chain(built.filter(|it| !it.is_empty()));
        let folder = folders.find(|folder| {
            let below = Path::new(folder)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            below && root.join(folder).join("Dockerfile").is_file()
        })?;
        let text = fs::read_to_string(root.join(folder).join("Dockerfile")).ok()?;
        let normal: PathBuf = Path::new(folder).components().collect();
        let normal = normal.strip_prefix(".").unwrap_or(&normal);
        let name = normal.to_string_lossy();
        Some(Self {
            folder: if name.is_empty() {
                ".".into()
            } else {
                name.into_owned()
            },
            port: exposed(&text).unwrap_or(PORT),
        })
    }
}

/// The first port that the last `EXPOSE` names.
fn exposed(dockerfile: &str) -> Option<u16> {
    let lines = dockerfile.lines().map(str::trim);
    let mut ports = lines.filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let port = rest.split_whitespace().next()?.split('/').next()?;
        word.eq_ignore_ascii_case("EXPOSE")
            .then(|| port.parse().ok())?
    });
    ports.next_back()
}

/// The image of a service in a compose file.
pub(super) fn image(compose: &str, name: &str) -> Option<String> {
    let mut images = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image:"));
    images.find_map(|image| {
        let image = unquoted(image);
        let last = image.rsplit('/').next().unwrap_or(image);
        let is_it = last.split([':', '@']).next() == Some(name);
        // A variable has its value elsewhere.
        (is_it && !image.contains('$')).then(|| image.to_owned())
    })
}

/// A plain or quoted scalar of YAML, without its comment.
fn unquoted(value: &str) -> &str {
    let value = value.split(" #").next().unwrap_or(value).trim();
    value.trim_matches(['"', '\''])
}
