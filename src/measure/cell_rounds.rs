use crate::model::{Machine, Pair, Round, Sides};

/// Rounds of the sides that are up, over the same stretch of time.
pub(super) struct PairedRound {
    pub(super) closed: Sides<Option<Round>>,
    pub(super) open: Sides<Option<Round>>,
}

impl PairedRound {
    /// Whether something other than the builds decided the rounds.
    pub(super) fn is_contaminated(&self) -> bool {
        let is_disturbed = |rounds: &Sides<Option<Round>>| {
            Machine::is_disturbed(rounds.head.iter().chain(&rounds.base))
        };
        [&self.closed, &self.open].into_iter().any(is_disturbed)
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
