//! What servers work with: a database, a cache, a broker.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Build, Identity, Placeholder};

/// A service that is up beside the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// How placeholders call it.
    pub name: String,
    pub source: ServiceSource,
    pub kind: ServiceKind,
    /// Command in its container; empty for the usual one.
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    pub container: ContainerSettings,
}

/// Where a service comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ServiceSource {
    Image(String),
    Build(Build),
    /// Already running.
    Url(String),
}

/// What perfgate knows of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceKind {
    Postgres(Postgres),
    Redis,
    Other(OtherService),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// Scheme of its connection strings.
    pub scheme: String,
    /// Server settings, name and value.
    pub settings: Vec<(String, String)>,
    /// SQL files and dumps loaded once the database is up.
    pub init: Vec<PathBuf>,
    /// The same after the set-up of a server.
    pub seed: Vec<PathBuf>,
}

/// A service of which perfgate knows what the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherService {
    /// Ports it listens on inside its container.
    pub ports: Vec<u16>,
    pub ready: ServiceReady,
    /// Longest wait for it.
    pub within: Duration,
    /// Commands run in its container once it is ready.
    pub init: Vec<Vec<String>>,
    /// The same after the set-up of a server.
    pub seed: Vec<Vec<String>>,
    /// Whether it runs to its end, before what comes after it starts.
    pub is_once: bool,
    /// Whether head and base have one each.
    pub is_per_side: bool,
    /// What perfgate can count of it.
    pub counters: Option<KnownCounters>,
}

/// Counters that are read with the client in a service's own container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownCounters {
    /// SQL statements and their rows, of MySQL, MariaDB or Percona Server.
    Mysql,
    /// Messages published to RabbitMQ.
    Rabbitmq,
}

/// When a service counts as ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceReady {
    /// By the health check of its image, else once every port takes connections.
    Usual,
    /// Its output has a line with this text.
    Log(String),
    /// The port takes connections.
    Port(u16),
    /// A GET of the path is answered with a status below 400.
    Http { port: u16, path: String },
    /// A command in its container ends with 0.
    Command(Vec<String>),
}

/// A file or folder that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopiedFile {
    /// The path in the container.
    pub inside: String,
    pub source: FileSource,
    /// Texts of the file, and what is put in their place; placeholders in it have values once the stack is
    /// up.
    pub replace: Vec<(String, String)>,
}

/// What a copied file is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum FileSource {
    /// A file or folder here.
    Path(PathBuf),
    /// A text, whose placeholders have values once the stack is up.
    Text(String),
}

/// How a container differs from what its image says, beside command, environment and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerSettings {
    /// In place of the image's own; empty for that.
    pub entrypoint: Vec<String>,
    pub files: Vec<CopiedFile>,
    /// Folders kept in memory.
    pub tmpfs: Vec<String>,
    /// User, or user and group, by name or number.
    pub user: Option<String>,
    /// Folder in which it runs, in place of the image's own.
    pub working_dir: Option<String>,
    /// Billionths of a CPU that it may use.
    pub nano_cpus: Option<i64>,
    /// Size of /dev/shm in bytes.
    pub shm_size: Option<u64>,
    /// What it may do beyond the others.
    pub allow: Vec<Privilege>,
}

/// What perfgate lets a container do only where a file allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Privilege {
    /// Everything on the host, as `docker run --privileged`.
    Privileged,
    /// The engine's socket, at /var/run/docker.sock.
    DockerSocket,
    /// To see the host's processes.
    HostPid,
    /// To share memory with the host's processes.
    HostIpc,
}

impl Privilege {
    pub const ALL: [Self; 4] = [
        Self::Privileged,
        Self::DockerSocket,
        Self::HostPid,
        Self::HostIpc,
    ];

    /// As files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::DockerSocket => "docker-socket",
            Self::HostPid => "host-pid",
            Self::HostIpc => "host-ipc",
        }
    }
}

impl CopiedFile {
    /// The texts that may hold placeholders.
    pub fn texts(files: &[Self]) -> impl Iterator<Item = &str> {
        let replaced = files.iter().flat_map(|it| &it.replace);
        let written = files.iter().filter_map(|it| match &it.source {
            FileSource::Text(text) => Some(text.as_str()),
            FileSource::Path(_) => None,
        });
        written.chain(replaced.map(|(_, text)| text.as_str()))
    }
}

impl ContainerSettings {
    /// Adds what differs from the image; files by where they lie below a folder.
    pub(super) fn identify(&self, identity: Identity, root: &Path) -> Identity {
        let files = self.files.iter().filter_map(|it| match &it.source {
            FileSource::Path(path) => Some((&it.inside, path.strip_prefix(root).unwrap_or(path))),
            FileSource::Text(_) => None,
        });
        let written = self.files.iter().filter_map(|it| match &it.source {
            FileSource::Text(text) => Some((&it.inside, text)),
            FileSource::Path(_) => None,
        });
        let replaced = self.files.iter().filter(|it| !it.replace.is_empty());
        let replaced = replaced.map(|it| (&it.inside, &it.replace));
        identity
            .with("entrypoint", &self.entrypoint)
            .with("files", &files.collect::<Vec<_>>())
            .with("written", &written.collect::<Vec<_>>())
            .with("replaced", &replaced.collect::<Vec<_>>())
            .with("tmpfs", &self.tmpfs)
            .with("user", &self.user)
            .with("working_dir", &self.working_dir)
            .with("nano_cpus", &self.nano_cpus)
            .with("shm_size", &self.shm_size)
            .with("allow", &self.allow)
    }
}

impl KnownCounters {
    /// Those of what an image is called after; nothing for one that is built here.
    pub fn from_source(source: &ServiceSource) -> Option<Self> {
        let ServiceSource::Image(image) = source else {
            return None;
        };
        let name = image.rsplit('/').next()?;
        match name.split([':', '@']).next()? {
            "mysql" | "mysql-server" | "mariadb" | "percona" | "percona-server" => {
                Some(Self::Mysql)
            }
            "rabbitmq" => Some(Self::Rabbitmq),
            _ => None,
        }
    }
}

impl ServiceSource {
    /// What numbers depend on, in words: where a folder lies says nothing about what is in it.
    pub fn describe(&self) -> String {
        match self {
            Self::Image(image) => format!("image {image}"),
            Self::Build(build) => {
                let name = build.context.file_name().unwrap_or_default();
                format!("build {}", name.to_string_lossy())
            }
            Self::Url(_) => "running".to_owned(),
        }
    }

    pub const fn is_contained(&self) -> bool {
        !matches!(self, Self::Url(_))
    }
}

impl Service {
    /// Whether a container of it can listen where perfgate wants it to: the known services can, others
    /// where they take their one port from a placeholder.
    pub fn gets_its_address(&self) -> bool {
        match &self.kind {
            ServiceKind::Postgres(_) | ServiceKind::Redis => true,
            ServiceKind::Other(other) => {
                other.ports.len() <= 1 && Placeholder::give_address(&self.command, &self.env)
            }
        }
    }

    /// What placeholders may ask of it: `host` in `{NAME.host}`.
    pub fn fields(&self) -> Vec<String> {
        let ServiceKind::Other(other) = &self.kind else {
            return known_fields(&self.name)
                .iter()
                .map(|it| (*it).to_owned())
                .collect();
        };
        let ports = other.ports.iter().map(|port| format!("port.{port}"));
        let env = self.env.iter().map(|(name, _)| format!("env.{name}"));
        let own = ["host".to_owned(), "port".to_owned()].into_iter();
        own.chain(ports).chain(env).collect()
    }
}

/// The fields of a service that perfgate knows, also where a file has none of it.
pub fn known_fields(service: &str) -> &'static [&'static str] {
    match service {
        "postgres" => &["url", "host", "port", "user", "password", "database"],
        "redis" => &["url", "host", "port", "database"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_the_last_part_of_their_name() {
        let of = |image: &str| KnownCounters::from_source(&ServiceSource::Image(image.to_owned()));
        let mysql = Some(KnownCounters::Mysql);
        assert_eq!(of("mysql"), mysql);
        assert_eq!(of("docker.io/library/mariadb:11.4"), mysql);
        assert_eq!(of("percona/percona-server:8.0"), mysql);
        assert_eq!(of("localhost:5000/mysql@sha256:0123"), mysql);
        assert_eq!(of("rabbitmq:4-management"), Some(KnownCounters::Rabbitmq));
        assert_eq!(of("bitnami/rabbitmq:3.13"), Some(KnownCounters::Rabbitmq));
        let others = [
            "prom/mysqld-exporter",
            "percona/percona-server-mongodb:7.0",
            "mysql/tools:1",
            "mailpit:rabbitmq",
        ];
        assert!(others.iter().all(|image| of(image).is_none()));
    }
}
