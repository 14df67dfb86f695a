//! A change beside its margin: where the point and the interval lie, in margins.

use crate::model::Finding;

/// A change in units of its margin: positive is worse, 1 is as much as is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MarginBar {
    pub(super) point: f64,
    /// Smaller end first.
    pub(super) interval: Option<[f64; 2]>,
}

/// Margins that a bar shows to each side.
pub(super) const REACH: f64 = 2.0;

impl MarginBar {
    /// `None` if there is no change, or nothing to measure it by.
    pub(super) fn from_finding(finding: &Finding) -> Option<Self> {
        let (change, margin) = (finding.change?, finding.margin?);
        let sign = finding.metric.direction().sign_of_worse();
        let position = |change: f64| in_margins(sign * change, margin);
        let interval = finding.interval.map(|ends| {
            let [a, b] = ends.map(position);
            [a.min(b), a.max(b)]
        });
        Some(Self {
            point: position(change),
            interval,
        })
    }

    /// Whether something lies beyond what is shown.
    pub(super) fn clipped(position: f64) -> bool {
        position.abs() > REACH
    }
}

/// Any change is beyond a margin of zero.
fn in_margins(worse: f64, margin: f64) -> f64 {
    if worse == 0.0 { 0.0 } else { worse / margin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Metric, Strategy, Verdict};

    fn finding(metric: Metric, change: f64, margin: f64) -> Finding {
        Finding {
            server: "app".into(),
            endpoint: "home".into(),
            metric,
            unit: metric.unit(),
            base: None,
            head: None,
            change: Some(change),
            interval: Some([change - 0.01, change + 0.02]),
            level: None,
            pairs: 0,
            strategy: Strategy::Duet,
            margin: Some(margin),
            floor: None,
            rule: None,
            verdict: Verdict::Pass,
            reason: None,
            detectable: None,
            statements: Vec::new(),
            sizes: Vec::new(),
            history: Vec::new(),
            regressed_runs: Vec::new(),
            step: None,
            groups: None,
        }
    }

    #[test]
    fn worse_is_positive_whichever_way_the_metric_goes() {
        let slower =
            MarginBar::from_finding(&finding(Metric::Throughput, -0.1, 0.05)).expect("a bar");
        assert!((slower.point - 2.0).abs() < 1e-9, "{slower:?}");
        let [low, high] = slower.interval.expect("an interval");
        assert!((low - 1.6).abs() < 1e-9 && (high - 2.2).abs() < 1e-9);
        let longer =
            MarginBar::from_finding(&finding(Metric::LatencyP50, 0.1, 0.05)).expect("a bar");
        assert!((longer.point - 2.0).abs() < 1e-9, "{longer:?}");
    }

    #[test]
    fn a_margin_of_zero_lets_nothing_by() {
        let more =
            MarginBar::from_finding(&finding(Metric::SqlPerRequest, 0.5, 0.0)).expect("a bar");
        assert!(MarginBar::clipped(more.point));
        let same =
            MarginBar::from_finding(&finding(Metric::SqlPerRequest, 0.0, 0.0)).expect("a bar");
        assert!(same.point == 0.0);
    }
}
