use crate::support::{finding, with_verdict};
use crate::{healthy, sample};

#[test]
fn five_measurements_judge_a_sixth() {
    let sandbox = healthy();
    for name in ["1.json", "2.json", "3.json", "4.json", "5.json"] {
        sandbox
            .run(["run", "--json", name])
            .exits(0)
            .prints("sample health: ");
    }
    let sandbox = sandbox.config(&sample("8", "0", "0"));
    sandbox.run(["run", "--json", "slow.json"]).exits(0);
    let all = [
        "compare",
        "1.json",
        "2.json",
        "3.json",
        "4.json",
        "5.json",
        "slow.json",
        "--config",
        "perfgate.toml",
        "--json",
        "out.json",
    ];
    sandbox.run(all).exits(1);
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    // A busy machine makes rates too noisy to judge; CPU time is the server's own.
    assert!(
        regressed.contains(&"sample health cpu_per_request".into()),
        "{regressed:?}"
    );

    // Two alone are shown and not judged.
    sandbox
        .run(["compare", "1.json", "slow.json", "--json", "out.json"])
        .exits(0)
        .prints("1 of 5 stored runs");
    let report = sandbox.json("out.json");
    let throughput = finding(&report, "sample", "health", "throughput");
    assert!(throughput["change"].as_f64().expect("shown") < 0.0);
}

#[test]
fn what_is_accepted_is_so_for_every_command() {
    let broken = sample("0", "0", "0") + "memory_rss = { max = \"1B\" }\n";
    let sandbox = healthy().config(&broken);
    sandbox.run(["run", "--json", "old.json"]).exits(0);
    sandbox.run(["run", "--json", "new.json"]).exits(0);
    let check = ["check", "--measurement", "new.json"];
    let compare = [
        "compare",
        "old.json",
        "new.json",
        "--config",
        "perfgate.toml",
    ];
    sandbox.run(check).exits(1);
    sandbox.run(compare).exits(1);
    let accepted = r#"
[[accept]]
server   = "sample"
endpoint = "health"
metric   = "memory_rss"
until    = 2999-01-01
reason   = "it needs some memory"
"#;
    let sandbox = sandbox.config(&format!("{broken}{accepted}"));
    sandbox.run(check).exits(0);
    sandbox.run(compare).exits(0);
    let refresh = ["baseline", "refresh", "--measurement", "new.json"];
    let run = sandbox.run(refresh).exits(0);
    assert!(!run.stdout.contains("regressed"), "{}", run.stdout);
}

#[test]
fn what_is_no_measurement_is_named() {
    let sandbox = healthy()
        .file("a.json", "{}")
        .file("b.json", "{\"schema\": 99}");
    sandbox
        .run(["compare", "a.json", "b.json"])
        .exits(2)
        .complains("cannot read `a.json` as a measurement: missing field `schema`");
    sandbox
        .run(["compare", "b.json", "a.json"])
        .exits(2)
        .complains("its schema is 99 and this version reads up to 2");
    sandbox
        .run(["compare", "c.json", "a.json"])
        .exits(2)
        .complains("cannot read `c.json`: No such file");
}

#[test]
fn what_the_older_one_has_and_the_newer_lacks_is_missing() {
    let other = "\n[endpoint.other]\npath = \"/api/django-starter/monitoring/health\"\n";
    let sandbox = healthy().config(&(sample("0", "0", "0") + other));
    sandbox.run(["run", "--json", "old.json"]).exits(0);
    let words = ["run", "--endpoint", "health", "--json", "new.json"];
    sandbox.run(words).exits(0);
    sandbox
        .run(["compare", "old.json", "new.json", "--json", "out.json"])
        .exits(0)
        .prints("MISSING: sample other");
    assert_eq!(sandbox.json("out.json")["outcome"], "inconclusive");
}
