//! What other programs read of perfgate, and what it reads of theirs.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use crate::healthy;
use crate::support::{Sandbox, assert_sound, finding, repository, with_verdict};

/// A result of another generator, as it is stored.
fn result(name: &str) -> String {
    let path = repository().join("fixtures/imports").join(name);
    fs::read_to_string(path).expect("a stored result")
}

/// A project whose one endpoint is loaded by wrk.
fn loaded_by_wrk() -> Sandbox {
    let config = "[server.app]\nrun = [\"app\"]\n[endpoint.home]\npath = \"/\"\n";
    let names = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "same.txt"];
    let sandbox = Sandbox::new().config(config).file(
        "slow.txt",
        &result("wrk.txt").replace("50%   58.00us", "50%  580.00us"),
    );
    names.into_iter().fold(sandbox, |sandbox, name| {
        sandbox.file(name, &result("wrk.txt"))
    })
}

/// The latencies of an interval log, with the tag of each.
fn intervals(log: &str) -> Vec<(String, Histogram<u64>)> {
    let entries = IntervalLogIterator::new(log.as_bytes());
    let entries = entries.map(|entry| entry.expect("a log"));
    entries
        .filter_map(|entry| match entry {
            LogEntry::Interval(interval) => {
                let bytes = STANDARD
                    .decode(interval.encoded_histogram())
                    .expect("base64");
                let read = Deserializer::new().deserialize(&mut bytes.as_slice());
                let tag = interval.tag().expect("a tag").as_str().to_owned();
                Some((tag, read.expect("a histogram")))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_measurement_is_of_its_schema_and_exports_every_round() {
    let sandbox = healthy();
    sandbox.run(["run", "--json", "new.json"]).exits(0);
    let measurement = sandbox.json("new.json");
    let schema = sandbox.run(["schema", "measurement"]).exits(0).stdout;
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = schema
        .iter_errors(&measurement)
        .map(|it| it.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());

    let log = sandbox
        .run(["export", "new.json", "--format", "hlog"])
        .exits(0)
        .stdout;
    let rounds = measurement["samples"][0]["starts"][0]["rounds"]
        .as_array()
        .expect("rounds");
    let intervals = intervals(&log);
    assert_eq!(intervals.len(), rounds.len());
    for ((tag, latency), round) in intervals.iter().zip(rounds) {
        assert_eq!(tag, "sample/health");
        assert_eq!(Some(latency.len()), round["tally"]["succeeded"].as_u64());
    }
}

#[test]
fn results_of_another_generator_make_a_baseline_and_are_judged_by_it() {
    let sandbox = loaded_by_wrk();
    let stored = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt"];
    let refresh = [
        "baseline",
        "refresh",
        "--as",
        "app",
        "home",
        "--measurement",
    ];
    sandbox
        .run(refresh.into_iter().chain(stored))
        .exits(0)
        .prints("app home: stored");
    let check = |file: &'static str| {
        let words = ["check", "--as", "app", "home", "--measurement", file];
        sandbox.run(words.into_iter().chain([
            "--json",
            "out.json",
            "--junit",
            "out.xml",
            "--markdown",
            "out.md",
        ]))
    };
    check("same.txt")
        .exits(0)
        .prints("is a result of wrk, taken as one round; missing: the spread between rounds");
    let report = sandbox.json("out.json");
    assert_eq!(
        finding(&report, "app", "home", "throughput")["verdict"],
        "pass"
    );
    let unread = finding(&report, "app", "home", "cpu_per_request");
    assert_eq!(unread["reason"]["kind"], "unavailable");
    check("slow.txt").exits(1);
    let commented = sandbox.read("out.md");
    assert!(commented.contains("[[accept]]"), "{commented}");
    assert!(!commented.contains("See it again"), "{commented}");
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    assert_eq!(regressed, ["app home latency_p50"]);
    assert!(
        sandbox
            .read("out.xml")
            .contains("<failure message=\"app home latency_p50: ")
    );
}

#[test]
fn a_report_on_another_generators_result_says_nothing_that_it_lacks() {
    let sandbox = loaded_by_wrk();
    let compare = ["compare", "1.txt", "same.txt", "--json", "out.json"];
    let run = sandbox.run(compare.into_iter().chain(["--html", "out.html"]));
    let run = run
        .exits(0)
        .prints("no commit, stored strategy, as wrk took it, 2 s")
        .prints("next: at least five results are needed");
    assert!(!run.stdout.contains("CPU time and memory cannot be read"));
    let provenance = &sandbox.json("out.json")["provenance"];
    for unknown in ["seed", "fingerprint"] {
        assert!(provenance[unknown].is_null(), "{provenance}");
    }
    let page = sandbox.read("out.html");
    for fact in ["seed", "runner"] {
        assert!(!page.contains(&format!("<dt>{fact}</dt>")), "{fact}");
    }
    assert!(page.contains("<dt>time</dt>"));
}

#[test]
fn results_need_a_name_that_has_rules() {
    let sandbox = loaded_by_wrk();
    sandbox
        .run(["check", "--as", "app", "hoem", "--measurement", "same.txt"])
        .exits(2)
        .complains("cannot find endpoint `hoem`")
        .complains("did you mean `home`?");
    sandbox
        .run(["check", "--measurement", "same.txt"])
        .exits(2)
        .complains("cannot find server `imported`");
}

#[test]
fn results_are_compared_without_a_configuration() {
    let sandbox = loaded_by_wrk();
    let all = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "slow.txt"];
    let words = ["compare"].into_iter().chain(all);
    sandbox
        .run(words.chain(["--json", "out.json"]))
        .exits(1)
        .prints("is a result of wrk");
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    let name = "imported /api/django-starter/monitoring/health latency_p50";
    assert_eq!(regressed, [name]);
}

/// Results of wrk with such endings of their URLs.
fn loaded_at<const N: usize>(ends: [(&str, &str); N]) -> Sandbox {
    let path = "/api/django-starter/monitoring/health";
    let sandbox = loaded_by_wrk();
    ends.into_iter().fold(sandbox, |sandbox, (name, target)| {
        sandbox.file(name, &result("wrk.txt").replace(path, target))
    })
}

#[test]
fn results_of_other_requests_are_not_compared_without_a_word() {
    let sandbox = loaded_at([("old.txt", "/movies?page=1"), ("new.txt", "/movies?page=2")])
        .file("oha.json", &result("oha.json"));
    sandbox
        .run(["compare", "old.txt", "new.txt"])
        .exits(2)
        .complains(
            "cannot compare `new.txt` with `old.txt`: wrk of `/movies?page=2` is not wrk of `/movies?page=1`",
        )
        .complains("--as SERVER ENDPOINT");
    sandbox
        .run(["compare", "old.txt", "oha.json"])
        .exits(2)
        .complains("oha of `oha` is not wrk of `/movies?page=1`");
}

#[test]
fn a_name_covers_urls_that_differ_in_the_query() {
    let files = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "same.txt"];
    let targets = ["/m?q=1", "/m?q=2", "/m?q=3", "/m?q=4", "/m?q=5", "/m?q=6"];
    let sandbox = loaded_at(std::array::from_fn::<_, 6, _>(|at| {
        (files[at], targets[at])
    }));
    let compare = ["compare", "--as", "app", "home"].into_iter().chain(files);
    sandbox
        .run(compare.chain(["--json", "out.json"]))
        .exits(0)
        .prints("the query of its URL is left out of account");
    let report = sandbox.json("out.json");
    let judged = finding(&report, "app", "home", "latency_p50");
    assert_eq!(judged["verdict"], "pass");
}

#[test]
fn a_server_that_falls_behind_its_rate_regresses() {
    let fine = result("wrk2-behind.txt").replace(" 50.000%    1.10s", " 50.000%    1.05ms");
    let sandbox = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt"]
        .into_iter()
        .fold(Sandbox::new(), |sandbox, name| sandbox.file(name, &fine))
        .file("new.txt", &result("wrk2-behind.txt"));
    let all = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "new.txt"];
    let words = ["compare"].into_iter().chain(all);
    sandbox.run(words.chain(["--json", "out.json"])).exits(1);
    let regressed = with_verdict(&sandbox.json("out.json"), "regression");
    assert_eq!(regressed, ["imported /index.html latency_p50"]);
}

#[test]
fn a_result_without_a_length_shows_none() {
    let times = "response-time\n0.0010\n0.0030\n";
    let sandbox = Sandbox::new().file("a.csv", times).file("b.csv", times);
    let run = sandbox.run(["compare", "a.csv", "b.csv", "--html", "out.html"]);
    let run = run.exits(0).prints("as hey took it\n");
    assert!(!run.stdout.contains("0/s"), "{}", run.stdout);
    assert!(!sandbox.read("out.html").contains("<dt>time</dt>"));
}

#[test]
fn what_is_nobodys_result_is_refused() {
    let sandbox = Sandbox::new()
        .file("a.txt", "hello")
        .file("b.txt", &result("wrk.txt"));
    sandbox
        .run(["compare", "a.txt", "b.txt"])
        .exits(2)
        .complains("cannot use `a.txt` as a measurement")
        .complains("wrk --latency");
    sandbox
        .run(["export", "b.txt"])
        .exits(2)
        .complains("it holds values and no histogram to write");
}

#[test]
fn a_stored_report_is_rendered_in_every_format() {
    let path = repository().join("fixtures/reports/regressed.json");
    let path = path.to_string_lossy();
    for (format, begins) in [
        ("junit", "<?xml "),
        ("openmetrics", "# TYPE perfgate_run info\n"),
        (
            "github-annotations",
            "::error title=perfgate::gunicorn movies",
        ),
        ("github-action-benchmark", "[\n"),
        ("github-action-benchmark-bigger", "[\n"),
        ("bmf", "{\n  \"gunicorn/health\": {"),
    ] {
        let run = Sandbox::new()
            .run(["report", &*path, "--format", format])
            .exits(0);
        assert!(run.stdout.starts_with(begins), "{format}: {}", run.stdout);
    }
}

#[test]
fn every_shell_gets_completions_and_every_command_a_manual_page() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        sandbox
            .run(["completions", shell])
            .exits(0)
            .prints("measurement");
    }
    sandbox.run(["man"]).exits(0).prints("perfgate\\-check(1)");
    sandbox
        .run(["man", "check"])
        .exits(0)
        .prints("perfgate check \\-\\-strategy stored");
    sandbox
        .run(["man", "chekc"])
        .exits(2)
        .complains("it is no command of perfgate");
}

#[test]
fn changes_of_every_stored_report_are_those_of_their_values() {
    let folder = repository().join("fixtures/reports");
    for entry in fs::read_dir(folder).expect("a folder of reports") {
        let path = entry.expect("a report").path();
        let text = fs::read_to_string(&path).expect("a report");
        let report = serde_json::from_str(&text).expect("JSON");
        assert_sound(&path.display().to_string(), &report);
    }
}
