//! What the health endpoints say: the state of the database, and on which machine the service runs.

use std::fs;
use std::time::Instant;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

/// The answer of the endpoint that checks nothing.
pub(super) const CONSTANT: &[u8] = br#"{"status": "healthy", "status_code": 200}"#;

/// The answer of the endpoints that check the database.
#[derive(Debug, Serialize)]
pub(super) struct Health<'a> {
    status: &'static str,
    status_code: u16,
    checks: Checks,
    system: System<'a>,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: &'static str,
}

#[derive(Debug, Serialize)]
struct System<'a> {
    timestamp: Timestamp,
    uptime: f64,
    hostname: &'a str,
    environment: &'static str,
    os: &'a str,
}

/// The machine, read once, and since when the service runs on it.
#[derive(Debug)]
pub(super) struct Machine {
    started: Instant,
    hostname: String,
    os: String,
}

impl Machine {
    /// Reads the machine; the service starts now.
    pub(super) fn read() -> Self {
        Self {
            started: Instant::now(),
            hostname: kernel("hostname"),
            os: format!("{} {}", kernel("ostype"), kernel("osrelease")),
        }
    }

    /// The answer after a check of the database, with its status.
    pub(super) fn health(&self, database: &rusqlite::Result<()>) -> (StatusCode, Health<'_>) {
        let (code, status, database) = match database {
            Ok(()) => (StatusCode::OK, "healthy", "ok"),
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", "error"),
        };
        let health = Health {
            status,
            status_code: code.as_u16(),
            checks: Checks { database },
            system: self.system(),
        };
        (code, health)
    }

    fn system(&self) -> System<'_> {
        System {
            timestamp: Timestamp::now(),
            uptime: (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            hostname: &self.hostname,
            environment: "benchmark",
            os: &self.os,
        }
    }
}

fn kernel(name: &str) -> String {
    fs::read_to_string(format!("/proc/sys/kernel/{name}"))
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
