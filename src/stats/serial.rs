use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::mean_and_deviation;

/// Orders that are drawn beside the true one.
const ORDERS: usize = 999;
/// Values from which an order says something.
const FEWEST: usize = 4;

/// Serial correlation of values in the order they were taken in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SerialCorrelation {
    /// At lag 1, pooled over all series.
    pub coefficient: f64,
    /// Chance of one at least as large in a random order.
    pub chance: f64,
}

/// Serial correlation at lag 1, with a permutation test (Wald and Wolfowitz, *Annals of Mathematical
/// Statistics* 14, 1943). The series of a group were taken at the same times, so that they are put into
/// another order together; each is as long as the shortest of its group. `None` if no group has four
/// values.
pub fn serial_correlation(groups: &[Vec<Vec<f64>>]) -> Option<SerialCorrelation> {
    let mut groups: Vec<_> = groups.iter().map(|it| standardized(it)).collect();
    groups.retain(|group| !group.is_empty());
    let squares: f64 = groups.iter().flatten().flatten().map(|it| it * it).sum();
    if squares <= 0.0 {
        return None;
    }
    let mut orders: Vec<Vec<usize>> = groups.iter().map(|it| (0..it[0].len()).collect()).collect();
    let products = |orders: &[Vec<usize>]| -> f64 {
        let of_group = |(group, order): (&Vec<Vec<f64>>, &Vec<usize>)| -> f64 {
            let of_series = |series: &Vec<f64>| -> f64 {
                let pairs = order.windows(2);
                pairs.map(|at| series[at[0]] * series[at[1]]).sum()
            };
            group.iter().map(of_series).sum()
        };
        groups.iter().zip(orders).map(of_group).sum()
    };
    let seen = products(&orders);
    // The same values always give the same answer.
    let mut random = StdRng::seed_from_u64(0);
    let mut as_large = 1;
    for _ in 0..ORDERS {
        for order in &mut orders {
            order.shuffle(&mut random);
        }
        as_large += usize::from(products(&orders) >= seen);
    }
    Some(SerialCorrelation {
        coefficient: seen / squares,
        chance: as_large as f64 / (ORDERS + 1) as f64,
    })
}

/// The series of a group with mean 0 and deviation 1, as long as the shortest.
fn standardized(group: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = group.iter().map(Vec::len).min().unwrap_or(0);
    if length < FEWEST {
        return Vec::new();
    }
    let of_series = |series: &Vec<f64>| {
        let series = &series[..length];
        let (mean, deviation) = mean_and_deviation(series);
        let values = series.iter().map(|value| (value - mean) / deviation);
        (deviation > 0.0).then(|| values.collect())
    };
    group.iter().filter_map(of_series).collect()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Groups of four series, whose values keep so much of the ones before.
    fn groups(memory: f64, count: usize, length: usize, seed: u64) -> Vec<Vec<Vec<f64>>> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let mut group = || {
            let mut shared = normal();
            let mut series = vec![Vec::new(); 4];
            for _ in 0..length {
                shared = memory * shared + (1.0 - memory * memory).sqrt() * normal();
                for values in &mut series {
                    values.push(shared + 0.3 * normal());
                }
            }
            series
        };
        (0..count).map(|_| group()).collect()
    }

    #[test]
    fn what_depends_on_the_value_before_is_seen() {
        let found = serial_correlation(&groups(0.9, 6, 12, 1)).expect("a coefficient");
        assert!(found.chance <= 0.01, "{found:?}");
        assert!(found.coefficient > 0.1, "{found:?}");
    }

    #[test]
    fn independent_values_are_as_likely_in_any_order() {
        let chances = (0..100).map(|seed| {
            let found = serial_correlation(&groups(0.0, 6, 4, seed));
            found.expect("a coefficient").chance
        });
        let seldom = chances.filter(|chance| *chance <= 0.05).count();
        assert!(seldom <= 11, "{seldom} of 100");
    }

    #[test]
    fn few_values_and_equal_ones_say_nothing() {
        assert_eq!(serial_correlation(&[vec![vec![1.0, 2.0, 3.0]]]), None);
        assert_eq!(serial_correlation(&[vec![vec![1.0; 8]]]), None);
        assert_eq!(serial_correlation(&[]), None);
    }
}
