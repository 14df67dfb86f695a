//! git as it is, in repositories made for each test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Error, Git, Tree};

/// A folder in which repositories are made.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn git(&self, folder: &str, words: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path(folder))
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(["-c", "protocol.file.allow=always"])
            .args(words)
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// An empty repository.
    fn repository(&self, name: &str) -> Git {
        self.git(".", &["init", "--quiet", "--initial-branch=main", name]);
        Git::at(&self.path(name))
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// A commit of everything that is there, by its full name.
    fn commit(&self, repository: &str, message: &str) -> String {
        self.git(repository, &["add", "."]);
        let commit = ["commit", "--quiet", "--allow-empty", "--message", message];
        self.git(repository, &commit);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// A clone of the newest commit alone.
    fn shallow(&self, of: &str, name: &str) -> Git {
        self.git(".", &["clone", "--quiet", "--depth=1", &self.url(of), name]);
        Git::at(&self.path(name))
    }
}

fn read(tree: &Tree, name: &str) -> String {
    let path = tree.path().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder with its contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("read");
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[test]
fn a_tree_is_a_clone_and_the_repository_stays_as_it_is() {
    let repository = Repository::new();
    let git = repository.repository("shop");
    repository.write("shop/kept.txt", "first");
    repository.write("shop/secret.txt", "not for archives");
    repository.write("shop/.gitattributes", "secret.txt export-ignore\n");
    repository.commit("shop", "first");
    repository.git("shop", &["tag", "--annotate", "--message=v1", "v1"]);
    repository.write("shop/kept.txt", "second");
    let base = repository.commit("shop", "second");
    repository.write("shop/kept.txt", "third");
    repository.commit("shop", "third");
    repository.git("shop", &["tag", "later"]);
    repository.write("shop/kept.txt", "staged");
    repository.git("shop", &["add", "."]);
    repository.write("shop/.env", "untracked");
    let before = contents(&repository.path("shop"));
    let tree = Tree::at(&git, &base).expect("a tree");
    assert_eq!(read(&tree, "kept.txt"), "second");
    assert_eq!(read(&tree, "secret.txt"), "not for archives");
    assert!(!tree.path().join(".env").exists());
    assert!(tree.path().ends_with("shop") && tree.lacks.is_empty());
    let inside = Git::at(tree.path());
    let described = inside.ask(&["describe", "--dirty"]).expect("a tag");
    assert_eq!(described, format!("v1-1-g{}", &base[..7]));
    assert_eq!(inside.ask(&["tag"]).expect("tags"), "v1");
    assert!(tree.path().join(".git").is_dir());
    assert_eq!(
        inside
            .ask(&["rev-parse", "--show-toplevel"])
            .ok()
            .map(PathBuf::from),
        fs::canonicalize(tree.path()).ok()
    );
    let path = tree.path().to_owned();
    drop(tree);
    assert!(!path.exists());
    assert_eq!(contents(&repository.path("shop")), before);
}

#[test]
fn a_tree_of_a_linked_work_tree_and_of_a_folder_in_it() {
    let repository = Repository::new();
    repository.repository("shop");
    repository.write("shop/api/file", "text");
    let base = repository.commit("shop", "first");
    repository.git("shop", &["worktree", "add", "--quiet", "../linked"]);
    let git = Git::at(&repository.path("linked/api"));
    assert_eq!(git.prefix().expect("below its top"), "api/");
    let tree = Tree::at(&git, &base).expect("a tree");
    assert_eq!(read(&tree, "api/file"), "text");
    assert!(tree.path().ends_with("linked"));
}

#[test]
fn a_tree_of_a_commit_that_a_shallow_clone_has_fetched_alone() {
    let repository = Repository::new();
    repository.repository("remote");
    repository.write("remote/file", "first");
    let base = repository.commit("remote", "first");
    repository.write("remote/file", "second");
    repository.commit("remote", "second");
    let git = repository.shallow("remote", "clone");
    assert_eq!(git.commit(&base).expect("an answer"), None);
    assert!(git.fetch_commit(&base).expect("fetched"));
    assert!(git.is_shallow().expect("an answer"));
    let tree = Tree::at(&git, &base).expect("a tree");
    assert_eq!(read(&tree, "file"), "first");
    assert!(!git.folder().join(".git/FETCH_HEAD").exists());
}

#[test]
fn submodules_come_from_the_stores_of_the_repository() {
    let repository = Repository::new();
    repository.repository("inner");
    repository.write("inner/deep.txt", "deep");
    repository.commit("inner", "first");
    repository.repository("lib");
    repository.write("lib/lib.txt", "one");
    let inner = repository.url("inner");
    repository.git("lib", &["submodule", "--quiet", "add", &inner, "inner"]);
    repository.commit("lib", "first");
    let git = repository.repository("shop");
    let lib = repository.url("lib");
    repository.git(
        "shop",
        &[
            "submodule",
            "--quiet",
            "add",
            "--name",
            "the lib",
            &lib,
            "vendor/lib",
        ],
    );
    repository.git(
        "shop",
        &["submodule", "--quiet", "update", "--init", "--recursive"],
    );
    let base = repository.commit("shop", "with lib");
    repository.write("shop/vendor/lib/lib.txt", "two");
    repository.commit("shop/vendor/lib", "second");
    repository.commit("shop", "newer lib");
    // Nobody is asked: where they came from is gone.
    fs::remove_dir_all(repository.path("lib")).expect("removed");
    fs::remove_dir_all(repository.path("inner")).expect("removed");
    let tree = Tree::at(&git, &base).expect("a tree");
    assert!(tree.lacks.is_empty(), "{:?}", tree.lacks);
    assert_eq!(read(&tree, "vendor/lib/lib.txt"), "one");
    assert_eq!(read(&tree, "vendor/lib/inner/deep.txt"), "deep");
    let status = Git::at(tree.path()).ask(&["status", "--porcelain"]);
    assert_eq!(status.expect("an answer"), "");
}

#[test]
fn a_submodule_that_is_nowhere_is_named() {
    let repository = Repository::new();
    repository.repository("lib");
    repository.commit("lib", "first");
    let git = repository.repository("shop");
    let lib = repository.url("lib");
    repository.git("shop", &["submodule", "--quiet", "add", &lib, "lib"]);
    let base = repository.commit("shop", "with lib");
    for gone in ["lib", "shop/.git/modules", "shop/lib"] {
        fs::remove_dir_all(repository.path(gone)).expect("removed");
    }
    let tree = Tree::at(&git, &base).expect("a tree");
    let [lack] = tree.lacks.as_slice() else {
        panic!("{:?}", tree.lacks);
    };
    assert!(
        lack.starts_with("the submodule `lib` is missing: "),
        "{lack}"
    );
    assert!(lack.contains("fatal: "), "{lack}");
}

#[test]
fn a_shallow_clone_is_deepened_until_the_branches_meet() {
    let repository = Repository::new();
    repository.repository("remote");
    let base = repository.commit("remote", "where they part");
    repository.git("remote", &["checkout", "--quiet", "-b", "change"]);
    for number in 0..60 {
        repository.commit("remote", &format!("change {number}"));
    }
    repository.git("remote", &["checkout", "--quiet", "main"]);
    let tip = repository.commit("remote", "meanwhile");
    repository.git("remote", &["checkout", "--quiet", "change"]);
    let git = repository.shallow("remote", "clone");
    assert!(git.fetch_commit(&tip).expect("fetched"));
    assert_eq!(git.merge_base("HEAD", &tip).expect("an answer"), None);
    let head = git.head().expect("an answer").expect("a commit");
    let found = git.merge_base_deepened(&head, &tip).expect("fetched");
    assert_eq!(found, Some(base));
}

#[test]
fn a_whole_clone_stays_whole() {
    let repository = Repository::new();
    repository.repository("remote");
    repository.commit("remote", "first");
    repository.git(
        ".",
        &["clone", "--quiet", &repository.url("remote"), "clone"],
    );
    let next = repository.commit("remote", "second");
    let git = Git::at(&repository.path("clone"));
    assert!(git.fetch_commit(&next).expect("fetched"));
    assert!(!git.is_shallow().expect("an answer"));
}

#[test]
fn the_parents_of_a_shallow_commit_are_known() {
    let repository = Repository::new();
    repository.repository("remote");
    let main = repository.commit("remote", "first");
    repository.git("remote", &["checkout", "--quiet", "-b", "change"]);
    let change = repository.commit("remote", "second");
    repository.git("remote", &["checkout", "--quiet", "main"]);
    repository.git(
        "remote",
        &["merge", "--quiet", "--no-ff", "--message=merge", "change"],
    );
    let git = repository.shallow("remote", "clone");
    assert_eq!(git.parents("HEAD").expect("parents"), [main, change]);
}

#[test]
fn what_has_changed_is_named_but_for_new_files_and_the_store() {
    let repository = Repository::new();
    let git = repository.repository("shop");
    repository.write("shop/a file", "1");
    repository.write("shop/store/run.json", "1");
    repository.commit("shop", "first");
    repository.write("shop/new", "1");
    repository.write("shop/store/run.json", "2");
    let store = repository.path("shop/store");
    assert!(git.changed(Some(&store)).expect("an answer").is_empty());
    assert_eq!(git.changed(None).expect("an answer"), ["store/run.json"]);
    repository.write("shop/a file", "2");
    assert_eq!(git.changed(Some(&store)).expect("an answer"), ["a file"]);
    assert!(git.has_changes().expect("an answer"));
}

#[test]
fn no_repository_is_distinguished_from_a_git_that_refuses() {
    let repository = Repository::new();
    let nowhere = Git::at(&repository.path("."))
        .head()
        .expect_err("no repository");
    assert!(matches!(nowhere, Error::NoRepository { .. }), "{nowhere}");
    assert!(!nowhere.is_refusal());
    let git = repository.repository("shop");
    assert_eq!(git.head().expect("an answer"), None);
    repository.commit("shop", "first");
    let call = git.call(&["rev-parse", "HEAD"]);
    let refused = call.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1").text();
    let refused = refused.expect_err("another owner");
    let said = refused.to_string();
    assert!(
        said.starts_with("cannot do `git rev-parse HEAD` (exit code 128): fatal: detected dubious"),
        "{said}"
    );
    assert!(refused.is_refusal());
    let hint = refused.hint().expect("a remedy");
    assert!(
        hint.starts_with("`git config --global --add safe.directory /"),
        "{hint}"
    );
}

#[test]
fn a_repository_that_git_cannot_read_is_no_missing_one() {
    let repository = Repository::new();
    let git = repository.repository("shop");
    repository.commit("shop", "first");
    let dot_git = repository.path("shop/.git");
    let refuses = |what: &str, expected: &str| {
        let refused = git.head().expect_err(what);
        assert!(refused.is_refusal(), "{what}: {refused}");
        assert!(refused.to_string().contains(expected), "{what}: {refused}");
        assert!(refused.hint().is_some(), "{what}");
    };
    let head = fs::read(dot_git.join("HEAD")).expect("a branch");
    fs::write(dot_git.join("HEAD"), "junk").expect("written");
    refuses("junk in HEAD", "fatal: not a git repository");
    fs::write(dot_git.join("HEAD"), head).expect("written");
    fs::rename(dot_git.join("objects"), repository.path("objects")).expect("moved");
    fs::create_dir(dot_git.join("objects")).expect("made");
    refuses("no objects", "HEAD");
    fs::remove_dir_all(&dot_git).expect("removed");
    fs::write(&dot_git, "gitdir: /nowhere\n").expect("written");
    refuses("a link to nowhere", "fatal: not a git repository: /nowhere");
}

#[test]
fn a_lock_is_said_with_its_remedy() {
    let repository = Repository::new();
    let git = repository.repository("shop");
    repository.commit("shop", "first");
    repository.write("shop/.git/index.lock", "");
    let refused = git.ask(&["add", "."]).expect_err("locked");
    assert!(
        refused.to_string().contains("index.lock': File exists"),
        "{refused}"
    );
    assert!(
        refused
            .hint()
            .expect("a remedy")
            .contains("remove the lock file")
    );
    // A look takes no lock.
    assert!(!git.has_changes().expect("an answer"));
}

#[test]
fn nobody_is_asked_for_a_password_and_no_hook_runs() {
    let repository = Repository::new();
    let git = repository.repository("shop");
    repository.commit("shop", "first");
    let asked = repository.path("asked");
    let script = format!("#!/bin/sh\necho asked >> '{}'\n", asked.display());
    for name in ["askpass", "shop/.git/hooks/post-checkout"] {
        use std::os::unix::fs::PermissionsExt;
        repository.write(name, &script);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(repository.path(name), executable).expect("executable");
    }
    let askpass = repository.path("askpass").display().to_string();
    git.ask(&["config", "core.askPass", &askpass]).expect("set");
    let credentials = git.call(&["credential", "fill"]);
    let filled = credentials
        .env("SSH_ASKPASS", &askpass)
        .input("protocol=https\nhost=example.org\n\n")
        .text();
    let refused = filled.expect_err("nobody answers");
    assert!(
        refused.to_string().contains("terminal prompts disabled"),
        "{refused}"
    );
    git.ask(&["checkout", "--quiet", "-b", "other"])
        .expect("checked out");
    assert!(!asked.exists());
}
