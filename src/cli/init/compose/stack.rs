//! What is written into perfgate.toml of a compose file.

use std::path::{Path, PathBuf};

use crate::cli::init::container::{Build, dockerfile_of};

/// What a folder with source holds.
const MANIFESTS: [&str; 5] = [
    "pyproject.toml",
    "requirements.txt",
    "manage.py",
    "Cargo.toml",
    "package.json",
];

/// What is written into perfgate.toml.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli::init) struct Stack {
    pub(in crate::cli::init) server: Option<Server>,
    pub(in crate::cli::init) postgres: Option<Database>,
    pub(in crate::cli::init) redis: Option<Source>,
    pub(in crate::cli::init) others: Vec<Other>,
    /// Names of services that are not measured and not started.
    pub(in crate::cli::init) left_out: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::init) enum Source {
    Image(String),
    Build(Build),
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::init) struct Database {
    pub(in crate::cli::init) source: Source,
    /// Where it is not the usual one.
    pub(in crate::cli::init) scheme: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::init) struct Server {
    /// What it is called in the compose file.
    pub(in crate::cli::init) name: String,
    pub(in crate::cli::init) source: Source,
    pub(in crate::cli::init) port: Option<u16>,
    pub(in crate::cli::init) command: Vec<String>,
    pub(in crate::cli::init) entrypoint: Vec<String>,
    pub(in crate::cli::init) env: Vec<(String, String)>,
    pub(in crate::cli::init) env_files: Vec<String>,
    /// There and here.
    pub(in crate::cli::init) files: Vec<(String, String)>,
    /// The path that its health check asks for.
    pub(in crate::cli::init) health: Option<String>,
    pub(in crate::cli::init) workers: Vec<Worker>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::init) struct Worker {
    pub(in crate::cli::init) name: String,
    pub(in crate::cli::init) command: Vec<String>,
    /// What differs from the server's.
    pub(in crate::cli::init) env: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::init) struct Other {
    pub(in crate::cli::init) name: String,
    pub(in crate::cli::init) source: Source,
    pub(in crate::cli::init) command: Vec<String>,
    pub(in crate::cli::init) env: Vec<(String, String)>,
    pub(in crate::cli::init) ports: Vec<u16>,
    pub(in crate::cli::init) files: Vec<(String, String)>,
    /// The command of its health check.
    pub(in crate::cli::init) ready: Vec<String>,
}

impl Source {
    /// For people.
    pub(in crate::cli::init) fn describe(&self) -> String {
        match self {
            Self::Image(image) => image.clone(),
            Self::Build(build) if dockerfile_of(build) == "Dockerfile" => "a Dockerfile".into(),
            Self::Build(build) => dockerfile_of(build),
        }
    }
}

impl Database {
    pub(in crate::cli::init) const fn of(source: Source) -> Self {
        let scheme = None;
        Self { source, scheme }
    }
}

impl Server {
    /// One of which nothing else is known.
    pub(in crate::cli::init) fn of(source: Source) -> Self {
        Self {
            name: String::new(),
            source,
            port: None,
            command: Vec::new(),
            entrypoint: Vec::new(),
            env: Vec::new(),
            env_files: Vec::new(),
            files: Vec::new(),
            health: None,
            workers: Vec::new(),
        }
    }

    /// The folder of its source: that of its Dockerfile where it holds one, otherwise that which its image
    /// is built of.
    pub(in crate::cli::init) fn folder(&self, root: &Path) -> Option<PathBuf> {
        let Source::Build(build) = &self.source else {
            return None;
        };
        let dockerfile = PathBuf::from(dockerfile_of(build));
        let beside = dockerfile.parent().map(Path::to_owned);
        let is_source = |folder: &PathBuf| {
            let has = |name: &&str| root.join(folder).join(name).is_file();
            MANIFESTS.iter().any(has)
        };
        beside
            .filter(is_source)
            .or_else(|| Some(PathBuf::from(&build.context)))
    }
}
