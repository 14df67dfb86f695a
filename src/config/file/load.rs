//! How servers are loaded, what else is measured, and how long that may take.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{PerSecond, Time};

/// The reference program for stored CPU time, and the request sent to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Reference {
    /// Name of a server in this file; it is not measured itself.
    pub(in super::super) server: Spanned<String>,
    /// Path requested by GET; the server counts as started once it returns status 200.
    pub(in super::super) path: Spanned<String>,
}

/// How the data grow while single requests are counted, to find endpoints whose database work grows with the data: one
/// of `rows` and `command`. Compared side by side with a base.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Growth {
    /// Postgres tables, each with its number of rows at two or more sizes, ascending. They grow by copies of their own
    /// rows, with new values where they must be unique.
    #[serde(default)]
    pub(in super::super) rows: IndexMap<String, Spanned<Vec<u64>>>,
    /// Command of the server that grows its data to the size `{scale}`.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// Values of `{scale}`, ascending.
    pub(in super::super) sizes: Option<Spanned<Vec<u64>>>,
}

/// How servers are loaded, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Load {
    /// Connections, each with one request in flight. The default is 50, or in side-by-side checks as many, up to 50, as
    /// saturate the server.
    pub(in super::super) connections: Option<Spanned<usize>>,
    /// Threads of the load generator.
    #[schemars(extend("default" = 1))]
    pub(in super::super) threads: Option<Spanned<usize>>,
    /// Requests per second, sent at fixed times without waiting for earlier responses; without it each connection sends
    /// its next request after the response to the previous one.
    pub(in super::super) rate: Option<Spanned<PerSecond>>,
    /// Longest wait for a response.
    #[schemars(extend("default" = "2s"))]
    pub(in super::super) timeout: Option<Time>,
    /// Length of a round.
    #[schemars(extend("default" = "1s"))]
    pub(in super::super) round: Option<Time>,
    /// Rounds of each server and endpoint.
    #[schemars(extend("default" = 10))]
    pub(in super::super) rounds: Option<Spanned<usize>>,
    /// Longest warm-up; it ends when throughput is stable.
    #[schemars(extend("default" = "5s"))]
    pub(in super::super) warmup: Option<Time>,
    /// Time limit for each server and endpoint. Side by side it is doubled if the first four starts need it; time left
    /// over by early decisions goes to the others.
    #[schemars(extend("default" = "60s"))]
    pub(in super::super) budget: Option<Spanned<Time>>,
}

/// Time limits of the steps before the load.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Deadlines {
    /// Each command of `prepare`.
    pub(in super::super) prepare: Option<Time>,
    /// Pulling or building one image.
    pub(in super::super) image: Option<Time>,
    /// Each command of a server's `setup`.
    pub(in super::super) setup: Option<Time>,
}
