//! The keys that decide what a sample may be compared with.

use super::driver::Testbed;
use crate::model::{
    Expect, Identity, Key, Plan, Proxy, Request, Runner, Service, ServiceKind, ServiceSource,
    Source, Target, Workload,
};

/// Raised when a part changes its meaning: stored runs of before are not comparable then.
const VERSION: u32 = 1;

/// One key per cell of the target.
pub(super) fn keys(plan: &Plan, target: &Target, testbed: &Testbed, runner: &Runner) -> Vec<Key> {
    let settings = settings(plan, target, testbed).digest();
    let cells = target.cells.iter();
    let key = |cell: &crate::model::Cell| Key {
        server: target.name.clone(),
        endpoint: cell.endpoint.clone(),
        load: plan.pacing.shape(&cell.workload, requests(&cell.workload)),
        settings: settings.clone(),
        runner: runner.clone(),
    };
    cells.map(key).collect()
}

/// What changes the numbers of a server and is not the server.
fn settings(plan: &Plan, target: &Target, testbed: &Testbed) -> Identity {
    let transport = match &target.source {
        Source::Url(origin) => &origin.transport,
        _ => &target.transport,
    };
    let services: Vec<_> = plan.services.iter().map(service).collect();
    let behind = target.behind.as_ref().and_then(|name| plan.proxy(name));
    Identity::new(VERSION)
        .with("network", &testbed.network)
        .with("cpus", &testbed.cpus)
        .with("reference", &testbed.reference)
        .with("services", &services)
        .with("behind", &behind.map(proxy))
        .with("memory", &target.memory)
        .with("http2", &transport.http2)
        .with("tls", &transport.tls.is_some())
}

/// Its environment is left out, which holds passwords.
fn service(service: &Service) -> Identity {
    let settings = match &service.kind {
        ServiceKind::Postgres(postgres) => postgres.settings.as_slice(),
        ServiceKind::Redis | ServiceKind::Other(_) => &[],
    };
    source(&service.source)
        .always("name", &service.name)
        .with("command", &service.command)
        .with("memory", &service.memory)
        .with("nano_cpus", &service.container.nano_cpus)
        .with("settings", &settings)
}

fn proxy(proxy: &Proxy) -> Identity {
    source(&proxy.source)
        .always("name", &proxy.name)
        .with("command", &proxy.command)
}

fn source(source: &ServiceSource) -> Identity {
    let of = Identity::new(VERSION);
    match source {
        ServiceSource::Image(image) => of.always("image", image),
        ServiceSource::Build(build) => of.always("build", &build.identity()),
        ServiceSource::Url(_) => of.always("running", &true),
    }
}

fn requests(workload: &Workload) -> String {
    let requests: Vec<_> = workload.requests.iter().map(request).collect();
    let of = Identity::new(VERSION);
    of.always("requests", &requests).digest()
}

fn request(request: &Request) -> Identity {
    let usual = Request::get(request.path.as_str());
    let Expect {
        status,
        contains,
        json,
        max_size_drift,
    } = &request.expect;
    Identity::new(VERSION)
        .always("path", &request.path)
        .unless("method", &request.method, &usual.method)
        .with("headers", &request.headers)
        .with("body", &request.body)
        .unless("weight", &request.weight, &usual.weight)
        .unless("status", status, &usual.expect.status)
        .with("contains", contains)
        .with("json", json)
        .with("max_size_drift", max_size_drift)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;
    use crate::model::{Baseline, NetworkPath};

    /// A stored run of each schema version, and the configuration that it was measured by.
    const GOLDEN: [(&str, &str); 1] = [(
        include_str!("../../fixtures/baselines/1/perfgate.toml"),
        include_str!("../../fixtures/baselines/1/baselines.json"),
    )];

    #[test]
    fn stored_runs_of_every_version_are_comparable_with_runs_of_today() {
        for (file, stored) in GOLDEN {
            let plan = config::parse(Path::new("perfgate.toml"), file).expect("valid");
            let stored: Vec<Baseline> = serde_json::from_str(stored).expect("baselines");
            let testbed = Testbed {
                network: Some(NetworkPath::Published),
                cpus: Some([vec![0, 1], vec![2], vec![3]]),
                reference: None,
            };
            let runner = &stored[0].key.runner;
            let targets = plan.targets.iter();
            let keys: Vec<_> = targets
                .flat_map(|it| keys(&plan, it, &testbed, runner))
                .collect();
            let stored: Vec<_> = stored.iter().map(|it| it.key.clone()).collect();
            let text = |keys: &[Key]| serde_json::to_string_pretty(keys).expect("JSON");
            assert_eq!(text(&keys), text(&stored));
        }
    }

    #[test]
    fn whatever_is_not_configured_has_no_part() {
        let file = "[server.app]\nimage = \"app:1\"\n[endpoint.home]\npath = \"/\"\n";
        let plan = config::parse(Path::new("perfgate.toml"), file).expect("valid");
        let target = &plan.targets[0];
        let settings = settings(&plan, target, &Testbed::default());
        assert_eq!(settings, Identity::new(VERSION));
        let request = request(&target.cells[0].workload.requests[0]);
        assert_eq!(request, Identity::new(VERSION).always("path", "/"));
    }
}
