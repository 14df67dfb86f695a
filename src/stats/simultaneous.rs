//! Many differences of ratios at once, with intervals that hold for all of them together.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::normal_reach;

/// Times that blocks are drawn anew.
const DRAWS: usize = 500;

/// One block of time: what each of several parts took, and the number that it is divided by.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub parts: Vec<f64>,
    pub of: f64,
}

/// One of two sides that are compared, block by block at the same time.
#[derive(Debug, Clone, Copy)]
pub struct BlocksOfSide<'a> {
    pub blocks: &'a [Block],
    /// Samples that the parts were counted in.
    pub samples: f64,
    /// What all samples together stand for, divided by the sum of what blocks are divided by.
    pub whole: f64,
}

/// A part's difference, the first side's ratio less the second's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub first: f64,
    pub second: f64,
    /// How far the interval reaches to both sides.
    pub reach: f64,
}

/// The difference of each part's ratio. All intervals hold at once with the given confidence: errors come from drawing
/// blocks anew, the same of both sides, and are no smaller than those of counting samples (binomial); the
/// reach is the quantile of the largest error in units of its standard error (Westfall & Young,
/// *Resampling-based multiple testing*, 1993; Romano & Wolf, *Econometrica* 73, 2005), and no less than
/// that of Bonferroni, as few blocks say little of tails. Nothing for fewer than two blocks.
pub fn simultaneous_differences(
    first: BlocksOfSide<'_>,
    second: BlocksOfSide<'_>,
    confidence: f64,
    seed: u64,
) -> Vec<Difference> {
    let blocks = first.blocks.len().min(second.blocks.len());
    let parts = first.blocks.first().map_or(0, |it| it.parts.len());
    if blocks < 2 || parts == 0 {
        return Vec::new();
    }
    let all: Vec<usize> = (0..blocks).collect();
    let (ones, twos) = (ratios(first, &all), ratios(second, &all));
    let found: Vec<f64> = ones.iter().zip(&twos).map(|(a, b)| a - b).collect();
    let mut random = StdRng::seed_from_u64(seed);
    let draws: Vec<Vec<f64>> = (0..DRAWS)
        .map(|_| {
            let drawn = all.iter().map(|_| random.random_range(0..blocks));
            let drawn: Vec<_> = drawn.collect();
            let (ones, twos) = (ratios(first, &drawn), ratios(second, &drawn));
            let pairs = ones.iter().zip(twos).zip(&found);
            pairs.map(|((a, b), found)| a - b - found).collect()
        })
        .collect();
    // Drawing from so few blocks makes errors look smaller by this.
    let short = blocks as f64 / (blocks - 1) as f64;
    let errors: Vec<f64> = (0..parts)
        .map(|part| {
            let squares = draws.iter().map(|draw| draw[part].powi(2));
            let of_blocks = squares.sum::<f64>() / DRAWS as f64 * short;
            let of_counts = first.counting(ones[part]) + second.counting(twos[part]);
            of_blocks.max(of_counts).sqrt()
        })
        .collect();
    let largest = |draw: &Vec<f64>| {
        let in_errors = draw.iter().zip(&errors);
        let in_errors = in_errors.map(|(draw, error)| draw.abs() / error);
        in_errors.filter(|it| it.is_finite()).fold(0.0, f64::max)
    };
    let mut largest: Vec<f64> = draws.iter().map(largest).collect();
    largest.sort_by(f64::total_cmp);
    let bonferroni = normal_reach((1.0 - confidence) / parts as f64 / 2.0);
    let times = quantile(&largest, confidence).max(bonferroni);
    let each = ones.into_iter().zip(twos).zip(errors);
    each.map(|((first, second), error)| Difference {
        first,
        second,
        reach: times * error,
    })
    .collect()
}

impl BlocksOfSide<'_> {
    /// Variance of a part's ratio that comes of counting samples.
    fn counting(&self, ratio: f64) -> f64 {
        if self.samples <= 0.0 || self.whole <= 0.0 {
            return 0.0;
        }
        // A part that was never seen may have been missed by one sample.
        let share = (ratio / self.whole).clamp(1.0 / self.samples, 1.0);
        self.whole.powi(2) * share * (1.0 - share) / self.samples
    }
}

/// Sums of parts over some blocks, divided by the sum of what these are divided by.
fn ratios(side: BlocksOfSide<'_>, blocks: &[usize]) -> Vec<f64> {
    let parts = side.blocks[0].parts.len();
    let (mut sums, mut of) = (vec![0.0; parts], 0.0);
    for block in blocks.iter().map(|it| &side.blocks[*it]) {
        of += block.of;
        for (sum, part) in sums.iter_mut().zip(&block.parts) {
            *sum += part;
        }
    }
    if of > 0.0 {
        for sum in &mut sums {
            *sum /= of;
        }
    }
    sums
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let above = sorted.iter().enumerate().find(|(position, _)| {
        let below = (position + 1) as f64 / sorted.len() as f64;
        below >= share
    });
    above.map_or(0.0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Normal, Poisson};

    use super::*;

    const BLOCKS: usize = 10;

    /// Parts of so many samples a block each, with what blocks have in common; 500 requests of a block
    /// take half a second.
    fn side(means: &[f64], spread: f64, random: &mut StdRng) -> Vec<Block> {
        let blocks = 0..BLOCKS;
        let block = |_| {
            let own = Normal::new(1.0, spread).expect("a spread");
            let counts: Vec<f64> = means
                .iter()
                .map(|mean| {
                    let mean = mean * own.sample(&mut *random).max(0.1);
                    Poisson::new(mean).expect("a mean").sample(&mut *random)
                })
                .collect();
            let all: f64 = counts.iter().sum();
            Block {
                parts: counts.iter().map(|it| it / all * 500_000.0).collect(),
                of: 500.0,
            }
        };
        blocks.map(block).collect()
    }

    fn compared(first: &[Block], second: &[Block], seed: u64) -> Vec<Difference> {
        let of = |blocks| BlocksOfSide {
            blocks,
            samples: 1000.0,
            whole: 1000.0,
        };
        simultaneous_differences(of(first), of(second), 0.95, seed)
    }

    /// Parts from a quarter of all samples to a hundredth.
    fn means() -> Vec<f64> {
        (0..40).map(|it| 30.0 / (1.0 + f64::from(it))).collect()
    }

    fn is_found(difference: &Difference) -> bool {
        (difference.first - difference.second).abs() > difference.reach
    }

    #[test]
    fn where_nothing_changed_nothing_is_found_in_95_of_100() {
        for spread in [0.0, 0.2] {
            let mut random = StdRng::seed_from_u64(17);
            let alarms = (0..200).filter(|seed| {
                let [first, second] = [(); 2].map(|()| side(&means(), spread, &mut random));
                compared(&first, &second, *seed).iter().any(is_found)
            });
            let alarms = alarms.count();
            assert!(alarms <= 10, "{alarms} of 200 with {spread}");
        }
    }

    #[test]
    fn what_takes_a_tenth_of_the_whole_more_is_found() {
        let mut random = StdRng::seed_from_u64(18);
        let mut slower = means();
        // A tenth of the samples of a block.
        slower[3] += means().iter().sum::<f64>() / 10.0;
        let hits = (0..100).filter(|seed| {
            let second = side(&means(), 0.1, &mut random);
            let first = side(&slower, 0.1, &mut random);
            let found = compared(&first, &second, *seed);
            is_found(&found[3]) && found[3].first > found[3].second
        });
        assert!(hits.count() >= 95);
    }

    #[test]
    fn too_few_blocks_decide_nothing() {
        let block = Block {
            parts: vec![1.0],
            of: 1.0,
        };
        let one = std::slice::from_ref(&block);
        assert_eq!(compared(one, one, 1), []);
        assert_eq!(compared(&[], &[], 1), []);
    }
}
