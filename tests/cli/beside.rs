//! Jobs beside each other: legs of a matrix, configurations of one repository, runs of one commit.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::ci::{HEAD, job, output, pull_request};
use crate::github::GitHub;
use crate::support::Sandbox;
use crate::{at_length, healthy, sample};

const SHOP: &str = "services/shop/perfgate.toml";
const BLOG: &str = "services/blog/perfgate.toml";

/// A repository of two services, of which the shop answers wrongly.
fn two_services() -> Sandbox {
    Sandbox::new()
        .without_docker()
        .file(SHOP, &sample("0", "0", "0.2"))
        .file(BLOG, &sample("0", "0", "0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_of_one_repository_share_a_comment_and_no_check() {
    for order in [[(SHOP, 1), (BLOG, 0)], [(BLOG, 0), (SHOP, 1)]] {
        let (server, github) = GitHub::start().await;
        let payload = pull_request("octo/app");
        let sandbox = job(two_services(), &server.uri(), "pull_request", &payload);
        for (config, code) in order {
            sandbox
                .run(["ci", "--quiet", "--config", config])
                .exits(code);
        }
        let kept = github.state();
        assert_eq!((kept.written, kept.comments.len()), (1, 1));
        let body = kept.comments[0]["body"].as_str().expect("text");
        let first = body.lines().nth(1).expect("a headline");
        assert!(first.starts_with("## ❌ perfgate: FAILED"), "{body}");
        assert!(
            body.contains("\n⚪ services/blog · ❌ services/shop\n"),
            "{body}"
        );
        for config in [SHOP, BLOG] {
            let named = format!("> Configuration: {config}\n");
            assert!(body.contains(&named), "{body}");
        }
        let mut checks = kept.named_checks();
        checks.sort_unstable();
        let expected = [
            ("perfgate (services/blog)", "neutral"),
            ("perfgate (services/shop)", "failure"),
        ];
        assert_eq!(checks, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_of_a_matrix_keep_their_sections_and_a_newer_commit_marks_the_old_ones() {
    let (server, github) = GitHub::start().await;
    let payload = pull_request("octo/app");
    let sandbox = job(two_services(), &server.uri(), "pull_request", &payload);
    let legs = [(SHOP, "{ \"cpu\": \"amd64\" }", 1), (SHOP, "arm64", 1)];
    for (config, key, code) in legs {
        let words = ["ci", "--quiet", "--config", config, "--key", key];
        sandbox.run(words).exits(code);
    }
    let newer = "d".repeat(40);
    let payload = payload.to_string().replace(HEAD, &newer);
    let sandbox = sandbox
        .file("event.json", &payload)
        .file(SHOP, &sample("0", "0", "0"))
        .env("GITHUB_RUN_ID", "7");
    sandbox
        .run(["ci", "--quiet", "--config", SHOP, "--key", "amd64"])
        .exits(0);
    let kept = github.state();
    assert_eq!(kept.written, 1);
    let body = kept.comments[0]["body"].as_str().expect("text");
    let first = body.lines().nth(1).expect("a headline");
    assert!(first.starts_with("## ⚪ perfgate: NO BASELINE"), "{body}");
    let fares = "⚪ services/shop, amd64 · ⏳ services/shop, arm64 (of commit bbbbbbb)";
    assert!(body.contains(fares), "{body}");
    assert_eq!(body.matches("which is not the newest any more").count(), 1);
    let names: Vec<_> = kept.named_checks().into_iter().map(|it| it.0).collect();
    let [amd64, arm64] = ["amd64", "arm64"].map(|it| format!("perfgate (services/shop, {it})"));
    assert_eq!(names, [&amd64, &arm64, &amd64]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_a_killed_job_left_open_is_closed_by_the_next_step() {
    let (server, github) = GitHub::start().await;
    let payload = pull_request("octo/app");
    let long = healthy().config(&at_length(400));
    let sandbox = job(long, &server.uri(), "pull_request", &payload);
    let mut running = sandbox.start(["ci", "--key", "amd64"]);
    running.until("round 1 of ");
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    assert_eq!(
        github.state().named_checks(),
        [("perfgate (amd64)", "none")]
    );
    // That of a job beside it stays open.
    sandbox.run(["ci", "--key", "arm64", "--close"]).exits(0);
    assert_eq!(github.state().conclusions, [""; 0]);
    for _ in 0..2 {
        sandbox.run(["ci", "--key", "amd64", "--close"]).exits(0);
        let kept = github.state();
        assert_eq!(kept.named_checks(), [("perfgate (amd64)", "cancelled")]);
        assert_eq!(kept.conclusions, ["cancelled"]);
    }
    sandbox.run(["cleanup"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_closes_its_check_and_leaves_the_comment_to_the_next() {
    for signal in ["INT", "TERM"] {
        let (server, github) = GitHub::start().await;
        let payload = pull_request("octo/app");
        let long = healthy().config(&at_length(400));
        let sandbox = job(long, &server.uri(), "pull_request", &payload);
        let mut running = sandbox.start(["ci"]);
        running.until("round 1 of ");
        running.signal(signal);
        running.end().exits(130);
        let kept = github.state();
        assert_eq!(kept.named_checks(), [("perfgate", "cancelled")]);
        assert_eq!(kept.written, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_and_a_refused_event_have_no_check_to_close() {
    let (server, _github) = GitHub::start().await;
    let payload = json!({ "repository": { "default_branch": "main" } });
    for (event, reference) in [("push", "refs/heads/main"), ("issues", "refs/heads/main")] {
        let sandbox = job(healthy(), &server.uri(), event, &payload);
        let sandbox = sandbox.env("GITHUB_REF", reference);
        let run = sandbox.run(["ci", "--close"]).exits(0);
        assert_eq!(run.stdout, "");
    }
    let asked = server.received_requests().await.expect("recorded");
    assert!(asked.is_empty(), "{asked:?}");
}

/// A proxy that makes tunnels to one host (RFC 9110, 9.3.6), which really lies elsewhere.
async fn tunnel(host: &'static str, elsewhere: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.expect("a whole head"));
                }
                let wanted = format!("CONNECT {host} HTTP/1.1\r\n");
                assert!(head.starts_with(wanted.as_bytes()), "{head:?}");
                let mut server = TcpStream::connect(elsewhere).await.expect("the server");
                let answer = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                answer.expect("the client waits for it");
                // Either side ends it whenever it likes.
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_reached_through_the_proxy_of_the_environment() {
    let (server, github) = GitHub::start().await;
    let payload = pull_request("octo/app");
    let elsewhere = "http://api.github.invalid";
    let sandbox = job(healthy(), elsewhere, "pull_request", &payload);
    let proxy = tunnel("api.github.invalid:80", *server.address()).await;
    let sandbox = sandbox.env("HTTP_PROXY", &format!("http://{proxy}"));
    sandbox.run(["ci", "--quiet"]).exits(0);
    assert_eq!(github.state().written, 1);
    assert_eq!(output(&sandbox, "comment-url"), "https://github.test/c/1");

    let (server, github) = GitHub::start().await;
    let sandbox = job(healthy(), &server.uri(), "pull_request", &payload);
    let sandbox = sandbox
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "example.org,127.0.0.1");
    sandbox.run(["ci", "--quiet"]).exits(0);
    assert_eq!(github.state().written, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_compared_with_the_default_one_of_the_event() {
    let (server, _github) = GitHub::start().await;
    let payload = json!({ "repository": { "default_branch": "trunk" } });
    let repository = healthy().committed();
    repository.git(&["branch", "--move", "trunk"]);
    let left = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["checkout", "--quiet", "-b", "change"]);
    repository.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
    let sandbox = job(repository, &server.uri(), "push", &payload);
    let sandbox = sandbox.env("GITHUB_REF", "refs/heads/change");
    sandbox.run(["ci", "--quiet"]).exits(0);
    assert_eq!(output(&sandbox, "baseline-sha"), left);
}
