//! Head's server × base's server → what became of where its program comes from, of what it may use
//! and of what is counted beside it: a server that is another program, or has more of the machine
//! than the base, passes whatever the change does.

use std::path::{Path, PathBuf};

use super::change::Change;
use crate::model::{
    Build, GateChangeKind, KnownCounters, Login, Metric, Origin, Plan, Ready, Service, ServiceKind,
    Source, Target, Worker,
};

/// Billionths of a CPU in one.
const NANO: f64 = 1e9;
const MEBIBYTE: f64 = 1_048_576.0;

/// What became of one server; folders lie below the roots of their plans.
pub(super) fn of_server(
    (head, head_root): (&Target, &Path),
    (base, base_root): (&Target, &Path),
) -> Vec<Change> {
    let changes = [
        source((head, head_root), (base, base_root)),
        running_base(head.base.as_ref(), base.base.as_ref()),
        limit("memory", head.memory, base.memory, |bytes| {
            format!("{} MiB", bytes as f64 / MEBIBYTE)
        }),
        limit(
            "cpus",
            head.container.nano_cpus,
            base.container.nano_cpus,
            |nano| (nano as f64 / NANO).to_string(),
        ),
        ready(head, base),
    ];
    let changes = changes.into_iter().flatten();
    changes
        .chain(logins(head, base))
        .chain(workers(head, base))
        .collect()
}

/// What of the whole file counts no longer.
pub(super) fn of_plan(head: &Plan, base: &Plan) -> Vec<Change> {
    let now: Vec<_> = head.services.iter().filter_map(counted).collect();
    let before = base.services.iter().filter_map(counted);
    let gone = before.filter(|it| !now.contains(it)).map(no_longer_counted);
    gone.chain(reference(head, base)).collect()
}

/// A server whose program comes from elsewhere. Which image a tag names is what is measured.
fn source(
    (head, head_root): (&Target, &Path),
    (base, base_root): (&Target, &Path),
) -> Option<Change> {
    // That nobody starts it any more is a change of its own.
    let is_running = |it: &Target| matches!(it.source, Source::Url(_));
    if is_running(head) != is_running(base) {
        return None;
    }
    let (now, before) = (made(head, head_root), made(base, base_root));
    let is_other = now != before;
    let now = match &head.source {
        Source::Image(image) => format!("the image {image}"),
        _ => now,
    };
    let kind = GateChangeKind::SourceChanged;
    is_other.then(|| Change::with_texts(kind, Some(before), Some(now)))
}

/// How a server's program is made, in words that are the same for what is.
fn made(target: &Target, root: &Path) -> String {
    match &target.source {
        Source::Image(_) => "an image".into(),
        Source::Build(build) => built(build, root),
        Source::Run(_) if target.cargo.is_some() => "built by cargo".into(),
        Source::Run(_) => "a process".into(),
        Source::Url(origin) => format!("runs already at {}", origin.address),
    }
}

fn built(build: &Build, root: &Path) -> String {
    let below = |path: &Path| {
        let below = path.strip_prefix(root).unwrap_or(path);
        let below: PathBuf = below.components().collect();
        if below.as_os_str().is_empty() {
            ".".to_owned()
        } else {
            below.display().to_string()
        }
    };
    let dockerfile = build.dockerfile.as_deref();
    let dockerfile = dockerfile.map(|it| format!(", by {}", below(it)));
    let stage = build.target.as_ref().map(|it| format!(", stage {it}"));
    format!(
        "built from {}{}{}",
        below(&build.context),
        dockerfile.unwrap_or_default(),
        stage.unwrap_or_default()
    )
}

/// The build that one which runs already is compared with.
fn running_base(head: Option<&Origin>, base: Option<&Origin>) -> Option<Change> {
    let words = |it: &Origin| format!("compared with {}", it.address);
    let before = base?;
    let is_other = head.is_none_or(|it| it.address != before.address);
    let kind = GateChangeKind::SourceChanged;
    is_other.then(|| Change::with_texts(kind, Some(words(before)), head.map(words)))
}

/// A limit that is gone or higher.
fn limit<T: PartialOrd + Copy>(
    name: &str,
    head: Option<T>,
    base: Option<T>,
    amount: impl Fn(T) -> String,
) -> Option<Change> {
    let before = base?;
    let is_higher = head.is_none_or(|now| now > before);
    let words = |it| format!("{name} {}", amount(it));
    let kind = GateChangeKind::LimitRaised;
    is_higher.then(|| Change::with_texts(kind, Some(words(before)), head.map(words)))
}

/// Start-up ends with another answer, where it is judged.
fn ready(head: &Target, base: &Target) -> Option<Change> {
    let is_judged = |it: &Target| {
        let mut cells = it.cells.iter();
        cells.any(|cell| cell.thresholds.contains_key(&Metric::StartupTime))
    };
    let words = |it: &Ready| format!("ready by {} {}", it.method, it.path);
    let (now, before) = (words(&head.ready), words(&base.ready));
    let kind = GateChangeKind::RequestChanged;
    (is_judged(base) && now != before).then(|| Change::with_texts(kind, Some(before), Some(now)))
}

/// Logins that are gone or other ones: who asks decides what is answered. What they send is nobody's
/// business.
fn logins(head: &Target, base: &Target) -> impl Iterator<Item = Change> {
    let changed = move |before: &Login| {
        let now = head.logins.iter().find(|it| it.name == before.name);
        let is_same = now.is_some_and(|it| asks_the_same(it, before));
        let name = format!("login {}", before.name);
        let now = now.map(|_| format!("{name} with another request"));
        let kind = GateChangeKind::RequestChanged;
        (!is_same).then(|| Change::with_texts(kind, Some(name), now))
    };
    base.logins.iter().filter_map(changed)
}

/// Whether two logins differ in what they wait alone.
fn asks_the_same(one: &Login, other: &Login) -> bool {
    let Ready {
        timeout, within, ..
    } = other.request;
    let request = Ready {
        timeout,
        within,
        ..one.request.clone()
    };
    request == other.request && one.captures == other.captures
}

/// Workers whose CPU time and memory are no longer read.
fn workers(head: &Target, base: &Target) -> impl Iterator<Item = Change> {
    let is_gone = move |worker: &&Worker| !head.workers.iter().any(|it| it.name == worker.name);
    let gone = base.workers.iter().filter(is_gone);
    gone.map(|worker| no_longer_counted(format!("worker {}", worker.name)))
}

/// What is counted of a service.
fn counted(service: &Service) -> Option<String> {
    let what = match &service.kind {
        ServiceKind::Postgres(_) => "SQL statements",
        ServiceKind::Redis => "commands",
        ServiceKind::Other(other) => match other.counters? {
            KnownCounters::Mysql => "SQL statements",
            KnownCounters::Rabbitmq => "published messages",
        },
    };
    Some(format!("{what} of {}", service.name))
}

fn no_longer_counted(what: String) -> Change {
    Change::with_texts(GateChangeKind::NoLongerCounted, Some(what), None)
}

/// The fixed program that CPU time is compared with.
fn reference(head: &Plan, base: &Plan) -> Option<Change> {
    let words = |it: &Target| {
        let mut cells = it.cells.iter();
        let request = cells.next().and_then(|it| it.workload.requests.first());
        let path = request.map_or("", |it| it.path.as_str());
        format!("CPU time beside {} {path}", it.name)
    };
    let before = words(base.reference.as_ref()?);
    let now = head.reference.as_ref().map(words);
    let kind = GateChangeKind::NoLongerCounted;
    (now.as_ref() != Some(&before)).then(|| Change::with_texts(kind, Some(before), now))
}
