use std::net::TcpListener;

use crate::support::{Sandbox, finding, require};

/// Slow enough for the load to be on time beside other tests. Of what `env` runs nobody knows that it is
/// one program.
const SAMPLE: &str = r#"
[server.sample]
run   = ["env", "{sample}", "--fault-sleep-ms", "40", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "10s" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[load]
connections = 16
round       = "200ms"
warmup      = "200ms"
budget      = "5m"

[thresholds]
throughput      = { max_decrease = "90%" }
latency_p50     = { max_increase = "+50%", floor = "2ms" }
latency_p99     = { floor = "200ms" }
cpu_per_request = { max_increase = "+900%" }
"#;

/// A repository whose only commit holds the sample.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new().config(SAMPLE).without_docker();
    sandbox.committed()
}

#[test]
fn waiting_that_a_change_adds_is_a_regression_of_latency() {
    let sandbox = repository();
    let slower = SAMPLE.replace("\"40\"", "\"80\"");
    let sandbox = sandbox.config(&slower);
    let changes = sandbox.git(&["status", "--porcelain"]);
    sandbox
        .run(["check", "--quiet", "--no-profile", "--json", "out.json"])
        .exits(1)
        .prints("sample health latency_p50")
        .prints("duet strategy against");
    let report = sandbox.json("out.json");
    let latency = finding(&report, "sample", "health", "latency_p50");
    assert_eq!(latency["strategy"], "duet");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    // Four starts and four to confirm them, two pairs each.
    assert_eq!(latency["pairs"], 16);
    let value = |side: &str| latency[side].as_f64().expect("a number");
    assert!(value("head") > value("base") + 30_000.0, "{latency}");
    let now = sandbox.git(&["status", "--porcelain"]);
    assert_eq!(now, format!("{changes}\n?? out.json"));
}

#[test]
fn what_did_not_change_need_not_be_measured() {
    let sandbox = repository();
    let since = ["check", "--quiet", "--against", "HEAD", "--since-change"];
    let out = [
        "--require-baseline",
        "--json",
        "out.json",
        "--junit",
        "out.xml",
    ];
    sandbox
        .run(since.into_iter().chain(out))
        .exits(0)
        .prints("PASSED: nothing changed; identical build, not measured: sample health")
        .prints("same build as");
    let report = sandbox.json("out.json");
    assert_eq!(report["outcome"], "pass");
    assert_eq!(report["findings"], serde_json::json!([]));
    let cell = serde_json::json!({"server": "sample", "endpoint": "health"});
    assert_eq!(report["coverage"]["identical"][0], cell);
    let junit = sandbox.read("out.xml");
    assert!(junit.contains("sample health: identical build"), "{junit}");
    // A file that no commit holds may be of the build.
    let sandbox = sandbox.file("new.txt", "changed");
    sandbox
        .run(since)
        .exits(0)
        .prints("judged")
        .prints("duet strategy against");
}

#[test]
fn all_servers_are_measured_where_that_is_said_last() {
    let sandbox = repository();
    sandbox
        .run([
            "check",
            "--quiet",
            "--against",
            "HEAD",
            "--since-change",
            "--all",
        ])
        .exits(0)
        .prints("duet strategy against");
}

#[test]
fn both_builds_start_at_once() {
    let meeting = tempfile::tempdir().expect("a folder");
    // Each waits until the other is there too.
    let meet = format!(
        r#""sh", "-c", "cd {0} && touch $$ && until [ $(ls | wc -l) -ge 2 ]; do sleep 0.05; done; exec \"$0\" \"$@\"", "#,
        meeting.path().display()
    );
    let waiting = SAMPLE.replacen("run   = [", &format!("run   = [{meet}"), 1);
    let sandbox = Sandbox::new().config(&waiting).without_docker();
    sandbox
        .committed()
        .run(["check", "--quiet", "--against", "HEAD"])
        .exits(0)
        .prints("duet strategy against");
}

/// The sample as it is where perfgate does not choose its port.
fn always_at(port: u16) -> String {
    let server = format!("port = {port}\n\n[endpoint");
    let listening = SAMPLE.replace("{host}:{port}", &format!("127.0.0.1:{port}"));
    listening.replace("[endpoint", &server)
}

/// A port that was free a moment ago.
fn port() -> u16 {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    bound.expect("a free port").port()
}

#[test]
fn two_that_cannot_be_up_at_once_take_turns() {
    let sample = always_at(port());
    let sandbox = Sandbox::new().config(&sample).without_docker().committed();
    let sandbox = sandbox.config(&sample.replace("\"40\"", "\"80\""));
    sandbox
        .run(["check", "--quiet", "--strategy", "duet"])
        .exits(2)
        .complains("cannot be up at once, because it does not get its port");
    sandbox
        .run(["check", "--quiet", "--no-profile", "--json", "out.json"])
        .exits(1)
        .prints("`sample` and its base were measured in turn")
        .prints("interleaved strategy against");
    let report = sandbox.json("out.json");
    let latency = finding(&report, "sample", "health", "latency_p50");
    assert_eq!(latency["strategy"], "interleaved");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    assert_eq!(latency["pairs"], 16);
}

#[test]
fn a_port_that_somebody_else_has_is_no_server() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("its address").port();
    let sandbox = Sandbox::new().config(&always_at(port)).without_docker();
    sandbox
        .run(["check", "--quiet"])
        .exits(4)
        .complains(&format!(
            "port {port}, where it always listens, is not free"
        ))
        .complains("let perfgate choose");
}

#[test]
fn in_turn_can_be_asked_for() {
    let sandbox = repository();
    let sandbox = sandbox.config(&SAMPLE.replace("\"40\"", "\"80\""));
    sandbox
        .run(["check", "--quiet", "--strategy", "interleaved"])
        .exits(1)
        .prints("sample health latency_p50")
        .prints("interleaved strategy against");
}

#[test]
fn without_changes_stored_runs_are_what_there_is() {
    let sandbox = repository();
    sandbox
        .run(["check", "--quiet"])
        .exits(0)
        .prints("compared with stored runs: this is the default branch")
        .prints("NO BASELINE");
    sandbox
        .run(["check", "--quiet", "--strategy", "duet"])
        .exits(2)
        .complains("nothing has changed on it");
}

#[test]
fn a_base_that_cannot_be_is_refused_at_once() {
    let sandbox = repository();
    sandbox
        .run(["check", "--against", "nowhere"])
        .exits(2)
        .complains("git knows no such commit");
    sandbox
        .run(["check", "--against-image", "sample=app:1"])
        .exits(2)
        .complains("does not run in a container");
    sandbox
        .run(["check", "--against-image", "other=app:1"])
        .exits(2)
        .complains("no server `other` is measured");
    Sandbox::new()
        .config(SAMPLE)
        .run(["check", "--against", "HEAD"])
        .exits(2)
        .complains("is not in a git repository");
}

#[test]
fn a_dry_run_names_what_is_no_longer_measured() {
    let more = "\n[endpoint.deleted]\npath = \"/\"\n";
    let sandbox = Sandbox::new()
        .config(&format!("{SAMPLE}{more}"))
        .without_docker()
        .committed()
        .config(SAMPLE);
    let dry = ["check", "--dry-run", "--against", "HEAD"];
    let run = sandbox.run(dry).exits(0);
    run.prints("no longer measured: sample deleted\n");
    let sandbox = sandbox.config(&format!("{SAMPLE}{more}"));
    // What this run alone leaves out is measured by others.
    let all = sandbox.run(dry.into_iter().chain(["--endpoint", "health"]));
    assert!(!all.stdout.contains("no longer measured"), "{}", all.stdout);
}

/// What a base that fails leads to: it is said to be the base, and the head is judged alone.
fn is_judged_alone(sandbox: &Sandbox, said: &str) {
    let commit = sandbox.git(&["rev-parse", "--short=12", "HEAD"]);
    sandbox
        .run([
            "check",
            "--quiet",
            "--against",
            "HEAD",
            "--json",
            "out.json",
        ])
        .exits(0)
        .prints(&format!("the base (commit {commit}) {said}"));
    let report = sandbox.json("out.json");
    let throughput = finding(&report, "sample", "health", "throughput");
    assert_eq!(throughput["verdict"], "not_judged", "{throughput}");
    assert!(throughput["base"].is_null() && throughput["head"].is_f64());
    assert!(report["provenance"]["base"].is_null(), "{report}");
    sandbox
        .run(["check", "--quiet", "--require-baseline"])
        .exits(3);
    sandbox
        .run([
            "check",
            "--quiet",
            "--require-baseline",
            "--against",
            "HEAD",
        ])
        .exits(3);
}

#[test]
fn a_base_that_cannot_be_prepared_is_not_the_heads_fault() {
    let failing = format!("prepare = [[\"sh\", \"-c\", \"echo no compiler; exit 7\"]]\n{SAMPLE}");
    let sandbox = Sandbox::new().config(&failing).without_docker().committed();
    let repaired = sandbox.config(SAMPLE);
    is_judged_alone(
        &repaired,
        "of `sample` cannot be prepared: `sh -c echo no compiler; exit 7` of `prepare` ended with",
    );
    let run = repaired.run(["check", "--quiet", "--against", "HEAD"]);
    run.exits(0).complains("| no compiler");
    // Where head and base must be measured together there is nothing to go on with.
    repaired
        .run([
            "check",
            "--quiet",
            "--against",
            "HEAD",
            "--strategy",
            "duet",
        ])
        .exits(4);
    repaired
        .config(&failing)
        .run(["check", "--quiet", "--against", "HEAD"])
        .exits(4)
        .complains("no compiler");
}

#[test]
fn a_base_that_cannot_be_started_is_not_the_heads_fault() {
    let run = "run   = [\"sh\", \"-c\", \"echo no database; exit 3\"]\nport  = 1\n#";
    let broken = SAMPLE.replacen("run   =", run, 1);
    let sandbox = Sandbox::new().config(&broken).without_docker().committed();
    let repaired = sandbox.config(SAMPLE);
    is_judged_alone(&repaired, "of `sample` cannot be started: ");
    let check = ["check", "--quiet", "--against", "HEAD"];
    repaired.run(check).exits(0).complains("| no database");
    let insisting = check.into_iter().chain(["--strategy", "interleaved"]);
    repaired.run(insisting).exits(4).prints("start of the base");
}

#[test]
fn a_base_that_cannot_be_set_up_or_logged_in_to_is_not_the_heads_fault() {
    let set_up = "setup = [[\"sh\", \"-c\", \"echo no table; exit 3\"]]\nrun   =";
    let worker = "worker.mail.command = [\"sh\", \"-c\", \"exit 3\"]\nrun   =";
    let login = "[login.user]\npath = \"/nobody\"\n\n[endpoint.health]";
    for (from, to, said) in [
        ("run   =", set_up, "of `sample` cannot be set up: "),
        ("run   =", worker, "of `sample` cannot be started: "),
        (
            "[endpoint.health]",
            login,
            "of `sample` cannot be started: ",
        ),
    ] {
        let broken = SAMPLE.replacen(from, to, 1);
        let sandbox = Sandbox::new().config(&broken).without_docker().committed();
        is_judged_alone(&sandbox.config(SAMPLE), said);
    }
}

#[test]
fn a_base_whose_configuration_is_wrong_is_not_the_heads_fault() {
    let wrong = Sandbox::new().config("[load]\nconections = 5\n");
    let repaired = wrong.without_docker().committed().config(SAMPLE);
    is_judged_alone(&repaired, "cannot be read: ");
    repaired
        .run(["check", "--quiet", "--against", "HEAD"])
        .prints("conections");
}

#[test]
fn a_base_is_a_clone_with_tags_and_all_files() {
    let recorded = tempfile::tempdir().expect("a folder");
    let recorded = recorded.path().join("recorded");
    let look = format!(
        "{{ git describe --tags --dirty && cat note.txt big.bin; }} >> {}",
        recorded.display()
    );
    let config = format!("prepare = [[\"sh\", \"-c\", \"{look}\"]]\n{SAMPLE}");
    require(&["git-lfs"]);
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&config)
        .file("note.txt", "in no archive\n")
        .file("big.bin", "in no object\n")
        .file(
            ".gitattributes",
            "note.txt export-ignore\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
        );
    sandbox.git(&["init", "--quiet", "--initial-branch=main"]);
    sandbox.git(&["lfs", "install", "--local"]);
    let sandbox = sandbox.committed();
    assert!(
        sandbox
            .git(&["show", "HEAD:big.bin"])
            .contains("oid sha256")
    );
    sandbox.git(&["tag", "v1.2"]);
    let sandbox = sandbox.file("note.txt", "changed\n");
    let before = sandbox.git(&["status", "--porcelain"]);
    let check = ["check", "--quiet", "--against", "HEAD"];
    sandbox.run(check).exits(0).prints("duet strategy against");
    let recorded = std::fs::read_to_string(recorded).expect("both have looked");
    assert_eq!(
        recorded,
        "v1.2-dirty\nchanged\nin no object\nv1.2\nin no archive\nin no object\n"
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), before);
    // Without the program large files are pointers, and that is said.
    let sandbox = sandbox.program(
        "bin/git",
        "case \"$*\" in *' lfs '*) exit 1;; esac; PATH=${PATH#*:} exec git \"$@\"",
    );
    let path = format!(
        "{}:{}",
        sandbox.path("bin").display(),
        std::env::var("PATH").expect("PATH")
    );
    sandbox
        .env("PATH", &path)
        .run(["check", "--dry-run", "--against", "HEAD"])
        .exits(0)
        .prints("1 files of Git LFS are pointers, because git-lfs is not installed");
}

#[test]
fn a_git_that_refuses_is_heard() {
    let sandbox = repository().env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    sandbox
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("compared with stored runs: git refused: ")
        .prints("fatal: detected dubious ownership in repository at '")
        .prints("`git config --global --add safe.directory ");
    sandbox
        .run(["check", "--dry-run", "--against", "HEAD"])
        .exits(4)
        .complains("fatal: detected dubious ownership in repository at '")
        .complains("hint: `git config --global --add safe.directory ");
    let run = sandbox.run(["check", "--quiet", "--strategy", "stored"]);
    run.exits(0)
        .prints("the measured commit is unknown: git refused: ");
    let unborn = Sandbox::new().config(SAMPLE).without_docker();
    unborn.git(&["init", "--quiet"]);
    unborn
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("compared with stored runs: this git repository has no commit yet");
}
