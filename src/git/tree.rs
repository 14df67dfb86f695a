use std::fs;
use std::path::{Path, PathBuf};

use super::credentials::without_credentials;
use super::scratch::Scratch;
use super::{Error, Git, lfs, submodules};

/// What the commit is called in the clone.
const REFERENCE: &str = "refs/perfgate/base";
/// The clone's own git has read the repository, and so may the one that it starts there: it goes by
/// the owner of `.git` alone, which the user may not have named.
const UPLOAD_PACK: &str =
    "git -c 'safe.directory=*' -c uploadpack.allowAnySHA1InWant=true upload-pack";

/// The files of a commit in a folder of their own: a clone with history and tags, submodules and
/// large files, so that whatever builds in a clone builds there too. The repository that it comes
/// from is only read.
#[derive(Debug)]
pub struct Tree {
    _scratch: Scratch,
    path: PathBuf,
    /// What a clone would have and this one has not.
    pub lacks: Vec<String>,
}

impl Tree {
    /// The files of a commit of the repository that `git` lies in.
    pub fn of(git: &Git, commit: &str) -> Result<Self, Error> {
        let scratch = Scratch::new().map_err(|source| Error::Scratch { source })?;
        let top = git.top()?;
        // Some builds go by the folder's name.
        let name = top.file_name().unwrap_or("repository".as_ref());
        let path = scratch.path().join(name);
        let lacks = clone(&Source::of(git)?, commit, &path)?;
        Ok(Self {
            _scratch: scratch,
            path,
            lacks,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A repository that is cloned from.
pub(super) struct Source {
    git: Git,
    /// Where its objects are.
    pub(super) common: PathBuf,
    /// Where what belongs to the work tree is; the same but for a linked one.
    pub(super) own: PathBuf,
}

impl Source {
    pub(super) fn of(git: &Git) -> Result<Self, Error> {
        let folder = |which| Ok(git.folder().join(git.ask(&["rev-parse", which])?));
        Ok(Self {
            common: folder("--git-common-dir")?,
            own: folder("--git-dir")?,
            git: git.clone(),
        })
    }

    /// The repository that lies in a folder of git's own.
    pub(super) fn in_store(store: &Path) -> Self {
        Self {
            git: Git::at(store),
            common: store.to_owned(),
            own: store.to_owned(),
        }
    }

    pub(super) const fn git(&self) -> &Git {
        &self.git
    }

    /// What the repository's own settings say of remotes: headers with rights, helpers, other
    /// addresses.
    pub(super) fn settings_of_remotes(&self) -> Result<Vec<(String, String)>, Error> {
        let words = ["config", "--local", "-z", "--get-regexp"];
        let pattern = "^(http|credential|url|lfs)\\.";
        let found = self.git.look(&[words.as_slice(), &[pattern]].concat())?;
        Ok(pairs(&found.unwrap_or_default()))
    }

    /// Whether objects are fetched when they are needed.
    fn is_partial(&self) -> Result<bool, Error> {
        let words = ["config", "--get-regexp", "^remote\\..*\\.promisor$"];
        Ok(self.git.look(&words)?.is_some())
    }
}

/// The settings of `config -z`: a key, a new line, a value.
pub(super) fn pairs(listed: &str) -> Vec<(String, String)> {
    let settings = listed.split('\0').filter_map(|it| it.split_once('\n'));
    let owned = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    owned.collect()
}

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
    if let Some(address) = source.git.setting("remote.origin.url")? {
        // Builds may ask for it; a password in it is nobody's business.
        tree.ask(&["remote", "add", "origin", &without_credentials(&address)])?;
    }
    let checkout = tree.call(&["checkout", "--quiet", "--detach", commit]);
    checkout.env("GIT_LFS_SKIP_SMUDGE", "1").text()?;
    let mut lacks = lfs::fill(source, commit, &tree)?;
    lacks.extend(submodules::fill(source, &tree)?);
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
