//! What `perfgate init` proposes: a configuration for what a repository holds, and workflows for GitHub.
//!
//! [`propose`] reads; it writes no file.

mod action;
mod alembic;
mod commands;
mod dependencies;
mod endpoints;
mod environment;
mod frameworks;
mod go;
mod hosts;
mod login;
mod node;
mod ports;
mod python;
mod repository;
mod requests;
mod revised;
mod rust;
mod rust_config;
mod rust_env;
mod services;
mod settings;
mod syntax;
mod template;
mod variables;
mod workflows;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use action::Action;
use frameworks::Framework;
use repository::Repository;
use workflows::Workflows;

use crate::git::Git;

pub use revised::{commented_out, moved, path_of};
pub use workflows::Plan;

/// What to write, and what to say of it.
#[derive(Debug)]
pub struct Proposal {
    /// What was found: `Django, Postgres`.
    pub found: String,
    /// Where the endpoints come from.
    pub endpoints: String,
    /// What the reader must complete or know.
    pub notes: Vec<String>,
    /// Text of perfgate.toml.
    pub configuration: String,
    /// Path and fate of each workflow.
    pub workflows: Vec<(PathBuf, Plan)>,
    /// Whether the workflows name a place for the action instead of one: this program is of no release.
    pub names_no_release: bool,
}

/// A proposal for the service in a folder. `by_cargo` takes the program that cargo builds also where there
/// is a Dockerfile or a compose file; `by_force` writes workflows anew where there are some; `shards` are the jobs
/// that measure a part each.
pub fn propose(here: &Path, by_cargo: bool, by_force: bool, shards: NonZeroUsize) -> Proposal {
    let workflows = Workflows::from_folder(here);
    let action = Action::of_release(here);
    let repository = Repository::look_at(here, by_cargo).called(workflows.server_name());
    let workflows = match &repository.framework {
        Framework::Rust(_) if repository.server().is_none() => {
            workflows.by_cargo(&repository.folder)
        }
        _ => workflows,
    };
    Proposal {
        found: repository.describe(),
        endpoints: endpoints::origin(
            repository.requests.as_ref(),
            repository.health(),
            repository.login.as_ref(),
        ),
        configuration: template::configuration(&repository),
        workflows: workflows.files(by_force, shards, action.as_ref()),
        notes: repository.notes,
        names_no_release: action.is_none(),
    }
}

/// What git answers, where it does.
fn ask(here: &Path, words: &[&str]) -> Option<String> {
    Git::at(here).look(words).ok().flatten()
}
