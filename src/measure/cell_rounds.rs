use crate::model::{Pair, Round, Sides};

/// What one fresh start measures of one cell.
pub(super) struct CellRounds {
    pub(super) cell: usize,
    closed: Sides<Vec<Round>>,
    open: Sides<Vec<Round>>,
}

impl CellRounds {
    pub(super) fn for_cell(cell: usize) -> Self {
        Self {
            cell,
            closed: Sides::default(),
            open: Sides::default(),
        }
    }

    /// Adds rounds of the sides that are up.
    pub(super) fn add(
        &mut self,
        closed: Vec<Sides<Option<Round>>>,
        open: Vec<Sides<Option<Round>>>,
    ) {
        let both = [(&mut self.closed, closed), (&mut self.open, open)];
        for (known, rounds) in both {
            for round in rounds {
                known.head.extend(round.head);
                known.base.extend(round.base);
            }
        }
    }

    pub(super) fn pairs(&self) -> Vec<Pair> {
        fn sides(rounds: &Sides<Vec<Round>>) -> impl Iterator<Item = Sides<Round>> {
            let both = rounds.head.iter().cloned().zip(rounds.base.iter().cloned());
            both.map(|(head, base)| Sides { head, base })
        }
        let open = sides(&self.open).map(Some);
        let pairs = sides(&self.closed).zip(open);
        pairs.map(|(closed, open)| Pair { closed, open }).collect()
    }
}
