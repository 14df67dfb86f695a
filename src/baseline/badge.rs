//! The badge of a server on a branch: what its newest refresh found, as shields.io's endpoint badge reads it
//! (`schemaVersion`, `label`, `message`, `color`).

use std::collections::BTreeMap;

use serde_json::json;

use super::name;
use crate::model::{Baseline, Outcome};

/// Path and text of the badge of each server that was measured.
pub(super) fn badges(baselines: &[Baseline]) -> Vec<(String, String)> {
    let mut servers: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for baseline in baselines {
        let server = servers.entry(&baseline.key.server).or_default();
        server.push(baseline.verdict);
    }
    let badge = |(server, outcomes): (&str, Vec<Outcome>)| {
        let (message, color) = shown(&outcomes);
        let badge = json!({
            "schemaVersion": 1,
            "label": format!("perfgate {server}"),
            "message": message,
            "color": color,
        });
        (name::badge(server), format!("{badge:#}\n"))
    };
    servers.into_iter().map(badge).collect()
}

/// The worst outcome, and how many endpoints have it.
fn shown(outcomes: &[Outcome]) -> (String, &'static str) {
    let worst = outcomes
        .iter()
        .copied()
        .max()
        .unwrap_or(Outcome::NoBaseline);
    let count = outcomes.iter().filter(|it| **it == worst).count();
    let of_all = if count == outcomes.len() {
        endpoints(count)
    } else {
        format!("{count} of {}", endpoints(outcomes.len()))
    };
    match worst {
        Outcome::Pass => (format!("passed, {of_all}"), "brightgreen"),
        Outcome::NoBaseline => (format!("nothing to compare with, {of_all}"), "lightgrey"),
        Outcome::Inconclusive => (format!("inconclusive, {of_all}"), "yellow"),
        Outcome::Regression => (format!("regressed, {of_all}"), "red"),
    }
}

fn endpoints(count: usize) -> String {
    match count {
        1 => "1 endpoint".to_owned(),
        count => format!("{count} endpoints"),
    }
}
