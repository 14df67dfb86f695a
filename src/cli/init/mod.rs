//! `perfgate init`: a configuration and workflows to start from, for what the repository holds.

mod endpoints;
mod repository;
mod requests;
mod rust;
mod syntax;
mod template;
mod trial;
mod workflows;

use std::path::Path;

use repository::Repository;
use workflows::{Plan, Workflows};

use super::warn;
use crate::error::Error;
use crate::git::{self, Git};
use crate::model::exit_code::PASSED;
use crate::{config, document};

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
    let workflows = Workflows::of(here);
    let repository = Repository::look_at(here, args.cargo).called(workflows.server_name());
    println!("found {}", repository.describe());
    let endpoints = endpoints::origin(repository.requests.as_ref(), repository.health());
    println!("endpoints: {endpoints}");
    for note in &repository.notes {
        println!("note: {note}");
    }
    let configuration = Path::new(config::FILE_NAME);
    let text = template::configuration(&repository);
    if args.force {
        document::write(configuration, &text)?;
        wrote(configuration);
    } else if configuration.exists() {
        let shown = configuration.display();
        println!("kept  {shown}, which is there already; --force overwrites it");
    } else {
        document::write_new(configuration, &text)?;
        wrote(configuration);
    }
    if !args.no_workflows {
        write(&workflows, args.force)?;
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

fn write(workflows: &Workflows, by_force: bool) -> Result<(), Error> {
    for (path, plan) in workflows.files(by_force) {
        let shown = path.display();
        match plan {
            Plan::Keep(why) => {
                let why = why.unwrap_or_else(|| "--force overwrites it".into());
                println!("kept  {shown}, which is there already; {why}");
            }
            Plan::Add(text) => {
                document::write(&path, &text)?;
                println!("added jobs to {shown}");
            }
            Plan::Write(text) => {
                document::write(&path, &text)?;
                wrote(&path);
            }
        }
    }
    Ok(())
}

fn wrote(path: &Path) {
    println!("wrote {}", path.display());
}
