//! Where the base of a comparison comes from: the tree of another commit, or images.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::provenance::git;
use crate::config;
use crate::error::Error;
use crate::model::{Plan, Sides, Source, Strategy, Target, chain};

/// What the head is compared with.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Against {
    /// Compare with the servers of this commit, built from its tree; by default the commit where
    /// this branch left the default one, else the image of the newest stored run.
    #[arg(long = "against", value_name = "GIT_REF")]
    reference: Option<String>,
    /// Compare a server with an image.
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
    /// Side by side where there is another build, in turn where two cannot be up at once, else with
    /// stored runs.
    Auto,
    /// Side by side, or not at all.
    Duet,
    /// In turn, or not at all.
    Interleaved,
    /// With stored runs.
    Stored,
}

/// A server that has a base.
#[derive(Debug)]
pub(super) struct Contest {
    pub(super) sides: Sides<Target>,
    pub(super) strategy: Strategy,
}

/// The servers of a plan that have a base, each with it.
#[derive(Debug, Default)]
pub(super) struct Contests {
    pub(super) all: Vec<Contest>,
    /// What the base is, for readers.
    pub(super) base: Option<String>,
    /// What readers must know of how bases were found.
    pub(super) notes: Vec<String>,
    /// Why servers have no base.
    lacks: Vec<Lack>,
    /// The plan of the base, where its commands must be run before its servers.
    pub(super) prepare: Option<Plan>,
    /// The plan of the base, whether or not its servers can be compared with.
    pub(super) base_plan: Option<Plan>,
    /// The tree of the base, for as long as it is built from.
    tree: Option<TempDir>,
}

/// A server without a base.
#[derive(Debug)]
struct Lack {
    server: String,
    why: String,
}

/// The image of a stored run, which can be run again.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) server: String,
    pub(super) image: String,
    pub(super) commit: Option<String>,
}

impl Against {
    /// Whether the image of a stored run may be the base.
    pub(super) fn takes_anchors(&self) -> bool {
        self.reference.is_none() && self.images.is_empty() && self.strategy != Wanted::Stored
    }

    /// The commit before the changes, where it is known, also where no server is built from it.
    pub(super) fn commit(&self, plan: &Plan) -> Option<String> {
        match (&self.reference, &self.usual) {
            (Some(reference), _) => commit(&plan.root, reference).ok(),
            (None, Some(usual)) => Some(usual.clone()),
            (None, None) => earlier(&plan.root).ok(),
        }
    }

    /// The contests that were asked for, or that there are by default.
    pub(super) fn contests(&self, plan: &Plan, anchors: &[Anchor]) -> Result<Contests, Error> {
        let mut contests = match (&self.reference, self.strategy) {
            (_, Wanted::Stored) => return Ok(Contests::default()),
            (Some(reference), _) => of_commit(plan, reference)?,
            (None, _) if !self.images.is_empty() => self.of_images(plan)?,
            (None, _) => self.by_default(plan, anchors),
        };
        self.bring_together(&mut contests)?;
        let wanted = match self.strategy {
            Wanted::Duet => "--strategy duet",
            Wanted::Interleaved => "--strategy interleaved",
            Wanted::Auto | Wanted::Stored => "",
        };
        contests.explain(plan);
        if !wanted.is_empty() && contests.all.len() < plan.targets.len() {
            return Err(Error::Argument {
                argument: wanted.into(),
                reason: contests.notes.join("; "),
            });
        }
        Ok(contests)
    }

    /// Against the commit before the changes; for servers that it does not have, or that cannot be
    /// built from it, against the image of their newest stored run.
    fn by_default(&self, plan: &Plan, anchors: &[Anchor]) -> Contests {
        let commit = match &self.usual {
            Some(commit) => Ok(commit.clone()),
            None => earlier(&plan.root).map_err(str::to_owned),
        };
        let found = commit.and_then(|it| of_commit(plan, &it).map_err(|error| chain(&error)));
        let mut contests = found.unwrap_or_else(|why| Contests::none(plan, &why));
        contests.fall_back_on(plan, anchors);
        contests
    }

    /// Side by side, or in turn where two of a server cannot be up at once.
    fn bring_together(&self, contests: &mut Contests) -> Result<(), Error> {
        for Contest { sides, strategy } in &mut contests.all {
            let name = &sides.head.name;
            let both = [&sides.head, &sides.base];
            let alone = both.into_iter().any(|it| !it.can_be_up_twice());
            match self.strategy {
                Wanted::Interleaved => *strategy = Strategy::Interleaved,
                Wanted::Duet if alone => {
                    return Err(Error::Argument {
                        argument: "--strategy duet".into(),
                        reason: format!(
                            "`{name}` is not told where to listen, so that two of it cannot be up \
                             at once; use {{host}} and {{port}} in its `run` or `env`"
                        ),
                    });
                }
                _ if alone => {
                    *strategy = Strategy::Interleaved;
                    contests.notes.push(format!(
                        "`{name}` and its base were measured in turn, which tells less than side by \
                         side: it is not told where to listen"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
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
            contests.all.push(with_image(head, image));
        }
        contests.base = Some(self.images.join(", "));
        Ok(contests)
    }
}

impl Contests {
    /// No server has a base, all for one reason.
    fn none(plan: &Plan, why: &str) -> Self {
        let lack = |target: &Target| Lack {
            server: target.name.clone(),
            why: why.to_owned(),
        };
        Self {
            lacks: plan.targets.iter().map(lack).collect(),
            ..Self::default()
        }
    }

    /// Gives servers without a base the image of their newest stored run.
    fn fall_back_on(&mut self, plan: &Plan, anchors: &[Anchor]) {
        let mut images = Vec::new();
        self.lacks.retain(|Lack { server, why }| {
            let head = plan.targets.iter().find(|it| it.name == *server);
            let anchor = anchors.iter().find(|it| it.server == *server);
            let Some((head, anchor)) = head.zip(anchor) else {
                return true;
            };
            let commit = anchor.commit.as_deref().map_or("no commit", short);
            self.notes.push(format!(
                "`{server}` is compared with the image of its newest stored run ({commit}): {why}"
            ));
            images.push(format!("{server}={}", anchor.image));
            self.all.push(with_image(head, &anchor.image));
            false
        });
        if self.base.is_none() && !images.is_empty() {
            self.base = Some(images.join(", "));
        }
    }

    /// Says why servers have no base: once for all where it is one reason.
    fn explain(&mut self, plan: &Plan) {
        let whole = self.lacks.len() == plan.targets.len()
            && self.lacks.windows(2).all(|two| two[0].why == two[1].why);
        if let Some(first) = self.lacks.first().filter(|_| whole) {
            let note = format!("compared with stored runs: {}", first.why);
            self.notes.push(note);
            return;
        }
        let note =
            |Lack { server, why }: &Lack| format!("`{server}` is compared with stored runs: {why}");
        self.notes.extend(self.lacks.iter().map(note));
    }

    /// The plan with everything that must be brought up: the other builds too, and the reference
    /// program where servers are measured without one.
    pub(super) fn with_bases(&self, plan: &Plan) -> Plan {
        let mut all = plan.clone();
        if !self.without_base(plan).targets.is_empty() {
            all.targets.extend(plan.reference.clone());
        }
        all.targets
            .extend(self.all.iter().map(|it| it.sides.base.clone()));
        all
    }

    /// The plan of those that have no other build.
    pub(super) fn without_base(&self, plan: &Plan) -> Plan {
        let mut alone = plan.clone();
        let has_base =
            |target: &Target| self.all.iter().any(|it| it.sides.head.name == target.name);
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
    let mut contests = Contests::default();
    if file.exists() {
        let before = config::load(&file)?;
        for head in &plan.targets {
            let mut targets = before.targets.iter();
            let base = targets.find(|target| target.name == head.name);
            match comparable(head, base) {
                Ok(base) => contests.all.push(contest(head, base.clone())),
                Err(why) => contests.lacks.push(Lack {
                    server: head.name.clone(),
                    why: format!("{why} in commit {}", short(&commit)),
                }),
            }
        }
        contests.base_plan = Some(before.clone());
        // Containers are built from the tree; for processes its own commands build.
        let is_process = |it: &Contest| matches!(it.sides.base.source, Source::Run(_));
        contests.prepare = contests.all.iter().any(is_process).then_some(before);
    } else {
        let why = format!("commit {} has no {}", short(&commit), name.display());
        contests = Contests::none(plan, &why);
    }
    contests.base = (!contests.all.is_empty()).then_some(commit);
    contests.tree = Some(tree);
    Ok(contests)
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
fn contest(head: &Target, base: Target) -> Contest {
    let sides = Sides {
        base: Target {
            name: format!("{}.base", head.name),
            behind: head.behind.clone(),
            cells: head.cells.clone(),
            ..base
        },
        head: head.clone(),
    };
    Contest {
        sides,
        strategy: Strategy::Duet,
    }
}

/// The head's own settings with another image.
fn with_image(head: &Target, image: &str) -> Contest {
    let base = Target {
        source: Source::Image(image.to_owned()),
        ..head.clone()
    };
    contest(head, base)
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
