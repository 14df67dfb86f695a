//! The file exactly as written. What stands above a key here is what the reference and the schema
//! say of it.

mod build;
mod command;
mod compose;
mod endpoint;
mod load;
mod rules;
mod server;
mod service;

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::build::{Build, BuildTable};
pub(super) use self::command::Command;
pub(super) use self::compose::Compose;
pub(super) use self::endpoint::{Capture, Endpoint, Expect, Login, Request};
pub(super) use self::load::{Deadlines, Growth, Load, Reference};
pub(super) use self::rules::{Accept, Baseline, Threshold, Thresholds};
pub(super) use self::server::{Ready, Server, Tls, Worker};
pub(super) use self::service::{Postgres, Proxy, Redis, Service, ServiceReady};
use super::spanned::Spanned;
use crate::model::NetworkPath;

/// What perfgate measures, and by which rules it judges. Relative paths start at the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(title = "perfgate.toml")]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Versions of perfgate that the file is for, such as `0.3` (this or a later one of the same kind) or
    /// `>=0.3, <0.5`.
    #[expect(dead_code, reason = "`version` reads it before everything else")]
    pub(super) required: Option<Spanned<String>>,
    /// Variables of perfgate's own environment that servers run as processes, and `prepare`, inherit although they
    /// look like secrets.
    #[serde(default)]
    pub(super) inherit: Vec<String>,
    /// Commands run before anything else, in the folder of the file.
    #[serde(default)]
    pub(super) prepare: Vec<Command>,
    /// Compose file, or several that are merged, whose services servers and what they work with are; or a
    /// table that says more. What this file says comes first, key by key.
    pub(super) compose: Option<Spanned<Compose>>,
    /// Configuration to use instead where no container engine answers.
    pub(super) without_docker: Option<Spanned<PathBuf>>,
    /// The way to servers in containers; without it perfgate chooses.
    pub(super) network: Option<Spanned<NetworkPath>>,
    /// Whether containers are kept from everything outside of their network.
    #[serde(default)]
    pub(super) internal: bool,
    /// Whether paths may lead out of the file's folder.
    #[serde(default)]
    pub(super) allow_outside: bool,
    /// The database, where servers need one.
    pub(super) postgres: Option<Spanned<Postgres>>,
    /// Redis, where servers need one.
    pub(super) redis: Option<Spanned<Redis>>,
    /// Other services that servers need, by name.
    #[serde(default)]
    pub(super) service: IndexMap<String, Spanned<Service>>,
    /// Reverse proxies that servers can stand behind, by name.
    #[serde(default)]
    pub(super) proxy: IndexMap<String, Spanned<Proxy>>,
    /// The servers under test, by name.
    #[serde(default)]
    pub(super) server: IndexMap<String, Spanned<Server>>,
    /// A fixed program of the same kind of work, that stored CPU time is compared with.
    pub(super) reference: Option<Reference>,
    /// How data grow while single requests are counted.
    pub(super) growth: Option<Spanned<Growth>>,
    /// Requests between the start of a server and the load, by name and in their order.
    #[serde(default)]
    pub(super) login: IndexMap<String, Spanned<Login>>,
    /// What is measured on every server, by name.
    #[serde(default)]
    pub(super) endpoint: IndexMap<String, Spanned<Endpoint>>,
    /// How servers are loaded, and for how long.
    #[serde(default)]
    pub(super) load: Load,
    /// How long steps before the load may take.
    #[serde(default)]
    pub(super) deadlines: Deadlines,
    /// Rules by metric, for all servers and endpoints.
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    /// Regressions that are accepted until a day.
    #[serde(default)]
    pub(super) accept: Vec<Accept>,
    /// Where stored runs are kept.
    #[serde(default)]
    pub(super) baseline: Baseline,
}
