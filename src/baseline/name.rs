//! Where a document lies below the root of its store: `SERVER/ENDPOINT/TIME-COMMIT-NUMBER.json`,
//! a pin at `pins/TIME-NUMBER.json`.

use jiff::Timestamp;
use rand::Rng;

use crate::model::{Baseline, Pin};

/// The folder of the pins. A server of that name has folders in it, which pins are not.
pub(super) const PINS: &str = "pins";

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

/// Whether a path is that of a pin.
pub(super) fn is_pin(path: &str) -> bool {
    let below = path.strip_prefix(PINS).and_then(|it| it.strip_prefix('/'));
    below.is_some_and(|name| !name.contains('/'))
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Keeps documents of the same time apart.
fn number() -> String {
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
