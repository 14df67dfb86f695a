//! `perfgate site` with the reports of checks.

use std::fs;

use crate::healthy;
use crate::support::{Sandbox, repository};

/// Writes a stored report, of the sandbox's server, as a job's artifact holds it.
fn artifact(sandbox: &Sandbox, folder: &str, report: &str) {
    let path = repository().join(format!("fixtures/reports/{report}.json"));
    let text = fs::read_to_string(path).expect("a stored report");
    let text = text.replace("\"shop\"", "\"sample\"");
    let file = sandbox.path(&format!("{folder}/report.json"));
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(file, text).expect("written");
}

#[test]
fn checks_of_pull_requests_have_pages_beside_the_stored_runs() {
    let sandbox = healthy();
    sandbox.run(["baseline", "refresh", "--quiet"]).exits(0);
    artifact(&sandbox, "results/1/perfgate", "slower");
    artifact(&sandbox, "results/2/perfgate", "same_build");
    artifact(&sandbox, "results/2/perfgate-again", "same_build");
    let address = "https://git.test/shop/api";
    sandbox
        .run(["site", "--reports", "results", "--repository", address])
        .exits(0)
        .prints("wrote 5 pages");
    let index = sandbox.read("site/index.html");
    assert!(index.contains("href=\"checks.html\""), "{index}");
    let list = sandbox.read("site/checks.html");
    assert!(list.contains("checks: 2, failed: 1"), "{list}");
    assert!(list.contains(">REGRESSED"), "{list}");
    assert!(
        list.contains(&format!("href=\"{address}/commit/")),
        "{list}"
    );
    let cell = sandbox.read("site/sample--health.html");
    let links = |page: &str| {
        let links = page.split("href=\"check-").skip(1);
        let names = links.filter_map(|it| it.split('"').next());
        names.map(|it| format!("check-{it}")).collect::<Vec<_>>()
    };
    let checks = links(&list);
    assert_eq!(checks.len(), 2);
    assert_eq!(links(&cell), checks, "the newest comes first in both");
    for check in checks {
        let page = sandbox.read(&format!("site/{check}"));
        assert!(page.contains("Findings"), "{page}");
    }
}

#[test]
fn reports_that_are_none_are_named() {
    let sandbox = healthy();
    fs::create_dir_all(sandbox.path("results")).expect("made");
    sandbox
        .run(["site", "--reports", "results", "--out", "first"])
        .exits(0)
        .complains("there is no `report.json` in it");
    sandbox
        .run(["site", "--reports", "nowhere"])
        .exits(2)
        .complains("nowhere");
    assert!(!sandbox.path("site").exists(), "nothing is half written");
    fs::write(sandbox.path("results/report.json"), "{\"schema\": 1}").expect("written");
    artifact(&sandbox, "results/2", "slower");
    sandbox
        .run(["site", "--reports", "results"])
        .exits(0)
        .complains("cannot read `results/report.json` as a report");
    let list = sandbox.read("site/checks.html");
    assert!(list.contains("checks: 1, failed: 1"), "{list}");
}
