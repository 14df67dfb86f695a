//! The branch against real repositories: a bare one as the remote, clones of it as users.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{KEEP, baseline, pin};
use crate::baseline::{Branch, Error};
use crate::model::{Baseline, Outcome};

pub(super) const BRANCH: &str = "perf/baselines";

/// A bare repository with one commit on `main`, and a folder for clones of it.
pub(super) struct Remote {
    folder: TempDir,
}

impl Remote {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let remote = Self { folder };
        remote.git(
            ".",
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "remote.git",
            ],
        );
        let first = remote.clone_as("first");
        fs::write(first.join("file"), "text").expect("written");
        remote.git("first", &["add", "."]);
        remote.git("first", &["commit", "--quiet", "--message=first"]);
        remote.git("first", &["push", "--quiet", "origin", "HEAD:main"]);
        remote
    }

    pub(super) fn git(&self, folder: &str, words: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.folder.path().join(folder))
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(words)
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(super) fn clone_as(&self, name: &str) -> PathBuf {
        self.git(".", &["clone", "--quiet", "remote.git", name]);
        self.folder.path().join(name)
    }

    pub(super) fn branch(&self, clone: &str) -> Branch {
        Branch::new(&self.folder.path().join(clone), "origin", BRANCH)
    }

    pub(super) fn commits(&self) -> usize {
        let count = self.git("remote.git", &["rev-list", "--count", BRANCH]);
        count.parse().expect("a number")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The paths of the branch but for badges.
    pub(super) fn files(&self) -> Vec<String> {
        let listed = self.git("remote.git", &["ls-tree", "-r", "--name-only", BRANCH]);
        let documents = listed.lines().filter(|it| !it.ends_with("/badge.json"));
        documents.map(str::to_owned).collect()
    }

    /// Checks a branch of the remote out in the first clone.
    pub(super) fn check_out(&self, branch: &str) {
        self.git("first", &["fetch", "--quiet", "origin", branch]);
        self.git("first", &["checkout", "--quiet", "FETCH_HEAD"]);
    }

    /// Commits what is checked out in the first clone, onto the branch.
    pub(super) fn commit(&self) {
        self.git("first", &["add", "."]);
        self.git("first", &["commit", "--quiet", "--message=by hand"]);
        let to = format!("HEAD:refs/heads/{BRANCH}");
        self.git("first", &["push", "--quiet", "origin", &to]);
    }

    pub(super) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join("remote.git/hooks").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    }
}

/// Every file of a clone with its contents.
fn contents(clone: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![clone.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read(&path).expect("read");
                found.insert(path, text);
            }
        }
    }
    found
}

#[test]
fn what_is_added_is_found_by_every_clone_and_nothing_else_changes() {
    let remote = Remote::new();
    let clone = remote.clone_as("clone");
    fs::write(clone.join("file"), "changed").expect("written");
    fs::write(clone.join("staged"), "new").expect("written");
    remote.git("clone", &["add", "staged"]);
    let before = contents(&clone);
    let branch = remote.branch("clone");
    assert!(branch.all().expect("no branch yet").baselines.is_empty());
    let cells = [baseline("app", "home", 20), baseline("app", "movies", 20)];
    branch.add(&cells, KEEP).expect("added");
    branch
        .add(&[baseline("app", "home", 10)], KEEP)
        .expect("added");
    let after = contents(&clone);
    let changed = after
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(text));
    let changed: Vec<_> = changed.map(|(path, _)| path).collect();
    assert!(
        changed.is_empty() && after.len() == before.len(),
        "{changed:?}"
    );
    assert_eq!(remote.commits(), 2);
    remote.clone_as("other");
    let found = remote.branch("other").all().expect("read");
    let times: Vec<_> = found
        .baselines
        .iter()
        .map(|it| it.time.as_second())
        .collect();
    assert_eq!(times, [10, 20, 20]);
    assert!(found.damaged.is_empty());
}

#[test]
fn the_badge_of_a_server_says_what_its_newest_refresh_found() {
    let remote = Remote::new();
    remote.clone_as("clone");
    let branch = remote.branch("clone");
    let cell = |server: &str, endpoint: &str, verdict| Baseline {
        verdict,
        ..baseline(server, endpoint, 10)
    };
    let badge = |server: &str| {
        let path = format!("{BRANCH}:{server}/badge.json");
        let text = remote.git("remote.git", &["show", &path]);
        let badge: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(badge["schemaVersion"], 1);
        assert_eq!(badge["label"], format!("perfgate {server}"));
        let [message, color] = ["message", "color"].map(|key| badge[key].as_str().expect("text"));
        format!("{message} ({color})")
    };
    let first = [
        cell("app", "home", Outcome::Pass),
        cell("app", "movies", Outcome::Regression),
        cell("api", "home", Outcome::NoBaseline),
    ];
    branch.add(&first, KEEP).expect("added");
    assert_eq!(badge("app"), "regressed, 1 of 2 endpoints (red)");
    assert_eq!(
        badge("api"),
        "nothing to compare with, 1 endpoint (lightgrey)"
    );
    // Those of others stay, also when runs are packed.
    for _ in 0..17 {
        branch
            .add(&[cell("app", "home", Outcome::Pass)], KEEP)
            .expect("added");
    }
    assert_eq!(badge("app"), "passed, 1 endpoint (brightgreen)");
    assert_eq!(
        badge("api"),
        "nothing to compare with, 1 endpoint (lightgrey)"
    );
    let found = branch.all().expect("read");
    assert_eq!((found.baselines.len(), found.damaged.len()), (20, 0));
}

#[test]
fn twenty_writers_at_once_lose_nothing() {
    let remote = Remote::new();
    let clones: Vec<_> = (0..10).map(|it| format!("clone{it}")).collect();
    for clone in &clones {
        remote.clone_as(clone);
    }
    std::thread::scope(|scope| {
        // Two writers in every clone.
        for (writer, clone) in clones.iter().chain(&clones).enumerate() {
            let branch = remote.branch(clone);
            let second = i64::try_from(writer).expect("small");
            scope.spawn(move || {
                branch
                    .add(&[baseline("app", "home", second)], KEEP)
                    .expect("added");
            });
        }
    });
    assert_eq!(remote.commits(), 20);
    let found = remote.branch("first").all().expect("read").baselines;
    let times: Vec<_> = found.iter().map(|it| it.time.as_second()).collect();
    assert_eq!(times, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_damaged_document_is_reported_and_left_out() {
    let remote = Remote::new();
    remote.clone_as("clone");
    let branch = remote.branch("clone");
    branch
        .add(&[baseline("app", "home", 1)], KEEP)
        .expect("added");
    remote.check_out(BRANCH);
    let folder = remote.folder.path().join("first/app/home");
    fs::write(folder.join("0.json"), "{\"schema\": 1, ").expect("written");
    fs::write(folder.join("1.json"), "{\"schema\": 99}").expect("written");
    fs::write(folder.join("2.json"), vec![b' '; 5 << 20]).expect("written");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("3.json")).expect("linked");
    fs::write(folder.join("README"), "no document").expect("written");
    remote.commit();
    let found = remote.branch("clone").all().expect("read");
    assert_eq!(found.baselines.len(), 1);
    let messages: Vec<_> = found.damaged.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(
        messages[0].contains("perf/baselines:app/home/0.json"),
        "{messages:?}"
    );
    branch
        .add(&[baseline("app", "home", 2)], KEEP)
        .expect("still added to");
    assert_eq!(branch.all().expect("read").baselines.len(), 2);
}

#[test]
fn pruning_keeps_the_newest_and_what_it_does_not_know() {
    let remote = Remote::new();
    remote.clone_as("clone");
    let branch = remote.branch("clone");
    for second in 1..=4 {
        let cells = [
            baseline("app", "home", second),
            baseline("app", "movies", second),
        ];
        branch.add(&cells, KEEP).expect("added");
    }
    assert_eq!(branch.prune(3, &|_| true).expect("pruned"), 2);
    assert_eq!(remote.commits(), 1);
    let found = branch.all().expect("read").baselines;
    let times: Vec<_> = found.iter().map(|it| it.time.as_second()).collect();
    assert_eq!(times, [2, 3, 4, 2, 3, 4]);
    assert_eq!(
        branch.prune(3, &|_| true).expect("nothing left to prune"),
        0
    );
    branch
        .add(&[baseline("app", "home", 5)], KEEP)
        .expect("added");
    assert_eq!(remote.commits(), 2);
}

#[test]
fn a_remote_that_does_not_want_it_is_not_asked_again() {
    let remote = Remote::new();
    remote.clone_as("clone");
    remote.hook("pre-receive", "echo asked >> asked; exit 1");
    let error = remote
        .branch("clone")
        .add(&[baseline("app", "home", 1)], KEEP);
    let error = error.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(
        error.to_string().contains("pre-receive hook declined"),
        "{error}"
    );
    let asked = fs::read_to_string(remote.folder.path().join("remote.git/asked"));
    assert_eq!(asked.expect("asked once"), "asked\n");
}

#[test]
fn a_remote_that_is_not_there_is_an_error_without_its_password() {
    let remote = Remote::new();
    let clone = remote.clone_as("clone");
    let url = "http://user:secret@127.0.0.1:9/a.git";
    let error = Branch::new(&clone, url, BRANCH)
        .all()
        .expect_err("no remote");
    let said = error.to_string();
    assert!(
        said.contains("git fetch") && said.contains("127.0.0.1"),
        "{said}"
    );
    assert!(
        !said.contains("secret") && !said.contains("user:"),
        "{said}"
    );
}

#[test]
fn pins_lie_beside_the_runs_and_outlive_pruning_with_theirs() {
    let remote = Remote::new();
    remote.clone_as("clone");
    let branch = remote.branch("clone");
    for second in 1..=4 {
        branch
            .add(&[baseline("app", "home", second)], KEEP)
            .expect("added");
    }
    branch.add_pin(&pin(5, Some(1))).expect("pinned");
    branch.add_pin(&pin(6, Some(2))).expect("pinned again");
    assert_eq!(branch.prune(1, &|_| true).expect("pruned"), 1);
    let found = branch.all().expect("read");
    let times: Vec<_> = found
        .baselines
        .iter()
        .map(|it| it.time.as_second())
        .collect();
    assert_eq!(times, [1, 2, 4]);
    assert_eq!(found.pin, Some(pin(6, Some(2))));
    assert!(found.damaged.is_empty());
    let files = remote.files().into_iter();
    assert_eq!(files.filter(|it| it.starts_with("pins/")).count(), 2);
    branch.add_pin(&pin(7, None)).expect("given up");
    assert_eq!(branch.all().expect("read").pin, None);
}

#[test]
fn a_push_that_dies_on_the_way_leaves_the_branch_readable() {
    for hook in ["pre-receive", "post-receive"] {
        let remote = Remote::new();
        remote.clone_as("clone");
        let branch = remote.branch("clone");
        branch
            .add(&[baseline("app", "home", 1)], KEEP)
            .expect("added");
        // The other side ends in the middle, before or after it has taken the commit.
        remote.hook(hook, "kill -KILL $PPID");
        let error = branch.add(&[baseline("app", "home", 2)], KEEP);
        let error = error.expect_err("the answer is lost").to_string();
        assert!(error.contains(BRANCH), "{hook}: {error}");
        let found = branch.all().expect("readable");
        assert!(found.damaged.is_empty(), "{hook}: {:?}", found.damaged);
        let taken = found.baselines.len();
        assert!((1..=2).contains(&taken), "{hook}: {taken}");
        fs::remove_file(remote.folder.path().join("remote.git/hooks").join(hook)).expect("removed");
        branch
            .add(&[baseline("app", "home", 3)], KEEP)
            .expect("added");
        let found = remote.branch("first").all().expect("readable");
        assert_eq!(found.baselines.len(), taken + 1, "{hook}");
    }
}
