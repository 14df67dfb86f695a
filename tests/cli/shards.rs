//! One plan measured by several jobs, and judged once.

use crate::sample;
use crate::support::Sandbox;

/// Two servers with one endpoint each.
pub(super) fn two() -> Sandbox {
    let text = sample("0", "0", "0");
    let (_, server) = text.split_once("[server.sample]").expect("a server");
    let (server, _) = server.split_once("[endpoint").expect("an endpoint");
    Sandbox::new()
        .without_docker()
        .config(&format!("[server.other]{server}{text}"))
}

fn shard(part: &'static str, file: &'static str) -> [&'static str; 6] {
    ["check", "--quiet", "--shard", part, "--save", file]
}

#[test]
fn shards_are_measured_apart_and_judged_together() {
    let sandbox = two();
    let first = sandbox.run(shard("1/2", "shards/1/measurement.json"));
    first
        .exits(0)
        .prints("shard 1/2 alone: `perfgate merge` judges all shards together");
    let merge = ["merge", "shards", "--json", "out.json"];
    sandbox
        .run(merge)
        .exits(4)
        .prints("shard 2/2 is missing")
        .prints("sample health");
    assert_ne!(sandbox.json("out.json")["outcome"], "pass");

    // A rule that the second breaks is judged where all are put together.
    let slow = sandbox.read("perfgate.toml") + "latency_mean = { max = \"1ns\" }\n";
    let sandbox = sandbox.config(&slow);
    sandbox
        .run(shard("2/2", "shards/2/measurement.json"))
        .exits(0);
    sandbox
        .run(merge)
        .exits(4)
        .prints("`shards/1/measurement.json` is left out")
        .prints("another configuration");
    sandbox
        .run(shard("1/2", "shards/1/measurement.json"))
        .exits(0);
    let run = sandbox.run(merge).exits(1);
    run.prints("sample health").prints("other health");
    let report = sandbox.json("out.json");
    assert_eq!(report["outcome"], "regression");
    assert!(report["provenance"]["partial"].is_null());
}

#[test]
fn shards_that_cannot_be_are_refused() {
    let sandbox = two();
    let refused = |words: &[&'static str], why: &str| {
        sandbox.run(words.iter().copied()).exits(2).complains(why);
    };
    refused(&["check", "--shard", "3/2"], "with I from 1 to N");
    refused(&["check", "--shard", "1/3"], "use at most 2 shards");
    refused(
        &["rank", "--shard", "1/2"],
        "the plan has 1 endpoints to measure",
    );
    refused(&["merge", "nowhere"], "cannot read `nowhere`");
    std::fs::create_dir(sandbox.path("empty")).expect("a folder");
    refused(&["merge", "empty"], "no `measurement.json` in it");
}

#[test]
fn servers_are_ranked_by_endpoints_that_different_machines_measured() {
    let text = two().read("perfgate.toml");
    let more = "\n[endpoint.again]\npath = \"/api/django-starter/monitoring/health?again\"\n";
    let sandbox = Sandbox::new().without_docker().config(&(text + more));
    let rank = |part, file| ["rank", "--quiet", "--shard", part, "--save", file];
    sandbox
        .run(rank("1/2", "shards/1/measurement.json"))
        .exits(0)
        .prints("shard 1/2 alone");
    let merge = ["merge", "shards", "--json", "out.json"];
    sandbox.run(merge).exits(4).prints("shard 2/2 is missing");
    sandbox
        .run(rank("2/2", "shards/2/measurement.json"))
        .exits(0);
    sandbox.run(merge).exits(0).prints("2 servers side by side");
    let ranking = sandbox.json("out.json");
    let tables = ranking["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), 2, "{ranking}");
    for table in tables {
        assert_eq!(table["standings"].as_array().expect("servers").len(), 2);
    }
}
