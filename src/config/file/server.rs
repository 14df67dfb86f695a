//! Servers under test.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::copied::CopiedFile;
use super::super::spanned::Spanned;
use super::super::units::{Size, Time};
use super::build::Build;
use super::rules::Thresholds;
use crate::model::Privilege;

/// A server under test: one of `image`, `build`, `run` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Server {
    /// Service of the compose files that it is; what is left out here is as there.
    pub(in super::super) service: Option<Spanned<String>>,
    /// How the application is called, such as `WSGI`; shown in rankings.
    pub(in super::super) interface: Option<String>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command to run on this host, without a container.
    pub(in super::super) run: Option<Spanned<Vec<Spanned<String>>>>,
    /// Program of a Rust package that cargo builds, for both builds alike: `{program}` in `run`, which
    /// may be left out.
    pub(in super::super) cargo: Option<Spanned<Cargo>>,
    /// Where it runs already: `http://…`, `https://…` or `unix:/SOCKET`.
    pub(in super::super) url: Option<Spanned<String>>,
    /// Where the build runs that one at `url` is compared with, side by side and at a fixed rate.
    pub(in super::super) base_url: Option<Spanned<String>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(in super::super) entrypoint: Option<Vec<String>>,
    /// Commands run to their end before the server starts; side by side once for each build, each start
    /// of which gets a copy of what they made.
    #[serde(default)]
    pub(in super::super) setup: Vec<Vec<Spanned<String>>>,
    /// Port it listens on in its container; else 8000.
    pub(in super::super) port: Option<u16>,
    /// Speak HTTP/2: over TLS, or by prior knowledge without it.
    #[serde(default)]
    pub(in super::super) http2: bool,
    /// Speak HTTPS, and whom to trust then.
    pub(in super::super) tls: Option<Spanned<Tls>>,
    /// Environment variables.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, as `.env` has them; `env` overrides them.
    #[serde(default)]
    pub(in super::super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders of the container kept in memory.
    #[serde(default)]
    pub(in super::super) tmpfs: Vec<Spanned<String>>,
    /// User in the container, or user and group.
    pub(in super::super) user: Option<String>,
    /// Folder in the container that commands run in, instead of the image's own.
    pub(in super::super) working_dir: Option<Spanned<String>>,
    /// CPUs that the container may use, such as 0.5.
    pub(in super::super) cpus: Option<Spanned<f64>>,
    /// Size of /dev/shm in the container.
    pub(in super::super) shm_size: Option<Size>,
    /// What the container may do beyond other containers: `privileged`, `docker-socket`, `host-pid`, `host-ipc`.
    #[serde(default)]
    #[schemars(with = "Vec<Privilege>")]
    pub(in super::super) allow: Vec<Spanned<String>>,
    /// When it counts as started; else once the first endpoint answers as it is expected to.
    pub(in super::super) ready: Option<Ready>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// Name of the proxy that load goes through.
    pub(in super::super) behind: Option<Spanned<String>>,
    /// Processes beside it that take jobs from a queue, by name.
    #[serde(default)]
    pub(in super::super) worker: IndexMap<String, Spanned<Worker>>,
    /// Rules by metric, for this server.
    #[serde(default)]
    pub(in super::super) thresholds: Thresholds,
    /// Settings of single endpoints for this server, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ServerEndpoint>")]
    pub(in super::super) endpoint: IndexMap<Spanned<String>, ServerEndpoint>,
}

/// How cargo builds the program of a server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Cargo {
    /// Package, in a workspace with several.
    pub(in super::super) package: Option<String>,
    /// Binary, of a package with several.
    pub(in super::super) bin: Option<String>,
    /// Features to switch on.
    #[serde(default)]
    pub(in super::super) features: Vec<String>,
    /// Switch the default features off.
    #[serde(default)]
    pub(in super::super) no_default_features: bool,
    /// Profile; else `release`.
    pub(in super::super) profile: Option<String>,
    /// Target triple; else the compiler's own.
    pub(in super::super) target: Option<String>,
    /// The manifest, where it is not that of the folder. Cargo is called in its folder.
    pub(in super::super) manifest: Option<Spanned<PathBuf>>,
    /// Environment variables of the build, such as `SQLX_OFFLINE`.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
}

/// A worker of a server, such as Celery's: another command of the same image, or of the same commit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Worker {
    /// Command to run, in a container where the server runs in one.
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Environment variables, beside those of the server.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// Text in a line of its output once it takes jobs; else it counts as started once it rests.
    pub(in super::super) ready: Option<String>,
}

/// Settings of one endpoint for one server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ServerEndpoint {
    /// Rules by metric, for this server and endpoint.
    #[serde(default)]
    pub(in super::super) thresholds: Thresholds,
}

/// When a server counts as started: the request that it must answer. What is left out is as in the
/// first endpoint. With a `path` or a `method` it is a request of its own, a GET without a body;
/// any status below 400 is a good answer to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Ready {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields, beside those of the first endpoint.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// Status of a good answer.
    pub(in super::super) status: Option<Spanned<u16>>,
    /// Text the body of a good answer contains.
    pub(in super::super) contains: Option<String>,
    /// Longest wait for a good answer; else 60s. Twice as long where two builds start at once.
    pub(in super::super) within: Option<Time>,
}

/// Whom TLS with a server trusts; the machine's authorities where nothing is said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Tls {
    /// Name the certificate must have, instead of the host's.
    pub(in super::super) name: Option<String>,
    /// PEM file with the certificates to trust, and no others.
    pub(in super::super) ca: Option<Spanned<PathBuf>>,
    /// Trust any certificate.
    #[serde(default)]
    pub(in super::super) insecure: bool,
}
