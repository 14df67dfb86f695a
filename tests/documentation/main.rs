//! Documentation that stays true: schemas and reference are what the program says, links lead
//! somewhere, configurations parse, command lines are ones that perfgate takes.

mod reference;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{CommandFactory, Parser};
use perfgate::cli::Cli;
use perfgate::config;
use serde_json::Value;

/// Set to write what is made from the program, instead of comparing with it.
const UPDATE: &str = "UPDATE_DOCS";
const SCHEMAS: [(&str, &str); 8] = [
    ("report", "report-1.json"),
    ("measurement", "measurement-2.json"),
    ("baseline", "baseline-1.json"),
    ("ranking", "ranking-1.json"),
    ("bisection", "bisection-1.json"),
    ("calibration", "calibration-1.json"),
    ("load", "load-1.json"),
    ("config", "perfgate.toml.json"),
];
/// Commands that need neither a configuration nor a network.
const RUNNABLE: [&str; 4] = ["completions", "man", "schema", "help"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn perfgate<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perfgate"));
    let output = command.args(words).output().expect("perfgate runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}

/// Asserts that a file holds what was made, or makes it so.
fn holds(path: &Path, made: &str) {
    if std::env::var_os(UPDATE).is_some() {
        fs::write(path, made).expect("written");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    assert!(
        found == made,
        "{name} is not what the program says: `just docs` makes it anew"
    );
}

/// Every page: its path and text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut folders = vec![repository().join("docs"), repository().join("examples")];
    let mut paths = vec![
        repository().join("README.md"),
        repository().join("CONTRIBUTING.md"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            match path.extension() {
                Some(extension) if extension == "md" => paths.push(path),
                _ if path.is_dir() && !path.ends_with("target") && !path.ends_with("book") => {
                    folders.push(path);
                }
                _ => {}
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The blocks of code of one language, with the line each begins at.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut other = false;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.trim_end().strip_prefix("```")) {
            (Some(_), Some("")) => found.extend(open.take()),
            (Some((_, block)), _) => *block += &format!("{line}\n"),
            (None, Some("")) => other = false,
            (None, Some(name)) if name == language && !other => {
                open = Some((at + 1, String::new()));
            }
            (None, Some(_)) => other = true,
            (None, None) => {}
        }
    }
    found
}

#[test]
fn the_schemas_are_what_the_program_says() {
    for (name, file) in SCHEMAS {
        holds(
            &repository().join("docs/schema").join(file),
            &perfgate(["schema", name]),
        );
    }
}

#[test]
fn the_reference_is_made_from_the_types() {
    let schema: Value = serde_json::from_str(&perfgate(["schema", "config"])).expect("JSON");
    let path = repository().join("docs/configuration.md");
    holds(&path, &reference::page(&schema));
}

#[test]
fn the_stored_reports_are_of_the_published_schema() {
    let schema: Value = serde_json::from_str(&perfgate(["schema", "report"])).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let folder = repository().join("fixtures/reports");
    for entry in fs::read_dir(folder).expect("stored reports") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("readable");
        let mut report: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<_> = schema
            .iter_errors(&report)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        match report["findings"].get_mut(0) {
            Some(finding) => finding["verdict"] = "perhaps".into(),
            None => report["outcome"] = "perhaps".into(),
        }
        assert!(!schema.is_valid(&report), "the schema refuses something");
    }
}

#[test]
fn the_configurations_of_this_repository_are_of_the_published_schema() {
    let schema: Value = serde_json::from_str(&perfgate(["schema", "config"])).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let valid = |text: &str| {
        let value: toml::Value = toml::from_str(text).expect("TOML");
        let value = serde_json::to_value(value).expect("JSON");
        schema
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect::<Vec<_>>()
    };
    for file in [
        "perfgate.toml",
        "fixtures/embedded.toml",
        "examples/axum/perfgate.toml",
    ] {
        let text = fs::read_to_string(repository().join(file)).expect("readable");
        assert_eq!(valid(&text), Vec::<String>::new(), "{file}");
    }
    for wrong in [
        "[load]\nconections = 5",
        "[load]\ntimeout = \"5 parsecs\"",
        "[thresholds]\nspeed = { max_increase = \"5%\" }",
        "[server.a]\nmemory = \"512\"",
    ] {
        assert!(!valid(wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn the_defaults_of_the_reference_are_the_defaults() {
    let schema: Value = serde_json::from_str(&perfgate(["schema", "config"])).expect("JSON");
    let defaults = |table: &str| {
        let keys = schema["$defs"][table]["properties"]
            .as_object()
            .expect("keys");
        let line = |(key, it): (&String, &Value)| Some(format!("{key} = {}\n", it.get("default")?));
        keys.iter().filter_map(line).collect::<String>()
    };
    let plain = "[server.a]\nimage = \"a\"\n[endpoint.e]\npath = \"/\"\n";
    let written = format!(
        "{plain}[load]\n{}[baseline]\n{}",
        defaults("Load"),
        defaults("Baseline")
    );
    let parse = |text: &str| config::parse(Path::new("perfgate.toml"), text).expect("valid");
    assert!(defaults("Load").lines().count() >= 6);
    assert_eq!(
        format!("{:?}", parse(&written)),
        format!("{:?}", parse(plain))
    );
}

#[test]
fn every_link_leads_somewhere() {
    for (path, text) in pages() {
        let folder = path.parent().expect("a folder");
        let links = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.contains(' ') {
                continue;
            }
            assert!(folder.join(file).exists(), "{}: {link}", path.display());
        }
    }
}

#[test]
fn every_page_is_in_the_book() {
    let docs = repository().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("a summary");
    for (path, _) in pages() {
        let Ok(name) = path.strip_prefix(&docs) else {
            continue;
        };
        let listed = summary.contains(&format!("({})", name.display()));
        assert!(
            listed || name == Path::new("SUMMARY.md"),
            "{}",
            name.display()
        );
    }
}

#[test]
fn every_configuration_parses() {
    let mut count = 0;
    let folder = tempfile::tempdir().expect("a folder");
    // What they name is there, and no variable has to be.
    for (name, text) in [
        (".env.example", "A=1\n"),
        (".npmrc", "registry=\n"),
        ("perf/products.csv", "id,name\n1,a\n"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    // The page on compose files has those that it names.
    let page = fs::read_to_string(repository().join("docs/recipes/compose.md")).expect("a page");
    let blocks_of_page = blocks(&page, "yaml").into_iter();
    let composed: Vec<_> = blocks_of_page.map(|(_, block)| block).collect();
    for (name, text) in [
        ("compose.yaml", composed[0].as_str()),
        ("compose.perf.yaml", &composed[1]),
        ("deploy/compose.yaml", &composed[0]),
        ("deploy/perf.env", "A=1\n"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    for (path, text) in pages() {
        for (line, block) in blocks(&text, "toml") {
            let mut whole = with_known_variables(&block);
            if !block.contains("[endpoint.") {
                whole += "\n[endpoint.home]\npath = \"/\"\n";
            }
            if !block.contains("[server.") {
                whole += "\n[server.app]\nimage = \"app\"\n";
            }
            if block.contains("\"caddy\"") && !block.contains("[proxy.caddy]") {
                whole += "\n[proxy.caddy]\nimage = \"caddy\"\n";
            }
            let parsed = config::parse(&folder.path().join("perfgate.toml"), &whole);
            assert!(parsed.is_ok(), "{}:{line}: {parsed:?}", path.display());
            count += 1;
        }
    }
    assert!(count > 10, "{count} configurations");
}

#[test]
fn no_job_of_an_example_is_named_as_the_check() {
    let blocks = pages()
        .into_iter()
        .flat_map(|(_, text)| blocks(&text, "yaml"));
    let workflows = blocks.filter(|(_, block)| block.contains("\njobs:\n"));
    let workflows: Vec<_> = workflows.map(|(_, block)| block).collect();
    assert!(workflows.len() >= 2, "{workflows:?}");
    for workflow in workflows {
        assert!(!workflow.contains("\n  perfgate:\n"), "{workflow}");
    }
}

/// A configuration that asks for a variable which every process has.
fn with_known_variables(block: &str) -> String {
    let mut parts = block.split("{env.");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once('}').map_or(part, |(_, rest)| rest);
        text + "{env.PATH}" + rest
    })
}

/// The lines of examples that the help of a command, and of those below it, ends with.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let lines = help.lines().filter_map(|it| it.strip_prefix("  perfgate "));
    let own = lines.map(|it| format!("perfgate {it}"));
    own.chain(command.get_subcommands().flat_map(examples))
        .collect()
}

#[test]
fn every_example_of_the_help_is_one_that_perfgate_takes() {
    let examples = examples(&Cli::command()).join("\n");
    let page = format!("```sh\n{examples}\n```\n");
    assert!(commands(&page).len() > 20, "{examples}");
    for (_, words) in commands(&page) {
        let taken = Cli::try_parse_from(&words).map(drop);
        assert!(taken.is_ok(), "{words:?}: {taken:?}");
    }
}

/// The command lines of perfgate in the blocks of a page, without what the shell does with them.
fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (line, block) in blocks(text, "sh") {
        let block = block.replace("\\\n", " ");
        let lines = block.lines().map(str::trim);
        for command in lines.filter(|it| it.starts_with("perfgate ")) {
            let end = [" > ", " | ", " && ", " || ", " # "];
            let end = end.iter().filter_map(|it| command.find(it)).min();
            let words = shlex::split(&command[..end.unwrap_or(command.len())]);
            found.push((line, words.expect("words of a shell")));
        }
    }
    found
}

#[test]
fn every_command_line_is_one_that_perfgate_takes() {
    let mut count = 0;
    for (path, text) in pages() {
        for (line, words) in commands(&text) {
            let shown = format!("{}:{line}: {}", path.display(), words.join(" "));
            if let Err(error) = Cli::try_parse_from(&words) {
                let kind = error.kind();
                let helps = kind == clap::error::ErrorKind::DisplayHelp;
                assert!(helps, "{shown}\n{error}");
            }
            if words
                .get(1)
                .is_some_and(|it| RUNNABLE.contains(&it.as_str()))
            {
                let said = perfgate(words[1..].iter().map(String::as_str));
                assert!(!said.is_empty(), "{shown}");
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count} command lines");
}
