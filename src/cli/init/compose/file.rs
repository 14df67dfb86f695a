//! A compose file → its services, with variables resolved and paths from the repository's root. What it
//! says in a form that is not known is passed over: people go through what `init` writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::stack::Source;
use crate::cli::init::container::Build;

/// Folders that compose files lie in, in the order in which they are looked into.
const FOLDERS: [&str; 7] = [
    ".",
    "docker",
    ".docker",
    "deploy",
    "compose",
    "infra",
    "deployment",
];
/// What the names of compose files begin with.
const NAMES: [&str; 2] = ["compose", "docker-compose"];
/// What the names of files end with that show what others would hold.
const EXAMPLES: [&str; 4] = [".example", ".sample", "-example", "-sample"];
/// Of several files, those with such a part in their names come first.
const LOCAL: [&str; 3] = ["local", "dev", "development"];

/// The services of a repository, by name.
#[derive(Debug, Default)]
pub(in crate::cli::init) struct Compose {
    /// The file that they come from.
    pub(in crate::cli::init) path: PathBuf,
    pub(super) services: IndexMap<String, Service>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Service {
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) command: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    /// What is written out, over what files have.
    pub(super) env: IndexMap<String, String>,
    pub(super) env_files: Vec<String>,
    /// In the container.
    pub(super) ports: Vec<u16>,
    /// What of the repository is mounted where.
    pub(super) mounts: Vec<(String, String)>,
    /// The words of its health check.
    pub(super) health: Vec<String>,
    pub(super) needs: Vec<String>,
}

/// Where a compose file lies, and what its variables stand for.
struct Place<'a> {
    root: &'a Path,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Service {
    /// Where its image comes from.
    pub(super) fn source(&self) -> Option<Source> {
        match (&self.build, &self.image) {
            (Some(build), _) => Some(Source::Build(build.clone())),
            // An image whose name follows from the environment is not known.
            (None, Some(image)) if !image.contains('{') && !image.ends_with(':') => {
                Some(Source::Image(image.clone()))
            }
            _ => None,
        }
    }
}

impl Compose {
    /// The first compose file of a repository that can be read, with its override where it has one.
    pub(in crate::cli::init) fn find(root: &Path) -> Option<Self> {
        candidates(root).into_iter().find_map(|path| {
            let mut file = parsed(&root.join(&path))?;
            if let Some(mut over) = override_of(&path).and_then(|it| parsed(&root.join(it))) {
                without_commands(&mut over);
                merge(&mut file, over);
            }
            let services = file.get("services")?.as_object()?.clone();
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let place = Place {
                root,
                variables: variables(root, &folder),
                folder,
            };
            let of_service = |(name, own): (&String, &Value)| {
                let whole = extended(own, &services);
                (name.clone(), place.service(&whole))
            };
            let services = services.iter().map(of_service).collect();
            Some(Self { path, services })
        })
    }
}

/// Compose files from the root on; those in one folder in the order of compose itself, then the others.
fn candidates(root: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
        let names = entries
            .flatten()
            .map(|it| it.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| rank(name).is_some()).collect();
        names.sort_by_key(|name| (rank(name), name.clone()));
        let folder = Path::new(folder)
            .strip_prefix(".")
            .unwrap_or(Path::new(folder));
        all.extend(names.into_iter().map(|name| folder.join(name)));
    }
    all
}

/// How early a file is read; nothing where it is no compose file.
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

/// An override is for development: its commands reload a server when its source changes.
fn without_commands(over: &mut Value) {
    let services = over.get_mut("services").and_then(Value::as_object_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if let Some(service) = service.as_object_mut() {
            service.remove("command");
        }
    }
}

fn parsed(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    serde_saphyr::from_str(&text).ok()
}

/// Adds a later file to an earlier one: mappings key by key, lists to each other, the rest in its place
/// (the compose specification, "Merge").
fn merge(earlier: &mut Value, later: Value) {
    match (earlier, later) {
        (Value::Object(earlier), Value::Object(later)) => {
            for (key, value) in later {
                let is_replaced = matches!(key.as_str(), "command" | "entrypoint" | "test");
                match earlier.get_mut(&key) {
                    Some(known) if !is_replaced => merge(known, value),
                    _ => {
                        earlier.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(earlier), Value::Array(later)) => earlier.extend(later),
        (earlier, later) => *earlier = later,
    }
}

/// A service with what it extends in the same file.
fn extended(own: &Value, all: &Map<String, Value>) -> Value {
    let extends = own.get("extends");
    let name = extends.and_then(|it| it.as_str().or_else(|| it.get("service")?.as_str()));
    let is_here = extends.is_some_and(|it| it.get("file").is_none());
    let Some(base) = name.filter(|_| is_here).and_then(|name| all.get(name)) else {
        return own.clone();
    };
    let mut whole = base.clone();
    merge(&mut whole, own.clone());
    whole
}

/// Values of variables: those of `.env` beside the file or at the root, or of its example.
fn variables(root: &Path, folder: &Path) -> BTreeMap<String, String> {
    let names = [
        ".env",
        ".env.example",
        ".env.sample",
        "example.env",
        ".env.dist",
    ];
    let paths = names
        .iter()
        .flat_map(|name| [folder.join(name), PathBuf::from(name)]);
    let mut found = paths.filter_map(|path| {
        let variables = dotenvy::from_path_iter(root.join(path)).ok()?;
        Some(variables.flatten().collect())
    });
    found.next().unwrap_or_default()
}

impl Place<'_> {
    fn service(&self, service: &Value) -> Service {
        let get = |key: &str| service.get(key);
        let ports = list(get("ports"))
            .iter()
            .filter_map(|it| self.port(it))
            .collect::<Vec<_>>();
        let exposed = list(get("expose"))
            .iter()
            .filter_map(|it| self.port(it))
            .collect();
        Service {
            image: self.text(get("image")),
            build: get("build").and_then(|it| self.build(it)),
            command: self.words(get("command")),
            entrypoint: self.words(get("entrypoint")),
            env: self.pairs(get("environment")).collect(),
            env_files: self.env_files(get("env_file")),
            ports: if ports.is_empty() { exposed } else { ports },
            mounts: list(get("volumes"))
                .iter()
                .filter_map(|it| self.mount(it))
                .collect(),
            health: self.health(get("healthcheck")),
            needs: names(get("depends_on")),
        }
    }

    /// A command line is one for a shell.
    fn health(&self, check: Option<&Value>) -> Vec<String> {
        let test = check.and_then(|it| it.get("test"));
        match test {
            Some(Value::String(line)) => vec!["CMD-SHELL".into(), self.resolved(line)],
            test => self.words(test),
        }
    }

    fn build(&self, build: &Value) -> Option<Build> {
        if build.is_string() {
            return Some(Build {
                context: self.path(&self.text(Some(build))?)?,
                ..Build::default()
            });
        }
        let context = self
            .text(build.get("context"))
            .unwrap_or_else(|| ".".into());
        Some(Build {
            context: self.path(&context)?,
            dockerfile: self.text(build.get("dockerfile")),
            target: self.text(build.get("target")),
            args: self.pairs(build.get("args")).collect(),
        })
    }

    /// Files that are there, or their examples.
    fn env_files(&self, value: Option<&Value>) -> Vec<String> {
        let files = match value {
            Some(Value::Array(files)) => files.clone(),
            Some(file) => vec![file.clone()],
            None => Vec::new(),
        };
        let path = |file: &Value| {
            let own = file.get("path").unwrap_or(file);
            let path = self.path(&self.text(Some(own))?)?;
            let examples = EXAMPLES.map(|ending| format!("{path}{ending}"));
            let mut usual = std::iter::once(path).chain(examples);
            usual.find(|path| self.root.join(path).is_file())
        };
        files.iter().filter_map(path).collect()
    }

    /// `8000`, `"8000:80"`, `"127.0.0.1:8000:80/tcp"` or a mapping with `target`.
    fn port(&self, value: &Value) -> Option<u16> {
        let text = self.text(Some(value.get("target").unwrap_or(value)))?;
        let text = text.split('/').next()?;
        text.rsplit(':').next()?.split('-').next()?.parse().ok()
    }

    /// What of the repository is mounted, and where.
    fn mount(&self, value: &Value) -> Option<(String, String)> {
        let (here, there) = if value.is_object() {
            let is_bind = value.get("type").and_then(Value::as_str) == Some("bind");
            let source = self.text(value.get("source")).filter(|_| is_bind)?;
            (source, self.text(value.get("target"))?)
        } else {
            let text = self.text(Some(value))?;
            let (here, rest) = text.split_once(':')?;
            (here.to_owned(), rest.split(':').next()?.to_owned())
        };
        // What begins otherwise is a volume.
        let here = Some(here).filter(|it| it.starts_with('.'))?;
        let here = self.path(&here)?;
        self.root.join(&here).exists().then_some((here, there))
    }

    /// A list or a command line.
    fn words(&self, value: Option<&Value>) -> Vec<String> {
        match value {
            Some(Value::Array(words)) => {
                words.iter().filter_map(|it| self.text(Some(it))).collect()
            }
            Some(_) => {
                let line = self.text(value).unwrap_or_default();
                shlex::split(&line).unwrap_or_default()
            }
            None => Vec::new(),
        }
    }

    /// `NAME: value` or `- NAME=value`; what has no value comes from the environment.
    fn pairs(&self, value: Option<&Value>) -> impl Iterator<Item = (String, String)> {
        let pair = |name: &str, value: Option<String>| {
            let value = value.unwrap_or_else(|| self.variable(name, None));
            (name.to_owned(), value)
        };
        let pairs: Vec<_> = match value {
            Some(Value::Object(pairs)) => pairs
                .iter()
                .map(|(name, value)| pair(name, self.text(Some(value))))
                .collect(),
            Some(Value::Array(lines)) => lines
                .iter()
                .filter_map(Value::as_str)
                .map(|line| match line.split_once('=') {
                    Some((name, value)) => pair(name, Some(self.resolved(value))),
                    None => pair(line, None),
                })
                .collect(),
            _ => Vec::new(),
        };
        pairs.into_iter()
    }

    fn text(&self, value: Option<&Value>) -> Option<String> {
        match value? {
            Value::String(text) => Some(self.resolved(text)),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(it) => Some(it.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A text with the values of its variables: `$X`, `${X}`, `${X:-default}`, `${X:?message}`; `$$` is `$`.
    fn resolved(&self, text: &str) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('$') {
            resolved.push_str(&rest[..start]);
            rest = &rest[start + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                resolved.push('$');
                rest = after;
            } else if let Some((inside, after)) =
                rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            {
                let end = inside.find([':', '-', '?', '+']).unwrap_or(inside.len());
                let (name, operator) = inside.split_at(end);
                let default = operator
                    .strip_prefix(":-")
                    .or_else(|| operator.strip_prefix('-'));
                // Without a default it is empty, unless the file insists on a value.
                let default = default.or_else(|| (!operator.contains('?')).then_some(""));
                resolved.push_str(&self.variable(name, default));
                rest = after;
            } else {
                let is_in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let end = rest.find(|it| !is_in_name(it)).unwrap_or(rest.len());
                match &rest[..end] {
                    "" => resolved.push('$'),
                    name => resolved.push_str(&self.variable(name, Some(""))),
                }
                rest = &rest[end..];
            }
        }
        resolved + rest
    }

    fn variable(&self, name: &str, default: Option<&str>) -> String {
        let known = self.variables.get(name).filter(|it| !it.is_empty());
        let or_default = known
            .cloned()
            .or_else(|| default.map(|it| self.resolved(it)));
        or_default.unwrap_or_else(|| format!("{{env.{name}}}"))
    }

    /// A path of the file from the root on; nothing outside of it.
    fn path(&self, path: &str) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        for part in self.folder.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop()?;
                }
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(if parts.is_empty() {
            ".".into()
        } else {
            parts.join("/")
        })
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The names in a list, or the keys of a mapping.
fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(|it| Some(it.as_str()?.into()))
            .collect(),
        Some(Value::Object(names)) => names.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_their_defaults() {
        let place = Place {
            root: Path::new("."),
            folder: PathBuf::new(),
            variables: [("TAG".to_owned(), "16".to_owned())].into(),
        };
        for (text, resolved) in [
            ("postgres:${TAG}", "postgres:16"),
            ("${TAG:-17}", "16"),
            ("${PORT:-8000}:80", "8000:80"),
            ("${A-b}$TAG-x", "b16-x"),
            ("${SECRET:?missing}", "{env.SECRET}"),
            ("[${OTHER}$OTHER]", "[]"),
            ("$$HOME and $", "$HOME and $"),
        ] {
            assert_eq!(place.resolved(text), resolved, "{text}");
        }
    }

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

    #[test]
    fn paths_start_at_the_root() {
        let place = Place {
            root: Path::new("."),
            folder: "docker".into(),
            variables: BTreeMap::new(),
        };
        assert_eq!(place.path("..").as_deref(), Some("."));
        assert_eq!(place.path("./app").as_deref(), Some("docker/app"));
        assert_eq!(place.path("../../elsewhere"), None);
        assert_eq!(place.path("/etc"), None);
    }
}
