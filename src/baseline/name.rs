//! Where a document lies below the root of its store: `SERVER/ENDPOINT/TIME-COMMIT-NUMBER.json`.

use rand::Rng;

use crate::model::Baseline;

/// A path of its own for a baseline, with `/` between its parts.
pub(super) fn path(baseline: &Baseline) -> String {
    let time = baseline.time.strftime("%Y%m%dT%H%M%S%3fZ");
    let commit = component(baseline.commit.as_deref().unwrap_or("none"));
    let commit: String = commit.chars().take(12).collect();
    let number = rand::rng().random::<u32>();
    let folder = cell(&baseline.key.server, &baseline.key.endpoint);
    format!("{folder}/{time}-{commit}-{number:08x}.json")
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
