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
    /// Required versions of perfgate, such as `0.3` (this or a later compatible version) or `>=0.3, <0.5`.
    #[expect(dead_code, reason = "`version` reads it before everything else")]
    pub(super) required: Option<Spanned<String>>,
    /// Environment variables of perfgate that `prepare` and servers run as processes inherit although they look like
    /// secrets.
    #[serde(default)]
    pub(super) inherit: Vec<String>,
    /// Commands run before anything else, in the folder of the file.
    #[serde(default)]
    pub(super) prepare: Vec<Command>,
    /// Compose files that define the servers and their services, or a table with more options. Several files are
    /// merged. Keys in perfgate.toml take precedence.
    pub(super) compose: Option<Spanned<Compose>>,
    /// Configuration to use instead if no container engine is available.
    pub(super) without_docker: Option<Spanned<PathBuf>>,
    /// Network path to servers in containers; by default perfgate chooses.
    pub(super) network: Option<Spanned<NetworkPath>>,
    /// Whether containers have no access beyond their own network.
    #[serde(default)]
    pub(super) internal: bool,
    /// Whether paths may lead outside the file's folder.
    #[serde(default)]
    pub(super) allow_outside: bool,
    /// The database, if servers need one.
    pub(super) postgres: Option<Spanned<Postgres>>,
    /// Redis, if servers need it.
    pub(super) redis: Option<Spanned<Redis>>,
    /// Other services that servers need, by name.
    #[serde(default)]
    pub(super) service: IndexMap<String, Spanned<Service>>,
    /// Reverse proxies in front of servers, by name.
    #[serde(default)]
    pub(super) proxy: IndexMap<String, Spanned<Proxy>>,
    /// The servers under test, by name.
    #[serde(default)]
    pub(super) server: IndexMap<String, Spanned<Server>>,
    /// An unchanging program that does similar work, as a reference for stored CPU time.
    pub(super) reference: Option<Reference>,
    /// How the data grow while single requests are counted.
    pub(super) growth: Option<Spanned<Growth>>,
    /// Requests sent between the start of a server and the load, by name, in the order of the file.
    #[serde(default)]
    pub(super) login: IndexMap<String, Spanned<Login>>,
    /// The endpoints measured on every server, by name.
    #[serde(default)]
    pub(super) endpoint: IndexMap<String, Spanned<Endpoint>>,
    /// How servers are loaded, and for how long.
    #[serde(default)]
    pub(super) load: Load,
    /// Time limits of the steps before the load.
    #[serde(default)]
    pub(super) deadlines: Deadlines,
    /// Rules by metric, for all servers and endpoints.
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    /// Regressions accepted until a given day.
    #[serde(default)]
    pub(super) accept: Vec<Accept>,
    /// Where stored runs are kept.
    #[serde(default)]
    pub(super) baseline: Baseline,
}
