//! Head's plan × base's plan → what became of the gate: everything that is measured no longer, and
//! every rule that lets more pass. A rule that became stricter needs nobody's look, and is left out.

use std::path::Path;
use std::time::Duration;

use super::change::Change;
use super::supply;
use crate::model::{
    Acceptance, Baseline, Cell, CellName, Concurrency, Direction, Expect, GateChange,
    GateChangeKind, GateValue, Metric, Pacing, Plan, Request, Rule, Source, Store, Target,
    Threshold, Workload,
};

/// Requests of an endpoint that are named.
const REQUESTS_NAMED: usize = 3;

/// What the head's plan no longer holds the program to.
pub fn gate_changes(head: &Plan, base: &Plan) -> Vec<GateChange> {
    let mut changes = Changes::default();
    changes.removed(head, base);
    for (target, before) in common_targets(head, base) {
        let cells: Vec<_> = names(target).collect();
        changes.add_all(&cells, of_target(target, before));
        let (now, then) = ((target, &*head.root), (before, &*base.root));
        changes.add_all(&cells, supply::of_server(now, then));
        for (cell, earlier) in common_cells(target, before) {
            let name = CellName::new(&target.name, &cell.endpoint);
            changes.add_all(&[name], of_cell(cell, earlier));
        }
    }
    for accepted in &head.accepted {
        let name = CellName::new(&accepted.server, &accepted.endpoint);
        changes.add_all(&[name], acceptance(accepted, &base.accepted));
    }
    changes.add_all(&[], supply::of_plan(head, base));
    changes.add_all(&[], pacing(head.pacing, base.pacing));
    changes.add_all(&[], store(head, base));
    changes.added(head, base);
    changes.all
}

/// What was stored together with the newest run and is not planned any more: where no base's plan
/// is known, the only trace of what was measured.
pub fn stored_unmeasured(head: &Plan, stored: &[Baseline]) -> Vec<GateChange> {
    let Some(newest) = stored.iter().max_by_key(|run| run.time) else {
        return Vec::new();
    };
    let together = |run: &&Baseline| match &newest.commit {
        Some(commit) => run.commit.as_ref() == Some(commit),
        None => run.time == newest.time,
    };
    let stored = stored.iter().filter(together);
    let mut cells: Vec<_> = stored
        .map(|run| CellName::new(&run.key.server, &run.key.endpoint))
        .filter(|cell| !has(head, cell))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    let mut changes = Changes::default();
    if !cells.is_empty() {
        changes.add_all(
            &cells,
            [Change::from_kind(GateChangeKind::StoredUnmeasured)],
        );
    }
    changes.all
}

/// Changes, those that are alike together.
#[derive(Default)]
struct Changes {
    all: Vec<GateChange>,
}

impl Changes {
    fn add_all(&mut self, cells: &[CellName], changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.add(cells, change);
        }
    }

    fn add(&mut self, cells: &[CellName], change: Change) {
        let Change {
            kind,
            metric,
            base,
            head,
        } = change;
        let same = |it: &&mut GateChange| {
            it.kind == kind && it.metric == metric && it.base == base && it.head == head
        };
        match self.all.iter_mut().find(same) {
            Some(alike) => alike.cells.extend_from_slice(cells),
            None => self.all.push(GateChange {
                kind,
                cells: cells.to_vec(),
                metric,
                base,
                head,
            }),
        }
    }

    fn removed(&mut self, head: &Plan, base: &Plan) {
        self.only_in(
            base,
            head,
            GateChangeKind::ServerRemoved,
            GateChangeKind::EndpointRemoved,
        );
    }

    fn added(&mut self, head: &Plan, base: &Plan) {
        self.only_in(
            head,
            base,
            GateChangeKind::ServerAdded,
            GateChangeKind::EndpointAdded,
        );
    }

    /// What one plan has and the other has not: whole servers, and endpoints of common ones.
    fn only_in(
        &mut self,
        one: &Plan,
        other: &Plan,
        server: GateChangeKind,
        endpoint: GateChangeKind,
    ) {
        for target in &one.targets {
            let kind = match find(other, &target.name) {
                None => server,
                Some(_) => endpoint,
            };
            let cells: Vec<_> = names(target).filter(|it| !has(other, it)).collect();
            if !cells.is_empty() {
                self.add(&cells, Change::from_kind(kind));
            }
        }
    }
}

fn find<'a>(plan: &'a Plan, server: &str) -> Option<&'a Target> {
    plan.targets.iter().find(|it| it.name == server)
}

fn has(plan: &Plan, name: &CellName) -> bool {
    let target = find(plan, &name.server);
    target.is_some_and(|it| it.cells.iter().any(|cell| cell.endpoint == name.endpoint))
}

fn names(target: &Target) -> impl Iterator<Item = CellName> {
    let cells = target.cells.iter();
    cells.map(|cell| CellName::new(&target.name, &cell.endpoint))
}

fn common_targets<'a>(
    head: &'a Plan,
    base: &'a Plan,
) -> impl Iterator<Item = (&'a Target, &'a Target)> {
    let pair = |target: &'a Target| Some((target, find(base, &target.name)?));
    head.targets.iter().filter_map(pair)
}

fn common_cells<'a>(
    head: &'a Target,
    base: &'a Target,
) -> impl Iterator<Item = (&'a Cell, &'a Cell)> {
    let pair = |cell: &'a Cell| {
        let mut cells = base.cells.iter();
        Some((cell, cells.find(|it| it.endpoint == cell.endpoint)?))
    };
    head.cells.iter().filter_map(pair)
}

fn of_target(head: &Target, base: &Target) -> Vec<Change> {
    let runs = |target: &Target| matches!(target.source, Source::Url(_));
    let mut changes = Vec::new();
    if runs(head) && !runs(base) {
        changes.push(Change::with_texts(
            GateChangeKind::NoLongerStarted,
            Some("started by perfgate".into()),
            Some("runs already".into()),
        ));
    }
    if head.behind != base.behind {
        let behind = |it: &Target| it.behind.as_ref().map(|proxy| format!("behind {proxy}"));
        let kind = GateChangeKind::LoadChanged;
        changes.push(Change::with_texts(kind, behind(base), behind(head)));
    }
    if base.growth.is_some() && head.growth != base.growth {
        let growth = |it: &Target| {
            let growth = it.growth.as_ref();
            growth.map(|it| format!("data that grow, {}", it.describe()))
        };
        let kind = GateChangeKind::LoadChanged;
        changes.push(Change::with_texts(kind, growth(base), growth(head)));
    }
    changes
}

fn of_cell(head: &Cell, base: &Cell) -> Vec<Change> {
    let mut changes = workload(&head.workload, &base.workload);
    for (metric, before) in &base.thresholds {
        let none = Threshold::default();
        let now = head.thresholds.get(metric).unwrap_or(&none);
        let of_metric = |change| Change {
            metric: Some(*metric),
            ..change
        };
        changes.extend(rules(*metric, now, before).map(of_metric));
    }
    changes
}

/// What of one metric's rules is gone or lets more pass.
fn rules(metric: Metric, head: &Threshold, base: &Threshold) -> impl Iterator<Item = Change> {
    let margin = looser(
        GateChangeKind::MarginLooser,
        head.margin.as_ref(),
        base.margin.as_ref(),
        |head, base| head > base,
    );
    let ceiling = looser(
        GateChangeKind::CeilingLooser,
        head.ceiling.as_ref(),
        base.ceiling.as_ref(),
        |head, base| match metric.direction() {
            Direction::LowerIsBetter => head > base,
            Direction::HigherIsBetter => head < base,
        },
    );
    [margin, ceiling, floor(head, base)].into_iter().flatten()
}

fn looser(
    kind: GateChangeKind,
    head: Option<&Rule>,
    base: Option<&Rule>,
    is_looser: impl Fn(f64, f64) -> bool,
) -> Option<Change> {
    let base = base?;
    let kind = match head {
        None => GateChangeKind::RuleRemoved,
        Some(head) if is_looser(head.value, base.value) => kind,
        Some(_) => return None,
    };
    let head = head.map(Rule::to_string);
    Some(Change::with_texts(kind, Some(base.to_string()), head))
}

/// A floor belongs to a margin: with that it goes.
fn floor(head: &Threshold, base: &Threshold) -> Option<Change> {
    let now = head.floor?;
    if head.margin.is_none() || base.margin.is_none() {
        return None;
    }
    (now > base.floor.unwrap_or_default()).then(|| Change {
        base: base.floor.map(GateValue::Amount),
        head: Some(GateValue::Amount(now)),
        ..Change::from_kind(GateChangeKind::FloorRaised)
    })
}

fn workload(head: &Workload, base: &Workload) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(request(&head.requests, &base.requests));
    for (now, before) in head.requests.iter().zip(&base.requests) {
        changes.extend(expectation(&now.expect, &before.expect));
    }
    let load = |base: String, head: String| {
        let kind = GateChangeKind::LoadChanged;
        (base != head).then(|| Change::with_texts(kind, Some(base), Some(head)))
    };
    let connections = |it: &Workload| match it.concurrency {
        Concurrency::Configured => format!("connections {}", it.connections),
        Concurrency::Adaptive => format!(
            "connections as the server needs, {} at most",
            it.connections
        ),
    };
    let rate = |it: &Workload| match it.rate {
        Some(rate) => format!("rate {rate}"),
        None => "no rate".into(),
    };
    changes.extend(load(connections(base), connections(head)));
    changes.extend(load(rate(base), rate(head)));
    if head.timeout > base.timeout {
        changes.push(time("timeout", head.timeout, base.timeout));
    }
    changes
}

/// The same name for other requests.
fn request(head: &[Request], base: &[Request]) -> Option<Change> {
    let targets = |all: &[Request]| -> Vec<_> {
        let targets = all.iter().map(|it| format!("{} {}", it.method, it.path));
        targets.collect()
    };
    let kind = GateChangeKind::RequestChanged;
    let (now, before) = (targets(head), targets(base));
    if now != before {
        return Some(Change::with_texts(
            kind,
            Some(named(before)),
            Some(named(now)),
        ));
    }
    // Header fields and bodies may hold what nobody else should read.
    let differs = |of: fn(&Request, &Request) -> bool| {
        let mut both = head.iter().zip(base);
        both.any(|(now, before)| of(now, before))
    };
    let parts = [
        (differs(|a, b| a.headers != b.headers), "header fields"),
        (differs(|a, b| a.body != b.body), "body"),
        (differs(|a, b| a.weight != b.weight), "weights"),
    ];
    let parts: Vec<_> = parts.iter().filter(|it| it.0).map(|it| it.1).collect();
    let same = Some(named(now));
    (!parts.is_empty()).then(|| {
        let head = format!("the same with other {}", parts.join(", "));
        Change::with_texts(kind, same, Some(head))
    })
}

fn named(mut requests: Vec<String>) -> String {
    let more = requests.len().saturating_sub(REQUESTS_NAMED);
    requests.truncate(REQUESTS_NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    requests.extend(more);
    requests.join(", ")
}

/// What a response no longer has to be. Another status is as good as none: nobody can say which of
/// two a server should give.
fn expectation(head: &Expect, base: &Expect) -> Vec<Change> {
    let change = |base: String, head: Option<String>| {
        Change::with_texts(GateChangeKind::ExpectationLoosened, Some(base), head)
    };
    let mut changes = Vec::new();
    if head.status != base.status {
        let status = |it: &Expect| format!("status {}", it.status);
        changes.push(change(status(base), Some(status(head))));
    }
    if let Some(text) = &base.contains {
        let holds = |now: &String| now.contains(text.as_str());
        if !head.contains.as_ref().is_some_and(holds) {
            let contains = |text: &String| format!("contains {text:?}");
            changes.push(change(contains(text), head.contains.as_ref().map(contains)));
        }
    }
    for (pointer, value) in &base.json {
        let same = |it: &&(String, serde_json::Value)| it.0 == *pointer;
        let now = head.json.iter().find(same).map(|it| &it.1);
        if now != Some(value) {
            let json = |value: &serde_json::Value| format!("json {pointer} = {value}");
            changes.push(change(json(value), now.map(json)));
        }
    }
    if let Some(drift) = base.max_size_drift
        && head.max_size_drift.is_none_or(|now| now > drift)
    {
        let words = |it: f64| format!("max_size_drift {}%", it * 100.0);
        changes.push(change(words(drift), head.max_size_drift.map(words)));
    }
    changes
}

/// Less time to measure in.
fn pacing(head: Pacing, base: Pacing) -> Vec<Change> {
    let times = [
        ("round", head.round, base.round),
        ("warmup", head.warmup, base.warmup),
        ("budget", head.budget, base.budget),
    ];
    let shorter = times.into_iter().filter(|(_, head, base)| head < base);
    let mut changes: Vec<_> = shorter
        .map(|(name, head, base)| time(name, head, base))
        .collect();
    if head.rounds < base.rounds {
        let rounds = |it: Pacing| Some(format!("rounds {}", it.rounds));
        let kind = GateChangeKind::LoadChanged;
        changes.push(Change::with_texts(kind, rounds(base), rounds(head)));
    }
    changes
}

fn time(name: &str, head: Duration, base: Duration) -> Change {
    let words = |it: Duration| Some(format!("{name} {it:?}"));
    Change::with_texts(GateChangeKind::LoadChanged, words(base), words(head))
}

/// One that the base does not have, or not for as long.
fn acceptance(head: &Acceptance, base: &[Acceptance]) -> Option<Change> {
    let same = |it: &&Acceptance| {
        it.server == head.server && it.endpoint == head.endpoint && it.metric == head.metric
    };
    let before = base.iter().filter(same).max_by_key(|it| it.until);
    if before.is_some_and(|it| it.until >= head.until) {
        return None;
    }
    let until = before.map(|it| format!("until {}", it.until));
    let now = format!("until {}: {}", head.until, head.reason);
    Some(Change {
        metric: Some(head.metric),
        ..Change::with_texts(GateChangeKind::AcceptanceAdded, until, Some(now))
    })
}

fn store(head: &Plan, base: &Plan) -> Option<Change> {
    let kind = GateChangeKind::BaselineChanged;
    let [now, before] = [head, base].map(|plan| resolved(&plan.baselines, &plan.root));
    if now == before {
        return None;
    }
    let [now, before] = [now, before].map(|it| shown(&it));
    let now = if now == before {
        "the same on another remote".into()
    } else {
        now
    };
    Some(Change::with_texts(kind, Some(before), Some(now)))
}

/// A store as the file of its plan names it, wherever the plan's tree lies.
fn resolved(store: &Store, root: &Path) -> Store {
    match store {
        Store::Folder(folder) => {
            let below = folder.strip_prefix(root).unwrap_or(folder);
            Store::Folder(below.to_owned())
        }
        Store::Branch { remote, branch, .. } => Store::Branch {
            clone: ".".into(),
            remote: remote.clone(),
            branch: branch.clone(),
        },
        Store::Bucket { bucket, .. } => Store::Bucket {
            bucket: bucket.clone(),
            origin: String::new(),
        },
    }
}

fn shown(store: &Store) -> String {
    match store {
        Store::Folder(folder) => format!("dir:{}", folder.display()),
        // A remote that is an address may hold a password.
        Store::Branch { remote, branch, .. } if remote.contains("://") => format!("git:{branch}"),
        Store::Branch { remote, branch, .. } => format!("git:{remote}#{branch}"),
        Store::Bucket { bucket, .. } => bucket.to_string(),
    }
}
