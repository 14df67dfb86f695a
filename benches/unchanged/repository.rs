//! Repositories with one commit, to be checked against itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::Failure;

/// Each kind with its endpoint, and what else its configuration needs.
pub(crate) const KINDS: [(&str, &str, &str); 10] = [
    ("failing", "path = \"/\"", ""),
    ("slow", "path = \"/\"", ""),
    ("redirecting", "path = \"/\"\nexpect = { status = 302 }", ""),
    ("gzip", "path = \"/\"\nexpect = { contains = \"fine\" }", ""),
    (
        "login",
        "path = \"/\"\nheaders = { Authorization = \"Bearer {login.token}\" }",
        "[login.user]\npath = \"/login\"\nmethod = \"POST\"\ncapture = { token = { json = \"/token\" } }",
    ),
    (
        "post",
        "path = \"/\"\nmethod = \"POST\"\nbody = '{\"number\": {counter}}'\nexpect = { status = 201 }",
        "",
    ),
    ("closing", "path = \"/\"", ""),
    ("big", "path = \"/\"", ""),
    ("streaming", "path = \"/\"", ""),
    ("http10", "path = \"/\"", ""),
];

/// A service of one kind.
pub(crate) fn of_service(kind: &str, endpoint: &str, rest: &str) -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("service.py"), include_str!("service.py"))?;
    let config = format!(
        "[server.app]\nrun = [\"python3\", \"service.py\", \"{kind}\", \"{{host}}\", \"{{port}}\"]\n\n\
         {rest}\n\n[endpoint.home]\n{endpoint}\n"
    );
    fs::write(folder.path().join("perfgate.toml"), config)?;
    git(folder.path(), &["init", "--quiet"])?;
    git(folder.path(), &["add", "."])?;
    let author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
    let commit = ["commit", "--quiet", "--message", kind];
    git(folder.path(), &[&author[..], &commit].concat())?;
    Ok(folder)
}

/// A clone of this repository: files that are not committed yet are no part of it.
pub(crate) fn of_fixture() -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    let source = env!("CARGO_MANIFEST_DIR");
    git(folder.path(), &["clone", "--quiet", source, "."])?;
    Ok(folder)
}

fn git(folder: &Path, words: &[&str]) -> Result<(), Failure> {
    let status = Command::new("git")
        .args(words)
        .current_dir(folder)
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("git {} failed", words.join(" ")).into())
}
