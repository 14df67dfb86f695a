//! Servers as another commit has them.

use std::path::Path;
use std::sync::Arc;

use super::comparisons::{Comparisons, FilesOfBase, short};
use crate::error::Error;
use crate::git::{self, Git, Tree};
use crate::model::{Plan, Side, chain};
use crate::{bounded, config, stack};

/// Bytes of a configuration.
const LARGEST_FILE: u64 = 1 << 20;

/// The servers as a commit has them: its folders, commands, environment and settings. Requests and
/// thresholds are those of the head. A commit that cannot be read is no base.
pub(super) fn of_commit(plan: &Plan, commit: &str) -> Comparisons {
    from_tree(plan, commit).unwrap_or_else(|why| {
        let why = format!("the base (commit {}) cannot be read: {why}", short(commit));
        Comparisons::none(plan, &why)
    })
}

fn from_tree(plan: &Plan, commit: &str) -> Result<Comparisons, String> {
    let said = |error: git::Error| why_with_hint(&error, error.hint());
    let git = Git::at(&plan.root);
    let is_kept = plan.targets.iter().any(|it| it.cargo.is_some()) || plan.prepares_by_cargo();
    let tree = if is_kept {
        Tree::reusable(&git, commit, Side::Base)
    } else {
        Tree::at(&git, commit)
    }
    .map_err(said)?;
    let name = plan.file.file_name().unwrap_or_default();
    let file = tree.path().join(git.prefix().map_err(said)?).join(name);
    let is_there = file.exists();
    let before = if is_there {
        config::load_base(&file, &plan.root)
    } else if file.parent().is_some_and(Path::exists) {
        // The change that brings the gate is measured by it.
        let own = bounded::read_text(&plan.file, LARGEST_FILE).map_err(|error| chain(&error))?;
        config::parse_base(&file, &own, &plan.root)
    } else {
        let why = format!("commit {} has no {}", short(commit), name.display());
        return Ok(Comparisons::none(plan, &why));
    };
    let before = before.map_err(|error| chain(&error))?;
    let mut comparisons = Comparisons::with_commit(plan, &before, commit);
    if !is_there && !comparisons.all.is_empty() {
        comparisons.notes.push(format!(
            "commit {} has no {name}: its servers are brought up as the {name} of the change says",
            short(commit),
            name = name.display()
        ));
    }
    // A build that finds nothing takes longer, and no more.
    for workspace in stack::workspaces(&before) {
        let _kept = tree.keep_target(&workspace);
    }
    comparisons.files = files_of_base(&git, commit).unwrap_or_default();
    if !comparisons.all.is_empty() {
        let lacks = tree.lacks.iter();
        let note = |lack| format!("of the base (commit {}), {lack}", short(commit));
        comparisons.notes.extend(lacks.map(note));
    }
    comparisons.tree = Some(Arc::new(tree));
    Ok(comparisons)
}

/// What a commit holds, beside what lies here.
fn files_of_base(git: &Git, commit: &str) -> Result<FilesOfBase, git::Error> {
    if git.files("HEAD")? == git.files(commit)? && !git.has_changes()? {
        return Ok(FilesOfBase::Same);
    }
    let changed = git.changed_files(commit)?;
    let are_documents = !changed.is_empty() && changed.iter().all(|it| is_document(it));
    Ok(if are_documents {
        FilesOfBase::OtherDocuments
    } else {
        FilesOfBase::Other
    })
}

/// Whether a file is one that no server reads: by its name, at the top of a repository, where pages that a
/// server shows do not lie.
fn is_document(path: &str) -> bool {
    const NAMES: [&str; 8] = [
        "AUTHORS",
        "CHANGELOG",
        "CODE_OF_CONDUCT",
        "CONTRIBUTING",
        "COPYING",
        "LICENSE",
        "README",
        "SECURITY",
    ];
    let is_named = NAMES.iter().any(|name| {
        let rest = path.strip_prefix(name);
        rest.is_some_and(|it| it.is_empty() || it.starts_with(['.', '-']))
    });
    is_named && !path.contains('/')
}

fn why_with_hint(error: &git::Error, hint: Option<String>) -> String {
    let hint = hint.map(|hint| format!("; {hint}"));
    chain(error) + &hint.unwrap_or_default()
}

/// The full name of a commit that was asked for.
pub(super) fn full_name(plan: &Plan, git_ref: &str) -> Result<String, Error> {
    let git = Git::at(&plan.root);
    let shallow = || git.is_shallow();
    let reason = match git.commit(git_ref) {
        Ok(Some(commit)) => return Ok(commit),
        Ok(None) if shallow()? => {
            "this clone is shallow and does not hold it; fetch the whole history (`fetch-depth: 0` \
             of actions/checkout, or `git fetch --unshallow`)"
        }
        Ok(None) => "git knows no such commit",
        Err(git::Error::NoRepository { .. }) => "perfgate.toml is not in a git repository",
        Err(error) => return Err(error.into()),
    };
    Err(Error::Argument {
        argument: format!("--against {git_ref}"),
        reason: reason.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_people_is_known_by_its_name() {
        for path in ["README.md", "LICENSE", "LICENSE-MIT", "CHANGELOG.md"] {
            assert!(is_document(path), "{path}");
        }
        for path in [
            "docs/README.md",
            "READMEs.rs",
            "src/main.rs",
            "content.md",
            "readme",
        ] {
            assert!(!is_document(path), "{path}");
        }
    }
}
