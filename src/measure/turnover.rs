//! Processes of a server that ended while it was measured.

use std::collections::BTreeSet;

use crate::model::{Incident, Sample, Turnover};
use crate::stack::Resources;

/// What changed between two moments of a server that is still there; `None` if no process
/// of it ended.
pub(super) fn between(before: &Resources, after: &Resources) -> Option<Turnover> {
    let gone = |a: &BTreeSet<i32>, b: &BTreeSet<i32>| a.difference(b).count();
    let turnover = Turnover {
        ended: gone(&before.processes, &after.processes),
        started: gone(&after.processes, &before.processes),
        out_of_memory: after.out_of_memory.saturating_sub(before.out_of_memory),
    };
    (turnover.ended > 0 || turnover.out_of_memory > 0).then_some(turnover)
}

/// The rounds of a cell in which processes ended, as one incident, without output yet.
pub(super) fn incident(sample: &Sample) -> Option<Incident> {
    let turnovers: Vec<_> = sample
        .rounds()
        .iter()
        .filter_map(|it| it.turnover.as_ref())
        .collect();
    if turnovers.is_empty() {
        return None;
    }
    let sum = |of: fn(&Turnover) -> usize| turnovers.iter().map(|it| of(it)).sum::<usize>();
    let mut what = format!(
        "{} of its processes ended and {} started while requests were in flight",
        sum(|it| it.ended),
        sum(|it| it.started)
    );
    let killed: u64 = turnovers.iter().map(|it| it.out_of_memory).sum();
    if killed > 0 {
        what.push_str(&format!(
            "; the kernel killed {killed} because memory ran out"
        ));
    }
    Some(Incident {
        server: sample.key.server.clone(),
        during: format!(
            "{} of {} rounds of {}",
            turnovers.len(),
            sample.rounds().len(),
            sample.key.endpoint
        ),
        what,
        output: String::new(),
        fatal: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(processes: &[i32], out_of_memory: u64) -> Resources {
        Resources {
            processes: processes.iter().copied().collect(),
            out_of_memory,
            ..Resources::default()
        }
    }

    #[test]
    fn a_replaced_worker_is_seen_and_one_more_alone_is_not() {
        let before = with(&[1, 2], 0);
        assert_eq!(between(&before, &with(&[1, 2, 3], 0)), None);
        let replaced = between(&before, &with(&[1, 3], 1));
        let expected = Turnover {
            ended: 1,
            started: 1,
            out_of_memory: 1,
        };
        assert_eq!(replaced, Some(expected));
    }
}
