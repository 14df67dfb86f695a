//! What a run that was cut short may still say.

use crate::model::{Finding, Partial, Reason, Verdict};

/// Takes back every verdict on a cell that was not measured to its end; its numbers stay.
pub fn invalidate_partial(findings: &mut [Finding], partial: &Partial) {
    let cut = |it: &&mut Finding| {
        it.verdict != Verdict::NotJudged && partial.lacks(&it.server, &it.endpoint)
    };
    for finding in findings.iter_mut().filter(cut) {
        finding.verdict = Verdict::Inconclusive;
        finding.reason = Some(Reason::CutShort);
    }
}
