//! The packages that perfgate is built from: their licences and where they come from, by the lists
//! of `.cargo/deny.toml`. cargo-deny itself also asks for advisories, which needs the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

/// The packages of this repository.
const OWN: [&str; 5] = [
    "perfgate",
    "perfgate-alloc",
    "perfgate-fuzz",
    "perfgate-sample",
    "perfgate-test",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// What is built along these edges, for other machines too: names with versions. `of` says of which
/// packages.
fn built(of: &str, edges: &str) -> BTreeSet<String> {
    let edges = format!("--edges={edges}");
    let all = ["tree", "--target=all", "--all-features", "--prefix=none"];
    let text = cargo(&[all.as_slice(), &[of, &edges, "--format={p}"]].concat());
    let words = text.lines().map(|it| it.split(' ').take(2));
    words.map(|it| it.collect::<Vec<_>>().join(" ")).collect()
}

/// Every package that is built, of tests too; the lock file has some that never are.
fn packages() -> Vec<Value> {
    let built = built("--workspace", "all");
    let text = cargo(&["metadata", "--format-version=1", "--all-features"]);
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").clone();
    packages.retain(|it| {
        let text = |key: &str| it[key].as_str().expect("a text");
        built.contains(&format!("{} v{}", text("name"), text("version")))
    });
    packages
}

/// `.cargo/deny.toml`.
fn rules() -> toml::Table {
    let text = std::fs::read_to_string(repository().join(".cargo/deny.toml")).expect("a file");
    text.parse().expect("TOML")
}

/// A list of texts.
fn list(texts: &toml::Value) -> BTreeSet<String> {
    let text = |it: &toml::Value| it.as_str().expect("a text").to_owned();
    texts.as_array().expect("a list").iter().map(text).collect()
}

/// The licences that single packages may have beside those that all may have.
fn exceptions() -> BTreeMap<String, BTreeSet<String>> {
    let rules = rules();
    let exceptions = rules["licenses"]["exceptions"].as_array().expect("a list");
    let exception = |it: &toml::Value| {
        let name = it["crate"].as_str().expect("a name");
        (name.to_owned(), list(&it["allow"]))
    };
    exceptions.iter().map(exception).collect()
}

#[test]
fn every_package_has_an_allowed_licence() {
    let allowed = list(&rules()["licenses"]["allow"]);
    let exceptions = exceptions();
    let packages = packages();
    assert!(packages.len() > 100);
    for package in &packages {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str();
        let licence = licence.unwrap_or_else(|| panic!("{name} names no licence"));
        // Old packages write `MIT/Apache-2.0`.
        let licence = Expression::parse_mode(licence, ParseMode::LAX);
        let licence = licence.unwrap_or_else(|error| panic!("{name}: {error}"));
        let own = exceptions.get(name);
        let is_allowed = licence.evaluate(|it| {
            let it = it.to_string();
            allowed.contains(&it) || own.is_some_and(|own| own.contains(&it))
        });
        assert!(is_allowed, "{name}: {licence}");
    }
}

#[test]
fn no_exception_is_built_into_the_program() {
    let built = built("--package=perfgate", "normal,build");
    let names: BTreeSet<_> = built.iter().filter_map(|it| it.split(' ').next()).collect();
    assert!(names.contains("hyper"));
    for name in exceptions().keys() {
        assert!(!names.contains(name.as_str()), "{name}");
    }
}

#[test]
fn every_package_comes_from_the_registry() {
    let registries = list(&rules()["sources"]["allow-registry"]);
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        match package["source"].as_str() {
            None => assert!(OWN.contains(&name), "{name} is a package from a folder"),
            Some(source) => {
                let registry = source.strip_prefix("registry+");
                assert!(
                    registry.is_some_and(|it| registries.contains(it)),
                    "{name}: {source}"
                );
            }
        }
    }
}

#[test]
fn nothing_unsafe_is_compiled_of_our_own_but_the_allocator() {
    let manifest =
        |path: &str| std::fs::read_to_string(repository().join(path)).expect("a manifest");
    let workspace = manifest("Cargo.toml");
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    for path in [
        "Cargo.toml",
        "fixtures/sample/Cargo.toml",
        "fuzz/Cargo.toml",
        "harness/Cargo.toml",
    ] {
        assert!(
            manifest(path).contains("[lints]\nworkspace = true"),
            "{path}"
        );
    }
    // It runs in servers, never in perfgate.
    assert!(manifest("alloc/Cargo.toml").contains("undocumented_unsafe_blocks = \"deny\""));
    assert!(!built("--package=perfgate", "normal,build,dev").contains("perfgate-alloc v0.1.0"));
}
