use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is sent to one endpoint, how, and what must come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Request target in origin form, with its query.
    pub path: String,
    /// Header fields added to `Host`, in order.
    pub headers: Vec<(String, String)>,
    pub expect: Expect,
    /// Connections of the closed loop; each has one request in flight.
    pub connections: usize,
    /// Generator threads the connections are dealt out to.
    pub threads: usize,
    /// Longest wait for one response, counted from the request's start.
    pub timeout: Duration,
}

/// What makes a response a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    pub status: u16,
    /// Text the body must contain.
    pub contains: Option<String>,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            status: 200,
            contains: None,
        }
    }
}
