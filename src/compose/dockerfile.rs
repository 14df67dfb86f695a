//! What Dockerfiles say.

use std::path::Path;

use super::disk::Files;

/// How an image is built, in words of perfgate.toml.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Build {
    pub context: String,
    /// From the context.
    pub dockerfile: Option<String>,
    pub target: Option<String>,
    pub args: Vec<(String, String)>,
    /// By id: files, or `{env.NAME}`.
    pub secrets: Vec<(String, String)>,
    pub ssh: bool,
    pub platform: Option<String>,
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
}

/// Folders that a Dockerfile lies in where the root has none.
const FOLDERS: [&str; 7] = [".", "backend", "app", "api", "server", "web", "service"];

/// The first folder with a Dockerfile.
pub fn find(files: &dyn Files) -> Option<Build> {
    let has_one = |folder: &&str| files.is_file(&Path::new(folder).join("Dockerfile"));
    FOLDERS.into_iter().find(has_one).map(|folder| Build {
        context: folder.to_owned(),
        ..Build::default()
    })
}

/// The Dockerfile of a build, from the root.
pub fn dockerfile_of(build: &Build) -> String {
    let name = build.dockerfile.as_deref().unwrap_or("Dockerfile");
    match build.context.as_str() {
        "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

fn text(files: &dyn Files, build: &Build) -> String {
    files
        .read(Path::new(&dockerfile_of(build)))
        .unwrap_or_default()
}

/// Instructions in capital letters with what follows, continued lines in one.
fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let instructions = lines.filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        Some((word.to_uppercase(), rest.trim().to_owned()))
    });
    instructions.collect()
}

/// The first port that the last `EXPOSE` names.
pub fn exposed(files: &dyn Files, build: &Build) -> Option<u16> {
    let mut ports = instructions(&text(files, build))
        .into_iter()
        .filter_map(|(word, rest)| {
            let port = rest
                .split_whitespace()
                .next()?
                .split('/')
                .next()?
                .to_owned();
            (word == "EXPOSE").then(|| port.parse().ok())?
        });
    ports.next_back()
}

/// The path of its last `HEALTHCHECK`'s URL.
pub fn health(files: &dyn Files, build: &Build) -> Option<String> {
    let mut paths = instructions(&text(files, build))
        .into_iter()
        .filter_map(|(word, rest)| (word == "HEALTHCHECK").then(|| path_in(&rest))?);
    paths.next_back()
}

/// Whether a folder is copied into the image: where none is, it is mounted for development.
pub(super) fn copies_its_source(files: &dyn Files, build: &Build) -> bool {
    instructions(&text(files, build))
        .into_iter()
        .any(|(word, rest)| {
            let mut words = rest.split_whitespace();
            let from_stage = words.clone().any(|it| it.starts_with("--from"));
            let first = words.find(|it| !it.starts_with("--")).unwrap_or_default();
            let first = first
                .trim_start_matches(['[', '"'])
                .trim_end_matches(['"', ',']);
            let is_folder = files.is_dir(&Path::new(&build.context).join(first));
            (word == "COPY" || word == "ADD") && !from_stage && is_folder
        })
}

/// The path of a URL of this machine in a text, with or without its scheme.
pub(super) fn path_in(text: &str) -> Option<String> {
    let hosts = ["localhost", "127.0.0.1", "0.0.0.0"];
    let host = |name: &&str| Some(text.find(name)? + name.len());
    let after = hosts.iter().find_map(host)?;
    let ends = |letter: char| letter.is_whitespace() || "'\")".contains(letter);
    let rest = text[after..].split(ends).next()?;
    let path = &rest[rest.find('/').unwrap_or(rest.len())..];
    let is_url = text.contains("://") || !path.is_empty();
    is_url.then(|| {
        if path.is_empty() {
            "/".into()
        } else {
            path.to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_health_check_is_found() {
        for (text, path) in [
            (
                "curl -f http://localhost:8000/health/ || exit 1",
                Some("/health/"),
            ),
            ("http://127.0.0.1:80", Some("/")),
            ("python -c \"urlopen('http://localhost/up')\"", Some("/up")),
            ("curl localhost:8000/up", Some("/up")),
            ("pg_isready -h localhost", None),
        ] {
            assert_eq!(path_in(text).as_deref(), path, "{text}");
        }
    }
}
