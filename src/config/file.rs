//! The file exactly as written.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::units::{Change, PerSecond, Quantity, Size, Time};
use crate::model::{Metric, NetworkPath};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) prepare: Vec<Command>,
    pub(super) without_docker: Option<Spanned<PathBuf>>,
    pub(super) network: Option<Spanned<NetworkPath>>,
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) allow_outside: bool,
    pub(super) postgres: Option<Spanned<Postgres>>,
    pub(super) redis: Option<Spanned<Redis>>,
    #[serde(default)]
    pub(super) proxy: IndexMap<String, Spanned<Proxy>>,
    #[serde(default)]
    pub(super) server: IndexMap<String, Spanned<Server>>,
    #[serde(default)]
    pub(super) endpoint: IndexMap<String, Spanned<Endpoint>>,
    #[serde(default)]
    pub(super) load: Load,
    #[serde(default)]
    pub(super) deadlines: Deadlines,
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    #[serde(default)]
    pub(super) accept: Vec<Accept>,
    #[serde(default)]
    pub(super) baseline: Baseline,
}

/// A command as one word (a program) or as a list of words.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a program or a list of words")]
pub(super) enum Command {
    Program(String),
    Words(Vec<String>),
}

impl Command {
    pub(super) fn words(self) -> Vec<String> {
        match self {
            Self::Program(program) => vec![program],
            Self::Words(words) => words,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Postgres {
    pub(super) image: Option<String>,
    pub(super) build: Option<Spanned<PathBuf>>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) settings: IndexMap<String, String>,
    #[serde(default)]
    pub(super) init: Vec<Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redis {
    pub(super) image: Option<String>,
    pub(super) build: Option<Spanned<PathBuf>>,
    pub(super) url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proxy {
    pub(super) image: Option<String>,
    pub(super) build: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) files: IndexMap<Spanned<String>, Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) interface: Option<String>,
    pub(super) image: Option<String>,
    pub(super) build: Option<Spanned<PathBuf>>,
    pub(super) run: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) url: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) setup: Vec<Vec<Spanned<String>>>,
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) http2: bool,
    pub(super) tls: Option<Spanned<Tls>>,
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    pub(super) ready: Option<Ready>,
    pub(super) memory: Option<Size>,
    pub(super) behind: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    #[serde(default)]
    pub(super) endpoint: IndexMap<Spanned<String>, ServerEndpoint>,
}

/// What one server says about one endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerEndpoint {
    #[serde(default)]
    pub(super) thresholds: Thresholds,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    pub(super) path: Spanned<String>,
    pub(super) within: Option<Time>,
}

/// Whom TLS with a server trusts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) name: Option<String>,
    pub(super) ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) insecure: bool,
}

/// What is measured: one request, or several that take turns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) path: Option<Spanned<String>>,
    pub(super) method: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) body_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) requests: Vec<Spanned<Request>>,
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) rate: Option<Spanned<PerSecond>>,
    pub(super) timeout: Option<Time>,
}

/// One of several requests; what it leaves out it has from its endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) path: Option<Spanned<String>>,
    pub(super) method: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) body_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) expect: Expect,
    pub(super) weight: Option<Spanned<u32>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Option<Spanned<u16>>,
    pub(super) contains: Option<String>,
    #[serde(default)]
    pub(super) json: IndexMap<Spanned<String>, Spanned<toml::Value>>,
    pub(super) max_size_drift: Option<Spanned<Change>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) rate: Option<Spanned<PerSecond>>,
    pub(super) timeout: Option<Time>,
    pub(super) round: Option<Time>,
    pub(super) rounds: Option<Spanned<usize>>,
    pub(super) warmup: Option<Time>,
    pub(super) budget: Option<Spanned<Time>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deadlines {
    pub(super) prepare: Option<Time>,
    pub(super) image: Option<Time>,
    pub(super) setup: Option<Time>,
}

pub(super) type Thresholds = IndexMap<Spanned<Metric>, Threshold>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Threshold {
    pub(super) max_increase: Option<Spanned<Change>>,
    pub(super) max_decrease: Option<Spanned<Change>>,
    pub(super) floor: Option<Spanned<Quantity>>,
    pub(super) max: Option<Spanned<Quantity>>,
    pub(super) min: Option<Spanned<Quantity>>,
}

/// A regression that is accepted until a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    pub(super) server: Spanned<String>,
    pub(super) endpoint: Spanned<String>,
    pub(super) metric: Metric,
    pub(super) reason: Spanned<String>,
    /// As text or as a date of TOML.
    pub(super) until: Spanned<toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    pub(super) store: Option<Spanned<String>>,
}
