//! The figures of docs/scale.md: `cargo test --test cli scale -- --include-ignored --nocapture` shows them.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what docs/scale.md says"
)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use perfgate::config;
use perfgate::gate::Confirmation;
use perfgate::model::digest;
use serde_json::{Value, json};

use crate::ci::{job, pull_request};
use crate::github::GitHub;
use crate::sample;
use crate::shards::two;
use crate::support::Sandbox;

const SERVERS: usize = 200;
const ENDPOINTS: usize = 10;
const SHARDS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_asks_githubs_api_for_nothing_and_a_merge_for_little() {
    let (server, github) = GitHub::start().await;
    let payload = pull_request("octo/app");
    let sandbox = job(two(), &server.uri(), "pull_request", &payload);
    let mut before = 0;
    let mut asked = async |what: &str| {
        let requests = server.received_requests().await.expect("recorded");
        let lines = requests[before..].iter();
        let lines: Vec<_> = lines
            .map(|it| format!("{} {}", it.method, it.url.path()))
            .collect();
        before = requests.len();
        println!(
            "{what}: {} requests of GitHub's API: {lines:?}",
            lines.len()
        );
        lines
    };
    for index in [1, 2] {
        let (part, save) = (
            format!("{index}/2"),
            format!("shards/{index}/measurement.json"),
        );
        sandbox
            .run(["ci", "--shard", &part, "--save", &save])
            .exits(0);
        let lines = asked("a shard").await;
        assert!(lines.len() <= 1, "{lines:?}");
    }
    let merge = ["ci", "--mode", "merge", "--shards", "shards"];
    for what in ["the first merge", "a merge that finds a comment"] {
        sandbox.run(merge).exits(0);
        let lines = asked(what).await;
        assert!((2..=10).contains(&lines.len()), "{lines:?}");
    }
    let kept = github.state();
    assert_eq!((kept.written, kept.edited), (1, 1));
}

#[test]
fn a_confirmation_takes_few_more_starts_where_many_endpoints_are_judged() {
    let starts = |servers: usize| {
        let plan = config::parse(Path::new("perfgate.toml"), &plan(servers)).expect("a plan");
        let cells = plan.targets.iter().flat_map(|it| &it.cells);
        let starts = Confirmation::from_thresholds(cells.map(|it| &it.thresholds)).starts;
        println!("{} endpoints: {starts} starts", servers * ENDPOINTS);
        starts
    };
    let few = starts(1);
    assert!(few < starts(12) && starts(12) < starts(SERVERS));
    assert!(
        starts(SERVERS) <= 3 * few,
        "two hundred times as many endpoints"
    );
}

/// A plan of so many servers with ten endpoints, none of which is measured.
fn plan(servers: usize) -> String {
    let servers = (0..servers)
        .map(|it| format!("[server.s{it:03}]\nrun = [\"true\"]\nready = {{ path = \"/\" }}\n"));
    let endpoints = (0..ENDPOINTS).map(|it| format!("[endpoint.e{it}]\npath = \"/{it}\"\n"));
    servers.chain(endpoints).collect()
}

/// Servers and endpoints that a shard of the plan would measure.
fn dealt(sandbox: &Sandbox, shard: usize) -> Vec<(String, String)> {
    let part = format!("{shard}/{SHARDS}");
    let run = sandbox
        .run(["check", "--dry-run", "--shard", &part])
        .exits(0);
    let mut cells = Vec::new();
    let mut server = "";
    for line in run.stdout.lines() {
        let name = |rest: &'static str| line.strip_prefix(rest)?.split(':').next();
        if let Some(found) = name("server ") {
            server = found;
        } else if let Some(endpoint) = name("  endpoint ") {
            cells.push((server.to_owned(), endpoint.to_owned()));
        }
    }
    cells
}

/// A measurement of one endpoint beside its base, at the usual length.
fn measured() -> Value {
    let text = sample("0", "0", "0");
    let (_, server) = text.split_once("[server.sample]").expect("a server");
    let (server, _) = server.split_once("[load]").expect("a load");
    let text = format!("[server.sample]{server}");
    let sandbox = Sandbox::new().without_docker().config(&text).committed();
    let check = ["check", "--against", "HEAD", "--all", "--save", "m.json"];
    let begun = Instant::now();
    sandbox.run(check);
    println!("one endpoint beside its base: {:?}", begun.elapsed());
    sandbox.json("m.json")
}

#[test]
#[ignore = "measures for half a minute and judges 2,000 endpoints"]
fn two_thousand_endpoints_in_fifty_shards_are_one_report() {
    let one = measured();
    let pair = one["pairs"][0].clone();
    assert!(pair.is_object(), "{one}");
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&plan(SERVERS))
        .committed();
    let file = sandbox.read("perfgate.toml").into_bytes();
    let digest = digest(&[file.as_slice(), &[0xff; 3]].concat());
    let (mut bytes, mut cells) = (0, 0);
    for shard in 1..=SHARDS {
        let dealt = dealt(&sandbox, shard);
        cells += dealt.len();
        let mut part = one.clone();
        part["pairs"] = dealt
            .into_iter()
            .map(|(server, endpoint)| {
                let mut pair = pair.clone();
                pair["server"] = server.into();
                pair["endpoint"] = endpoint.into();
                pair
            })
            .collect();
        part["provenance"]["head"] = sandbox.git(&["rev-parse", "HEAD"]).into();
        part["provenance"]["shard"] = json!({ "index": shard, "total": SHARDS, "plan": digest });
        let text = serde_json::to_string_pretty(&part).expect("JSON");
        bytes += text.len();
        let path = sandbox.path(&format!("shards/{shard}/measurement.json"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    assert_eq!(cells, SERVERS * ENDPOINTS);
    println!("measurements of {cells} endpoints: {bytes} bytes");
    let merge = ["merge", "shards", "--json", "r.json", "--markdown", "r.md"];
    let begun = Instant::now();
    let run = sandbox.run(merge);
    println!(
        "merge: {:?}, exit code {:?}, {} bytes of report.json, {} of report.md",
        begun.elapsed(),
        run.code,
        sandbox.read("r.json").len(),
        sandbox.read("r.md").len()
    );
    let report = sandbox.json("r.json");
    assert!(report["provenance"]["partial"].is_null(), "{}", run.stdout);
    let findings = report["findings"].as_array().expect("findings").iter();
    let names = findings.map(|it| (it["server"].to_string(), it["endpoint"].to_string()));
    let names: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(names.len(), cells, "every endpoint has findings");
    // What GitHub takes of a comment.
    assert!(sandbox.read("r.md").len() <= 65_536);

    fs::remove_dir_all(sandbox.path("shards/7")).expect("removed");
    let run = sandbox.run(merge).exits(4);
    run.prints("shard 7/50 is missing (").prints("and 34 more");
}
