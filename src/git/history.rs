//! What git knows of commits.

use std::path::{self, Path, PathBuf};

use super::{Error, Git};
use crate::model::CommitInfo;

/// Names that a default branch usually has, where the remote does not say which it is.
const USUAL: [&str; 4] = ["origin/main", "origin/master", "main", "master"];

/// How `git log` writes what [`CommitInfo`] holds.
const FORMAT: &str = "--format=%H %aI %s";

impl CommitInfo {
    fn parsed(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(' ')?;
        let (date, subject) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Self {
            name: name.to_owned(),
            date: date.to_owned(),
            subject: subject.to_owned(),
        })
    }
}

impl Git {
    /// The full name of the commit that is checked out; `None` if there is none yet.
    pub fn head(&self) -> Result<Option<String>, Error> {
        let found = self.commit("HEAD")?;
        let verify = ["rev-parse", "--verify", "--quiet", "HEAD"];
        // A branch without a commit is one thing, a commit that git cannot read is another.
        if found.is_none() && self.look(&verify)?.is_some() {
            self.ask(&["cat-file", "commit", "HEAD"])?;
        }
        Ok(found)
    }

    /// The full name of a commit; `None` if git knows no such commit.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Error> {
        let commit = format!("{name}^{{commit}}");
        let verify = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let words = [verify.as_slice(), &[commit.as_str()]].concat();
        let found = self.look(&words)?;
        // A full name is taken for one, whether there is such a commit or not.
        let is_here = |name: &String| {
            let output = self.call(&["cat-file", "-e", name]).output();
            output.is_ok_and(|it| it.status.success())
        };
        Ok(found.filter(is_here))
    }

    /// The parents of a commit, also of one at which a shallow clone ends: `HEAD^1` says that such
    /// a commit has none, and its text names them.
    pub fn parents(&self, commit: &str) -> Result<Vec<String>, Error> {
        let text = self.ask(&["cat-file", "commit", commit])?;
        let header = text.lines().take_while(|line| !line.is_empty());
        let parents = header.filter_map(|line| line.strip_prefix("parent "));
        Ok(parents.map(str::to_owned).collect())
    }

    /// The commits between an earlier one and a later one that has it in its past, oldest first, the later
    /// one included: those of branches that were merged count as their merge.
    pub fn first_parents(&self, earlier: &str, later: &str) -> Result<Vec<CommitInfo>, Error> {
        let range = format!("{earlier}..{later}");
        let words = ["log", "--first-parent", "--reverse", FORMAT];
        let words = [words.as_slice(), &["--end-of-options", &range]].concat();
        let listed = self.ask(&words)?;
        Ok(listed.lines().filter_map(CommitInfo::parsed).collect())
    }

    /// Name, author date and subject of a commit.
    pub fn commit_info(&self, commit: &str) -> Result<CommitInfo, Error> {
        let line = self.ask(&["log", "--max-count=1", FORMAT, "--end-of-options", commit])?;
        Ok(CommitInfo::parsed(&line).unwrap_or_default())
    }

    /// Whether a commit is in the past of another, or is that one.
    pub fn is_ancestor(&self, earlier: &str, later: &str) -> Result<bool, Error> {
        let words = ["merge-base", "--is-ancestor", "--end-of-options"];
        let words = [words.as_slice(), &[earlier, later]].concat();
        Ok(self.look(&words)?.is_some())
    }

    /// The newest commit that two have in their past; `None` if none is known.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<String>, Error> {
        self.look(&["merge-base", "--end-of-options", one, other])
    }

    /// What names the files of a commit, whatever its message and past.
    pub fn files(&self, commit: &str) -> Result<Option<String>, Error> {
        let tree = format!("{commit}^{{tree}}");
        self.look(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &tree,
        ])
    }

    /// Whether the clone holds a part of the history alone.
    pub fn is_shallow(&self) -> Result<bool, Error> {
        Ok(self.ask(&["rev-parse", "--is-shallow-repository"])? == "true")
    }

    /// Whether there is a change that no commit holds, new files included.
    pub fn has_changes(&self) -> Result<bool, Error> {
        Ok(!self.ask(&["status", "--porcelain"])?.is_empty())
    }

    /// The files that differ from the commit, new ones left out. What lies in a folder does not
    /// count where one is named.
    pub fn changed(&self, except: Option<&Path>) -> Result<Vec<String>, Error> {
        let mut words = vec![
            "status".to_owned(),
            "--porcelain".into(),
            "-z".into(),
            "--no-renames".into(),
            "--untracked-files=no".into(),
            "--ignore-submodules=untracked".into(),
            "--".into(),
            ":/".into(),
        ];
        if let Some(below) = except.and_then(|it| self.below(it)) {
            words.push(format!(":(exclude,literal){}", below.display()));
        }
        let answer = self.call(&words).text()?;
        let lines = answer.split('\0').filter_map(|line| line.get(3..));
        Ok(lines.map(str::to_owned).collect())
    }

    /// The way to a folder from this one, where it lies below.
    fn below(&self, folder: &Path) -> Option<PathBuf> {
        let [own, folder] = [self.folder(), folder].map(|it| path::absolute(it).ok());
        let below = folder?.strip_prefix(own?).ok()?.to_owned();
        Some(below).filter(|it| !it.as_os_str().is_empty())
    }

    /// The default branches that there are, the likeliest first: the one that is known to be it, and
    /// what is usual.
    pub fn default_branches(&self, known: Option<&str>) -> Result<Vec<String>, Error> {
        let of_remote = ["symbolic-ref", "--quiet", "--short"];
        let of_remote = [of_remote.as_slice(), &["refs/remotes/origin/HEAD"]].concat();
        let named = self.look(&of_remote)?;
        let mut branches = Vec::new();
        let known = known.map(|it| [format!("origin/{it}"), it.to_owned()]);
        let known = known.into_iter().flatten();
        for branch in known.chain(named).chain(USUAL.map(str::to_owned)) {
            if self.commit(&branch)?.is_some() {
                branches.push(branch);
            }
        }
        Ok(branches)
    }

    /// The folder of the work tree.
    pub fn top(&self) -> Result<PathBuf, Error> {
        Ok(self.ask(&["rev-parse", "--show-toplevel"])?.into())
    }

    /// Where the folder lies in the work tree, with a slash at its end; nothing for its top.
    pub fn prefix(&self) -> Result<String, Error> {
        self.ask(&["rev-parse", "--show-prefix"])
    }

    /// A setting of the repository or of the user.
    pub fn setting(&self, key: &str) -> Result<Option<String>, Error> {
        self.look(&["config", "--get", "--", key])
    }
}
