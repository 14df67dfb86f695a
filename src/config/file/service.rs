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
    /// Service of the compose files that it is; else the first whose image is called like it.
    pub(in super::super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Connection string of a database that runs already.
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
    /// SQL files and dumps loaded after the `setup` of a server, which makes the tables: once for all
    /// servers that are set up alike.
    #[serde(default)]
    pub(in super::super) seed: Vec<Spanned<PathBuf>>,
}

/// Redis: one of `image`, `build` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Redis {
    /// Service of the compose files that it is; else the first whose image is called like it.
    pub(in super::super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Connection string of one that runs already.
    pub(in super::super) url: Option<Spanned<String>>,
}

/// A service in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Service {
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(in super::super) entrypoint: Option<Vec<String>>,
    /// Environment variables; `{NAME.env.X}` gives one to a server.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, as `.env` has them.
    #[serde(default)]
    pub(in super::super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders kept in memory.
    #[serde(default)]
    pub(in super::super) tmpfs: Vec<Spanned<String>>,
    /// Ports it listens on in its container; `{NAME.port}` is the first, `{NAME.port.9000}` that one.
    #[serde(default)]
    pub(in super::super) ports: Vec<Spanned<u16>>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// CPUs that its container may use, such as 0.5.
    pub(in super::super) cpus: Option<Spanned<f64>>,
    /// User in the container, or user and group.
    pub(in super::super) user: Option<String>,
    /// Folder in the container that commands run in, instead of the image's own.
    pub(in super::super) working_dir: Option<Spanned<String>>,
    /// Size of /dev/shm.
    pub(in super::super) shm_size: Option<Size>,
    /// What it may do beyond other containers: `privileged`, `docker-socket`, `host-pid`, `host-ipc`.
    #[serde(default)]
    #[schemars(with = "Vec<Privilege>")]
    pub(in super::super) allow: Vec<Spanned<String>>,
    /// When it counts as ready; else by the health check of its image, or once its ports take
    /// connections.
    pub(in super::super) ready: Option<Spanned<ServiceReady>>,
    /// Commands run in its container once it is ready.
    #[serde(default)]
    pub(in super::super) init: Vec<Vec<Spanned<String>>>,
    /// Commands run in its container after the `setup` of a server, once.
    #[serde(default)]
    pub(in super::super) seed: Vec<Vec<Spanned<String>>>,
    /// Whether it runs to its end, before what comes after it starts; `within` of `ready` is the time it
    /// may take.
    #[serde(default)]
    pub(in super::super) once: bool,
    /// Whether head and base have one each.
    #[schemars(extend("default" = true))]
    pub(in super::super) per_side: Option<bool>,
    /// What is counted of it: SQL statements or published messages; else by the name of its image.
    pub(in super::super) counts: Option<KnownCounters>,
}

/// When a service counts as ready: by one of `log`, `path`, `port` and `command`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ServiceReady {
    /// Text in a line of its output.
    pub(in super::super) log: Option<String>,
    /// Path that a GET answers with a status below 400, at `port` or the first port.
    pub(in super::super) path: Option<String>,
    /// Port that takes connections.
    pub(in super::super) port: Option<u16>,
    /// Command in its container that ends with 0.
    #[serde(default)]
    pub(in super::super) command: Vec<String>,
    /// Longest wait, and time for each command of `init` and `seed`; else 60s.
    pub(in super::super) within: Option<Time>,
}

/// A reverse proxy in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Proxy {
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Port it listens on in its container; else 80.
    pub(in super::super) port: Option<u16>,
    /// Environment variables; `{upstream}` is the server it stands before.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
}
