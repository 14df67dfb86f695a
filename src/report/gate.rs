//! What became of the gate itself, in words: what is measured no longer, which rules became looser,
//! what the plan has and the measurement lacks.

use super::text::{self, printable};
use crate::model::{CellName, GateChange, GateChangeKind, GateComparison, GateValue, Report};

/// Lines that are shown; what is more is counted.
const MOST_LINES: usize = 40;
/// Letters of a value that are shown.
const LONGEST_VALUE: usize = 160;
/// Servers and endpoints that a line names.
const CELLS_NAMED: usize = 6;

/// A title and its lines.
pub(super) struct Notice {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

impl Notice {
    /// The whole in one line.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.title, self.lines.join("; "))
    }
}

/// What readers must see before they trust a verdict, whatever it is.
pub(super) fn notices(report: &Report) -> Vec<Notice> {
    let gate = report.gate.as_ref();
    [
        gate.and_then(changed),
        gate.and_then(unknown),
        missing(report),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What became of the gate, in lines; none where nothing did.
pub fn gate_changes(gate: &GateComparison) -> Vec<String> {
    let notices = [changed(gate), unknown(gate)].into_iter().flatten();
    let lines = notices.flat_map(|Notice { title, lines }| {
        let lines = lines.into_iter().map(|line| format!("  {line}"));
        std::iter::once(format!("{title}:")).chain(lines)
    });
    lines.collect()
}

fn changed(gate: &GateComparison) -> Option<Notice> {
    let since = match &gate.base {
        Some(base) => format!("since commit {}", text::commit(base)),
        None => "since the newest stored run".into(),
    };
    let lines: Vec<_> = gate.changes.iter().map(line).collect();
    let title = if gate.is_weaker() {
        format!("Gate changed {since}")
    } else {
        format!("Gate extended {since}")
    };
    notice(title, lines)
}

fn unknown(gate: &GateComparison) -> Option<Notice> {
    let why = gate.unknown.as_deref()?;
    notice(
        "Gate not compared with its base".into(),
        vec![printable(why)],
    )
}

fn missing(report: &Report) -> Option<Notice> {
    let coverage = &report.coverage;
    let missing = (!coverage.missing.is_empty()).then(|| {
        let cells = cells(&coverage.missing);
        format!("planned and not measured: {cells}")
    });
    let unknown = (!coverage.unknown.is_empty()).then(|| {
        let cells = cells(&coverage.unknown);
        format!("measured and not planned, so judged by no rule: {cells}")
    });
    let title = match missing {
        Some(_) => "Measurement incomplete",
        None => "Measurement goes beyond the plan",
    };
    notice(title.into(), missing.into_iter().chain(unknown).collect())
}

fn notice(title: String, mut lines: Vec<String>) -> Option<Notice> {
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    lines.extend((more > 0).then(|| format!("{more} more")));
    (!lines.is_empty()).then_some(Notice { title, lines })
}

/// `throughput of app home: max_decrease 5% (perfgate.toml:12) → 50% (perfgate.toml:14)`.
fn line(change: &GateChange) -> String {
    let of = cells(&change.cells);
    let what = match change.kind {
        GateChangeKind::ServerRemoved => return format!("server no longer measured: {of}"),
        GateChangeKind::EndpointRemoved => return format!("no longer measured: {of}"),
        GateChangeKind::StoredUnmeasured => {
            return format!("stored runs exist of what is no longer measured: {of}");
        }
        GateChangeKind::ServerAdded | GateChangeKind::EndpointAdded => {
            return format!("new: {of}");
        }
        GateChangeKind::NoLongerStarted => "server",
        GateChangeKind::SourceChanged => "source",
        GateChangeKind::LimitRaised => "limit",
        GateChangeKind::NoLongerCounted => "counted",
        GateChangeKind::RequestChanged => "request",
        GateChangeKind::ExpectationLoosened => "expected response",
        GateChangeKind::LoadChanged => "load",
        GateChangeKind::BaselineChanged => "baselines",
        GateChangeKind::AcceptanceAdded => "accepted",
        GateChangeKind::RuleRemoved
        | GateChangeKind::MarginLooser
        | GateChangeKind::CeilingLooser
        | GateChangeKind::FloorRaised => "rule",
    };
    let subject = match change.metric {
        Some(metric) if what == "accepted" => format!("accepted {}", metric.name()),
        Some(metric) => metric.name().to_owned(),
        None => what.to_owned(),
    };
    let of = if of.is_empty() {
        of
    } else {
        format!(" of {of}")
    };
    format!("{subject}{of}: {}", values(change))
}

fn values(change: &GateChange) -> String {
    let of_base = change.base.as_ref().map(|it| value(change, it));
    let of_head = change.head.as_ref().map(|it| value(change, it));
    match (of_base, of_head) {
        (None, None) => "changed".into(),
        (Some(base), None) => format!("{base} → none"),
        (None, Some(head)) if change.kind == GateChangeKind::AcceptanceAdded => head,
        (None, Some(head)) => format!("none → {head}"),
        (Some(base), Some(head)) => {
            let head = without_key(&base, &head);
            format!("{base} → {head}")
        }
    }
}

fn value(change: &GateChange, value: &GateValue) -> String {
    match (value, change.metric) {
        (GateValue::Words(words), _) => shortened(words),
        (GateValue::Amount(amount), Some(metric)) => {
            format!("floor {}", text::value(*amount, metric.unit()))
        }
        (GateValue::Amount(amount), None) => amount.to_string(),
    }
}

/// The start of what somebody wrote, in one line.
fn shortened(words: &str) -> String {
    let mut line: String = printable(words).chars().take(LONGEST_VALUE + 1).collect();
    if line.chars().count() > LONGEST_VALUE {
        line.pop();
        line.push('…');
    }
    line
}

/// What follows an arrow does not say again which key it is of.
fn without_key<'a>(base: &str, head: &'a str) -> &'a str {
    let key = base.split_once(' ').map(|(key, _)| key);
    let rest = head.split_once(' ');
    match (key, rest) {
        (Some(key), Some((same, rest))) if key == same => rest,
        _ => head,
    }
}

/// The first few by name.
pub(super) fn cells(cells: &[CellName]) -> String {
    let name = |it: &CellName| format!("{} {}", printable(&it.server), printable(&it.endpoint));
    let mut names: Vec<_> = cells.iter().take(CELLS_NAMED).map(name).collect();
    let more = cells.len() - names.len();
    names.extend((more > 0).then(|| format!("{more} more")));
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;

    fn change(kind: GateChangeKind) -> GateChange {
        GateChange {
            kind,
            cells: vec![CellName::new("app", "home")],
            metric: None,
            base: None,
            head: None,
        }
    }

    #[test]
    fn a_looser_rule_names_both_places() {
        let words = |text: &str| Some(GateValue::text(text));
        let margin = GateChange {
            metric: Some(Metric::Throughput),
            base: words("max_decrease 5% (perfgate.toml:12)"),
            head: words("max_decrease 99.99% (perfgate.toml:14)"),
            ..change(GateChangeKind::MarginLooser)
        };
        assert_eq!(
            line(&margin),
            "throughput of app home: max_decrease 5% (perfgate.toml:12) → 99.99% (perfgate.toml:14)"
        );
        let gone = GateChange {
            head: None,
            ..margin
        };
        assert_eq!(
            line(&gone),
            "throughput of app home: max_decrease 5% (perfgate.toml:12) → none"
        );
    }

    #[test]
    fn a_floor_is_in_the_unit_of_its_metric() {
        let floor = GateChange {
            metric: Some(Metric::LatencyP50),
            base: Some(GateValue::Amount(200.0)),
            head: Some(GateValue::Amount(50_000.0)),
            ..change(GateChangeKind::FloorRaised)
        };
        assert_eq!(
            line(&floor),
            "latency_p50 of app home: floor 200 µs → 50.0 ms"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let load = GateChange {
            head: Some(GateValue::text("ä".repeat(500))),
            ..change(GateChangeKind::RequestChanged)
        };
        let said = line(&load);
        assert!(
            said.ends_with("ää…") && said.chars().count() < 200,
            "{said}"
        );
    }

    #[test]
    fn of_many_cells_a_few_are_named() {
        let many = (0..9).map(|it| CellName::new("app", &format!("e{it}")));
        let removed = GateChange {
            cells: many.collect(),
            ..change(GateChangeKind::EndpointRemoved)
        };
        let said = line(&removed);
        assert!(
            said.starts_with("no longer measured: app e0, app e1"),
            "{said}"
        );
        assert!(said.ends_with("app e5, 3 more"), "{said}");
    }
}
