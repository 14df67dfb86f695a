//! What is promised in public stays true: documented configuration parses, documented defaults
//! are the defaults.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use perfgate::app::OUTPUTS;
use perfgate::cli::Cli;
use perfgate::model::{Metric, Plan, Report, Thresholds};
use perfgate::{config, report};
use serde_json::Value;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).expect("a page")
}

/// The configuration by example.
fn documented() -> Plan {
    let page = page("example.md");
    let text = block(&page, "toml");
    config::parse(Path::new("perfgate.toml"), text).expect("the example is valid")
}

/// Margin, floor and ceiling of every metric that has one.
fn values(thresholds: &Thresholds) -> Vec<(Metric, [Option<f64>; 3])> {
    let value = |rule: &Option<perfgate::model::Rule>| rule.as_ref().map(|rule| rule.value);
    thresholds
        .iter()
        .map(|(metric, it)| (*metric, [value(&it.margin), it.floor, value(&it.ceiling)]))
        .collect()
}

#[test]
fn the_example_is_valid_and_has_the_default_thresholds() {
    let plan = documented();
    let health = &plan.targets[0].cells[0];
    let mut documented = health.thresholds.clone();
    // The one value that the example sets beside the defaults.
    documented
        .get_mut(&Metric::Throughput)
        .expect("a rule")
        .ceiling = None;
    assert_eq!(values(&documented), values(&config::default_thresholds()));
}

#[test]
fn the_example_has_the_default_load() {
    let documented = documented();
    let text = "[server.app]\nimage = \"app\"\n[endpoint.home]\npath = \"/\"\n";
    let plain = config::parse(Path::new("perfgate.toml"), text).expect("a valid configuration");
    assert_eq!(documented.pacing, plain.pacing);
    let load = |plan: &Plan| {
        let workload = &plan.targets[0].cells[0].workload;
        (workload.connections, workload.threads, workload.timeout)
    };
    assert_eq!(load(&documented), load(&plain));
    assert_eq!(documented.baselines, plain.baselines);
}

#[test]
fn every_metric_is_described() {
    let metrics = page("metrics.md");
    for metric in Metric::ALL {
        assert!(
            metrics.contains(&format!("`{}`", metric.name())),
            "{metric:?}"
        );
    }
}

#[test]
fn the_configurations_of_this_repository_are_valid() {
    let own = config::load(&repository().join("perfgate.toml")).expect("valid");
    assert!(own.needs_engine());
    let instead = own.without_docker.expect("named");
    let embedded = config::load(&instead).expect("valid");
    assert!(!embedded.needs_engine());
}

/// The keys of a section of action.yml.
fn keys(action: &str, section: &str) -> Vec<String> {
    let head = format!("\n{section}:\n");
    let (_, rest) = action.split_once(&head).expect("the section");
    let of_section = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    let keys = of_section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    keys.map(|line| line.trim().trim_end_matches(':').to_owned())
        .collect()
}

#[test]
fn every_input_and_output_of_the_action_is_passed_on_and_documented() {
    let read = |name: &str| fs::read_to_string(repository().join(name)).expect("a file");
    let (action, docs) = (read("action.yml"), read("docs/github.md"));
    let script = read("action/run.sh");
    let (inputs, outputs) = (keys(&action, "inputs"), keys(&action, "outputs"));
    assert_eq!(inputs.len(), 19);
    assert_eq!(outputs, OUTPUTS);
    for input in &inputs {
        assert!(
            docs.contains(&format!("| `{input}` |")),
            "docs/github.md lacks `{input}`"
        );
        assert!(
            action.contains(&format!("${{{{ inputs.{input} }}}}")),
            "`{input}` is not used"
        );
        let variable = format!("PERFGATE_{}", input.to_uppercase().replace('-', "_"));
        assert!(
            input == "github-token" || script.contains(&variable),
            "run.sh lacks {variable}"
        );
    }
    for output in &outputs {
        assert!(
            docs.contains(&format!("`{output}`")),
            "docs/github.md lacks `{output}`"
        );
    }
}

/// A file of YAML in this repository.
fn yaml(name: &str) -> Value {
    let text = fs::read_to_string(repository().join(name)).expect("a file");
    serde_saphyr::from_str(&text).expect("YAML")
}

fn steps(of: &Value) -> &Vec<Value> {
    of["steps"].as_array().expect("steps")
}

#[test]
fn the_action_removes_and_closes_whatever_ended_it() {
    let action = yaml("action.yml");
    let calls = |name: &str| {
        let end = format!("/action/run.sh\" {name}");
        let mut all = steps(&action["runs"]).iter();
        let step = all.find(|it| it["run"].as_str().is_some_and(|it| it.ends_with(&end)));
        step.unwrap_or_else(|| panic!("no step calls {name}"))
    };
    for name in ["cleanup", "close"] {
        assert_eq!(calls(name)["if"], "always()", "{name}");
    }
    // It finds the check by the same inputs.
    let (gate, close) = (&calls("gate")["env"], &calls("close")["env"]);
    for (name, value) in close.as_object().expect("variables") {
        assert_eq!(gate[name], *value, "{name}");
    }
}

#[test]
fn the_action_keeps_under_a_key_what_run_sh_names() {
    let action = yaml("action.yml");
    let used = |it: &&Value| it["uses"].as_str().is_some_and(|it| it.contains("/cache/"));
    let cached = steps(&action["runs"]).iter().filter(used);
    let mut found: Vec<_> = cached
        .map(|it| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            (text(&it["if"]), text(&it["with"]["key"]))
        })
        .collect();
    found.sort_unstable();
    let key = |step: &str, name: &str, more: &str| {
        let output = format!("steps.{step}.outputs.{name}");
        (
            format!("{output} != ''"),
            format!("${{{{ {output} }}}}{more}"),
        )
    };
    let expected = [
        key("keep", "images", ""),
        key("keep", "program", ""),
        key("keys", "images", "-newest"),
        key("keys", "program", ""),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_reusable_workflow_measures_and_names_alike_with_and_without_shards() {
    let workflow = yaml(".github/workflows/reusable.yml");
    let inputs = |job: &str| {
        let mut all = steps(&workflow["jobs"][job]).iter();
        let action = all.find(|it| it["with"]["baseline-store"].is_string());
        &action.expect("the action")["with"]
    };
    let (check, measure) = (inputs("check"), inputs("measure"));
    for (name, value) in check.as_object().expect("inputs") {
        assert_eq!(measure[name], *value, "{name}");
    }
    assert_eq!(inputs("merge")["job"], "check");
    assert_eq!(check.get("job"), None);
}

#[test]
fn what_a_refresh_could_not_store_is_uploaded() {
    for name in [
        ".github/workflows/reusable.yml",
        "src/init/perfgate.yml",
        "src/init/perfgate-shards.yml",
    ] {
        let workflow = yaml(name);
        let steps = steps(&workflow["jobs"]["refresh"]);
        assert_eq!(steps[1]["id"], "perfgate", "{name}");
        let measured = "steps.perfgate.outputs.measurement";
        assert_eq!(steps[2]["if"], format!("always() && {measured} != ''"));
        let with = &steps[2]["with"];
        assert_eq!(with["name"], "perfgate-not-stored", "{name}");
        assert_eq!(with["path"], format!("${{{{ {measured} }}}}"), "{name}");
        // The file lies in `.perfgate`.
        assert_eq!(with["include-hidden-files"], true, "{name}");
    }
}

#[test]
fn a_release_knows_the_repository_that_it_is_of() {
    let source = fs::read_to_string(repository().join("src/init/action.rs")).expect("a file");
    let names = source.split("option_env!(\"").skip(1);
    let names: Vec<_> = names.filter_map(|rest| rest.split('"').next()).collect();
    let release = yaml(".github/workflows/release.yml");
    let build = &release["jobs"]["build"]["env"];
    assert_eq!(names, ["PERFGATE_REPOSITORY", "PERFGATE_SERVER"]);
    assert_eq!(build[names[0]], "${{ github.repository }}");
    assert_eq!(build[names[1]], "${{ github.server_url }}");
}

#[test]
fn cargo_binstall_finds_the_archives_of_releases() {
    let read = |name: &str| fs::read_to_string(repository().join(name)).expect("a file");
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let package = &manifest["package"];
    let metadata = &package["metadata"]["binstall"];
    let url = metadata["pkg-url"].as_str().expect("an address");
    let (repository, archive) = url
        .split_once("/releases/download/v{ version }/")
        .expect("a release");
    assert_eq!(repository, "{ repo }");
    assert!(
        package["repository"]
            .as_str()
            .is_some_and(|it| it.starts_with("https://"))
    );
    let in_shell = archive
        .replace("{ version }", "$VERSION")
        .replace("{ target }", "$TARGET");
    let release = read(".github/workflows/release.yml");
    assert!(
        release.contains(&format!("--file \"{in_shell}\"")),
        "{in_shell}"
    );
    // The programs lie at the top of the archive, by their names.
    assert_eq!(metadata["bin-dir"].as_str(), Some("{ bin }"));
    assert!(release.contains("/dist\" perfgate cargo-perfgate\n"));
}

/// The first block of code of a language in a page.
fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("```{language}\n"))
        .expect("a block");
    rest.split_once("```").expect("its end").0
}

#[test]
fn what_a_comment_offers_works() {
    let text = fs::read(repository().join("fixtures/reports/paired.json")).expect("a report");
    let report: Report = serde_json::from_slice(&text).expect("a report");
    let page = report::markdown(&report);
    let command = block(&page, "sh").trim();
    assert!(
        command.contains("--seed 7 --against 1136c2798612"),
        "{command}"
    );
    Cli::try_parse_from(command.split(' ')).expect("a command of ours");
    let server = "[server.gunicorn]\nimage = \"app\"\n[endpoint.movies]\npath = \"/\"\n";
    let accepting = format!("{server}{}", block(&page, "toml"));
    let plan = config::parse(Path::new("perfgate.toml"), &accepting).expect("valid as it is");
    let metrics: Vec<_> = plan.accepted.iter().map(|it| it.metric).collect();
    assert_eq!(metrics, [Metric::CpuPerRequest, Metric::Throughput]);
}

/// The tests of a file by their names.
fn tests_of(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(repository().join(file)).expect("tests");
    let file = syn::parse_file(&text).expect("it compiles");
    let name = |item: syn::Item| match item {
        syn::Item::Fn(it) if it.attrs.iter().any(|it| it.path().is_ident("test")) => {
            Some(it.sig.ident.to_string())
        }
        _ => None,
    };
    file.items.into_iter().filter_map(name).collect()
}

#[test]
fn every_fault_of_the_list_has_a_test_and_every_test_its_row() {
    let list = fs::read_to_string(repository().join("docs/robustness.md")).expect("a list");
    let mut rows = 0;
    for group in ["cli", "docker"] {
        let tests = tests_of(&format!("tests/{group}/faults.rs"));
        let mark = format!("`{group}::faults::");
        let named = list.split(&mark).skip(1);
        let named: Vec<_> = named
            .filter_map(|rest| Some(rest.split_once('`')?.0.to_owned()))
            .collect();
        rows += named.len();
        let once: BTreeSet<_> = named.iter().cloned().collect();
        assert_eq!(once.len(), named.len(), "a test has two rows");
        assert_eq!(once, tests);
    }
    assert!(rows >= 40, "{rows} faults");
}
