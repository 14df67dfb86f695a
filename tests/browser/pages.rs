//! What is looked at: pages made by the built binary, and the page of a whole fleet.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Sandbox, repository};

/// The reports that are stored with the evidence of a real run.
pub(crate) const WITH_EVIDENCE: [&str; 2] = ["slower", "same_build"];

/// The page of a stored report.
pub(crate) fn page(sandbox: &Sandbox, report: &str) -> PathBuf {
    let path = repository().join(format!("fixtures/reports/{report}.json"));
    written(sandbox, report, &path.to_string_lossy())
}

/// The page of six servers with four endpoints each: one real server and endpoint, repeated.
pub(crate) fn fleet(sandbox: &Sandbox) -> PathBuf {
    let path = repository().join("fixtures/reports/slower.json");
    let text = fs::read_to_string(path).expect("a stored report");
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    for list in ["findings", "evidence"] {
        let one: Vec<_> = of_first_cell(&report[list]);
        let cells = (0..6).flat_map(|server| (0..4).map(move |endpoint| (server, endpoint)));
        let all = cells.flat_map(|(server, endpoint)| {
            one.clone().into_iter().map(move |mut it| {
                it["server"] = format!("server-{server}").into();
                it["endpoint"] = format!("endpoint-{endpoint}").into();
                it
            })
        });
        report[list] = all.collect();
    }
    let file = sandbox.path("fleet.json");
    fs::write(&file, report.to_string()).expect("a file is written");
    written(sandbox, "fleet", &file.to_string_lossy())
}

/// Of a list the entries of the server and endpoint that its first entry is of.
fn of_first_cell(list: &Value) -> Vec<Value> {
    let list = list.as_array().expect("a list");
    let cell = |it: &Value| (it["server"].clone(), it["endpoint"].clone());
    let first = cell(&list[0]);
    list.iter()
        .filter(|it| cell(it) == first)
        .cloned()
        .collect()
}

fn written(sandbox: &Sandbox, name: &str, report: &str) -> PathBuf {
    let run = sandbox.run(["report", report, "--format", "html"]).exits(0);
    let page = sandbox.path(&format!("{name}.html"));
    fs::write(&page, run.stdout).expect("a page is written");
    page
}

/// The page of three servers measured beside each other, one of them slower.
pub(crate) fn ranking() -> (Sandbox, PathBuf) {
    let server = |name: &str, sleep: &str| {
        format!(
            "[server.{name}]\n\
             run = [\"{{sample}}\", \"--fault-sleep-ms\", \"{sleep}\", \"--listen\", \"{{host}}:{{port}}\"]\n\
             ready = {{ path = \"/api/django-starter/monitoring/health\", within = \"20s\" }}\n"
        )
    };
    let servers = [server("one", "2"), server("two", "2"), server("slow", "40")].concat();
    let rest = "[endpoint.health]\npath = \"/api/django-starter/monitoring/health\"\n\
                [load]\nconnections = 4\nround = \"300ms\"\nrounds = 6\nwarmup = \"300ms\"\n";
    let sandbox = Sandbox::new().without_docker().config(&(servers + rest));
    sandbox
        .run(["rank", "--quiet", "--html", "ranking.html"])
        .exits(0);
    let page = sandbox.path("ranking.html");
    (sandbox, page)
}

/// The pages of a store of twenty runs that step down on the second day, and of two checks.
pub(crate) fn site() -> (Sandbox, PathBuf) {
    let config = "[server.sample]\n\
                  run = [\"{sample}\", \"--listen\", \"{host}:{port}\"]\n\
                  ready = { path = \"/api/django-starter/monitoring/health\", within = \"20s\" }\n\
                  [endpoint.health]\npath = \"/api/django-starter/monitoring/health\"\n\
                  [load]\nconnections = 4\nround = \"300ms\"\nrounds = 3\nwarmup = \"300ms\"\n";
    let sandbox = Sandbox::new().without_docker().config(config);
    sandbox.run(["baseline", "refresh", "--quiet"]).exits(0);
    let folder = sandbox.path(".perfgate/baselines/sample/health");
    let mut stored = fs::read_dir(&folder).expect("a cell");
    let only = stored.next().expect("a run").expect("a file").path();
    let text = fs::read(&only).expect("a document");
    let run: Value = serde_json::from_slice(&text).expect("JSON");
    fs::remove_file(&only).expect("removed");
    for index in 0..20 {
        let mut run = run.clone();
        let day = 2 + index / 10;
        run["time"] = format!("2026-10-0{day}T09:{index:02}:00Z").into();
        run["values"]["throughput"] = (1000 - 100 * (day - 1)).into();
        let path = only.with_file_name(format!("{index}.json"));
        fs::write(path, run.to_string()).expect("written");
    }
    for report in WITH_EVIDENCE {
        let path = repository().join(format!("fixtures/reports/{report}.json"));
        let text = fs::read_to_string(path).expect("a stored report");
        let text = text.replace("\"shop\"", "\"sample\"");
        let folder = sandbox.path(&format!("results/{report}"));
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("report.json"), text).expect("written");
    }
    let words = ["site", "--out", "site", "--reports", "results"];
    sandbox.run(words).exits(0);
    let folder = sandbox.path("site");
    (sandbox, folder)
}
