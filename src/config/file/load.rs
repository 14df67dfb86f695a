//! How servers are loaded, what else is measured, and how long that may take.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{PerSecond, Time};

/// The server that stored CPU time is compared with, and what is asked of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Reference {
    /// Name of a server of the file, which is not measured itself.
    pub(in super::super) server: Spanned<String>,
    /// Path that is asked for, by GET; it counts as started once that is answered with status 200.
    pub(in super::super) path: Spanned<String>,
}

/// How data grow while single requests are counted, so that an endpoint is found that takes more of the
/// database the more there is in it: one of `rows` and `command`. Compared side by side with a base.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Growth {
    /// Tables of Postgres, each with its rows at two sizes or more, ascending. They grow by copies of
    /// their own rows, with new values where they must differ.
    #[serde(default)]
    pub(in super::super) rows: IndexMap<String, Spanned<Vec<u64>>>,
    /// Command of the server that brings its data to a size, for which `{scale}` stands.
    #[serde(default)]
    pub(in super::super) command: Vec<Spanned<String>>,
    /// What `{scale}` stands for, one after the other, ascending.
    pub(in super::super) sizes: Option<Spanned<Vec<u64>>>,
}

/// How servers are loaded, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Load {
    /// Connections, each with one request in flight. Without it 50, or beside a base as many of them
    /// as saturate the server.
    pub(in super::super) connections: Option<Spanned<usize>>,
    /// Threads of the load generator.
    #[schemars(extend("default" = 1))]
    pub(in super::super) threads: Option<Spanned<usize>>,
    /// Requests per second, sent on time whether or not earlier ones are answered; without it each
    /// connection sends the next request when the last one is answered.
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
    /// Longest warm-up; it ends when throughput is flat.
    #[schemars(extend("default" = "5s"))]
    pub(in super::super) warmup: Option<Time>,
    /// Most time that one server and endpoint may take. Side by side, twice that where the first four
    /// starts need it; what is decided early leaves its time to the others.
    #[schemars(extend("default" = "60s"))]
    pub(in super::super) budget: Option<Spanned<Time>>,
}

/// How long steps before the load may take.
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
