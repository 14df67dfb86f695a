//! Servers beside their bases, and why others have none.

use std::sync::Arc;

use super::super::cargo_options;
use crate::git::Tree;
use crate::model::{BaseFailure, Cell, Key, NoBase, Plan, Sides, Source, Strategy, Target};

/// A server that has a base.
#[derive(Debug)]
pub(in super::super) struct Comparison {
    pub(in super::super) sides: Sides<Target>,
    pub(in super::super) strategy: Strategy,
    /// Which build the base is, for readers.
    build: String,
}

/// The servers of a plan that have a base, each with it.
#[derive(Debug, Default)]
pub(in super::super) struct Comparisons {
    pub(in super::super) all: Vec<Comparison>,
    /// What the base is, for readers.
    pub(in super::super) base: Option<String>,
    /// What readers must know of how bases were found.
    pub(in super::super) notes: Vec<String>,
    /// What readers must know before anything else.
    pub(in super::super) caveats: Vec<String>,
    /// Whether servers without a base are not to be measured.
    pub(in super::super) is_required: bool,
    /// Whether servers of identical builds are not to be measured.
    pub(in super::super) skips_identical: bool,
    pub(in super::super) confirms: Confirms,
    /// By which share of its own CPU time each head is made slower on purpose.
    pub(in super::super) injected: Option<f64>,
    /// Why servers have no base.
    pub(super) lacks: Vec<Lack>,
    pub(in super::super) files: FilesOfBase,
    /// The plan of the base, where its commands must be run before its servers.
    pub(in super::super) prepare: Option<Plan>,
    /// The plan of the base, whether or not its servers can be compared with.
    pub(in super::super) base_plan: Option<Plan>,
    /// The tree of the base, for as long as it is built from.
    pub(in super::super) tree: Option<Arc<Tree>>,
}

/// The files of the base beside those of the head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum FilesOfBase {
    #[default]
    Other,
    /// Nothing but what is written for people differs.
    OtherDocuments,
    Same,
}

/// Whether what regressed must show again in fresh starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Confirms {
    #[default]
    Always,
    /// Where the next comparison shows whether it was so, they take time and add little.
    Never,
}

/// A server without a base.
#[derive(Debug)]
pub(super) struct Lack {
    server: String,
    why: String,
}

/// The image of a stored run, which can be run again.
#[derive(Debug, Clone)]
pub(in super::super) struct Anchor {
    pub(in super::super) server: String,
    pub(in super::super) image: String,
    pub(in super::super) commit: Option<String>,
}

impl Comparisons {
    /// No server has a base, all for one reason.
    pub(super) fn none(plan: &Plan, why: &str) -> Self {
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
    pub(in super::super) fn with_itself(plan: &Plan, injected: Option<f64>) -> Self {
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
    pub(in super::super) fn with_commit(plan: &Plan, before: &Plan, commit: &str) -> Self {
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
    pub(super) fn fall_back_on(&mut self, plan: &Plan, anchors: &[Anchor]) {
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
    pub(super) fn add_running(&mut self, plan: &Plan) {
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
    pub(super) fn explain(&mut self, plan: &Plan) {
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
    pub(in super::super) fn with_reference(&self, plan: &Plan) -> Plan {
        let mut all = plan.clone();
        if !self.without_base(plan, &[]).targets.is_empty() {
            all.targets.extend(plan.reference.clone());
        }
        all
    }

    /// The other builds.
    pub(in super::super) fn bases(&self) -> Vec<Target> {
        self.all.iter().map(|it| it.sides.base.clone()).collect()
    }

    /// The plan of what has no other build, or one that failed.
    pub(in super::super) fn without_base(&self, plan: &Plan, failed: &[BaseFailure]) -> Plan {
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
    pub(in super::super) fn no_base(&self, key: &Key, failed: &[BaseFailure]) -> Option<NoBase> {
        let (server, endpoint) = (&key.server, &key.endpoint);
        if has_failed(failed, server) || cell_failed(failed, server, endpoint) {
            return Some(NoBase::Failed);
        }
        let before = self.base_plan.as_ref()?;
        let is_known = before.thresholds(server, endpoint).is_some();
        (!is_known).then_some(NoBase::New)
    }

    /// What the head was compared with, once it is known which bases failed.
    pub(in super::super) fn base(&self, failed: &[BaseFailure]) -> Option<String> {
        let mut all = self.all.iter();
        let is_compared = all.any(|it| !has_failed(failed, &it.sides.head.name));
        self.base.clone().filter(|_| is_compared)
    }

    /// That bases failed and what that means, once for all servers where it is one reason.
    pub(in super::super) fn notes_on(&self, failed: &[BaseFailure]) -> Vec<String> {
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
    pub(in super::super) fn is_of(&self, server: &str) -> bool {
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
    pub(in super::super) const fn is_made_from_tree(&self) -> bool {
        matches!(self.sides.base.source, Source::Run(_) | Source::Build(_))
    }
}

/// Whether the base of a server failed as a whole.
pub(in super::super) fn has_failed(failed: &[BaseFailure], server: &str) -> bool {
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
pub(super) fn with_image(head: &Target, image: &str) -> Comparison {
    let base = Target {
        source: Source::Image(image.to_owned()),
        ..head.clone()
    };
    comparison(head, base, format!("image {image}"))
}

pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
