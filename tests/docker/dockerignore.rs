//! What of a build folder becomes part of an image: what the docker client, which reads
//! `.dockerignore` by Docker's own library, sends of the same folder.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use perfgate::config;
use perfgate::stack::{Engine, Owner, Stack, sweep};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::{docker, engine};

const CASES: u32 = 100;
/// Where the folder lies in the image.
const INSIDE: &str = "tree/";
const DOCKERFILE: &str = "FROM scratch\nCOPY . /tree/\n";
const THEIRS: &str = "perfgate-test/theirs:1";

/// Kind, and what is in a file or behind a link, by path.
type Files = BTreeMap<String, String>;

/// Files and, ending in a slash, folders. Some names are patterns themselves.
const PATHS: [&str; 22] = [
    "a/x",
    "a/b/x",
    "a/b/c/keep",
    "a/x.log",
    "b/a/x",
    "b/keep",
    "x",
    "x.log",
    "X",
    "keep",
    "!x",
    "#x",
    "[x]",
    "a*b",
    "a b/x",
    "éx",
    ".x",
    "a/.x",
    "empty/",
    "a/empty/",
    "ab",
    "b/\\x",
];
const PARTS: [&str; 30] = [
    "a", "b", "c", "x", "X", "keep", "ab", "empty", "*", "**", "?", "x*", "*.log", "**x", "a**",
    "[ab]", "[!a]", "[^a]", "[a-c]", "[[]*", "?x", "\\x", "\\!x", "\\#x", "\\*", "#x", "a b", ".",
    "..", "é?",
];
const STARTS: [&str; 9] = ["", "", "", "!", "!", "/", "./", "! /", " "];
const ENDS: [&str; 6] = ["", "", "", "/", " ", "\r"];
const LINES: [&str; 12] = [
    "", "# note", " # note", "/", "!/", "!", ".", "!.", "a[", "[]a]", "a\\", "\\d",
];

fn pattern() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(select(&PARTS[..]), 1..4);
    (select(&STARTS[..]), parts, select(&ENDS[..]))
        .prop_map(|(start, parts, end)| format!("{start}{}{end}", parts.join("/")))
}

/// A `.dockerignore`; few have a line that Docker refuses.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![30 => pattern(), 1 => select(&LINES[..]).prop_map(str::to_owned)];
    let lines = prop::collection::vec(line, 1..6);
    let mark = select(&["", "", "", "\u{feff}"][..]);
    (mark, lines).prop_map(|(mark, lines)| format!("{mark}{}\n", lines.join("\n")))
}

fn paths() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(select(&PATHS[..]), 4..16)
}

fn lay(folder: &Path, paths: &BTreeSet<&str>, ignored: &str) {
    // Of a case before.
    if folder.exists() {
        fs::remove_dir_all(folder).expect("removed");
    }
    fs::create_dir(folder).expect("a folder");
    fs::write(folder.join("Dockerfile"), DOCKERFILE).expect("written");
    fs::write(folder.join(".dockerignore"), ignored).expect("written");
    symlink("a/x", folder.join("link")).expect("a link");
    for path in paths {
        let path = folder.join(path);
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            fs::create_dir_all(&path).expect("a folder");
        } else {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, path.as_os_str().as_encoded_bytes()).expect("written");
        }
    }
}

/// What the docker client's build has in its image; nothing where it refuses to build.
fn theirs(folder: &Path) -> Option<Files> {
    let built = Command::new("docker")
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--quiet", "--tag", THEIRS])
        .arg(folder)
        .output()
        .expect("the docker client runs");
    built.status.success().then(|| {
        let files = contents(THEIRS);
        docker(&["rmi", THEIRS]);
        files
    })
}

/// The same of perfgate's build.
async fn ours(folder: &Path) -> Option<Files> {
    let engine = Engine::connect().await.expect("an engine");
    let text = "allow_outside = true\nnetwork = \"published\"\n[server.app]\nbuild = \"FOLDER\"\n\
                [endpoint.home]\npath = \"/\"\n";
    let text = text.replace("FOLDER", &folder.display().to_string());
    let plan = config::parse(Path::new("perfgate.toml"), &text).expect("a plan");
    let owner = Owner::new_run();
    let stack = Stack::up(&plan, Some(engine.clone()), owner.clone(), &|_| ()).await;
    let files = stack.ok().map(|stack| contents(&stack.image_ids()["app"]));
    let removed = sweep::remove_run(Some(&engine), &owner).await;
    removed.expect("removed");
    files
}

fn contents(image: &str) -> Files {
    let container = docker(&["create", image, "none"]);
    let mut export = Command::new("docker")
        .args(["export", &container])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the docker client runs");
    let stdout = export.stdout.take().expect("standard output is piped");
    let mut archive = tar::Archive::new(stdout);
    let mut files = Files::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let Some(path) = path.strip_prefix(INSIDE).filter(|it| !it.is_empty()) else {
            continue;
        };
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let behind = entry.link_name().expect("readable").unwrap_or_default();
        let kind = entry.header().entry_type();
        let found = format!("{kind:?} {} {text}", behind.display());
        files.insert(path.trim_end_matches('/').to_owned(), found);
    }
    assert!(export.wait().expect("it ends").success());
    docker(&["rm", &container]);
    files
}

/// Docker's old builder does not look into a folder that is left out unless an exception names it
/// to the letter. Its new one does, and so does perfgate.
fn is_overlooked(path: &str, theirs: &Files, ours: &Files) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end);
    let mut folders = ends.chain([path.len()]).map(|end| &path[..end]);
    folders.any(|it| ours[it].starts_with("Directory") && !theirs.contains_key(it))
}

#[test]
#[ignore = "needs Docker"]
fn an_image_holds_the_files_that_docker_would_send() {
    let _engine = engine();
    let folder = TempDir::new().expect("a temporary folder");
    let tree = folder.path().join("perfgate-test-tree");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let built = Cell::new(0);
    let ran = runner.run(&(paths(), text()), |(paths, text)| {
        lay(&tree, &paths, &text);
        let (theirs, ours) = (theirs(&tree), runtime.block_on(ours(&tree)));
        prop_assert_eq!(theirs.is_some(), ours.is_some(), "one of them refuses");
        let (Some(theirs), Some(mut ours)) = (theirs, ours) else {
            return Ok(());
        };
        built.set(built.get() + 1);
        let is_wild = |line: &str| line.contains('!') && line.contains(['*', '?', '[', '\\']);
        if text.lines().any(is_wild) {
            let all = ours.clone();
            ours.retain(|path, _| theirs.contains_key(path) || !is_overlooked(path, &theirs, &all));
        }
        prop_assert_eq!(theirs, ours);
        Ok(())
    });
    let images = [
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "perfgate/perfgate-test-tree-*",
    ];
    let images = docker(&images);
    let images: Vec<_> = images.lines().collect();
    docker(&[&["rmi"][..], &images].concat());
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    let built = built.get();
    assert!(
        built > CASES / 2,
        "{built} of {CASES} folders could be built"
    );
}
