//! Where the base of a comparison comes from: the tree of another commit, or images.

use std::path::Path;
use std::sync::Arc;

use super::base::{self, Base};
use super::cargo_options;
use crate::error::Error;
use crate::git::{self, Git, Tree};
use crate::model::{
    BaseFailure, Cell, Key, NoBase, Plan, Side, Sides, Source, Strategy, Target, chain,
};
use crate::stack;
use crate::{bounded, config};

/// What the head is compared with.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// A commit; nothing for the usual one.
    pub git_ref: Option<String>,
    /// Images, each as `SERVER=IMAGE`.
    pub images: Vec<String>,
    pub strategy: Wanted,
    /// Whether servers of identical builds are left out.
    pub since_change: bool,
    /// The commit to compare with when none was asked for, or why there is none.
    pub usual: Option<Result<Base, String>>,
}

/// How head and base are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Side by side if there is a base build, in turn if both cannot run at once, else against
    /// stored runs.
    #[default]
    Auto,
    /// Only side by side.
    Duet,
    /// Only in turn.
    Interleaved,
    /// Only against stored runs.
    Stored,
}

/// A server that has a base.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) sides: Sides<Target>,
    pub(super) strategy: Strategy,
    /// Which build the base is, for readers.
    build: String,
}

/// The servers of a plan that have a base, each with it.
#[derive(Debug, Default)]
pub(super) struct Comparisons {
    pub(super) all: Vec<Comparison>,
    /// What the base is, for readers.
    pub(super) base: Option<String>,
    /// What readers must know of how bases were found.
    pub(super) notes: Vec<String>,
    /// What readers must know before anything else.
    pub(super) caveats: Vec<String>,
    /// Whether servers without a base are not to be measured.
    pub(super) is_required: bool,
    /// Whether servers of identical builds are not to be measured.
    pub(super) skips_identical: bool,
    pub(super) confirms: Confirms,
    /// By which share of its own CPU time each head is made slower on purpose.
    pub(super) injected: Option<f64>,
    /// Why servers have no base.
    lacks: Vec<Lack>,
    /// Whether the files of the base are those of the head.
    pub(super) has_same_files: bool,
    /// The plan of the base, where its commands must be run before its servers.
    pub(super) prepare: Option<Plan>,
    /// The plan of the base, whether or not its servers can be compared with.
    pub(super) base_plan: Option<Plan>,
    /// The tree of the base, for as long as it is built from.
    pub(super) tree: Option<Arc<Tree>>,
}

/// Whether what regressed must show again in fresh starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Confirms {
    #[default]
    Always,
    /// Where the next comparison shows whether it was so, they take time and add little.
    Never,
}

/// A server without a base.
#[derive(Debug)]
struct Lack {
    server: String,
    why: String,
}

/// Bytes of a configuration.
const LARGEST_FILE: u64 = 1 << 20;

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
        self.git_ref.is_none() && self.images.is_empty() && self.strategy != Wanted::Stored
    }

    /// The commit before the changes, where it is known, also where no server is built from it.
    pub(super) fn commit(&self, plan: &Plan) -> Option<String> {
        match (&self.git_ref, &self.usual) {
            (Some(git_ref), _) => commit(plan, git_ref).ok(),
            (None, Some(usual)) => usual.as_ref().ok().map(|it| it.commit.clone()),
            (None, None) => base::earlier(&plan.root).ok().map(|it| it.commit),
        }
    }

    /// The comparisons that were asked for, or that there are by default.
    pub(super) fn comparisons(
        &self,
        plan: &Plan,
        anchors: &[Anchor],
    ) -> Result<Comparisons, Error> {
        let mut comparisons = match (&self.git_ref, self.strategy) {
            (_, Wanted::Stored) => return self.only_stored(),
            (Some(git_ref), _) => of_commit(plan, &commit(plan, git_ref)?),
            (None, _) if !self.images.is_empty() => self.of_images(plan)?,
            (None, _) => self.by_default(plan, anchors),
        };
        comparisons.add_running(plan);
        self.bring_together(&mut comparisons)?;
        let wanted = match self.strategy {
            Wanted::Duet => "--strategy duet",
            Wanted::Interleaved => "--strategy interleaved",
            Wanted::Auto | Wanted::Stored => "",
        };
        comparisons.explain(plan);
        comparisons.is_required = !wanted.is_empty();
        comparisons.skips_identical = self.since_change;
        if comparisons.is_required && comparisons.all.len() < plan.targets.len() {
            return Err(Error::Argument {
                argument: wanted.into(),
                reason: comparisons.notes.join("; "),
            });
        }
        Ok(comparisons)
    }

    /// No other build: what asks for one is refused. A commit is what the gate itself is compared with.
    fn only_stored(&self) -> Result<Comparisons, Error> {
        let asked = match (self.images.first(), self.since_change) {
            (Some(image), _) => format!("--against-image {image}"),
            (None, true) => "--since-change".into(),
            (None, false) => return Ok(Comparisons::default()),
        };
        Err(Error::Argument {
            argument: asked,
            reason: "`--strategy stored` compares with no other build".into(),
        })
    }

    /// Against the commit before the changes; for servers that it does not have, or that cannot be
    /// built from it, against the image of their newest stored run.
    fn by_default(&self, plan: &Plan, anchors: &[Anchor]) -> Comparisons {
        let base = match &self.usual {
            Some(found) => found.clone(),
            None => base::earlier(&plan.root),
        };
        let mut comparisons = match base {
            Ok(Base { commit, caveats }) => {
                let comparisons = of_commit(plan, &commit);
                let is_compared = !comparisons.all.is_empty();
                Comparisons {
                    caveats: if is_compared { caveats } else { Vec::new() },
                    ..comparisons
                }
            }
            Err(why) => Comparisons::none(plan, &why),
        };
        comparisons.fall_back_on(plan, anchors);
        comparisons
    }

    /// Side by side, or in turn where two of a server cannot be up at once.
    pub(super) fn bring_together(&self, comparisons: &mut Comparisons) -> Result<(), Error> {
        for comparison in &mut comparisons.all {
            let Comparison {
                sides, strategy, ..
            } = comparison;
            let name = &sides.head.name;
            let both = [&sides.head, &sides.base];
            let alone = both.into_iter().any(|it| !it.can_be_up_twice());
            match self.strategy {
                Wanted::Interleaved => *strategy = Strategy::Interleaved,
                Wanted::Duet if alone => {
                    return Err(Error::Argument {
                        argument: "--strategy duet".into(),
                        reason: format!(
                            "two of `{name}` cannot be up at once, because it does not get its port; \
                             use {{host}} and {{port}} in its `run` or `env`"
                        ),
                    });
                }
                _ if alone => {
                    *strategy = Strategy::Interleaved;
                    comparisons.notes.push(format!(
                        "`{name}` and its base were measured in turn, which is less precise than side \
                         by side: it does not get its port"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn of_images(&self, plan: &Plan) -> Result<Comparisons, Error> {
        let mut comparisons = Comparisons::default();
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
            comparisons.all.push(with_image(head, image));
        }
        comparisons.base = Some(self.images.join(", "));
        Ok(comparisons)
    }
}

impl Comparisons {
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

    /// Each server of a plan beside itself, what its head uses of the CPU raised by a share.
    pub(super) fn with_itself(plan: &Plan, injected: Option<f64>) -> Self {
        let is_started = |it: &&Target| !matches!(it.source, Source::Url(_));
        let started = plan.targets.iter().filter(is_started);
        let beside = |it: &Target| comparison(it, it.clone(), "the same build".into());
        Self {
            all: started.map(beside).collect(),
            injected,
            ..Self::default()
        }
    }

    /// The servers of a plan beside those of another commit, whose plan is `before`.
    pub(super) fn with_commit(plan: &Plan, before: &Plan, commit: &str) -> Self {
        let mut comparisons = Self::default();
        let mut before = before.clone();
        cargo_options::lay_over(&plan.cargo, &mut before);
        for head in &plan.targets {
            let mut targets = before.targets.iter();
            let base = targets.find(|target| target.name == head.name);
            let build = format!("commit {}", short(commit));
            let found = comparable(head, base).and_then(|base| {
                let comparison = comparison(head, base.clone(), build.clone());
                comparison.shared_with(base).ok_or("it has other endpoints")
            });
            match found {
                Ok(comparison) => comparisons.all.push(comparison),
                Err(why) => comparisons.lacks.push(Lack {
                    server: head.name.clone(),
                    why: format!("{why} in {build}"),
                }),
            }
        }
        // An image has been built elsewhere; everything else is made from what the commands leave.
        let is_made = comparisons.all.iter().any(Comparison::is_made_from_tree);
        comparisons.prepare = is_made.then(|| before.clone());
        comparisons.base_plan = Some(before);
        let is_compared = !comparisons.all.is_empty();
        comparisons.base = is_compared.then(|| commit.to_owned());
        comparisons
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

    /// Gives servers that run already the ones that they are to be compared with.
    fn add_running(&mut self, plan: &Plan) {
        let mut urls = Vec::new();
        for head in &plan.targets {
            let Some(origin) = &head.base else {
                continue;
            };
            let name = &head.name;
            let url = format!("{}://{}", origin.scheme(), origin.authority);
            let base = Target {
                source: Source::Url(origin.clone()),
                ..head.clone()
            };
            self.lacks.retain(|it| it.server != *name);
            self.all.push(comparison(head, base, url.clone()));
            self.notes.push(format!(
                "`{name}` and its base ran already: nothing was started anew, so that a difference \
                 between the two machines counts as one between the builds; CPU time and memory \
                 cannot be read"
            ));
            urls.push(url);
        }
        if self.base.is_none() && !urls.is_empty() {
            self.base = Some(urls.join(", "));
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

    /// The plan with everything that must be brought up but for the bases: the reference program
    /// too, where servers are measured without one.
    pub(super) fn with_reference(&self, plan: &Plan) -> Plan {
        let mut all = plan.clone();
        if !self.without_base(plan, &[]).targets.is_empty() {
            all.targets.extend(plan.reference.clone());
        }
        all
    }

    /// The other builds.
    pub(super) fn bases(&self) -> Vec<Target> {
        self.all.iter().map(|it| it.sides.base.clone()).collect()
    }

    /// The plan of what has no other build, or one that failed.
    pub(super) fn without_base(&self, plan: &Plan, failed: &[BaseFailure]) -> Plan {
        let mut alone = plan.clone();
        for target in &mut alone.targets {
            let comparison = self.all.iter().find(|it| it.is_of(&target.name));
            if let Some(comparison) = comparison.filter(|_| !has_failed(failed, &target.name)) {
                let name = &target.name;
                let is_alone = |cell: &Cell| {
                    !comparison.compares(&cell.endpoint)
                        || cell_failed(failed, name, &cell.endpoint)
                };
                target.cells.retain(is_alone);
            }
        }
        alone.targets.retain(|target| !target.cells.is_empty());
        alone
    }

    /// Why a cell has no base, where there is a build that it could be of.
    pub(super) fn no_base(&self, key: &Key, failed: &[BaseFailure]) -> Option<NoBase> {
        let (server, endpoint) = (&key.server, &key.endpoint);
        if has_failed(failed, server) || cell_failed(failed, server, endpoint) {
            return Some(NoBase::Failed);
        }
        let before = self.base_plan.as_ref()?;
        let is_known = before.thresholds(server, endpoint).is_some();
        (!is_known).then_some(NoBase::New)
    }

    /// What the head was compared with, once it is known which bases failed.
    pub(super) fn base(&self, failed: &[BaseFailure]) -> Option<String> {
        let mut all = self.all.iter();
        let is_compared = all.any(|it| !has_failed(failed, &it.sides.head.name));
        self.base.clone().filter(|_| is_compared)
    }

    /// That bases failed and what that means, once for all servers where it is one reason.
    pub(super) fn notes_on(&self, failed: &[BaseFailure]) -> Vec<String> {
        let mut notes = Vec::new();
        for (at, failure) in failed.iter().enumerate() {
            let is_same = |it: &&BaseFailure| {
                (&it.during, &it.what, &it.endpoint)
                    == (&failure.during, &failure.what, &failure.endpoint)
            };
            if failed[..at].iter().any(|it| is_same(&it)) {
                continue;
            }
            let servers = failed.iter().filter(is_same).map(|it| it.server.as_str());
            let servers: Vec<_> = servers.collect();
            let build = self.all.iter().find(|it| it.is_of(&failure.server));
            let build = build.map_or("the other build", |it| it.build.as_str());
            notes.push(note_on(failure, &servers.join("`, `"), build));
        }
        notes
    }
}

impl Comparison {
    pub(super) fn is_of(&self, server: &str) -> bool {
        self.sides.head.name == server
    }

    /// Whether an endpoint is measured on both sides.
    fn compares(&self, endpoint: &str) -> bool {
        let mut cells = self.sides.head.cells.iter();
        cells.any(|cell| cell.endpoint == endpoint)
    }

    /// The same for the endpoints that a base has too; `None` if it has none of them.
    fn shared_with(mut self, base: &Target) -> Option<Self> {
        let is_shared = |cell: &Cell| base.cells.iter().any(|it| it.endpoint == cell.endpoint);
        self.sides.head.cells.retain(is_shared);
        self.sides.base.cells.retain(is_shared);
        (!self.sides.head.cells.is_empty()).then_some(self)
    }

    /// Whether the base is made from the files of its commit.
    pub(super) const fn is_made_from_tree(&self) -> bool {
        matches!(self.sides.base.source, Source::Run(_) | Source::Build(_))
    }
}

/// Whether the base of a server failed as a whole.
pub(super) fn has_failed(failed: &[BaseFailure], server: &str) -> bool {
    let mut failed = failed.iter();
    failed.any(|it| it.server == server && it.endpoint.is_none())
}

fn cell_failed(failed: &[BaseFailure], server: &str, endpoint: &str) -> bool {
    let mut failed = failed.iter();
    failed.any(|it| it.server == server && it.endpoint.as_deref() == Some(endpoint))
}

fn note_on(failure: &BaseFailure, servers: &str, build: &str) -> String {
    let what = match failure.during.as_str() {
        "prepare" => "cannot be prepared".into(),
        "build" => "cannot be built".into(),
        "set-up" => "cannot be set up".into(),
        "start" => "cannot be started".into(),
        "comparison" => "cannot be compared".into(),
        during => format!("failed in its {during}"),
    };
    let endpoint = failure.endpoint.as_ref();
    let endpoint = endpoint.map_or_else(String::new, |it| format!(", endpoint `{it}`,"));
    format!(
        "the base ({build}) of `{servers}`{endpoint} {what}: {}; the head is judged by stored \
         runs, where there are any, and by its own bounds",
        failure.what
    )
}

/// The servers as a commit has them: its folders, commands, environment and settings. Requests and
/// thresholds are those of the head. A commit that cannot be read is no base.
fn of_commit(plan: &Plan, commit: &str) -> Comparisons {
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
    let workspace = stack::workspace(&before.root);
    let _kept = workspace.map(|it| tree.keep_target(&it));
    comparisons.has_same_files = has_same_files(&git, commit).unwrap_or_default();
    if !comparisons.all.is_empty() {
        let lacks = tree.lacks.iter();
        let note = |lack| format!("of the base (commit {}), {lack}", short(commit));
        comparisons.notes.extend(lacks.map(note));
    }
    comparisons.tree = Some(Arc::new(tree));
    Ok(comparisons)
}

/// Whether what lies here is what a commit holds.
fn has_same_files(git: &Git, commit: &str) -> Result<bool, git::Error> {
    let same = git.files("HEAD")? == git.files(commit)?;
    Ok(same && !git.has_changes()?)
}

fn why_with_hint(error: &git::Error, hint: Option<String>) -> String {
    let hint = hint.map(|hint| format!("; {hint}"));
    chain(error) + &hint.unwrap_or_default()
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
fn comparison(head: &Target, base: Target, build: String) -> Comparison {
    let sides = Sides {
        base: Target {
            name: format!("{}.base", head.name),
            behind: head.behind.clone(),
            cells: head.cells.clone(),
            growth: head.growth.clone(),
            ..base
        },
        head: head.clone(),
    };
    Comparison {
        sides,
        strategy: Strategy::Duet,
        build,
    }
}

/// The head's own settings with another image.
fn with_image(head: &Target, image: &str) -> Comparison {
    let base = Target {
        source: Source::Image(image.to_owned()),
        ..head.clone()
    };
    comparison(head, base, format!("image {image}"))
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The full name of a commit that was asked for.
fn commit(plan: &Plan, git_ref: &str) -> Result<String, Error> {
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
