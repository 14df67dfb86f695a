use crate::support::{Sandbox, finding, with_verdict};
use crate::{healthy, sample};

#[test]
fn the_first_check_has_no_baseline_and_says_so() {
    let sandbox = healthy();
    let words = ["check", "--json", "out.json", "--markdown", "out.md"];
    sandbox
        .run(words)
        .exits(0)
        .prints("NO BASELINE: no stored runs yet")
        .prints("baseline refresh");
    let report = sandbox.json("out.json");
    assert_eq!(
        (&report["schema"], &report["outcome"]),
        (&1.into(), &"no_baseline".into())
    );
    assert_eq!(
        finding(&report, "sample", "health", "error_rate")["verdict"],
        "pass"
    );
    let throughput = finding(&report, "sample", "health", "throughput");
    assert_eq!(throughput["reason"]["kind"], "no_baseline");
    assert!(throughput["head"].as_f64().expect("a number") > 0.0);
    assert!(
        finding(&report, "sample", "health", "cpu_per_request")["head"]
            .as_f64()
            .expect("read from /proc")
            > 0.0
    );
    assert!(
        finding(&report, "sample", "health", "memory_peak")["head"]
            .as_f64()
            .expect("read from /proc")
            > 1e5
    );
    assert!(
        sandbox
            .read("out.md")
            .starts_with("## ⚪ perfgate: NO BASELINE")
    );
}

#[test]
fn a_program_that_runs_a_check_gets_one_object_a_line() {
    let broken = sample("0", "0", "0") + "memory_rss = { max = \"1B\" }\n";
    let sandbox = Sandbox::new().without_docker().config(&broken);
    let words = ["check", "--message-format", "json", "--json", "out.json"];
    let run = sandbox.run(words).exits(1);
    let lines = run.stdout.lines();
    let messages: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    let of = |reason: &str| -> Vec<&serde_json::Value> {
        messages
            .iter()
            .filter(|it| it["reason"] == reason)
            .collect()
    };
    let steps: Vec<_> = of("progress")
        .iter()
        .map(|it| it["step"].as_str().expect("text"))
        .collect();
    for step in ["start", "single_requests", "round"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    let report = sandbox.json("out.json");
    let findings: Vec<_> = of("finding").iter().map(|it| &it["finding"]).collect();
    let expected = report["findings"].as_array().expect("findings");
    assert_eq!(findings, expected.iter().collect::<Vec<_>>());
    let last = messages.last().expect("a line");
    let expected =
        serde_json::json!({"reason": "finished", "outcome": "regression", "exit_code": 1});
    assert_eq!(last, &expected);
    assert!(run.stderr.is_empty(), "{}", run.stderr);

    let quiet = sandbox
        .run(words.iter().copied().chain(["--quiet"]))
        .exits(1);
    assert!(!quiet.stdout.contains("\"progress\""), "{}", quiet.stdout);
    sandbox
        .run(["check", "--message-format", "json", "--dry-run"])
        .exits(2)
        .complains("cannot be used with");
}

#[test]
fn what_the_kernel_counts_is_shown_and_judged_where_a_rule_says_so() {
    let sandbox = Sandbox::new().without_docker();
    let rule = "context_switches_per_request = { max = 0.5 }\n";
    let sandbox = sandbox.config(&(sample("0", "0", "0") + rule));
    // Between two single requests a server waits.
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(1)
        .prints("sample health context_switches_per_request");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "sample", "health", metric);
    let switches = of("context_switches_per_request");
    assert_eq!(switches["verdict"], "regression", "{switches}");
    assert_eq!(switches["reason"]["kind"], "ceiling", "{switches}");
    for metric in ["page_faults_per_request", "io_calls_per_request"] {
        let shown = of(metric);
        assert!(
            shown["head"].as_f64().is_some_and(|it| it >= 0.0),
            "{shown}"
        );
        assert_eq!(shown["reason"]["kind"], "no_threshold", "{shown}");
    }
}

#[test]
fn check_exits_3_without_the_baseline_it_requires() {
    let sandbox = healthy();
    sandbox
        .run(["check", "--require-baseline", "--json", "out.json"])
        .exits(3);
    assert_eq!(sandbox.json("out.json")["exit_code"], 3);
}

#[test]
fn refresh_then_check_passes_and_each_fault_fails() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "refresh", "--runs", "5"])
        .exits(0)
        .prints("sample health: stored");
    let check = ["check", "--require-baseline", "--json", "out.json"];
    sandbox.run(check).exits(0).prints("PASSED");
    assert_eq!(
        finding(&sandbox.json("out.json"), "sample", "health", "throughput")["pairs"],
        5
    );

    let sandbox = sandbox.config(&sample("8", "0", "0"));
    sandbox.run(check).exits(1).prints("REGRESSED");
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    assert!(
        regressed.contains(&"sample health cpu_per_request".into()),
        "{regressed:?}"
    );

    let sandbox = sandbox.config(&sample("0", "40", "0"));
    sandbox.run(check).exits(1);
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    assert!(
        regressed.contains(&"sample health latency_p50".into()),
        "{regressed:?}"
    );

    let sandbox = sandbox.config(&sample("0", "0", "0.2"));
    sandbox.run(check).exits(1);
    let report = sandbox.json("out.json");
    let errors = finding(&report, "sample", "health", "error_rate");
    assert_eq!(
        (&errors["verdict"], &errors["rule"]),
        (&"regression".into(), &"max 0.1% (default)".into())
    );
    assert!(
        (errors["head"].as_f64().expect("a share") - 0.2).abs() < 0.02,
        "{errors}"
    );
    sandbox.run(["check", "--fail-on", "never"]).exits(0);

    // Nothing of another load shape is compared.
    let sandbox =
        sandbox.config(&sample("0", "0", "0").replace("connections = 4", "connections = 5"));
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(0)
        .prints("incomparable: other connections");
    sandbox.run(check).exits(3);
    let report = sandbox.json("out.json");
    let throughput = finding(&report, "sample", "health", "throughput");
    assert_eq!(
        (&throughput["base"], &throughput["change"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn without_docker_the_named_configuration_takes_its_place_and_is_announced() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config("without_docker = \"other/embedded.toml\"\n[server.app]\nimage = \"app\"\n[endpoint.home]\npath = \"/\"\n")
        .file("other/embedded.toml", &sample("0", "0", "0"));
    let run = sandbox.run(["check", "--json", "out.json"]).exits(0);
    let run = run
        .prints("WITHOUT DOCKER")
        .prints("unix:///nowhere/docker.sock");
    assert!(
        run.stderr.starts_with("WITHOUT DOCKER"),
        "the first line says so: {}",
        run.stderr
    );
    let note = sandbox.json("out.json")["provenance"]["notes"][0]
        .as_str()
        .expect("a note")
        .to_owned();
    assert!(
        note.starts_with("WITHOUT DOCKER") && note.contains("embedded.toml"),
        "{note}"
    );
}

#[test]
fn without_docker_and_without_another_way_check_exits_4() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config("[server.app]\nimage = \"app\"\n[endpoint.home]\npath = \"/\"\n");
    let run = sandbox.run(["check"]).exits(4);
    run.complains("cannot reach the container engine at `unix:///nowhere/docker.sock`")
        .complains("hint: start Docker");
}

#[test]
fn a_server_that_ends_at_once_is_named_with_its_last_lines() {
    let config = "[server.app]\nrun = [\"sh\", \"-c\", \"echo the port is taken >&2; exit 7\"]\n[endpoint.home]\npath = \"/\"\n";
    let run = Sandbox::new()
        .without_docker()
        .config(config)
        .run(["check"])
        .exits(4);
    let run = run
        .complains("the port is taken")
        .complains("cannot start `app`: it ended with exit status: 7");
    assert!(run.stdout.is_empty());
}

#[test]
fn the_hint_on_a_server_that_ends_at_once_fits_the_way_it_ended() {
    for (command, hint) in [
        ("echo forked", "a server must stay in the foreground"),
        ("exit 7", "it printed nothing: run its command by hand"),
        ("echo no; exit 7", "its last lines are above"),
    ] {
        let config = format!(
            "[server.app]\nrun = [\"sh\", \"-c\", \"{command}\"]\n[endpoint.home]\npath = \"/\"\n"
        );
        let sandbox = Sandbox::new().without_docker().config(&config);
        sandbox.run(["check"]).exits(4).complains(hint);
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let config = "[server.app]\nrun = [\"sh\", \"-c\", \"echo starting; sleep 60\"]\nready = { path = \"/\", within = \"500ms\" }\n[endpoint.home]\npath = \"/\"\n";
    let run = Sandbox::new()
        .without_docker()
        .config(config)
        .run(["check"])
        .exits(4);
    run.complains("starting\n")
        .complains("cannot start `app`: waited 500ms for http://127.0.0.1:")
        .complains("listen on 0.0.0.0 there, or on {host}:{port}")
        .complains("ready.within");
}

#[test]
fn a_setup_command_that_fails_stops_the_check() {
    let config = "[server.app]\nrun = [\"sleep\", \"60\"]\nsetup = [[\"sh\", \"-c\", \"echo no such table; exit 3\"]]\n[endpoint.home]\npath = \"/\"\n";
    let run = Sandbox::new()
        .without_docker()
        .config(config)
        .run(["check"])
        .exits(4);
    run.complains("no such table")
        .complains("of `app` ended with exit status: 3");
}

#[test]
fn prepare_runs_first_from_the_folder_of_the_file() {
    let config = format!("prepare = [\"tools/make.sh\"]\n{}", sample("0", "0", "0"));
    let sandbox = Sandbox::new()
        .without_docker()
        .file("sub/perfgate.toml", &config)
        .program("sub/tools/make.sh", "echo made > made.txt; echo prepared");
    let run = ["run", "--config", "sub/perfgate.toml", "--json", "m.json"];
    sandbox.run(run).exits(0).complains("prepared");
    assert_eq!(sandbox.read("sub/made.txt"), "made\n");
}

#[test]
fn quiet_says_nothing_but_the_report() {
    let run = healthy().run(["check", "--quiet"]).exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_stored_report_renders_again_as_it_was() {
    let sandbox = healthy();
    let first = sandbox
        .run(["check", "--json", "out.json", "--markdown", "out.md"])
        .exits(0);
    assert_eq!(
        sandbox.run(["report", "out.json"]).exits(0).stdout,
        first.stdout
    );
    assert_eq!(
        sandbox
            .run(["report", "out.json", "--format", "markdown"])
            .exits(0)
            .stdout,
        sandbox.read("out.md")
    );
    assert_eq!(
        sandbox
            .run(["report", "out.json", "--format", "json"])
            .exits(0)
            .stdout,
        sandbox.read("out.json")
    );
}

#[test]
fn a_dry_run_starts_nothing_and_says_what_would_be() {
    let config = sample("0", "0", "0");
    let text = format!("prepare = [[\"touch\", \"prepared\"]]\n{config}");
    let sandbox = Sandbox::new().without_docker().config(&text).committed();
    let sandbox = sandbox.config(&text.replace("\"75%\"", "\"70%\""));
    let commit = sandbox.git(&["rev-parse", "HEAD"]);
    let line = text.lines().position(|line| line.starts_with("throughput"));
    let line = line.expect("a rule") + 1;
    sandbox
        .run(["check", "--dry-run", "--endpoint", "health"])
        .exits(0)
        .prints("prepare: touch prepared")
        .prints(&format!("compared side by side with {commit}"))
        .prints(&format!(
            "throughput: max_decrease 70% (perfgate.toml:{line})"
        ))
        .prints("endpoint health: GET /api/django-starter/monitoring/health → 200; closed loop, 4");
    sandbox
        .run([
            "check",
            "--dry-run",
            "--strategy",
            "stored",
            "--store",
            "git:kept",
        ])
        .exits(0)
        .prints("compared with stored runs")
        .prints("baselines: branch kept of origin");
    assert!(!sandbox.path("prepared").exists() && !sandbox.path(".perfgate").exists());
    sandbox
        .run(["check", "--dry-run", "--endpoint", "other"])
        .exits(2)
        .complains("cannot find endpoint `other`");
}

/// A second endpoint for the sample.
const OTHER: &str = "\n[endpoint.other]\npath = \"/api/django-starter/monitoring/health\"\n";

fn with_another_endpoint() -> String {
    sample("0", "0", "0") + OTHER
}

#[test]
fn a_rule_that_became_looser_is_reported_and_fails_where_it_is_asked_to() {
    let sandbox = healthy().committed();
    let config = sample("0", "0", "0");
    let line = config
        .lines()
        .position(|line| line.starts_with("throughput"));
    let line = line.expect("a rule") + 1;
    let sandbox = sandbox.config(&config.replace("\"75%\"", "\"99.99%\""));
    let words = ["check", "--strategy", "stored", "--json", "out.json"];
    let run = sandbox.run(words).exits(0).prints("GATE CHANGED");
    run.prints(&format!(
        "throughput of sample health: max_decrease 75% (perfgate.toml:{line}) → 99.99% \
         (perfgate.toml:{line})"
    ));
    let report = sandbox.json("out.json");
    let commit = sandbox.git(&["rev-parse", "HEAD"]);
    assert_eq!(report["gate"]["base"], commit.as_str());
    assert_eq!(report["gate"]["changes"][0]["kind"], "margin_looser");
    assert_eq!(report["gate"]["changes"].as_array().map(Vec::len), Some(1));
    let fails = [&words[..], &["--fail-on", "regression,gate-change"]].concat();
    sandbox.run(fails.iter().copied()).exits(6);
    // As it was, it does not.
    let sandbox = sandbox.config(&(config + "\n# a comment\n"));
    sandbox.run(fails).exits(0);
    assert_eq!(
        sandbox.json("out.json")["gate"]["changes"],
        serde_json::json!([])
    );
}

#[test]
fn an_endpoint_that_is_no_longer_measured_is_reported_beside_its_base() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&with_another_endpoint())
        .committed();
    let sandbox = sandbox.config(&sample("0", "0", "0"));
    let run = sandbox.run(["check", "--quiet", "--markdown", "out.md"]);
    let run = run.prints("duet strategy against");
    run.prints("no longer measured: sample other");
    assert!(
        sandbox
            .read("out.md")
            .contains("- no longer measured: sample other\n"),
        "{}",
        sandbox.read("out.md")
    );
    // What was not asked for is not missed.
    let sandbox = sandbox.config(&with_another_endpoint().replace("\"75%\"", "\"74%\""));
    let words = ["check", "--strategy", "stored", "--endpoint", "health"];
    let run = sandbox.run(words).exits(0);
    assert!(!run.stdout.contains("GATE CHANGED"), "{}", run.stdout);
}

#[test]
fn a_base_whose_configuration_cannot_be_read_is_named_in_its_place() {
    let config = sample("0", "0", "0");
    let sandbox = healthy().config("[server").committed().config(&config);
    sandbox
        .run(["check", "--strategy", "stored"])
        .exits(0)
        .prints("Gate not compared with its base")
        .prints("at commit ");
    let sandbox = Sandbox::new()
        .without_docker()
        .file("README", "")
        .committed()
        .config(&config);
    sandbox
        .run(["check", "--strategy", "stored"])
        .exits(0)
        .prints("has no perfgate.toml");
}

#[test]
fn the_change_that_brings_the_gate_is_measured_beside_its_base() {
    let sandbox = Sandbox::new()
        .without_docker()
        .file("README", "")
        .committed()
        .config(&sample("0", "0", "0"));
    let check = ["check", "--against", "HEAD", "--json", "out.json"];
    let run = sandbox.run(check);
    run.prints(
        "has no perfgate.toml: its servers are brought up as the perfgate.toml of the change says",
    );
    let report = sandbox.json("out.json");
    let throughput = finding(&report, "sample", "health", "throughput");
    assert!(
        throughput["base"].as_f64().is_some_and(|it| it > 0.0),
        "{throughput}"
    );
    assert_eq!(throughput["strategy"], "duet");
}

#[test]
fn without_git_the_stored_runs_show_what_is_no_longer_measured() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&with_another_endpoint());
    sandbox.run(["baseline", "refresh"]).exits(0);
    let sandbox = sandbox.config(&sample("0", "0", "0"));
    let said = "stored runs exist of what is no longer measured: sample other";
    sandbox.run(["check"]).exits(0).prints(said);
    sandbox.run(["check", "--fail-on", "gate-change"]).exits(6);
}

#[test]
fn what_the_plan_has_and_the_measurement_lacks_is_missing() {
    let sandbox = healthy();
    sandbox.run(["run", "--json", "m.json"]).exits(0);
    let sandbox = sandbox.config(&with_another_endpoint());
    let words = ["check", "--measurement", "m.json", "--json", "out.json"];
    sandbox
        .run(words)
        .exits(0)
        .prints("MISSING: sample other")
        .prints("planned and not measured: sample other");
    let report = sandbox.json("out.json");
    assert_eq!(report["outcome"], "inconclusive");
    assert_eq!(report["coverage"]["missing"][0]["endpoint"], "other");
    for (fail_on, code) in [("inconclusive", 5), ("gate-change", 6)] {
        let words = words.iter().copied().chain(["--fail-on", fail_on]);
        sandbox.run(words).exits(code);
    }
    let words = words.iter().copied().chain(["--endpoint", "health"]);
    let run = sandbox.run(words).exits(0);
    assert!(!run.stdout.contains("MISSING"), "{}", run.stdout);
}

#[test]
fn a_server_that_does_not_start_beside_its_base_lacks_no_baseline() {
    let config = sample("0", "0", "0");
    let sandbox = healthy().committed();
    let broken = config.replacen("\"--listen\"", "\"nothing\", \"--listen\"", 1);
    let sandbox = sandbox.config(&broken);
    let run = sandbox
        .run(["check", "--quiet", "--json", "out.json"])
        .exits(4);
    let run = run
        .prints("NOT MEASURED: sample did not start")
        .prints("unexpected argument 'nothing'");
    assert!(
        !run.stdout.to_lowercase().contains("baseline"),
        "{}",
        run.stdout
    );
    assert_eq!(sandbox.json("out.json")["outcome"], "inconclusive");
}
