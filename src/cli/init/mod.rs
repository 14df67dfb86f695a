//! `perfgate init`: a configuration and workflows to start from, for what the repository holds.

mod trial;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::warn;
use crate::error::Error;
use crate::git::{self, Git};
use crate::init::{self, Plan};
use crate::model::exit_code::PASSED;
use crate::{config, document};

/// Write a perfgate.toml for the repository in this folder, and workflows for GitHub.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Overwrite existing files.
    #[arg(long)]
    force: bool,
    /// Measure the program built by cargo, even if there is a Dockerfile or a compose file [default with
    /// `cargo perfgate init`].
    #[arg(long)]
    cargo: bool,
    /// Number of parallel measuring jobs; with more than one, a further job merges and judges them.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        conflicts_with = "no_workflows"
    )]
    shards: NonZeroUsize,
    /// Write only perfgate.toml.
    #[arg(long)]
    no_workflows: bool,
    #[command(flatten)]
    trial: trial::Options,
}

pub(super) async fn run(args: &Args) -> Result<u8, Error> {
    let here = Path::new(".");
    let proposal = init::propose(here, args.cargo, args.force, args.shards);
    println!("found {}", proposal.found);
    println!("endpoints: {}", proposal.endpoints);
    for note in &proposal.notes {
        println!("note: {note}");
    }
    let configuration = Path::new(config::FILE_NAME);
    if args.force {
        document::write(configuration, &proposal.configuration)?;
        wrote(configuration);
    } else if configuration.exists() {
        let shown = configuration.display();
        println!("kept  {shown}, which is there already; --force overwrites it");
    } else {
        document::write_new(configuration, &proposal.configuration)?;
        wrote(configuration);
    }
    if !args.no_workflows {
        write(&proposal.workflows)?;
        if proposal.names_no_release {
            println!(
                "      and put the repository of your copy of perfgate where they say org/perfgate: this program \
                 was built from source"
            );
        }
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
        // What nobody has changed yet may still be put right.
        let text = fs::read_to_string(configuration).unwrap_or_default();
        let proposed = (text == proposal.configuration).then_some(text);
        return trial::run(&args.trial, proposed).await;
    }
    Ok(PASSED)
}

fn write(workflows: &[(PathBuf, Plan)]) -> Result<(), Error> {
    for (path, plan) in workflows {
        let shown = path.display();
        match plan {
            Plan::Keep(why) => {
                let why = why.as_deref().unwrap_or("--force overwrites it");
                println!("kept  {shown}, which is there already; {why}");
            }
            Plan::Add(text) => {
                document::write(path, text)?;
                println!("added jobs to {shown}");
            }
            // One that was created meanwhile is not overwritten.
            Plan::Create(text) => {
                document::write_new(path, text)?;
                wrote(path);
            }
            Plan::Overwrite(text) => {
                document::write(path, text)?;
                wrote(path);
            }
        }
    }
    Ok(())
}

fn wrote(path: &Path) {
    println!("wrote {}", path.display());
}
