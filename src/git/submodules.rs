//! Submodules of a commit: from what the repository has of them already, else from where they
//! come from.

use std::path::{Component, Path, PathBuf};

use super::tree::{Source, clone, pairs};
use super::{Error, Git};
use crate::model::chain;

/// A submodule that a commit holds.
struct Submodule {
    name: String,
    path: String,
    commit: String,
}

/// Checks out the submodules of a tree, and theirs; which are missing, and why.
pub(super) fn fill(source: &Source, tree: &Git) -> Result<Vec<String>, Error> {
    if !tree.folder().join(".gitmodules").is_file() {
        return Ok(Vec::new());
    }
    let mut lacks = Vec::new();
    for submodule in listed(tree)? {
        let from_here = from_store(source, tree, &submodule);
        match from_here.map_or_else(|| from_remote(source, tree, &submodule), Ok) {
            Ok(of_its_own) => lacks.extend(of_its_own),
            Err(error) => lacks.push(format!(
                "the submodule `{}` is missing: {}",
                submodule.path,
                chain(&error)
            )),
        }
    }
    Ok(lacks)
}

/// The submodules that have both a commit and a name.
fn listed(tree: &Git) -> Result<Vec<Submodule>, Error> {
    let words = ["config", "--file", ".gitmodules", "-z", "--get-regexp"];
    let pattern = "^submodule\\..*\\.path$";
    let named = tree.look(&[words.as_slice(), &[pattern]].concat())?;
    let named = pairs(&named.unwrap_or_default());
    let files = tree.call(&["ls-tree", "-r", "-z", "HEAD"]).text()?;
    let submodule = |line: &str| {
        let (facts, path) = line.split_once('\t')?;
        let commit = facts.strip_prefix("160000 commit ")?;
        let (key, _) = named.iter().find(|(_, it)| it == path)?;
        let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?;
        Some(Submodule {
            name: name.to_owned(),
            path: path.to_owned(),
            commit: commit.to_owned(),
        })
    };
    Ok(files.split('\0').filter_map(submodule).collect())
}

/// From the repository's own clone of the submodule, where it has one with the commit; what the
/// submodule lacks itself.
fn from_store(source: &Source, tree: &Git, submodule: &Submodule) -> Option<Vec<String>> {
    let store = stores(source, submodule).find(|store| {
        let found = Git::at(store).commit(&submodule.commit);
        found.is_ok_and(|it| it.is_some())
    })?;
    let path = tree.folder().join(&submodule.path);
    clone(&Source::in_store(&store), &submodule.commit, &path).ok()
}

/// Where git keeps clones of submodules: below its own folder, or, since long ago, in the work
/// tree.
fn stores(source: &Source, submodule: &Submodule) -> impl Iterator<Item = PathBuf> {
    let name = Path::new(&submodule.name);
    let is_below = name
        .components()
        .all(|it| matches!(it, Component::Normal(_)));
    let below = [&source.own, &source.common].map(|it| it.join("modules").join(name));
    let top = source.git().top().ok();
    let beside = top.map(|top| top.join(&submodule.path).join(".git"));
    let stores = below.into_iter().filter(move |_| is_below).chain(beside);
    stores.filter(|it| it.is_dir())
}

/// From where it comes from, with the rights that the repository has there.
fn from_remote(source: &Source, tree: &Git, submodule: &Submodule) -> Result<Vec<String>, Error> {
    let key = format!("submodule.{}.url", submodule.name);
    if let Some(address) = source.git().setting(&key)? {
        tree.ask(&["config", &key, &address])?;
    }
    let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
    let words = [update.as_slice(), &["--", &submodule.path]].concat();
    let call = tree.call(&words).settings(&source.settings_of_remotes()?);
    call.remote().text()?;
    Ok(Vec::new())
}
