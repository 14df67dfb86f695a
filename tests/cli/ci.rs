//! `perfgate ci` as a job runs it, with a stand-in for GitHub.

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::github::GitHub;
use crate::support::{Run, Sandbox};
use crate::{healthy, sample};

/// The commit of a fork.
pub(crate) const HEAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The environment of a job.
pub(crate) fn job(sandbox: Sandbox, api: &str, event: &str, payload: &Value) -> Sandbox {
    let outputs = sandbox.path("outputs").display().to_string();
    let summary = sandbox.path("summary.md").display().to_string();
    let file = sandbox.path("event.json").display().to_string();
    sandbox
        .file("event.json", &payload.to_string())
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_EVENT_PATH", &file)
        .env("GITHUB_SHA", &"c".repeat(40))
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_REPOSITORY", "octo/app")
        .env("GITHUB_RUN_ID", "6")
        .env("GITHUB_WORKFLOW", ".github/workflows/perfgate.yml")
        .env("GITHUB_JOB", "check")
        .env("GITHUB_API_URL", api)
        .env("GITHUB_TOKEN", "planted")
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", &summary)
}

pub(crate) fn pull_request(of: &str) -> Value {
    let side = |name: &str| json!({ "sha": HEAD, "repo": { "full_name": name } });
    json!({ "pull_request": { "number": 7, "head": side(of), "base": side("octo/app") } })
}

/// The value of an output.
pub(crate) fn output(sandbox: &Sandbox, name: &str) -> String {
    let text = sandbox.read("outputs");
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with(&format!("{name}<<")));
    lines
        .nth(1)
        .unwrap_or_else(|| panic!("no output {name}\n{text}"))
        .to_owned()
}

/// What stands between the runner's commands being switched off and on again.
fn silenced(run: &Run) -> &str {
    let token = run
        .stdout
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("::stop-commands::"));
    let token = token.unwrap_or_else(|| panic!("commands are not stopped\n{}", run.stdout));
    run.stdout
        .split(&format!("::{token}::"))
        .next()
        .expect("a first part")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_measure_says_so_wherever_the_last_one_spoke() {
    let (server, github) = GitHub::start().await;
    let payload = pull_request("octo/app");
    let sandbox = job(healthy(), &server.uri(), "pull_request", &payload);
    sandbox.run(["ci", "--comment", "on-change"]).exits(0);
    assert_eq!(github.state().written, 0, "nothing moved");
    sandbox.run(["ci"]).exits(0);
    assert_eq!(github.state().written, 1);

    let fails = "[server.a]\nrun = [\"sh\", \"-c\", \"echo ::error::mine; exit 3\"]\n[endpoint.e]\npath = \"/\"\n";
    std::fs::remove_file(sandbox.path("outputs")).expect("removed");
    let sandbox = sandbox.config(fails);
    let run = sandbox.run(["ci"]).exits(4).complains("::error::mine");
    let after = run.stdout.strip_prefix(silenced(&run));
    let after = after.expect("its beginning");
    assert!(
        after.contains("\n::error title=perfgate::cannot start `a`"),
        "{after}"
    );
    assert_eq!(output(&sandbox, "verdict"), "error");
    assert!(sandbox.read("summary.md").contains("could not measure"));
    let kept = github.state();
    assert_eq!((kept.written, kept.edited), (1, 1));
    let body = kept.comments[0]["body"].as_str().expect("text");
    assert!(body.contains("could not measure"), "{body}");
    assert_eq!(kept.conclusions, ["neutral", "neutral", "failure"]);
    assert_eq!(kept.checked, HEAD);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_learns_where_its_comment_comes_from() {
    let (server, github) = GitHub::start().await;
    let sandbox = job(
        healthy(),
        &server.uri(),
        "pull_request",
        &pull_request("mallory/app"),
    );
    let run = sandbox.run(["ci"]).exits(0);
    assert_eq!(output(&sandbox, "verdict"), "no_baseline");
    assert_eq!(github.state().conclusions, ["neutral"]);
    assert_eq!(github.state().written, 0);
    assert!(
        run.stdout.contains("::notice title=perfgate::no comment"),
        "{}",
        run.stdout
    );
    assert!(std::path::Path::new(&output(&sandbox, "measurement")).is_absolute());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fork_measured_is_judged_again_and_believed_in_nothing_else() {
    let (server, github) = GitHub::start().await;
    let fork = healthy();
    fork.run(["run", "--json", "measured.json"]).exits(0);
    let mut measured = fork.json("measured.json");
    measured["provenance"]["notes"] = json!(["approved by @octo/owners"]);
    measured["provenance"]["base"] = "$(touch injected)".into();
    let hostile = "evil | @octo\n::error::x <img src=x>";
    let mut more = measured["samples"][0].clone();
    more["key"]["server"] = hostile.into();
    measured["samples"]
        .as_array_mut()
        .expect("samples")
        .push(more);
    github.state().artifact = Some((archive(&measured), HEAD.into()));
    let payload = json!({ "workflow_run": { "id": 5, "run_attempt": 1, "event": "pull_request",
        "head_sha": HEAD, "head_branch": "change", "head_repository": { "full_name": "mallory/app" } } });
    let ours = Sandbox::new()
        .without_docker()
        .config(&sample("0", "0", "0"));
    let sandbox = job(ours, &server.uri(), "workflow_run", &payload);
    sandbox.run(["ci"]).exits(0);
    assert_eq!(output(&sandbox, "verdict"), "no_baseline");
    assert_eq!(output(&sandbox, "comment-url"), "https://github.test/c/1");
    assert_eq!(output(&sandbox, "baseline-sha"), "");
    assert!(!sandbox.read("outputs").contains("injected"));
    let kept = github.state();
    assert_eq!(kept.checked, HEAD);
    assert_eq!(kept.named_checks(), [("perfgate", "neutral")]);
    let body = kept.comments[0]["body"].as_str().expect("text");
    assert!(body.contains("they are as honest as it is"), "{body}");
    assert!(body.contains("| sample | health |"), "{body}");
    for said in [
        "approved by",
        "@octo",
        "img",
        "evil",
        "injected",
        "\n::error",
    ] {
        assert!(!body.contains(said), "{said:?} in\n{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fork_did_not_measure_is_missing_and_never_green() {
    let (server, github) = GitHub::start().await;
    let fork = healthy();
    fork.run(["run", "--json", "measured.json"]).exits(0);
    let mut renamed = fork.json("measured.json");
    renamed["samples"][0]["key"]["endpoint"] = "renamed".into();
    let mut empty = fork.json("measured.json");
    empty["samples"][0]["starts"][0]["rounds"] = json!([]);
    let mut none = fork.json("measured.json");
    none["samples"] = json!([]);
    let payload = json!({ "workflow_run": { "id": 5, "run_attempt": 1, "event": "pull_request",
        "head_sha": HEAD, "head_branch": "change", "head_repository": { "full_name": "mallory/app" } } });
    let ours = Sandbox::new()
        .without_docker()
        .config(&sample("0", "0", "0"));
    let sandbox = job(ours, &server.uri(), "workflow_run", &payload);
    for measured in [&renamed, &empty, &none] {
        github.state().artifact = Some((archive(measured), HEAD.into()));
        for (fail_on, code) in [("regression", 0), ("gate-change", 6)] {
            let _ = std::fs::remove_file(sandbox.path("outputs"));
            let run = sandbox.run(["ci", "--fail-on", fail_on]).exits(code);
            assert_eq!(output(&sandbox, "verdict"), "inconclusive");
            assert!(!run.stdout.contains("PASSED"), "{}", run.stdout);
            run.prints("MISSING: sample health");
        }
    }
    let kept = github.state();
    assert_eq!(kept.conclusions, ["neutral", "failure"].repeat(3));
    let body = kept.comments[0]["body"].as_str().expect("text");
    assert!(
        body.contains("planned and not measured: sample health"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_measurement_of_a_fork_is_refused() {
    let (server, github) = GitHub::start().await;
    github.state().artifact = Some((archive(&json!({ "schema": 1, "samples": 3 })), HEAD.into()));
    let payload = json!({ "workflow_run": { "id": 5, "run_attempt": 1, "event": "pull_request",
        "head_sha": HEAD, "head_branch": "change", "head_repository": { "full_name": "mallory/app" } } });
    let sandbox = job(healthy(), &server.uri(), "workflow_run", &payload);
    let run = sandbox.run(["ci"]).exits(2);
    assert!(
        run.stdout.contains("::error title=perfgate::"),
        "{}",
        run.stdout
    );
    assert_eq!(github.state().written, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_fork_that_was_cancelled_is_no_error_of_this_branch() {
    let (server, github) = GitHub::start().await;
    github.state().left_nothing = true;
    for (conclusion, code) in [("cancelled", 0), ("failure", 0), ("success", 2)] {
        let payload = json!({ "workflow_run": { "id": 5, "run_attempt": 1, "event": "pull_request",
            "conclusion": conclusion, "head_sha": HEAD, "head_branch": "change",
            "head_repository": { "full_name": "mallory/app" } } });
        let sandbox = job(healthy(), &server.uri(), "workflow_run", &payload);
        let run = sandbox.run(["ci"]).exits(code);
        let said = match code {
            0 => format!("::notice title=perfgate::nothing to report: run 5 ended as {conclusion}"),
            _ => "::error title=perfgate::cannot report on run `5`: it left no".into(),
        };
        assert!(run.stdout.contains(&said), "{}", run.stdout);
    }
    assert_eq!(github.state().written, 0);
}

/// A branch that left `main` before its newest commit, checked out alone as by `ref: HEAD_SHA` and
/// the usual depth.
struct Branched {
    remote: Sandbox,
    clone: Sandbox,
    left: String,
    tip: String,
    head: String,
}

impl Branched {
    fn new() -> Self {
        let remote = healthy().committed();
        let commit = |message: &str| {
            remote.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
            remote.git(&["rev-parse", "HEAD"])
        };
        let left = remote.git(&["rev-parse", "HEAD"]);
        let tip = commit("meanwhile");
        remote.git(&["checkout", "--quiet", "-b", "change", &left]);
        let head = commit("change");
        let clone = Sandbox::new().without_docker();
        let url = format!("file://{}", remote.path(".").display());
        let words = [
            "clone",
            "--quiet",
            "--depth=1",
            "--branch=change",
            &url,
            ".",
        ];
        clone.git(&words);
        Self {
            remote,
            clone,
            left,
            tip,
            head,
        }
    }

    /// The clone with the environment of its pull request, and where it comes from.
    fn job(self, api: &str) -> (Sandbox, Sandbox) {
        let repo = json!({ "full_name": "octo/app" });
        let base = json!({ "sha": self.tip, "ref": "main", "repo": repo });
        let head = json!({ "sha": self.head, "repo": repo });
        let payload = json!({ "pull_request": { "number": 7, "head": head, "base": base } });
        let clone = job(self.clone, api, "pull_request", &payload);
        (clone, self.remote)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shallow_checkout_of_the_head_is_compared_with_where_it_left_main() {
    for github_knows in [true, false] {
        let (server, github) = GitHub::start().await;
        let branched = Branched::new();
        let left = branched.left.clone();
        github.state().merge_base = github_knows.then(|| left.clone());
        let (sandbox, _remote) = branched.job(&server.uri());
        sandbox.run(["ci", "--quiet"]).exits(0);
        assert_eq!(output(&sandbox, "baseline-sha"), left);
        let summary = sandbox.read("summary.md");
        assert!(!summary.contains("compared with the tip"), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_branch_left_main_is_unknown_the_first_line_says_so() {
    let (server, _github) = GitHub::start().await;
    let branched = Branched::new();
    let tip = branched.tip.clone();
    let fetch = ["fetch", "--quiet", "--depth=1", "origin", &tip];
    branched.clone.git(&fetch);
    branched
        .clone
        .git(&["remote", "set-url", "origin", "/nowhere"]);
    let (sandbox, _remote) = branched.job(&server.uri());
    sandbox.run(["ci", "--quiet"]).exits(0);
    assert_eq!(output(&sandbox, "baseline-sha"), tip);
    let caveat = "compared with the tip of main, not with the commit where the branch left it: \
                  changes on main since then count for or against this one";
    let summary = sandbox.read("summary.md");
    let notes: Vec<_> = summary.lines().filter(|it| it.starts_with("> ")).collect();
    assert!(notes[0].contains(caveat), "{summary}");
    assert!(notes[1].contains("is unknown: "), "{summary}");
    assert!(notes[1].contains("/nowhere"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_of_the_commit_of_its_event_and_of_nothing_else() {
    let (server, _github) = GitHub::start().await;
    let payload = json!({ "repository": { "default_branch": "main" } });
    let ignored = ".perfgate\nevent.json\noutputs\nsummary.md\n";
    let clean = healthy().file(".gitignore", ignored).committed();
    let head = clean.git(&["rev-parse", "HEAD"]);
    let sandbox = job(clean, &server.uri(), "push", &payload).env("GITHUB_REF", "refs/heads/main");
    let expected = "c".repeat(40);
    sandbox
        .run(["ci", "--quiet"])
        .exits(2)
        .complains(&format!("cannot store a run of commit {head}"))
        .complains(&format!("the event is about commit {expected}"));
    let sandbox = sandbox.env("GITHUB_SHA", &head);
    sandbox.run(["ci", "--quiet"]).exits(0);
    let sandbox = sandbox.file(".gitignore", &format!("{ignored}more\n"));
    sandbox
        .run(["ci", "--quiet"])
        .exits(2)
        .complains("files differ from it: .gitignore")
        .complains("--allow-dirty");
    sandbox
        .run(["ci", "--quiet", "--allow-dirty"])
        .exits(0)
        .prints("sample health: stored, with changes that its commit does not hold");
}

/// An artifact that holds a measurement.
fn archive(measurement: &Value) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer
        .start_file("measurement.json", options)
        .expect("an entry");
    writer
        .write_all(measurement.to_string().as_bytes())
        .expect("written");
    writer.finish().expect("an archive").into_inner()
}
