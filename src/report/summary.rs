//! What every human-facing format says first: the outcome, the cells, what to do next.

use std::cmp::Ordering;

use super::margin_bar::MarginBar;
use super::{gate, text};
use crate::model::{Finding, Incident, Metric, Outcome, Reason, Report, Runner, Strategy, Verdict};

/// The metrics that have a column.
pub(super) const COLUMNS: [(Metric, &str); 6] = [
    (Metric::Throughput, "requests"),
    (Metric::LatencyP50, "p50"),
    (Metric::LatencyP99, "p99"),
    (Metric::CpuPerRequest, "CPU/request"),
    (Metric::MemoryPeak, "memory"),
    (Metric::ErrorRate, "errors"),
];

/// Letters of the base that are shown: an abbreviated commit, or what names an image.
const LONGEST_BASE: usize = 60;
/// Cells that a line names.
const CELLS_NAMED: usize = 4;

/// All findings of one server and endpoint.
pub(super) struct Cell<'a> {
    pub(super) server: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) findings: Vec<&'a Finding>,
}

/// The findings by cell, in the order they were measured.
pub(super) fn cells(report: &Report) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for finding in &report.findings {
        let same = |cell: &&mut Cell<'_>| {
            cell.server == finding.server && cell.endpoint == finding.endpoint
        };
        match cells.iter_mut().find(same) {
            Some(cell) => cell.findings.push(finding),
            None => cells.push(Cell {
                server: &finding.server,
                endpoint: &finding.endpoint,
                findings: vec![finding],
            }),
        }
    }
    cells
}

impl<'a> Cell<'a> {
    /// Of the findings that a reader should see the first.
    pub(super) fn worst(&self) -> Option<&'a Finding> {
        let news = self.findings.iter().copied().filter(|it| is_news(it));
        news.min_by(|a, b| by_weight(a, b))
    }

    /// The order of cells by their worst findings.
    pub(super) fn by_weight(&self, other: &Self) -> Ordering {
        match (self.worst(), other.worst()) {
            (Some(a), Some(b)) => by_weight(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.verdict().cmp(&other.verdict()),
        }
    }

    /// The worst verdict of the metrics that have a threshold and something to be judged by.
    pub(super) fn verdict(&self) -> Verdict {
        let judged = self.findings.iter().filter(|finding| counts(finding));
        judged
            .map(|finding| finding.verdict)
            .min()
            .unwrap_or(Verdict::NotJudged)
    }

    /// The same in a word.
    pub(super) fn word(&self) -> &'static str {
        let mut regressed = self.findings.iter();
        let broken =
            regressed.find(|it| it.verdict == Verdict::Regression && !it.is_broken_bound());
        match self.verdict() {
            Verdict::Regression if broken.is_none() => "FAILED",
            verdict => text::verdict(verdict),
        }
    }

    /// Value and change of one metric, as a column shows them.
    pub(super) fn column(&self, metric: Metric) -> Column {
        let finding = self
            .findings
            .iter()
            .find(|finding| finding.metric == metric);
        let head = finding.and_then(|finding| Some(text::value(finding.head?, finding.unit)));
        let change = finding.and_then(|finding| finding.change);
        Column {
            value: head.unwrap_or_else(|| "–".into()),
            change: change.map(text::change),
        }
    }
}

/// What one metric's column says about a cell.
pub(super) struct Column {
    pub(super) value: String,
    pub(super) change: Option<String>,
}

/// A metric nobody set a rule for, or whose default rule cannot be judged here, says nothing about its
/// cell.
fn counts(finding: &Finding) -> bool {
    let silent = matches!(
        finding.reason,
        Some(
            Reason::NoThreshold
                | Reason::TooFewRequests { .. }
                | Reason::Unavailable
                | Reason::Undecided
                | Reason::TooNoisy
        )
    );
    !(finding.verdict == Verdict::NotJudged && silent)
}

/// The findings that a reader should see, the worst first.
pub fn news(report: &Report) -> Vec<&Finding> {
    let mut news: Vec<_> = report.findings.iter().filter(|it| is_news(it)).collect();
    news.sort_by(|a, b| by_weight(a, b));
    news
}

pub(super) fn is_news(finding: &Finding) -> bool {
    match finding.verdict {
        Verdict::Regression | Verdict::Inconclusive => true,
        Verdict::NotJudged => false,
        Verdict::Pass if text::has_shifted(finding) => true,
        Verdict::Pass => matches!(
            finding.reason,
            Some(Reason::Accepted { .. } | Reason::Improved)
        ),
    }
}

/// The order of findings in every format: by verdict, and within one by how far in margins the change
/// goes for the worse. A broken bound, which is no change, comes first.
pub(super) fn by_weight(a: &Finding, b: &Finding) -> Ordering {
    let worse = |it: &Finding| match MarginBar::from_finding(it) {
        Some(bar) => bar.point,
        None if it.verdict == Verdict::Regression => f64::INFINITY,
        None => f64::NEG_INFINITY,
    };
    let by_verdict = a.verdict.cmp(&b.verdict);
    by_verdict.then_with(|| worse(b).total_cmp(&worse(a)))
}

/// What is no news, in a line: how many findings of which cells, and how far they are off.
pub(super) fn unchanged(report: &Report) -> Option<String> {
    let passed = report.with_verdict(Verdict::Pass);
    let passed = passed.filter(|it| it.base.is_some() && !is_news(it));
    let mut passed: Vec<_> = passed.collect();
    passed.sort_by(|a, b| by_weight(a, b));
    let mut cells: Vec<_> = passed.iter().map(|it| (&it.server, &it.endpoint)).collect();
    cells.sort_unstable();
    cells.dedup();
    let nearest = passed
        .iter()
        .find(|it| MarginBar::from_finding(it).is_some());
    let nearest = nearest.and_then(|it| {
        let change = text::change(it.change?);
        Some(format!(
            "; nearest to its margin {} {change}",
            text::name(it)
        ))
    });
    (!passed.is_empty()).then(|| {
        let (count, cells) = (passed.len(), cell_names(&cells));
        format!(
            "unchanged: {count} in {cells}{}",
            nearest.unwrap_or_default()
        )
    })
}

/// The first few cells by name.
fn cell_names(cells: &[(&String, &String)]) -> String {
    let shown = cells.iter().take(CELLS_NAMED);
    let name = |(server, endpoint): &(&String, &String)| {
        format!("{} {}", text::printable(server), text::printable(endpoint))
    };
    let mut cell_names: Vec<_> = shown.map(name).collect();
    let more = cells.len() - cell_names.len();
    cell_names.extend((more > 0).then(|| format!("{more} more cells")));
    cell_names.join(", ")
}

/// The outcome in a line, with what keeps it from being the whole truth.
pub fn headline(report: &Report) -> String {
    let failed = not_measured(report);
    if report.judged() == 0 && !failed.is_empty() {
        return format!("NOT MEASURED: {failed}");
    }
    let verdict = match &report.provenance.partial {
        Some(partial) if partial.is_cut() => format!(
            "PARTIAL ({}): {}",
            text::printable(&partial.reason),
            verdict(report)
        ),
        _ => verdict(report),
    };
    let missing = gate::cells(&report.coverage.missing);
    let identical = gate::cells(&report.coverage.identical);
    let same_build = report.coverage.same_build.iter();
    let same_build: Vec<_> = same_build.map(|it| text::printable(it)).collect();
    let gate = report.has_weaker_gate().then(|| "GATE CHANGED".to_owned());
    let named = [
        ("NOT MEASURED", failed),
        ("MISSING", missing),
        ("identical build, not measured", identical),
        (
            "the same build on both sides, although files differ",
            same_build.join(", "),
        ),
    ];
    let named = named.into_iter().filter(|(_, names)| !names.is_empty());
    let named = named.map(|(what, names)| format!("{what}: {names}"));
    let parts: Vec<_> = [verdict].into_iter().chain(named).chain(gate).collect();
    parts.join("; ")
}

/// The servers that failed; of those that never came up, that.
fn not_measured(report: &Report) -> String {
    let name = |it: &Incident| {
        let server = text::printable(&it.server);
        if it.is_of_start() {
            format!("{server} did not start")
        } else {
            server
        }
    };
    let names: Vec<_> = report.not_measured().map(name).collect();
    names.join(", ")
}

/// What a reader must see that no finding says: of the gate, and of what is missing.
pub fn warnings(report: &Report) -> Vec<String> {
    let notices = gate::notices(report);
    notices.iter().map(gate::Notice::line).collect()
}

fn verdict(report: &Report) -> String {
    let count = |verdict| report.with_verdict(verdict).count();
    match report.outcome {
        Outcome::Pass if report.findings.is_empty() => "PASSED: nothing changed".into(),
        Outcome::Pass => format!("PASSED: {} judged, none regressed", count(Verdict::Pass)),
        Outcome::Regression => failed(report),
        Outcome::Inconclusive if report.provenance.partial.is_some() => {
            format!("{} passed, the others are incomplete", count(Verdict::Pass))
        }
        Outcome::Inconclusive if report.judged() == 0 => "INCONCLUSIVE: 0 judged".into(),
        Outcome::Inconclusive if count(Verdict::Inconclusive) == 0 => {
            format!("INCONCLUSIVE: {} judged, none regressed", report.judged())
        }
        Outcome::Inconclusive => format!("INCONCLUSIVE: {}", undecided(report)),
        Outcome::NoBaseline => format!("NO BASELINE: {}", lack(report)),
    }
}

/// What is worse than a base, and what breaks a bound with nothing to compare it with.
fn failed(report: &Report) -> String {
    let (broken, regressed): (Vec<_>, Vec<_>) = report
        .with_verdict(Verdict::Regression)
        .partition(|it| it.is_broken_bound());
    let named = [("REGRESSED", regressed.len()), ("FAILED", broken.len())];
    let named = named.into_iter().filter(|(_, count)| *count > 0);
    let named: Vec<_> = named
        .map(|(word, count)| format!("{word}: {count}"))
        .collect();
    let unjudged = unjudged_rules(report).map_or_else(String::new, |it| format!("; {it}"));
    format!(
        "{} of {} judged{unjudged}",
        named.join(", "),
        report.judged()
    )
}

/// What could not be decided, by reason.
fn undecided(report: &Report) -> String {
    let open = report.with_verdict(Verdict::Inconclusive);
    let (paired, stored): (Vec<_>, Vec<_>) = open
        .filter(|it| !it.is_unjudged_rule())
        .partition(|it| it.strategy.is_paired());
    let (noisy, doubtful): (Vec<_>, Vec<_>) = stored
        .into_iter()
        .partition(|it| it.reason == Some(Reason::WithinNoise));
    let why = doubtful.first().map(|it| text::reason(it));
    let parts = [
        (paired.len(), "undecided within the budget".into()),
        (noisy.len(), "beyond the margin but within the noise".into()),
        (
            doubtful.len(),
            format!("in doubt ({})", why.unwrap_or_default()),
        ),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts = parts.map(|(count, what): (usize, String)| format!("{count} {what}"));
    let parts: Vec<_> = parts.chain(unjudged_rules(report)).collect();
    parts.join(", ")
}

/// Rules that the user wrote and that nothing could be judged by.
fn unjudged_rules(report: &Report) -> Option<String> {
    let unjudged = report.findings.iter().filter(|it| it.is_unjudged_rule());
    match unjudged.count() {
        0 => None,
        1 => Some("1 configured rule was not judged".into()),
        count => Some(format!("{count} configured rules were not judged")),
    }
}

/// Why there was nothing to compare with: the first reason, and what was judged all the same.
fn lack(report: &Report) -> String {
    let lacking = report
        .findings
        .iter()
        .find(|finding| finding.reason.as_ref().is_some_and(Reason::lacks_baseline));
    let why = match lacking {
        None => "nothing was measured".into(),
        Some(finding) if finding.reason == Some(Reason::NoBaseline) => "no stored runs yet".into(),
        Some(finding) => text::reason(finding),
    };
    format!("{why}; only absolute limits were judged")
}

/// How head and base were brought together, and what the base was.
pub(super) fn strategy(report: &Report) -> String {
    let mut names: Vec<_> = report.findings.iter().map(|it| it.strategy).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(Strategy::name).collect();
    let names = if names.is_empty() {
        Strategy::Stored.name().to_owned()
    } else {
        names.join(" and ")
    };
    let is_the_same = report.findings.is_empty() && !report.coverage.identical.is_empty();
    match report.provenance.base.as_deref().map(shortened) {
        None => format!("{names} strategy"),
        Some(base) if is_the_same => format!("same build as {base}"),
        Some(base) => format!("{names} strategy against {base}"),
    }
}

/// What names a base, as far as it is shown.
fn shortened(base: &str) -> String {
    let most = if text::is_commit(base) {
        text::COMMIT
    } else {
        LONGEST_BASE
    };
    let base: String = base.chars().take(most).collect();
    text::printable(&base)
}

/// Where the numbers come from, name by name.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let provenance = &report.provenance;
    let machine = provenance.fingerprint.as_ref();
    let mut facts = vec![("head", head(report)), ("strategy", strategy(report))];
    facts.extend(machine.map(|it| ("runner", runner(&it.runner))));
    facts.push(("network path", provenance.path.clone()));
    facts.extend(provenance.seed.map(|seed| ("seed", seed.to_string())));
    let length = provenance.length();
    facts.extend(length.map(|seconds| ("time", format!("{seconds:.0} s"))));
    facts.push(("perfgate", provenance.perfgate.clone()));
    facts.extend(detectable(report).map(|it| ("smallest detectable change", it)));
    facts.extend(promise(report).map(|it| ("false alarms", it.to_owned())));
    facts
}

fn runner(runner: &Runner) -> String {
    format!(
        "{} cores of {} ({})",
        runner.cores, runner.cpu_model, runner.architecture
    )
}

/// The commit that was measured.
pub(super) fn head(report: &Report) -> String {
    let provenance = &report.provenance;
    let head = provenance.head.as_deref().unwrap_or("no commit");
    let head: String = head.chars().take(text::COMMIT).collect();
    if provenance.dirty && provenance.head.is_some() {
        format!("{head} with changes")
    } else {
        head
    }
}

/// The smallest and the largest change that findings could have detected.
fn detectable(report: &Report) -> Option<String> {
    let judged = report.findings.iter().filter(|it| it.interval.is_some());
    let changes = judged.filter_map(|it| it.detectable);
    let mut changes: Vec<_> = changes.filter(|it| it.is_finite()).collect();
    changes.sort_by(f64::total_cmp);
    let (least, most) = (changes.first()?, changes.last()?);
    Some(format!(
        "{} to {}",
        text::percent(*least),
        text::percent(*most)
    ))
}

/// What is promised about false alarms, where it holds.
fn promise(report: &Report) -> Option<&'static str> {
    let mut judged = report.findings.iter().filter(|it| it.interval.is_some());
    let paired = judged.clone().next().is_some() && judged.all(|it| it.strategy.is_paired());
    paired.then_some("an unchanged build fails at most one job of a hundred")
}
