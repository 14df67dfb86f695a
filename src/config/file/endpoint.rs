//! Requests: what is measured, and what comes before it.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{Change, PerSecond, Time};

/// What is measured: one request, or several that take turns.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Endpoint {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// Several requests that take turns, in place of one.
    #[serde(default)]
    pub(in super::super) requests: Vec<Spanned<Request>>,
    /// File of rows (`.csv` with a head, or `.jsonl`), which take turns as `{data.COLUMN}` in path, header
    /// fields and body.
    pub(in super::super) data: Option<Spanned<PathBuf>>,
    /// Connections; else those of `[load]`.
    pub(in super::super) connections: Option<Spanned<usize>>,
    /// Requests per second, sent on time; else as in `[load]`.
    pub(in super::super) rate: Option<Spanned<PerSecond>>,
    /// Longest wait for a response; else that of `[load]`.
    pub(in super::super) timeout: Option<Time>,
}

/// One of several requests; what it leaves out it has from its endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Request {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields, beside those of the endpoint.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// Turns out of the sum of all weights; else 1.
    pub(in super::super) weight: Option<Spanned<u32>>,
}

/// A request between the start of a server and the load. It sends the cookies that those before it
/// were given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Login {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// What later requests take of its answer, as `{login.NAME}` in paths, header fields and bodies.
    #[serde(default)]
    pub(in super::super) capture: IndexMap<String, Spanned<Capture>>,
    /// Longest wait for its answer; else 10s.
    pub(in super::super) timeout: Option<Time>,
}

/// Where a value stands in an answer: one of the four.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Capture {
    /// JSON pointer into the body.
    pub(in super::super) json: Option<String>,
    /// Name of a header field.
    pub(in super::super) header: Option<String>,
    /// Name of a cookie.
    pub(in super::super) cookie: Option<String>,
    /// Regular expression of which the first group is found in the body.
    pub(in super::super) regex: Option<String>,
}

/// What makes a response a success.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Expect {
    /// Status code; else 200.
    pub(in super::super) status: Option<Spanned<u16>>,
    /// Text the body must contain.
    pub(in super::super) contains: Option<String>,
    /// Values the JSON body must have, by JSON pointer.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, serde_json::Value>")]
    pub(in super::super) json: IndexMap<Spanned<String>, Spanned<toml::Value>>,
    /// Largest difference of the body's length from the first one's.
    pub(in super::super) max_size_drift: Option<Spanned<Change>>,
}
