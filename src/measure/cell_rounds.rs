use crate::model::{Pair, Round, Sides};

/// Share of a window that the hypervisor may give to others.
const STEAL: f64 = 0.05;
/// Difference between the sides' shares of time denied by a quota.
const THROTTLED: f64 = 0.03;

/// Rounds of the sides that are up, over the same stretch of time.
pub(super) struct PairedRound {
    pub(super) closed: Sides<Option<Round>>,
    pub(super) open: Sides<Option<Round>>,
}

impl PairedRound {
    /// Whether something other than the builds decided the rounds: told by what the machine says,
    /// never by what was measured.
    pub(super) fn is_contaminated(&self) -> bool {
        [&self.closed, &self.open].into_iter().any(is_contaminated)
    }
}

/// What one fresh start measures of one cell.
pub(super) struct CellRounds {
    pub(super) cell: usize,
    rounds: Sides<Vec<(Round, Round)>>,
}

impl CellRounds {
    pub(super) fn of(cell: usize) -> Self {
        Self {
            cell,
            rounds: Sides::default(),
        }
    }

    pub(super) fn add(&mut self, round: PairedRound) {
        let PairedRound { closed, open } = round;
        self.rounds.head.extend(closed.head.zip(open.head));
        self.rounds.base.extend(closed.base.zip(open.base));
    }

    pub(super) fn pairs(self) -> Vec<Pair> {
        let Sides { head, base } = self.rounds;
        let pair = |(head, base): ((Round, Round), (Round, Round))| Pair {
            closed: Sides {
                head: head.0,
                base: base.0,
            },
            open: Some(Sides {
                head: head.1,
                base: base.1,
            }),
        };
        head.into_iter().zip(base).map(pair).collect()
    }
}

/// The hypervisor took the CPU away, or a quota held back one side more than the other.
fn is_contaminated(rounds: &Sides<Option<Round>>) -> bool {
    let up = || [&rounds.head, &rounds.base].into_iter().flatten();
    let machines = up().filter_map(|round| round.machine);
    if machines.clone().any(|machine| machine.steal > STEAL) {
        return true;
    }
    let mut denied = machines.map(|machine| machine.throttled);
    let window = up().map(|round| round.tally.window).max();
    let (Some(one), Some(other), Some(window)) = (denied.next(), denied.next(), window) else {
        return false;
    };
    one.abs_diff(other) > window.mul_f64(THROTTLED)
}
