//! What compose files make of perfgate's servers and services.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::disk::Files;
use super::dockerfile::dockerfile_of;
use super::problem::Mark;
use super::service::{Contents, Refusal};
use super::source::Source;

/// What a folder with source holds.
const MANIFESTS: [&str; 5] = [
    "pyproject.toml",
    "requirements.txt",
    "manage.py",
    "Cargo.toml",
    "package.json",
];

/// Servers, and what they work with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stack {
    pub servers: Vec<Server>,
    pub postgres: Option<Database>,
    pub redis: Option<Cache>,
    /// In the order in which they start.
    pub others: Vec<Other>,
    /// Names of services that are not measured and not started.
    pub left_out: Vec<String>,
    /// What readers should know.
    pub notes: Vec<String>,
}

/// A file that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedFile {
    pub there: String,
    pub here: Contents,
    /// Texts of it that name services, and the same with placeholders.
    pub replace: Vec<(String, String)>,
}

/// What a service says of its container, and where.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settings {
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub files: Vec<CopiedFile>,
    pub tmpfs: Vec<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    /// In bytes.
    pub memory: Option<u64>,
    /// Billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// In bytes.
    pub shm_size: Option<u64>,
    /// Where the service stands.
    pub(super) mark: Mark,
    /// Where its keys stand, and its files by their places in the container.
    pub(super) marks: IndexMap<String, Mark>,
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Database {
    /// What it is called in the compose file.
    pub name: String,
    pub source: Source,
    /// Where it is not the usual one.
    pub scheme: Option<String>,
    pub env: Vec<(String, String)>,
    /// Settings of the server, by name.
    pub settings: Vec<(String, String)>,
    /// Files of SQL that it begins with.
    pub init: Vec<String>,
    pub(super) container: Settings,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Cache {
    pub name: String,
    pub source: Source,
    pub(super) container: Settings,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is called in the compose file.
    pub name: String,
    pub source: Source,
    pub port: Option<u16>,
    pub env: Vec<(String, String)>,
    pub env_files: Vec<String>,
    pub container: Settings,
    /// The path that its health check asks for.
    pub health: Option<String>,
    /// How long its health check may take, where that is long.
    pub within: Option<Duration>,
    /// Commands of services that run to their end before it starts.
    pub setup: Vec<Vec<String>>,
    pub workers: Vec<Worker>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Worker {
    pub name: String,
    pub command: Vec<String>,
    /// What differs from the server's.
    pub env: Vec<(String, String)>,
    pub memory: Option<u64>,
    pub(super) mark: Mark,
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Other {
    /// What placeholders call it.
    pub name: String,
    pub source: Source,
    pub env: Vec<(String, String)>,
    pub env_files: Vec<String>,
    pub ports: Vec<u16>,
    pub container: Settings,
    /// The command of its health check.
    pub ready: Vec<String>,
    pub within: Option<Duration>,
    /// Whether it runs to its end before others start.
    pub is_once: bool,
    /// Whether both sides have the same one, as others work with it.
    pub is_shared: bool,
}

impl Database {
    /// One that no compose file names.
    pub fn from_source(source: Source) -> Self {
        Self {
            name: String::new(),
            source,
            scheme: None,
            env: Vec::new(),
            settings: Vec::new(),
            init: Vec::new(),
            container: Settings::default(),
        }
    }
}

impl Cache {
    /// One that no compose file names.
    pub fn from_source(source: Source) -> Self {
        Self {
            name: String::new(),
            source,
            container: Settings::default(),
        }
    }
}

impl Other {
    /// One that no compose file names.
    pub fn of(name: &str, source: Source, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            source,
            env: Vec::new(),
            env_files: Vec::new(),
            ports: vec![port],
            container: Settings::default(),
            ready: Vec::new(),
            within: None,
            is_once: false,
            is_shared: false,
        }
    }
}

impl Server {
    /// One of which nothing else is known.
    pub fn from_source(source: Source) -> Self {
        Self {
            name: String::new(),
            source,
            port: None,
            env: Vec::new(),
            env_files: Vec::new(),
            container: Settings::default(),
            health: None,
            within: None,
            setup: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// The folder of its source: that of its Dockerfile where it holds one, otherwise that which its image
    /// is built of.
    pub fn folder(&self, files: &dyn Files) -> Option<PathBuf> {
        let Source::Build(build) = &self.source else {
            return None;
        };
        let dockerfile = PathBuf::from(dockerfile_of(build));
        let beside = dockerfile.parent().map(std::path::Path::to_owned);
        let is_source = |folder: &PathBuf| {
            let has = |name: &&str| files.is_file(&folder.join(name));
            MANIFESTS.iter().any(has)
        };
        beside
            .filter(is_source)
            .or_else(|| Some(PathBuf::from(&build.context)))
    }
}
