//! Programs that cargo builds for servers of this host: built where the plan lies, found by what cargo
//! says of them.

use std::path::{Path, PathBuf};

use cargo_metadata::{Message, TargetKind};

use super::cargo_env::output_of_build;
use super::process::{self, Recipe};
use super::substitutions::with_environment;
use super::{Error, Observer, Owner, Stage};
use crate::model::{CargoBuild, Plan, Target};

/// Where programs lie, by the folder that they are built in and how.
#[derive(Debug, Default)]
pub struct Programs(Vec<(PathBuf, CargoBuild, PathBuf)>);

impl Programs {
    /// Builds those of a plan, each once, one after the other.
    pub(super) async fn build(
        plan: &Plan,
        owner: &Owner,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let mut programs = Self::default();
        for target in &plan.targets {
            let Some(build) = &target.cargo else {
                continue;
            };
            if programs.path(target).is_some() {
                continue;
            }
            let (folder, said) = (build.folder(&target.root), build.in_folder());
            let command: Vec<_> = [&["cargo".to_owned()][..], &said.arguments()].concat();
            observe(Stage::Prepare(&command.join(" ")));
            let env = filled(&build.env);
            let recipe = Recipe {
                name: &target.name,
                command: &command,
                env: &env,
                folder: &folder,
                cpus: &[],
                owner,
            };
            process::run_to_end(&recipe, plan.deadlines.prepare, observe).await?;
            let program = found(&said, &folder).map_err(|reason| Error::NoProgram {
                name: target.name.clone(),
                reason,
            })?;
            programs
                .0
                .push((target.root.clone(), build.clone(), program));
        }
        Ok(programs)
    }

    /// Where the program of a server lies; `None` if cargo does not build it.
    pub(super) fn path(&self, target: &Target) -> Option<&Path> {
        let wanted = target.cargo.as_ref()?;
        let mut all = self.0.iter();
        let found = all.find(|(folder, build, _)| *folder == target.root && build == wanted);
        found.map(|(_, _, program)| program.as_path())
    }

    /// Adds those of another tree.
    pub fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Variables of a build, with the values of `{env.NAME}`.
fn filled(env: &[(String, String)]) -> Vec<(String, String)> {
    let filled = |(name, value): &(String, String)| (name.clone(), with_environment(value));
    env.iter().map(filled).collect()
}

/// What a build that is done already says of its program.
fn found(build: &CargoBuild, folder: &Path) -> Result<PathBuf, String> {
    let mut words = build.arguments();
    words.push("--message-format=json".into());
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let text = output_of_build(folder, &words, &filled(&build.env))
        .ok_or("cargo does not repeat what it built")?;
    let mut programs: Vec<(String, PathBuf)> = Vec::new();
    for message in Message::parse_stream(text.as_bytes()) {
        let Ok(Message::CompilerArtifact(artifact)) = message else {
            continue;
        };
        let Some(path) = artifact
            .executable
            .filter(|_| artifact.target.kind == [TargetKind::Bin])
        else {
            continue;
        };
        programs.push((artifact.target.name, path.into_std_path_buf()));
    }
    match programs.as_slice() {
        [(_, path)] => Ok(path.clone()),
        [] => Err("the package has no binary".into()),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(format!("there are several: {}", names.join(", ")))
        }
    }
}
