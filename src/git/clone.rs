//! A commit checked out in a clone, with its submodules, which are clones themselves: from what the
//! repository has of them already, else from where they come from.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::credentials::without_credentials;
use super::source::{Source, pairs};
use super::{Error, Git, lfs};
use crate::model::chain;

/// What the commit is called in the clone.
const REFERENCE: &str = "refs/perfgate/base";
/// The clone's own git has read the repository, and so may the one that it starts there: it goes by
/// the owner of `.git` alone, which the user may not have named.
const UPLOAD_PACK: &str =
    "git -c 'safe.directory=*' -c uploadpack.allowAnySHA1InWant=true upload-pack";

/// A clone of a repository in which a commit is checked out; what it lacks.
pub(super) fn clone(source: &Source, commit: &str, path: &Path) -> Result<Vec<String>, Error> {
    fs::create_dir_all(path).map_err(|source| Error::Scratch { source })?;
    let tree = Git::at(path);
    let mut init = vec!["init", "--quiet", "--template="];
    if commit.len() == 64 {
        init.push("--object-format=sha256");
    }
    tree.ask(&init)?;
    fetch(source, commit, &tree)?;
    if let Some(address) = source.git().setting("remote.origin.url")? {
        // Builds may ask for it; a password in it is nobody's business.
        tree.ask(&["remote", "add", "origin", &without_credentials(&address)])?;
    }
    let checkout = tree.call(&["checkout", "--quiet", "--detach", commit]);
    checkout.env("GIT_LFS_SKIP_SMUDGE", "1").text()?;
    let mut lacks = lfs::fill(source, commit, &tree)?;
    lacks.extend(fill_submodules(source, &tree)?);
    Ok(lacks)
}

/// The commit with its history and the tags on it. Git's own transport copes with shallow sources,
/// and takes over no object that the commit does not need.
fn fetch(source: &Source, commit: &str, tree: &Git) -> Result<(), Error> {
    let quietly = ["fetch", "--quiet", "--no-write-fetch-head"];
    let plainly = ["--no-recurse-submodules", "--update-shallow"];
    let upload = format!("--upload-pack={UPLOAD_PACK}");
    // Its whole history would be fetched from afar.
    let partial = source.is_partial()?.then_some("--depth=1");
    let common = source.common.to_string_lossy();
    let refspec = format!("{commit}:{REFERENCE}");
    let from = [upload.as_str(), "--", &common, &refspec];
    let words = [quietly.as_slice(), &plainly, partial.as_slice(), &from].concat();
    let call = tree.call(&words).settings(&[
        // The user's for remotes: here it is a folder that git has read already.
        ("protocol.file.allow", "always"),
        ("fetch.fsckObjects", "false"),
        ("transfer.fsckObjects", "false"),
    ]);
    call.env("GIT_NO_LAZY_FETCH", "0").text().map(drop)
}

/// A submodule that a commit holds.
struct Submodule {
    name: String,
    path: String,
    commit: String,
}

/// Checks out the submodules of a tree, and theirs; which are missing, and why.
fn fill_submodules(source: &Source, tree: &Git) -> Result<Vec<String>, Error> {
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
