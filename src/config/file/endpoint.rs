//! Requests: what is measured, and what comes before it.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{Change, PerSecond, Time};

/// An endpoint to measure: one request, or several in turn.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Endpoint {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; GET by default.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// Conditions for a successful response.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// Several requests in turn, instead of one.
    #[serde(default)]
    pub(in super::super) requests: Vec<Spanned<Request>>,
    /// File of rows (`.csv` with a header line, or `.jsonl`), used in turn as `{data.COLUMN}` in path, header fields
    /// and body.
    pub(in super::super) data: Option<Spanned<PathBuf>>,
    /// Connections; by default those of `[load]`.
    pub(in super::super) connections: Option<Spanned<usize>>,
    /// Requests per second, sent at fixed times; by default as in `[load]`.
    pub(in super::super) rate: Option<Spanned<PerSecond>>,
    /// Longest wait for a response; by default that of `[load]`.
    pub(in super::super) timeout: Option<Time>,
}

/// One of several requests; omitted keys are those of the endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Request {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; GET by default.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields, in addition to those of the endpoint.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// Conditions for a successful response.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// Number of turns out of the sum of all weights; 1 by default.
    pub(in super::super) weight: Option<Spanned<u32>>,
}

/// A request sent between the start of a server and the load. It sends the cookies set by earlier logins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Login {
    /// Request target, a path with its query.
    pub(in super::super) path: Option<Spanned<String>>,
    /// Request method; GET by default.
    pub(in super::super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(in super::super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(in super::super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(in super::super) body_file: Option<Spanned<PathBuf>>,
    /// Conditions for a successful response.
    #[serde(default)]
    pub(in super::super) expect: Expect,
    /// Values of the response for later requests, as `{login.NAME}` in paths, header fields and bodies.
    #[serde(default)]
    pub(in super::super) capture: IndexMap<String, Spanned<Capture>>,
    /// Longest wait for the response; 10s by default.
    pub(in super::super) timeout: Option<Time>,
}

/// Location of a value in a response: one of the four.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Capture {
    /// JSON pointer into the body.
    pub(in super::super) json: Option<String>,
    /// Name of a header field.
    pub(in super::super) header: Option<String>,
    /// Name of a cookie.
    pub(in super::super) cookie: Option<String>,
    /// Regular expression for the body; its first group is the value.
    pub(in super::super) regex: Option<String>,
}

/// Conditions for a successful response.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Expect {
    /// Status code; 200 by default.
    pub(in super::super) status: Option<Spanned<u16>>,
    /// Text that the body must contain.
    pub(in super::super) contains: Option<String>,
    /// Values that the JSON body must have, by JSON pointer.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, serde_json::Value>")]
    pub(in super::super) json: IndexMap<Spanned<String>, Spanned<toml::Value>>,
    /// Largest deviation of the body's length from that of the first response.
    pub(in super::super) max_size_drift: Option<Spanned<Change>>,
}
