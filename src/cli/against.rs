//! Where the base of a comparison comes from: the tree of another commit, or images.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::provenance::git;
use crate::config;
use crate::error::Error;
use crate::model::{Plan, Sides, Source, Target, chain};

/// What the head is compared with.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Against {
    /// Compare side by side with the servers of this commit, built from its tree; by default the
    /// commit where this branch left the default one.
    #[arg(long = "against", value_name = "GIT_REF")]
    reference: Option<String>,
    /// Compare a server side by side with an image.
    #[arg(long = "against-image", value_name = "SERVER=IMAGE", num_args = 1..)]
    #[arg(conflicts_with = "reference")]
    images: Vec<String>,
    /// How head and base are brought together.
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    strategy: Wanted,
    /// The commit to compare with when none was asked for.
    #[arg(skip)]
    pub(super) usual: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    /// Side by side where there is another build, else with stored runs.
    Auto,
    /// Side by side, or not at all.
    Duet,
    /// With stored runs.
    Stored,
}

/// The servers of a plan that have a base, each with it.
#[derive(Debug, Default)]
pub(super) struct Contests {
    pub(super) sides: Vec<Sides<Target>>,
    /// What the base is, for readers.
    pub(super) base: Option<String>,
    /// Why servers have no base.
    pub(super) notes: Vec<String>,
    /// The plan of the base, where its commands must be run before its servers.
    pub(super) prepare: Option<Plan>,
    /// The tree of the base, for as long as it is built from.
    _tree: Option<TempDir>,
}

impl Against {
    /// The contests that were asked for, or that there are by default.
    pub(super) fn contests(&self, plan: &Plan) -> Result<Contests, Error> {
        let contests = match (&self.reference, self.strategy) {
            (_, Wanted::Stored) => return Ok(Contests::default()),
            (Some(reference), _) => of_commit(plan, reference)?,
            (None, _) if !self.images.is_empty() => self.of_images(plan)?,
            (None, _) => self.by_default(plan).unwrap_or_else(|why| Contests {
                notes: vec![format!("compared with stored runs: {why}")],
                ..Contests::default()
            }),
        };
        if self.strategy == Wanted::Duet && contests.sides.len() < plan.targets.len() {
            return Err(Error::Argument {
                argument: "--strategy duet".into(),
                reason: contests.notes.join("; "),
            });
        }
        Ok(contests)
    }

    /// Against the commit before the changes; why not, otherwise.
    fn by_default(&self, plan: &Plan) -> Result<Contests, String> {
        let commit = match &self.usual {
            Some(commit) => commit.clone(),
            None => earlier(&plan.root)?,
        };
        of_commit(plan, &commit).map_err(|error| chain(&error))
    }

    fn of_images(&self, plan: &Plan) -> Result<Contests, Error> {
        let mut contests = Contests::default();
        for argument in &self.images {
            let fail = |reason: String| Error::Argument {
                argument: argument.clone(),
                reason,
            };
            let (server, image) = argument
                .split_once('=')
                .ok_or_else(|| fail("write SERVER=IMAGE".into()))?;
            let mut targets = plan.targets.iter();
            let head = targets.find(|target| target.name == server);
            let head = head.ok_or_else(|| fail(format!("no server `{server}` is measured")))?;
            if !head.source.is_contained() {
                let reason = format!("`{server}` does not run in a container");
                return Err(fail(reason));
            }
            let base = Target {
                source: Source::Image(image.to_owned()),
                ..head.clone()
            };
            contests.sides.push(sides(head, base));
        }
        contests.base = Some(self.images.join(", "));
        Ok(contests)
    }
}

impl Contests {
    /// The plan with the other builds beside its own.
    pub(super) fn with_bases(&self, plan: &Plan) -> Plan {
        let mut all = plan.clone();
        all.targets
            .extend(self.sides.iter().map(|it| it.base.clone()));
        all
    }

    /// The plan of those that have no other build.
    pub(super) fn without_base(&self, plan: &Plan) -> Plan {
        let mut alone = plan.clone();
        let has_base = |target: &Target| self.sides.iter().any(|it| it.head.name == target.name);
        alone.targets.retain(|target| !has_base(target));
        alone
    }
}

/// The servers as a commit has them: its folders, commands, environment and settings. Requests and
/// thresholds are those of the head.
fn of_commit(plan: &Plan, reference: &str) -> Result<Contests, Error> {
    let commit = commit(&plan.root, reference)?;
    let tree = unpack(&plan.root, &commit)?;
    let prefix = git(&plan.root, &["rev-parse", "--show-prefix"]).unwrap_or_default();
    let name = plan.file.file_name().unwrap_or_default();
    let file = tree.path().join(prefix.trim_end()).join(name);
    let (mut found, mut notes, mut prepare) = (Vec::new(), Vec::new(), None);
    if file.exists() {
        let before = config::load(&file)?;
        for head in &plan.targets {
            let mut targets = before.targets.iter();
            let base = targets.find(|target| target.name == head.name);
            match comparable(head, base) {
                Ok(base) => found.push(sides(head, base.clone())),
                Err(why) => notes.push(format!(
                    "`{}` is compared with stored runs: {why} in commit {}",
                    head.name,
                    short(&commit)
                )),
            }
        }
        // Containers are built from the tree; for processes its own commands build.
        let is_process = |it: &Sides<Target>| matches!(it.base.source, Source::Run(_));
        prepare = found.iter().any(is_process).then_some(before);
    } else {
        let (commit, name) = (short(&commit), name.display());
        notes.push(format!(
            "compared with stored runs: commit {commit} has no {name}"
        ));
    }
    Ok(Contests {
        base: (!found.is_empty()).then_some(commit),
        sides: found,
        notes,
        prepare,
        _tree: Some(tree),
    })
}

/// The base where both can be started by perfgate; why not, otherwise.
fn comparable<'a>(head: &Target, base: Option<&'a Target>) -> Result<&'a Target, &'static str> {
    let is_running = |target: &Target| matches!(target.source, Source::Url(_));
    match base {
        None => Err("there is no such server"),
        Some(base) if is_running(base) || is_running(head) => Err("it runs already, here or"),
        Some(base) if base.source.is_contained() != head.source.is_contained() => {
            Err("it is a process in one and a container in the other, here and")
        }
        Some(base) => Ok(base),
    }
}

/// The base answers the head's requests, by its own name.
fn sides(head: &Target, base: Target) -> Sides<Target> {
    Sides {
        base: Target {
            name: format!("{}.base", head.name),
            behind: head.behind.clone(),
            cells: head.cells.clone(),
            ..base
        },
        head: head.clone(),
    }
}

/// The commit before the changes that are judged: where the branch left the default one; for
/// changes that are not committed on it, the last commit.
fn earlier(folder: &Path) -> Result<String, &'static str> {
    let ask = |words: &[&str]| git(folder, words).map(|answer| answer.trim().to_owned());
    let head = ask(&["rev-parse", "--verify", "HEAD"]).ok_or("there is no git repository")?;
    let remote = ask(&["symbolic-ref", "--short", "refs/remotes/origin/HEAD"]);
    let usual = ["origin/main", "origin/master", "main", "master"].map(str::to_owned);
    let mut branches = remote.into_iter().chain(usual);
    let base = branches.find_map(|branch| ask(&["merge-base", "HEAD", &branch]));
    match base {
        None if ask(&["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true") => Err(
            "this clone is shallow; with its whole history (`fetch-depth: 0` of actions/checkout) \
             the builds before and after are compared side by side",
        ),
        None => Err("git knows no default branch (main, master)"),
        Some(base) if base != head => Ok(base),
        Some(_) if ask(&["status", "--porcelain"]).is_some_and(|it| !it.is_empty()) => Ok(head),
        Some(_) => Err("this is the default branch, and nothing has changed on it"),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The full name of a commit.
fn commit(folder: &Path, reference: &str) -> Result<String, Error> {
    let name = format!("{reference}^{{commit}}");
    let found = git(
        folder,
        &["rev-parse", "--verify", "--end-of-options", &name],
    );
    if let Some(found) = found {
        return Ok(found.trim().to_owned());
    }
    let shallow = git(folder, &["rev-parse", "--is-shallow-repository"]);
    let reason = match shallow.as_deref().map(str::trim) {
        None => "the configuration does not lie in a git repository, or git is not installed",
        Some("true") => {
            "this clone is shallow and does not hold it; fetch the whole history (`fetch-depth: 0` \
             of actions/checkout, or `git fetch --unshallow`)"
        }
        Some(_) => "git knows no such commit",
    };
    Err(Error::Argument {
        argument: format!("--against {reference}"),
        reason: reason.into(),
    })
}

/// The files of a commit in a folder of their own; the work tree and the index stay as they are.
fn unpack(folder: &Path, commit: &str) -> Result<TempDir, Error> {
    let read = |source| Error::Read {
        path: PathBuf::from(format!("the tree of {commit}")),
        source,
    };
    let top = git(folder, &["rev-parse", "--show-toplevel"]).unwrap_or_default();
    let output = Command::new("git")
        .arg("-C")
        .arg(top.trim_end_matches('\n'))
        .args(["-c", "tar.umask=0022", "archive", "--format=tar", commit])
        .output()
        .map_err(read)?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(read(std::io::Error::other(reason)));
    }
    let tree = TempDir::with_prefix("perfgate-base-").map_err(read)?;
    tar::Archive::new(output.stdout.as_slice())
        .unpack(tree.path())
        .map_err(read)?;
    Ok(tree)
}
