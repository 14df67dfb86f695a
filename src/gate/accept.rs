//! Regressions that a team decided to live with.

use jiff::civil::Date;

use crate::model::{Acceptance, Finding, Reason, Verdict};

/// Lets regressions pass that are accepted on a day; one whose acceptance has ended says so.
pub(super) fn accept(findings: &mut [Finding], accepted: &[Acceptance], today: Date) {
    let regressed = |finding: &&mut Finding| finding.verdict == Verdict::Regression;
    for finding in findings.iter_mut().filter(regressed) {
        let own = accepted.iter().filter(|it| it.is_of(finding));
        let Some(longest) = own.max_by_key(|it| it.until) else {
            continue;
        };
        let until = longest.until;
        if until < today {
            finding.reason = Some(Reason::AcceptanceEnded { until });
        } else {
            let reason = longest.reason.clone();
            finding.verdict = Verdict::Pass;
            finding.reason = Some(Reason::Accepted { reason, until });
        }
    }
}
