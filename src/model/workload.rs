use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// What is sent to one endpoint, how, and what must come back.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// At least one; several take turns as their weights say.
    pub requests: Vec<Request>,
    /// When requests start; nothing for the closed loop, where each follows the one before.
    pub rate: Option<Rate>,
    /// Connections, each with at most one request in flight.
    pub connections: usize,
    pub concurrency: Concurrency,
    /// Generator threads the connections are dealt out to.
    pub threads: usize,
    /// Longest wait for one response, counted from the moment the request was sent.
    pub timeout: Duration,
}

/// Who says how many connections load a server side by side with its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// The user: so many as are configured.
    Configured,
    /// The warm-up: as many as saturate the server, at most those of the workload.
    Adaptive,
}

/// One request and what makes its response a success.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    pub method: String,
    /// Request target in origin form, with its query.
    pub path: String,
    /// Header fields added to `Host`, in order; one named `Host` replaces it.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub expect: Expect,
    /// Turns out of the sum of all weights.
    pub weight: u32,
}

/// What makes a response a success.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expect {
    pub status: u16,
    /// Text the body must contain.
    pub contains: Option<String>,
    /// Values the JSON body must have, by JSON pointer (RFC 6901).
    pub json: Vec<(String, Value)>,
    /// Largest difference of the body's length from the first response's, as a share of it.
    pub max_size_drift: Option<f64>,
}

/// Arrivals per second over a window: constant, or rising or falling from one end to the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Rate {
    pub from: f64,
    pub to: f64,
}

impl Request {
    /// A GET of a path that must be answered with status 200.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: "GET".into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            expect: Expect::default(),
            weight: 1,
        }
    }
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            status: 200,
            contains: None,
            json: Vec::new(),
            max_size_drift: None,
        }
    }
}

impl Expect {
    /// Whether the body itself is looked into, not only its length.
    pub fn reads_bodies(&self) -> bool {
        self.contains.is_some() || !self.json.is_empty()
    }
}

impl Rate {
    pub fn is_constant(self) -> bool {
        (self.from - self.to).abs() < f64::EPSILON
    }

    /// The rate at a share of the window.
    pub fn at(self, share: f64) -> f64 {
        self.from + share * (self.to - self.from)
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_constant() {
            write!(f, "{}/s", self.from)
        } else {
            write!(f, "{}..{}/s", self.from, self.to)
        }
    }
}
