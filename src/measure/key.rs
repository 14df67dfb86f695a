//! The keys that decide what a sample may be compared with.

use crate::model::{self, Key, Plan, Runner, Source, Target, Workload};
use serde::Serialize;

/// One key per cell of the target.
pub(super) fn keys(plan: &Plan, target: &Target, settings: &str, runner: &Runner) -> Vec<Key> {
    let memory = target.memory;
    let transport = match &target.source {
        Source::Url(origin) => &origin.transport,
        _ => &target.transport,
    };
    let proxy = target.behind.as_ref().and_then(|name| plan.proxy(name));
    let behind = proxy.map(|proxy| format!(" behind {} {}", proxy.name, proxy.source.describe()));
    let settings = format!("{settings}{}", behind.unwrap_or_default());
    let settings = digest(&(settings, memory, transport));
    let key = |cell: &crate::model::Cell| Key {
        server: target.name.clone(),
        endpoint: cell.endpoint.clone(),
        load: plan.pacing.shape(&cell.workload, request(&cell.workload)),
        settings: settings.clone(),
        runner: runner.clone(),
    };
    target.cells.iter().map(key).collect()
}

fn request(workload: &Workload) -> String {
    digest(&workload.requests)
}

/// Short digest of a value's JSON form.
fn digest(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).expect("plain data has a JSON form");
    model::digest(&text)
}
