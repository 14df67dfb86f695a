//! The figures of docs/scale.md: `cargo test --test cli scale -- --nocapture` shows them.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what docs/scale.md says"
)]

use std::path::Path;

use crate::ci::{job, pull_request};
use crate::github::GitHub;
use crate::shards::two;
use perfgate::config;
use perfgate::gate::Confirmation;

const SERVERS: usize = 200;
const ENDPOINTS: usize = 10;

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
        assert!(lines.is_empty(), "{lines:?}");
    }
    let merge = ["ci", "--mode", "merge", "--shards", "shards"];
    for what in ["the first merge", "a merge that finds a comment"] {
        sandbox.run(merge).exits(0);
        let lines = asked(what).await;
        assert_eq!(lines.len(), 8, "{lines:?}");
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
