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
    /// Compose service to use; keys omitted here are taken from it.
    pub(in super::super) service: Option<Spanned<String>>,
    /// Interface of the application, such as `WSGI`; shown in rankings.
    pub(in super::super) interface: Option<String>,
    /// Image to run.
    pub(in super::super) image: Option<String>,
    /// Folder with a Dockerfile to build and run, or a table with more options.
    pub(in super::super) build: Option<Spanned<Build>>,
    /// Command to run on this host, without a container.
    pub(in super::super) run: Option<Spanned<Vec<Spanned<String>>>>,
    /// Program of a Rust package that cargo builds, with the same options for both sides: `{program}` in `run`, which
    /// may be omitted.
    pub(in super::super) cargo: Option<Spanned<Cargo>>,
    /// Address of a running server: `http://…`, `https://…` or `unix:/SOCKET`.
    pub(in super::super) url: Option<Spanned<String>>,
    /// Address of the running base build to compare with, side by side and at a fixed rate.
    pub(in super::super) base_url: Option<Spanned<String>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(in super::super) entrypoint: Option<Vec<String>>,
    /// Commands run before the server starts. In side-by-side checks they run once per build, and every start gets a
    /// copy of the resulting data.
    #[serde(default)]
    pub(in super::super) setup: Vec<Vec<Spanned<String>>>,
    /// Port in the container; 8000 by default.
    pub(in super::super) port: Option<u16>,
    /// Speak HTTP/2: over TLS, or by prior knowledge without it.
    #[serde(default)]
    pub(in super::super) http2: bool,
    /// Use HTTPS, and the certificates to trust.
    pub(in super::super) tls: Option<Spanned<Tls>>,
    /// Environment variables.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, in the format of `.env`; `env` overrides them.
    #[serde(default)]
    pub(in super::super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders to copy: container path = local path.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(in super::super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders of the container kept in memory.
    #[serde(default)]
    pub(in super::super) tmpfs: Vec<Spanned<String>>,
    /// User in the container, or user and group.
    pub(in super::super) user: Option<String>,
    /// Working directory in the container, instead of the image's own.
    pub(in super::super) working_dir: Option<Spanned<String>>,
    /// CPUs that the container may use, such as 0.5.
    pub(in super::super) cpus: Option<Spanned<f64>>,
    /// Size of /dev/shm in the container.
    pub(in super::super) shm_size: Option<Size>,
    /// Additional privileges of the container: `privileged`, `docker-socket`, `host-pid`, `host-ipc`.
    #[serde(default)]
    #[schemars(with = "Vec<Privilege>")]
    pub(in super::super) allow: Vec<Spanned<String>>,
    /// When the server counts as started; by default when the first endpoint gives the expected response.
    pub(in super::super) ready: Option<Ready>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// Name of the proxy for the load.
    pub(in super::super) behind: Option<Spanned<String>>,
    /// Worker processes that take jobs from a queue, by name.
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
    /// Profile; `release` by default.
    pub(in super::super) profile: Option<String>,
    /// Target triple; by default the compiler's own.
    pub(in super::super) target: Option<String>,
    /// The manifest, if it is not that of the folder. Cargo runs in the manifest's folder.
    pub(in super::super) manifest: Option<Spanned<PathBuf>>,
    /// Environment variables of the build, such as `SQLX_OFFLINE`.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
}

/// A worker of a server, such as Celery's: another command of the same image, or of the same commit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Worker {
    /// Command to run, in a container if the server runs in one.
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Environment variables, in addition to those of the server.
    #[serde(default)]
    pub(in super::super) env: IndexMap<String, Spanned<String>>,
    /// Memory limit of its container.
    pub(in super::super) memory: Option<Size>,
    /// Text in a line of its output that shows that it takes jobs; by default it counts as started once it is idle.
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

/// The request that a server must answer to count as started. Omitted keys are those of the first endpoint. With a
/// `path` or a `method` it is a separate request, by default a GET without a body, and any status below 400 is
/// accepted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Ready {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields, in addition to those of the first endpoint.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// Expected status.
    pub(in super::super) status: Option<Spanned<u16>>,
    /// Text that the body must contain.
    pub(in super::super) contains: Option<String>,
    /// Longest wait for the expected response; 60s by default. It is doubled if two builds start at once.
    pub(in super::super) within: Option<Time>,
}

/// The certificates that TLS trusts; by default those of the machine's certificate authorities.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Tls {
    /// Name that the certificate must have, instead of the host's.
    pub(in super::super) name: Option<String>,
    /// PEM file with the only certificates to trust.
    pub(in super::super) ca: Option<Spanned<PathBuf>>,
    /// Trust any certificate.
    #[serde(default)]
    pub(in super::super) insecure: bool,
}
