use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// The order of rounds: blocks in which every cell comes once, each block in an order of its
/// own, so that no cell sits in one phase of the machine.
#[derive(Debug, Clone)]
pub struct Schedule {
    order: std::vec::IntoIter<usize>,
}

impl Schedule {
    /// `rounds` blocks of `cells` cells, drawn from `seed`.
    pub fn new(cells: usize, rounds: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let block = |_| {
            let mut cells: Vec<usize> = (0..cells).collect();
            cells.shuffle(&mut random);
            cells
        };
        let order: Vec<usize> = (0..rounds).flat_map(block).collect();
        Self {
            order: order.into_iter(),
        }
    }
}

impl Iterator for Schedule {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.order.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.order.size_hint()
    }
}

impl ExactSizeIterator for Schedule {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_holds_every_cell_once(cells in 1_usize..8, rounds in 1_usize..20, seed: u64) {
            let order: Vec<usize> = Schedule::new(cells, rounds, seed).collect();
            prop_assert_eq!(order.len(), cells * rounds);
            for block in order.chunks(cells) {
                let mut block = block.to_vec();
                block.sort_unstable();
                prop_assert_eq!(block, (0..cells).collect::<Vec<_>>());
            }
        }

        #[test]
        fn a_seed_gives_one_order(seed: u64) {
            prop_assert!(Schedule::new(5, 9, seed).eq(Schedule::new(5, 9, seed)));
        }
    }
}
