//! `perfgate init`: a configuration and workflows to start from, for what the repository holds.

mod endpoints;
mod repository;
mod requests;
mod rust;
mod syntax;
mod template;
mod trial;

use std::path::{Path, PathBuf};

use repository::Repository;

use super::warn;
use crate::error::Error;
use crate::git::{self, Git};
use crate::model::exit_code::PASSED;
use crate::{config, document};

const WORKFLOW: &str = include_str!("perfgate.yml");
const REPORT: &str = include_str!("perfgate-report.yml");
/// The default branch where git does not tell.
const BRANCH: &str = "main";
/// The line of a workflow that others are put after.
const STORE: &str = "          baseline-store: git:perfgate-baselines\n";

/// Write a perfgate.toml for the repository in this folder, and workflows for GitHub.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Overwrite existing files.
    #[arg(long)]
    force: bool,
    /// Measure the program that cargo builds, also where there is a Dockerfile or a compose file
    /// [default with `cargo perfgate init`].
    #[arg(long)]
    cargo: bool,
    /// Write only perfgate.toml.
    #[arg(long)]
    no_workflows: bool,
    #[command(flatten)]
    trial: trial::Options,
}

pub(super) async fn run(args: &Args) -> Result<u8, Error> {
    let here = Path::new(".");
    let repository = Repository::look_at(here, args.cargo);
    println!("found {}", repository.describe());
    let endpoints = endpoints::origin(repository.requests.as_ref(), repository.health());
    println!("endpoints: {endpoints}");
    for note in &repository.notes {
        println!("note: {note}");
    }
    let mut files = vec![(
        PathBuf::from(config::FILE_NAME),
        template::configuration(&repository),
    )];
    if !args.no_workflows {
        files.extend(workflows(here));
    }
    for (path, text) in files {
        let shown = path.display();
        if args.force {
            document::write(&path, &text)?;
        } else if path.exists() {
            println!("kept  {shown}, which is there already; --force overwrites it");
            continue;
        } else {
            document::write_new(&path, &text)?;
        }
        println!("wrote {shown}");
    }
    if !args.trial.check {
        println!(
            "next: `perfgate init --check` tries every endpoint, `perfgate check --dry-run` shows what \
             will be measured, `perfgate check` measures"
        );
    }
    let ignored = Git::at(here).look(&["check-ignore", "--quiet", ".perfgate/"]);
    match ignored {
        Ok(None) => println!("      and put .perfgate/ into .gitignore: runs are kept there"),
        // What was written goes by the usual names, then.
        Err(error) if git::Error::is_refusal(&error) => warn(&error.into()),
        Ok(Some(_)) | Err(_) => {}
    }
    if args.trial.check {
        return trial::run(&args.trial).await;
    }
    Ok(PASSED)
}

/// What git answers, where it does.
fn ask(here: &Path, words: &[&str]) -> Option<String> {
    Git::at(here).look(words).ok().flatten()
}

/// The workflows, at the top of the repository.
fn workflows(here: &Path) -> [(PathBuf, String); 2] {
    let ask = |words: &[&str]| ask(here, words);
    let up = ask(&["rev-parse", "--show-cdup"]).unwrap_or_default();
    let prefix = ask(&["rev-parse", "--show-prefix"]).unwrap_or_default();
    let folder = Path::new(&up).join(".github/workflows");
    let fill = |text: &str| {
        let branch = text.replace("DEFAULT_BRANCH", &yaml(&default_branch(here)));
        match prefix.trim_end_matches('/') {
            "" => branch,
            prefix => {
                let below = format!("          working-directory: {}\n{STORE}", yaml(prefix));
                branch.replace(STORE, &below)
            }
        }
    };
    [("perfgate.yml", WORKFLOW), ("perfgate-report.yml", REPORT)]
        .map(|(name, text)| (folder.join(name), fill(text)))
}

/// The branch that pull requests go to.
fn default_branch(here: &Path) -> String {
    let ask = |words: &[&str]| ask(here, words);
    let remote = ask(&["symbolic-ref", "--short", "refs/remotes/origin/HEAD"]);
    let remote = remote.and_then(|name| name.split_once('/').map(|(_, it)| it.to_owned()));
    let is_there = |name: &&str| {
        let full = format!("refs/heads/{name}");
        ask(&["show-ref", "--verify", &full]).is_some()
    };
    let usual = || ["main", "master"].into_iter().find(is_there);
    remote
        .or_else(|| usual().map(str::to_owned))
        .or_else(|| ask(&["symbolic-ref", "--short", "HEAD"]))
        .unwrap_or_else(|| BRANCH.into())
}

/// A text as a scalar of YAML, which a string of JSON is.
fn yaml(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if text.starts_with(char::is_alphabetic) && text.chars().all(plain) {
        text.to_owned()
    } else {
        serde_json::Value::String(text.to_owned()).to_string()
    }
}
