//! What a check would do, in words. Nothing is started for it and nothing is asked of a store.

use crate::app::DryRun;
use crate::model::{
    Metric, Plan, Ready, Request, ServiceSource, Source, Store, Target, Threshold, Thresholds,
    Workload,
};
use crate::report;

/// The whole plan.
pub(super) fn describe(dry_run: &DryRun) -> String {
    let DryRun {
        plan,
        base,
        notes,
        gate,
    } = dry_run;
    let mut lines = vec![format!("{}: nothing is started", plan.file.display())];
    let prepared = plan
        .prepare
        .iter()
        .map(|it| format!("prepare: {}", it.join(" ")));
    lines.extend(prepared);
    let composed = plan.notes.iter();
    lines.extend(composed.map(|note| format!("of the compose files: {note}")));
    lines.extend(services(plan));
    for target in &plan.targets {
        lines.push(String::new());
        lines.extend(server(target));
    }
    lines.push(String::new());
    lines.push(match (base, notes.as_slice()) {
        (Some(base), []) => format!("compared side by side with {base}"),
        (Some(base), notes) => format!("compared side by side with {base}; {}", notes.join("; ")),
        (None, []) => "compared with stored runs".into(),
        (None, notes) => notes.join("; "),
    });
    lines.extend(gate.iter().flat_map(report::gate_changes));
    lines.push(format!("baselines: {}", store(&plan.baselines)));
    let budget = plan.pacing.budget;
    lines.push(format!(
        "time: {budget:?} for each server and endpoint at most, and a confirmation"
    ));
    lines.extend(rules(plan));
    lines.extend(accepted(plan));
    lines.join("\n") + "\n"
}

fn services(plan: &Plan) -> Vec<String> {
    let services = plan.services.iter();
    let services = services.map(|it| (it.name.clone(), &it.source));
    let proxies = plan
        .proxies_in_use()
        .map(|it| (format!("proxy {}", it.name), &it.source));
    let described = |(name, source): (String, &ServiceSource)| match source {
        // Its address may hold a password.
        ServiceSource::Url(_) => format!("{name}: runs already"),
        source => format!("{name}: {}", source.describe()),
    };
    services.chain(proxies).map(described).collect()
}

fn server(target: &Target) -> Vec<String> {
    let source = match &target.source {
        Source::Image(image) => format!("image {image}"),
        Source::Build(build) => format!("built from {}", build.context.display()),
        Source::Run(words) => {
            let cargo = target.cargo.as_ref();
            let built = cargo.map(|it| format!("cargo {}; ", it.arguments().join(" ")));
            format!("{}runs {}", built.unwrap_or_default(), words.join(" "))
        }
        Source::Url(origin) => {
            let base = target.base.as_ref();
            let base = base.map(|it| format!(", its base at {}", it.address));
            format!(
                "runs already at {}{}",
                origin.address,
                base.unwrap_or_default()
            )
        }
    };
    let behind = target
        .behind
        .iter()
        .map(|proxy| format!(", behind {proxy}"));
    let behind: String = behind.collect();
    let mut lines = vec![format!(
        "server {}: {source}{behind}; {}",
        target.name,
        ready(&target.ready)
    )];
    lines.extend(
        target
            .setup
            .iter()
            .map(|it| format!("  before it starts: {}", it.join(" "))),
    );
    let growth = target.growth.iter();
    lines.extend(
        growth.map(|it| format!("  counted beside the base as data grow: {}", it.describe())),
    );
    lines.extend(
        target
            .cells
            .iter()
            .map(|cell| format!("  endpoint {}: {}", cell.endpoint, load(&cell.workload))),
    );
    lines
}

fn ready(ready: &Ready) -> String {
    let Ready {
        method,
        path,
        status,
        within,
        ..
    } = ready;
    let status = status.map_or("a status below 400".into(), |it| it.to_string());
    let body = if ready.reads_bodies() {
        " and the body expected"
    } else {
        ""
    };
    format!("ready when {method} {path} is answered with {status}{body}, within {within:?}")
}

fn load(workload: &Workload) -> String {
    let request = |it: &Request| format!("{} {} → {}", it.method, it.path, it.expect.status);
    let requests: Vec<_> = workload.requests.iter().map(request).collect();
    let arrival = match workload.rate {
        Some(rate) => format!("open loop at {rate}"),
        None => "closed loop".into(),
    };
    let connections = workload.connections;
    format!(
        "{}; {arrival}, {connections} connections",
        requests.join(", ")
    )
}

fn store(store: &Store) -> String {
    match store {
        Store::Folder(folder) => format!("folder {}", folder.display()),
        // A remote that is an address may hold a password.
        Store::Branch { remote, branch, .. } if remote.contains("://") => {
            format!("branch {branch}")
        }
        Store::Branch { remote, branch, .. } => format!("branch {branch} of {remote}"),
        Store::Bucket { bucket, .. } => format!("bucket {bucket}"),
    }
}

/// The rules of every cell, those of cells with the same ones together.
fn rules(plan: &Plan) -> Vec<String> {
    let mut groups: Vec<(&Thresholds, Vec<String>)> = Vec::new();
    for target in &plan.targets {
        for cell in &target.cells {
            let name = format!("{} {}", target.name, cell.endpoint);
            let same = |group: &&mut (&Thresholds, Vec<String>)| *group.0 == cell.thresholds;
            match groups.iter_mut().find(same) {
                Some((_, names)) => names.push(name),
                None => groups.push((&cell.thresholds, vec![name])),
            }
        }
    }
    let group = |(thresholds, names): (&Thresholds, Vec<String>)| {
        let rules = thresholds
            .iter()
            .filter_map(|(metric, it)| rule(*metric, it));
        let head = format!("\nrules of {}:", names.join(", "));
        std::iter::once(head).chain(rules).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(group).collect()
}

fn rule(metric: Metric, threshold: &Threshold) -> Option<String> {
    let floor = threshold
        .floor
        .map(|floor| format!("floor {}", report::value(floor, metric.unit())));
    let bounds = [&threshold.margin, &threshold.ceiling]
        .into_iter()
        .flatten();
    let parts: Vec<_> = bounds.map(ToString::to_string).chain(floor).collect();
    (!parts.is_empty()).then(|| format!("  {}: {}", metric.name(), parts.join(", ")))
}

fn accepted(plan: &Plan) -> Vec<String> {
    let line = |it: &crate::model::Acceptance| {
        let (server, endpoint, metric) = (&it.server, &it.endpoint, it.metric.name());
        format!(
            "accepted until {}: {server} {endpoint} {metric}: {}",
            it.until, it.reason
        )
    };
    plan.accepted.iter().map(line).collect()
}
