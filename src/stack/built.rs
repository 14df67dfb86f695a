//! The program that a server of this host runs, where it was built: one that is the same on both
//! sides of a comparison shows no change.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::Error;
use super::cargo_env::shared_folders;
use super::process::located;
use super::substitutions::with_environment;
use crate::model::{Plan, Source, Target};

/// What cargo leaves in every target directory.
const CARGOS: &str = ".rustc_info.json";

/// A program that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Without links.
    pub path: PathBuf,
    /// Of its bytes; `None` if it is not known to be the whole program. An interpreter says nothing
    /// of what it runs.
    pub digest: Option<String>,
}

/// The program of a server of this host that was built by cargo, or by whatever wrote it `since`;
/// `program` is where it lies, if perfgate has built it.
pub(super) fn built(target: &Target, program: Option<&Path>, since: SystemTime) -> Option<Built> {
    let path = match program {
        Some(program) => program.canonicalize().ok()?,
        None => named(target)?,
    };
    let is_cargos = path.ancestors().any(|it| it.join(CARGOS).is_file());
    let is_new = || {
        fs::metadata(&path)
            .and_then(|it| it.modified())
            .is_ok_and(|it| it >= since)
    };
    if !is_cargos && !is_new() {
        return None;
    }
    let digest = if is_cargos { digest(&path).ok() } else { None };
    Some(Built { path, digest })
}

/// Refuses programs in a folder that cargo builds all trees into, where it is called to build them: each
/// tree gets a folder of its own, so that what lies in the shared one is of an earlier build.
pub(super) fn check_programs(plan: &Plan) -> Result<(), Error> {
    if !plan.prepares_by_cargo() {
        return Ok(());
    }
    for target in &plan.targets {
        let Source::Run(words) = &target.source else {
            continue;
        };
        let program = words.first().and_then(|it| path(it, target));
        let shared = shared_folders(&target.root);
        let within = |program: &PathBuf| shared.iter().find(|it| program.starts_with(it));
        if let Some((program, folder)) = program.and_then(|it| {
            let folder = within(&it)?.clone();
            Some((it, folder))
        }) {
            return Err(Error::SharedProgram {
                server: target.name.clone(),
                program,
                folder,
            });
        }
    }
    Ok(())
}

/// Where the program of a server of this host lies, named by its path and not looked for.
fn named(target: &Target) -> Option<PathBuf> {
    let Source::Run(words) = &target.source else {
        return None;
    };
    path(words.first()?, target)?.canonicalize().ok()
}

/// The path of a program that is named by one.
fn path(program: &str, target: &Target) -> Option<PathBuf> {
    let program = with_environment(program);
    let is_path = program.contains('/');
    is_path.then(|| located(&program, &target.root).ok())?
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    let hash = hash.finalize();
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}
