use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// The order of rounds: blocks in which every cell comes once, each block in an order of its
/// own, so that no cell sits in one phase of the machine.
#[derive(Debug, Clone)]
pub struct RoundOrder {
    /// The last comes first.
    order: Vec<usize>,
}

impl RoundOrder {
    /// So many rounds of each cell, drawn from `seed`; a cell with fewer is not in the last blocks.
    pub fn new(rounds: &[usize], seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let block = |number| {
            let cells = rounds.iter().enumerate();
            let cells = cells.filter(|(_, rounds)| **rounds > number);
            let mut cells: Vec<usize> = cells.map(|(cell, _)| cell).collect();
            cells.shuffle(&mut random);
            cells
        };
        let blocks = rounds.iter().copied().max().unwrap_or_default();
        let mut order: Vec<usize> = (0..blocks).flat_map(block).collect();
        order.reverse();
        Self { order }
    }

    /// Puts a round of a cell at the end once more.
    pub fn repeat(&mut self, cell: usize) {
        self.order.insert(0, cell);
    }
}

impl Iterator for RoundOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.order.pop()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.order.len(), Some(self.order.len()))
    }
}

impl ExactSizeIterator for RoundOrder {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_holds_every_cell_once(cells in 1_usize..8, rounds in 1_usize..20, seed: u64) {
            let order: Vec<usize> = RoundOrder::new(&vec![rounds; cells], seed).collect();
            prop_assert_eq!(order.len(), cells * rounds);
            for block in order.chunks(cells) {
                let mut block = block.to_vec();
                block.sort_unstable();
                prop_assert_eq!(block, (0..cells).collect::<Vec<_>>());
            }
        }

        #[test]
        fn a_cell_with_fewer_rounds_is_in_the_first_blocks(seed: u64) {
            let order: Vec<usize> = RoundOrder::new(&[3, 1], seed).collect();
            prop_assert_eq!(order.len(), 4);
            prop_assert!(order[..2].contains(&1) && order[2..] == [0, 0]);
        }

        #[test]
        fn a_repeated_round_comes_last(seed: u64) {
            let mut schedule = RoundOrder::new(&[2; 3], seed);
            let first = schedule.next().expect("six rounds");
            schedule.repeat(first);
            prop_assert_eq!(schedule.len(), 6);
            prop_assert_eq!(schedule.last(), Some(first));
        }

        #[test]
        fn a_seed_gives_one_order(seed: u64) {
            prop_assert!(RoundOrder::new(&[9; 5], seed).eq(RoundOrder::new(&[9; 5], seed)));
        }
    }
}
