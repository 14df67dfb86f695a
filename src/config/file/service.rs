//! Services that servers need, and proxies before them.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::copied::CopiedFile;
use super::super::spanned::Spanned;
use super::super::units::{Size, Time};
use super::build::Build;
use crate::model::{KnownCounters, Privilege};

/// The database: one of `image`, `build` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Postgres {
    /// Compose service to use; by default the first with a matching image name.
    pub(in super::super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run, or a table with more options.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Connection string of a running database.
    pub(in super::super) url: Option<Spanned<String>>,
    /// Scheme of `{postgres.url}`, such as `postgresql+asyncpg`.
    #[schemars(extend("default" = "postgresql"))]
    pub(in super::super) scheme: Option<Spanned<String>>,
    /// Environment variables of its container.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Settings of the database server, by name.
    #[serde(default)]
    pub(in super::super) settings: IndexMap<String, String>,
    /// SQL files and dumps (`pg_dump` in any format) loaded once the database is up.
    #[serde(default)]
    pub(in super::super) init: Vec<Spanned<PathBuf>>,
    /// SQL files and dumps loaded after the `setup` of a server has created the tables, once for all servers with the
    /// same setup.
    #[serde(default)]
    pub(in super::super) seed: Vec<Spanned<PathBuf>>,
}

/// Redis: one of `image`, `build` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Redis {
    /// Compose service to use; by default the first with a matching image name.
    pub(in super::super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run, or a table with more options.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Connection string of a running Redis.
    pub(in super::super) url: Option<Spanned<String>>,
}

/// A service in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Service {
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run, or a table with more options.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(in super::super) entrypoint: Option<Vec<String>>,
    /// Environment variables; `{NAME.env.X}` passes one to a server.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, in the format of `.env`.
    #[serde(default)]
    pub(in super::super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders to copy: container path = local path.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders kept in memory.
    #[serde(default)]
    pub(in super::super) tmpfs: Vec<Spanned<String>>,
    /// Ports in the container; `{NAME.port}` is the first, `{NAME.port.9000}` port 9000.
    #[serde(default)]
    pub(in super::super) ports: Vec<Spanned<u16>>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// CPUs that its container may use, such as 0.5.
    pub(in super::super) cpus: Option<Spanned<f64>>,
    /// User in the container, or user and group.
    pub(in super::super) user: Option<String>,
    /// Working directory in the container, instead of the image's own.
    pub(in super::super) working_dir: Option<Spanned<String>>,
    /// Size of /dev/shm.
    pub(in super::super) shm_size: Option<Size>,
    /// Additional privileges of the container: `privileged`, `docker-socket`, `host-pid`, `host-ipc`.
    #[serde(default)]
    #[schemars(with = "Vec<Privilege>")]
    pub(in super::super) allow: Vec<Spanned<String>>,
    /// When the service counts as ready; by default when the health check of its image passes, or without one when its
    /// ports accept connections.
    pub(in super::super) ready: Option<Spanned<ServiceReady>>,
    /// Commands run in its container once it is ready.
    #[serde(default)]
    pub(in super::super) init: Vec<Vec<Spanned<String>>>,
    /// Commands run in its container after the `setup` of a server, once.
    #[serde(default)]
    pub(in super::super) seed: Vec<Vec<Spanned<String>>>,
    /// Whether the service is a one-time job that must finish before later services start; `within` of `ready` is its
    /// time limit.
    #[serde(default)]
    pub(in super::super) once: bool,
    /// Whether head and base each get a service of their own.
    #[schemars(extend("default" = true))]
    pub(in super::super) per_side: Option<bool>,
    /// Counters to read: SQL statements or published messages; by default chosen by the image name.
    pub(in super::super) counts: Option<KnownCounters>,
}

/// When a service counts as ready: by one of `log`, `path`, `port` and `command`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ServiceReady {
    /// Text in a line of its output.
    pub(in super::super) log: Option<String>,
    /// Path whose GET returns a status below 400, at `port` or the first port.
    pub(in super::super) path: Option<String>,
    /// Port that accepts connections.
    pub(in super::super) port: Option<u16>,
    /// Command in the container that exits with 0.
    #[serde(default)]
    pub(in super::super) command: Vec<String>,
    /// Longest wait, and time limit for each command of `init` and `seed`; 60s by default.
    pub(in super::super) within: Option<Time>,
}

/// A reverse proxy in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Proxy {
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run, or a table with more options.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Port in the container; 80 by default.
    pub(in super::super) port: Option<u16>,
    /// Environment variables; `{upstream}` is the address of the server behind the proxy.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files to copy: container path = local path.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
}
