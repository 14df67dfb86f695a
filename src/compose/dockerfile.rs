//! What Dockerfiles say.

use std::path::Path;

use super::disk::Files;
use super::variants::Variant;

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

/// Folders of a server's source, with its Dockerfile.
const FOLDERS: [&str; 8] = [
    ".", "backend", "app", "api", "server", "web", "service", "src",
];
/// Folders of Dockerfiles alone, whose images are built of the root.
const APART: [&str; 6] = ["docker", ".docker", "deploy", "build", "compose", "infra"];

/// The builds of all Dockerfiles that may be the server's: those that are not for production or for something
/// else first, then those of earlier folders.
pub fn find(files: &dyn Files) -> Vec<Build> {
    let mut all = Vec::new();
    let folders = FOLDERS.iter().map(|it| (*it, true));
    let folders = folders.chain(APART.iter().map(|it| (*it, false)));
    for (number, (folder, is_context)) in folders.enumerate() {
        for name in files.names(Path::new(folder)) {
            let Some(variant) = variant(&name) else {
                continue;
            };
            let build = if is_context {
                Build {
                    context: folder.to_owned(),
                    dockerfile: (variant != Variant::Plain || name != "Dockerfile").then_some(name),
                    ..Build::default()
                }
            } else {
                Build {
                    context: ".".to_owned(),
                    dockerfile: Some(format!("{folder}/{name}")),
                    ..Build::default()
                }
            };
            all.push((variant > Variant::Other, number, variant, build));
        }
    }
    // Stable: equal ones stay in the order of their names.
    all.sort_by_key(|(is_late, number, variant, _)| (*is_late, *number, *variant));
    all.into_iter().map(|(.., build)| build).collect()
}

/// What a file is for; nothing where it is no Dockerfile.
fn variant(name: &str) -> Option<Variant> {
    let usual = ["Dockerfile", "Containerfile"];
    let rest = usual.iter().find_map(|it| {
        let rest = name.strip_prefix(it).or_else(|| name.strip_suffix(it))?;
        let is_apart = |it: &str| it.starts_with(['.', '-', '_']) || it.ends_with(['.', '-', '_']);
        (rest.is_empty() || is_apart(rest)).then_some(rest)
    })?;
    // `Dockerfile.dockerignore` and copies of editors are none.
    let is_other = ["ignore", ".bak", ".orig", ".md", ".tmpl", ".j2"];
    (!is_other.iter().any(|it| rest.ends_with(it))).then(|| Variant::from_text(rest))
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

/// The instructions that an image is made by: those of the stage that is built, after those of stages that it begins
/// from.
fn in_image(files: &dyn Files, build: &Build) -> Vec<(String, String)> {
    let mut stages: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (word, rest) in instructions(&text(files, build)) {
        if word == "FROM" {
            let is_built = |(name, _): &(String, _)| build.target.as_ref() == Some(name);
            if stages.last().is_some_and(is_built) {
                break;
            }
            let mut words = rest.split_whitespace().filter(|it| !it.starts_with("--"));
            let base = words.next().unwrap_or_default();
            let base = stages.iter().rfind(|(name, _)| name == base);
            let inherited = base.map_or_else(Vec::new, |(_, it)| it.clone());
            let is_named = words.next().is_some_and(|it| it.eq_ignore_ascii_case("as"));
            let name = words.next().filter(|_| is_named).unwrap_or_default();
            stages.push((name.to_owned(), inherited));
            continue;
        }
        if stages.is_empty() {
            stages.push((String::new(), Vec::new()));
        }
        if let Some((_, own)) = stages.last_mut() {
            own.push((word, rest));
        }
    }
    stages.pop().map(|(_, own)| own).unwrap_or_default()
}

/// Instructions in capital letters with what follows, continued lines in one.
pub(super) fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let instructions = lines.filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        Some((word.to_uppercase(), rest.trim().to_owned()))
    });
    instructions.collect()
}

/// The first port that the last `EXPOSE` names; else what it sets `PORT` to.
pub fn exposed(files: &dyn Files, build: &Build) -> Option<u16> {
    let mut ports = in_image(files, build)
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
    ports.next_back().or_else(|| {
        let set = in_image(files, build).into_iter();
        let mut set = set
            .filter(|(word, _)| word == "ENV")
            .filter_map(|(_, rest)| {
                let (name, value) = rest.split_once(['=', ' '])?;
                (name == "PORT").then(|| value.trim().parse().ok())?
            });
        set.next_back()
    })
}

/// The words of its last `ENTRYPOINT` and `CMD`.
pub fn started(files: &dyn Files, build: &Build) -> Vec<String> {
    let instructions = in_image(files, build);
    let last = |name: &str| {
        let mut named = instructions.iter().filter(|(word, _)| word == name);
        let line = named.next_back().map_or("", |(_, rest)| rest.as_str());
        serde_json::from_str::<Vec<String>>(line)
            .ok()
            .or_else(|| shlex::split(line))
            .unwrap_or_default()
    };
    [last("ENTRYPOINT"), last("CMD")].concat()
}

/// The path of its last `HEALTHCHECK`'s URL.
pub fn health(files: &dyn Files, build: &Build) -> Option<String> {
    let mut paths = in_image(files, build)
        .into_iter()
        .filter_map(|(word, rest)| (word == "HEALTHCHECK").then(|| path_in(&rest))?);
    paths.next_back()
}

/// Whether a folder is copied into the image: where none is, it is mounted for development.
pub(super) fn copies_its_source(files: &dyn Files, build: &Build) -> bool {
    in_image(files, build).into_iter().any(|(word, rest)| {
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
    use super::super::disk::Folder;
    use super::*;

    #[test]
    fn dockerfiles_for_development_come_before_those_of_production() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        for name in [
            "Dockerfile.prod",
            "Dockerfile.dev",
            "Dockerfile.dockerignore",
            "worker.Dockerfile",
            "backend/Dockerfile",
            "docker/Dockerfile.api",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let found = find(&Folder::at(folder.path()));
        let found: Vec<_> = found.iter().map(dockerfile_of).collect();
        assert_eq!(
            found,
            [
                "Dockerfile.dev",
                "backend/Dockerfile",
                "docker/Dockerfile.api",
                "Dockerfile.prod",
                "worker.Dockerfile",
            ]
        );
    }

    #[test]
    fn a_dockerfile_says_what_is_started_and_where_it_listens() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let build = Build {
            context: ".".into(),
            ..Build::default()
        };
        let of = |text: &str| {
            std::fs::write(folder.path().join("Dockerfile"), text).expect("written");
            let files = Folder::at(folder.path());
            (started(&files, &build).join(" "), exposed(&files, &build))
        };
        let json = "FROM x\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"a\"]\nCMD [\"b\", \"c d\"]\nENV PORT=3000\n";
        assert_eq!(of(json), ("tini -- b c d".into(), Some(3000)));
        assert_eq!(
            of("FROM x\nEXPOSE 80/tcp 81\nENV PORT 1\nCMD run 'it now'\n"),
            ("run it now".into(), Some(80))
        );
    }

    #[test]
    fn stages_that_are_not_built_say_nothing() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let text = "FROM x AS base\nEXPOSE 80\nFROM base as dev\nCMD dev\nFROM base\nCOPY . .\nCMD serve\nEXPOSE 90\n";
        std::fs::write(folder.path().join("Dockerfile"), text).expect("written");
        let of = |target: Option<&str>| {
            let build = Build {
                context: ".".into(),
                target: target.map(str::to_owned),
                ..Build::default()
            };
            let files = Folder::at(folder.path());
            let copies = copies_its_source(&files, &build);
            (
                copies,
                started(&files, &build).join(" "),
                exposed(&files, &build),
            )
        };
        assert_eq!(of(Some("dev")), (false, "dev".into(), Some(80)));
        assert_eq!(of(None), (true, "serve".into(), Some(90)));
    }

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
