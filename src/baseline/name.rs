//! Where a document lies below the root of its store: a run at `SERVER/ENDPOINT/TIME-COMMIT-NUMBER.json`, a pin at
//! `pins/TIME-NUMBER.json`. In a shared store there are also the runs that checks read, at
//! `SERVER/ENDPOINT/recent/KEY.json`, and all packed runs of a month, at `SERVER/ENDPOINT/archive/YEAR-MONTH.jsonl`; on a
//! branch badges at `SERVER/badge.json`.

use std::path::Path;

use jiff::Timestamp;
use rand::Rng;

use crate::model::{Baseline, Key, Pin, digest};

/// The folder of the pins. A server of that name has folders in it, which pins are not.
pub(super) const PINS: &str = "pins";
const RECENT: &str = "recent";
const ARCHIVE: &str = "archive";
const BADGE: &str = "badge.json";

/// What a file of a store holds, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Pin,
    /// The runs of a key that checks read.
    Recent,
    /// The packed runs of a month, one a line.
    Archive,
    /// Nothing of ours.
    Other,
}

impl Kind {
    pub(super) fn from_path(path: &str) -> Self {
        let parts: Vec<_> = path.split('/').collect();
        let has_end = |end| Path::new(path).extension().is_some_and(|it| it == end);
        match parts.as_slice() {
            [_, BADGE] => Self::Other,
            [PINS, _] if has_end("json") => Self::Pin,
            [_, _, RECENT, _] if has_end("json") => Self::Recent,
            [_, _, ARCHIVE, _] if has_end("jsonl") => Self::Archive,
            _ if has_end("json") => Self::Run,
            _ => Self::Other,
        }
    }
}

/// A path of its own for a baseline, with `/` between its parts.
pub(super) fn path(baseline: &Baseline) -> String {
    let commit = component(baseline.commit.as_deref().unwrap_or("none"));
    let commit: String = commit.chars().take(12).collect();
    let folder = cell(&baseline.key.server, &baseline.key.endpoint);
    let (time, number) = (time(baseline.time), number());
    format!("{folder}/{time}-{commit}-{number}.json")
}

/// A path of its own for a pin.
pub(super) fn pin(pin: &Pin) -> String {
    format!("{PINS}/{}-{}.json", time(pin.time), number())
}

/// Where the runs of a key lie that checks read.
pub(super) fn recent(key: &Key) -> String {
    let text = serde_json::to_vec(key).expect("keys have a JSON form");
    let folder = cell(&key.server, &key.endpoint);
    format!("{folder}/{RECENT}/{}.json", digest(&text))
}

/// Where a run lies once it is packed.
pub(super) fn archive(run: &Baseline) -> String {
    let folder = cell(&run.key.server, &run.key.endpoint);
    format!("{folder}/{ARCHIVE}/{}.jsonl", run.time.strftime("%Y-%m"))
}

/// Where the badge of a server lies.
pub(super) fn badge(server: &str) -> String {
    format!("{}/{BADGE}", component(server))
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Keeps documents of the same time, or of the same content, apart.
pub(super) fn number() -> String {
    format!("{:08x}", rand::rng().random::<u32>())
}

/// The folder of one server and endpoint.
pub(super) fn cell(server: &str, endpoint: &str) -> String {
    format!("{}/{}", component(server), component(endpoint))
}

/// A name that is one path component on any file system; the document holds the true name.
fn component(name: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let mut text = String::new();
    for letter in name.chars() {
        if safe(letter) {
            text.push(letter);
        } else {
            text.push_str(&format!("%{:x}", u32::from(letter)));
        }
    }
    text
}
