use std::fs;

use serde_json::Value;

use crate::support::{Sandbox, finding, with_verdict};
use crate::{healthy, sample};

#[test]
fn show_lists_what_is_stored() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "show"])
        .exits(0)
        .prints("nothing is stored");
    sandbox
        .run(["baseline", "refresh"])
        .exits(0)
        .prints("sample health: stored");
    sandbox
        .run(["baseline", "show"])
        .exits(0)
        .prints("sample health: 1 good runs of the newest key, 1 in all");
}

#[test]
fn a_run_with_errors_is_stored_without_what_its_answers_cost() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&sample("0", "0", "0.5"));
    let run = sandbox.run(["baseline", "refresh"]).exits(1);
    run.prints("sample health: stored without what its answers cost")
        .prints("its requests failed beyond max 0.1% (default): it stays out of the history");
    let run = sandbox.run(["baseline", "show"]).exits(0);
    run.prints("sample health: 0 good runs of the newest key, 1 in all");
    let documents = fs::read_dir(sandbox.path(CELL)).expect("a store");
    let documents = documents.map(|it| fs::read_to_string(it.expect("a file").path()));
    let text: String = documents.map(|it| it.expect("a document")).collect();
    assert!(
        text.contains("error_rate") && !text.contains("throughput"),
        "{text}"
    );
}

#[test]
fn runs_of_other_servers_and_endpoints_stay_where_some_are_forgotten() {
    let two = sample("0", "0", "0")
        + "\n[endpoint.other]\npath = \"/api/django-starter/monitoring/health\"\n";
    let sandbox = Sandbox::new().without_docker().config(&two);
    sandbox.run(["baseline", "refresh"]).exits(0);
    let prune = ["baseline", "prune", "--keep", "0", "--endpoint", "other"];
    sandbox.run(prune).exits(0).prints("1 runs forgotten");
    let show = sandbox.run(["baseline", "show"]).exits(0);
    assert!(!show.stdout.contains("other"), "{}", show.stdout);
    show.prints("sample health: 1 good runs");
    let show = ["baseline", "show", "--endpoint", "other"];
    sandbox
        .run(show)
        .exits(0)
        .prints("nothing is stored of these");
    let slip = ["baseline", "prune", "--keep", "0", "--server", "smaple"];
    sandbox.run(slip).exits(2).complains("smaple");
    for flag in ["--seed", "--budget", "--timeout", "--behind"] {
        let words = ["baseline", "prune", flag, "1s"];
        sandbox.run(words).exits(2).complains("unexpected argument");
    }
    sandbox
        .run(["baseline", "show"])
        .prints("sample health: 1 good runs");
}

#[test]
fn a_run_of_changed_files_is_stored_only_on_demand() {
    let sandbox = healthy().committed();
    sandbox.run(["baseline", "refresh"]).exits(0);
    // What is stored, and committed, is no change of the service.
    sandbox.git(&["add", "."]);
    sandbox.git(&["commit", "--quiet", "--message=stored"]);
    sandbox.run(["baseline", "prune", "--keep", "0"]).exits(0);
    assert!(!sandbox.git(&["status", "--porcelain"]).is_empty());
    sandbox.run(["baseline", "refresh"]).exits(0);
    let changed = format!("{}\n# changed", sample("0", "0", "0"));
    let sandbox = sandbox.config(&changed);
    let head = sandbox.git(&["rev-parse", "--short=12", "HEAD"]);
    sandbox
        .run(["baseline", "refresh", "--baseline", "elsewhere"])
        .exits(2)
        .complains(&format!("cannot store a run of commit {head}"))
        .complains("perfgate.toml");
    assert!(!sandbox.path("elsewhere").exists());
    sandbox
        .run([
            "baseline",
            "refresh",
            "--baseline",
            "elsewhere",
            "--allow-dirty",
        ])
        .exits(0)
        .prints("stored, with changes that its commit does not hold");
    let folder = sandbox.path("elsewhere/sample/health");
    let mut stored = fs::read_dir(folder).expect("a cell");
    let run = stored.next().expect("a run").expect("a file").path();
    let run: Value = serde_json::from_slice(&fs::read(run).expect("read")).expect("JSON");
    assert_eq!(run["dirty"], true);
}

#[test]
fn another_store_can_be_named() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "refresh", "--baseline", "elsewhere"])
        .exits(0);
    assert!(sandbox.path("elsewhere/sample/health").is_dir());
    assert!(!sandbox.path(".perfgate").exists());
    sandbox
        .run(["check", "--baseline", "elsewhere"])
        .exits(0)
        .prints("1 of 5 stored runs");
}

#[test]
fn a_reference_program_is_measured_beside_the_server() {
    let reference = r#"
[server.fixed]
run   = ["{sample}", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "20s" }

[reference]
server = "fixed"
path   = "/api/django-starter/monitoring/health"
"#;
    let config = |cpu| format!("{}{reference}", sample(cpu, "0", "0"));
    let sandbox = Sandbox::new().without_docker().config(&config("0"));
    sandbox
        .run(["baseline", "refresh", "--quiet", "--runs", "5"])
        .exits(0)
        .prints("sample health: stored");
    let sandbox = sandbox.config(&config("3"));
    let check = ["check", "--quiet", "--json", "out.json"];
    sandbox
        .run(check)
        .exits(1)
        .prints("sample health relative_cpu");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "sample", "health", metric);
    let relative = of("relative_cpu");
    assert_eq!(
        (&relative["verdict"], &relative["pairs"]),
        (&"regression".into(), &5.into())
    );
    // The same program beside itself.
    let base = relative["base"].as_f64().expect("a ratio");
    assert!((0.5..2.0).contains(&base), "{relative}");
    assert_eq!(of("cpu_per_request")["reason"]["kind"], "beside_reference");
    let servers = report["findings"].as_array().expect("findings").iter();
    assert!(servers.map(|it| &it["server"]).all(|it| it == "sample"));
}

const REFRESH: [&str; 4] = ["baseline", "refresh", "--measurement", "new.json"];
const CELL: &str = ".perfgate/baselines/sample/health";
const FAST: &str = "fa57000000000000000000000000000000000000";

/// Throughput of the runs of an earlier day, far above what the sample service reaches.
const EARLIER: f64 = 1e7;

/// A measurement in `new.json` that is stored twenty times, behind twenty runs of an earlier day and
/// commit that were much faster. Of those the first five are good.
fn slowed_down() -> Sandbox {
    let sandbox = healthy();
    sandbox.run(["run", "--json", "new.json"]).exits(0);
    sandbox.run(REFRESH).exits(0);
    let folder = sandbox.path(CELL);
    let mut stored = fs::read_dir(&folder).expect("a cell");
    let only = stored.next().expect("a run").expect("a file").path();
    let text = fs::read(&only).expect("a document");
    let today: Value = serde_json::from_slice(&text).expect("JSON");
    let write = |name: String, run: &Value| {
        fs::write(folder.join(name), run.to_string()).expect("written");
    };
    for index in 1..20 {
        write(format!("today-{index}.json"), &today);
    }
    for index in 0..20 {
        let mut run = today.clone();
        run["values"]["throughput"] = EARLIER.into();
        run["time"] = format!("2026-10-02T09:30:{index:02}Z").into();
        run["commit"] = FAST.into();
        if index >= 5 {
            run["verdict"] = "regression".into();
        }
        write(format!("early-{index}.json"), &run);
    }
    sandbox
}

#[test]
fn small_steps_add_up_to_a_regression_since_the_pin_until_it_is_given_up() {
    let sandbox = slowed_down();
    let check = ["check", "--measurement", "new.json"];
    let check = [
        check.as_slice(),
        &["--json", "out.json", "--markdown", "out.md"],
    ]
    .concat();
    sandbox.run(check.iter().copied()).exits(0).prints("PASSED");
    let reason = ["--reason", "release 1.2"];
    let pin = ["baseline", "pin", "--commit", &FAST[..12]];
    sandbox
        .run(pin.into_iter().chain(reason))
        .exits(0)
        .prints("the runs until 2026-10-02 09:30, at fa5700000000 (release 1.2)")
        .prints("sample health: 5 good runs of the newest key");
    let run = sandbox.run(check).exits(1);
    let report = sandbox.json("out.json");
    let regressed = with_verdict(&report, "regression");
    assert_eq!(regressed, ["sample health throughput"]);
    let throughput = finding(&report, "sample", "health", "throughput");
    assert_eq!(throughput["base"].as_f64(), Some(EARLIER));
    let change = throughput["change"].as_f64().expect("a change");
    assert!((-1.0..-0.9).contains(&change), "{throughput}");
    let fallen = -100.0 * change;
    run.prints("since the pin of ")
        .prints(&format!(" at fa5700000000: −{fallen:.0} %, margin "))
        .prints("next: small regressions added up since the pin");
    assert!(
        sandbox
            .read("out.md")
            .contains("REGRESSED: since the pin of ")
    );
    sandbox
        .run(REFRESH)
        .exits(0)
        .prints("stored, as regressed since the pin: it stays out of the history");
    sandbox.run(["baseline", "prune", "--keep", "1"]).exits(0);
    sandbox
        .run(["baseline", "pin", "--show"])
        .exits(0)
        .prints("release 1.2")
        .prints("sample health: 5 good runs of the newest key");
    sandbox
        .run(["baseline", "unpin"])
        .exits(0)
        .prints("given up: pinned");
    sandbox
        .run(["baseline", "unpin"])
        .exits(0)
        .prints("nothing is pinned");
    let pins = fs::read_dir(sandbox.path(".perfgate/baselines/pins")).expect("pins");
    assert_eq!(pins.count(), 2);
}

#[test]
fn a_pin_needs_a_good_run() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "pin"])
        .exits(3)
        .complains("cannot pin: no good run is stored")
        .complains("baseline refresh");
    sandbox
        .run(["baseline", "pin", "--show"])
        .exits(0)
        .prints("nothing is pinned");
    sandbox
        .run(["baseline", "pin", "--commit", "no-such-tag"])
        .exits(2)
        .complains("cannot read `--commit no-such-tag`: no good run of it is stored");
}

#[test]
fn a_pin_goes_by_a_tag_and_too_few_runs_are_reported() {
    let sandbox = healthy().file(".gitignore", ".perfgate\n").committed();
    sandbox.run(["baseline", "refresh"]).exits(0);
    sandbox.git(&["tag", "v1.2.0"]);
    sandbox.git(&["commit", "--quiet", "--allow-empty", "--message=next"]);
    let head = sandbox.git(&["rev-parse", "v1.2.0"]);
    sandbox
        .run(["baseline", "pin", "--commit", "v1.2.0"])
        .exits(0)
        .prints(&format!(", at {}", &head[..12]))
        .prints("sample health: 1 of 5 good runs of the newest key");
    sandbox
        .run(["baseline", "pin", "--commit", "HEAD"])
        .exits(2)
        .complains("no good run of it is stored");
    let alone = "compared with the newest runs alone: sample health";
    let check = ["check", "--strategy", "stored", "--save", "new.json"];
    for words in [check.as_slice(), &["check", "--measurement", "new.json"]] {
        sandbox
            .run(words.iter().copied())
            .prints("fewer than 5 comparable runs up to the pin")
            .prints(alone);
    }
}

#[test]
fn history_shows_where_what_is_stored_stepped() {
    let sandbox = slowed_down();
    let words = ["baseline", "history", "--json", "history.json"];
    let run = sandbox.run(words).exits(0);
    let line = |name: &str| {
        let mut lines = run.stdout.lines();
        let found = lines.find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("no line of {name}\n{}", run.stdout))
    };
    assert!(
        run.stdout
            .starts_with("sample health\n  40 runs, 2026-10-02 to ")
    );
    assert!(line("throughput").contains("/s, median "));
    assert!(line("regressed").contains("××"));
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 100));
    let cell = &sandbox.json("history.json")["cells"][0];
    let series = cell["series"].as_array().expect("series").iter();
    let throughput = series.clone().find(|it| it["metric"] == "throughput");
    let throughput = throughput.expect("a series");
    let steps = throughput["steps"].as_array().expect("steps");
    let [step] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert_eq!((&step["run"], &step["worse"]), (&20.into(), &true.into()));
    let check = ["check", "--measurement", "new.json", "--json", "out.json"];
    sandbox.run(check).exits(0);
    let report = sandbox.json("out.json");
    let of_check = finding(&report, "sample", "health", "throughput");
    assert_eq!(&of_check["step"], step);
    assert_eq!(of_check["history"], throughput["values"]);
    let commit = cell["runs"][20]["commit"].as_str();
    assert_eq!(step["commit"].as_str(), commit);
    let metrics: Vec<_> = series.map(|it| it["metric"].clone()).collect();
    let usual = [
        "throughput",
        "latency_p50",
        "cpu_per_request",
        "memory_peak",
    ];
    assert_eq!(metrics, usual);
}

#[test]
fn a_site_has_a_page_for_each_cell_with_its_steps_and_their_commits() {
    let sandbox = slowed_down();
    let remote = "git@git.test:shop/api.git";
    let slow = "5".repeat(40);
    for file in fs::read_dir(sandbox.path(CELL)).expect("a cell") {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a document");
        let mut run: Value = serde_json::from_str(&text).expect("JSON");
        if run["commit"] != FAST {
            run["commit"] = slow.as_str().into();
        }
        fs::write(&path, run.to_string()).expect("written");
    }
    let sandbox = sandbox.committed();
    sandbox.git(&["remote", "add", "origin", remote]);
    sandbox
        .run(["site", "--out", "public"])
        .exits(0)
        .prints("wrote 2 pages: public/index.html");
    let index = sandbox.read("public/index.html");
    assert!(index.contains("href=\"sample--health.html\""), "{index}");
    let page = sandbox.read("public/sample--health.html");
    assert!(page.contains("40 runs"), "{page}");
    let compare = format!("href=\"https://git.test/shop/api/compare/{FAST}...{slow}\"");
    assert!(page.contains(&compare), "{page}");
    let own = [
        "site",
        "--repository",
        "https://forge.test/it/",
        "--metric",
        "throughput",
    ];
    sandbox.run(own).exits(0).prints("site/index.html");
    let page = sandbox.read("site/sample--health.html");
    assert!(
        page.contains("href=\"https://forge.test/it/compare/"),
        "{page}"
    );
    assert!(!page.contains("latency_p50"), "{page}");
}

#[test]
fn a_site_of_no_runs_says_so() {
    let sandbox = healthy();
    sandbox
        .run(["site"])
        .exits(0)
        .prints("nothing is stored; `perfgate baseline refresh` measures and stores");
    assert!(
        sandbox
            .read("site/index.html")
            .contains("0 servers and endpoints")
    );
}

#[test]
fn history_shows_what_is_asked_for() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "history"])
        .exits(0)
        .prints("nothing is stored; `perfgate baseline refresh`");
    sandbox.run(["baseline", "refresh"]).exits(0);
    let run = sandbox
        .run(["baseline", "history", "--metric", "latency_p99"])
        .exits(0)
        .prints("  latency_p99  ▁");
    assert!(!run.stdout.contains("throughput"), "{}", run.stdout);
    sandbox
        .run(["baseline", "history", "--metric", "latency"])
        .exits(2)
        .complains("invalid value 'latency'");
    sandbox
        .run(["baseline", "history", "--endpoint", "helth"])
        .exits(2)
        .complains("health");
}

#[test]
fn twenty_refreshes_at_once_leave_twenty_entries() {
    let quick = sample("0", "0", "0")
        .replace("\"300ms\"", "\"100ms\"")
        .replace("within = \"20s\"", "within = \"60s\"");
    let sandbox = Sandbox::new().without_docker().config(&quick).committed();
    let remote = sandbox.pushed();
    let before = sandbox.git(&["status", "--porcelain", "--branch"]);
    let refresh = ["baseline", "refresh", "--store", "git:perfgate-baselines"];
    let runs: Vec<_> = (0..20).map(|_| sandbox.start(refresh)).collect();
    for run in runs {
        run.end().exits(0).prints("sample health: stored");
    }
    let of_remote = format!("--git-dir={}", remote.display());
    let count = ["rev-list", "--count", "refs/heads/perfgate-baselines"];
    let commits = sandbox.git(&[&[of_remote.as_str()], count.as_slice()].concat());
    assert_eq!(commits, "20");
    sandbox
        .run(["baseline", "show", "--store", "git:perfgate-baselines"])
        .exits(0)
        .prints("20 in all");
    assert_eq!(sandbox.git(&["status", "--porcelain", "--branch"]), before);
}
