//! The location of paired differences, by ranks: what is assumed is that they lie symmetrically
//! about it, not how they are distributed.

use super::median;

/// Hodges and Lehmann's estimate: the median of all means of two values, each with itself too;
/// nothing for no values. (Hodges and Lehmann, *Estimates of location based on rank tests*, 1963.)
pub fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    median(&walsh_averages(values))
}

/// The lower and the upper bound of the location, each with its own one-sided error, by Wilcoxon's
/// exact signed-rank distribution (Hollander, Wolfe and Chicken, *Nonparametric Statistical
/// Methods*, 3.3). Infinite where the values are too few for the error that is allowed.
pub fn signed_rank_bounds(values: &[f64], [below, above]: [f64; 2]) -> [f64; 2] {
    let mut averages = walsh_averages(values);
    averages.sort_by(f64::total_cmp);
    let lower = rank(values.len(), below).map_or(f64::NEG_INFINITY, |rank| averages[rank]);
    let from_end = |rank: usize| averages[averages.len() - 1 - rank];
    [
        lower,
        rank(values.len(), above).map_or(f64::INFINITY, from_end),
    ]
}

fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let from = |(index, value): (usize, &f64)| {
        let pairs = values[index..].iter();
        pairs
            .map(move |other| f64::midpoint(*value, *other))
            .collect::<Vec<_>>()
    };
    values.iter().enumerate().flat_map(from).collect()
}

/// The largest sum of positive ranks among `count` values that is not exceeded downwards with more
/// than the probability `error` when the location is zero; `None` if even no positive rank at
/// all is likelier than that.
fn rank(count: usize, error: f64) -> Option<usize> {
    // chances[sum] of the ranks seen so far, each positive or not like a coin.
    let mut chances = vec![0.0; count * (count + 1) / 2 + 1];
    chances[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..chances.len()).rev() {
            let with = if sum >= rank {
                chances[sum - rank]
            } else {
                0.0
            };
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    let mut at_most = 0.0;
    let likely = |chance: &f64| {
        at_most += chance;
        at_most > error
    };
    chances.iter().position(likely)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIFFERENCES: [f64; 10] = [
        0.012, -0.031, 0.044, 0.020, 0.095, -0.008, 0.051, 0.033, 0.017, 0.060,
    ];

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn golden_estimate_and_bounds() {
        let estimate = hodges_lehmann(&DIFFERENCES).expect("ten values");
        assert!(close(estimate, 0.0305), "{estimate}");
        let [lower, upper] = signed_rank_bounds(&DIFFERENCES, [0.025, 0.025]);
        assert!(
            close(lower, 0.0045) && close(upper, 0.0555),
            "{lower} {upper}"
        );
        let [lower, upper] = signed_rank_bounds(&DIFFERENCES, [0.05, 0.05]);
        assert!(
            close(lower, 0.0065) && close(upper, 0.0520),
            "{lower} {upper}"
        );
    }

    #[test]
    fn ranks_of_the_published_tables() {
        let ranks = |error| [8, 10, 12, 15, 18, 20, 25].map(|count| rank(count, error));
        assert_eq!(ranks(0.025), [3, 8, 13, 25, 40, 52, 89].map(Some));
        assert_eq!(ranks(0.05), [5, 10, 17, 30, 47, 60, 100].map(Some));
        assert_eq!(ranks(0.0091), [1, 4, 9, 19, 31, 42, 75].map(Some));
        assert_eq!(ranks(0.0194), [2, 7, 12, 23, 38, 49, 85].map(Some));
    }

    #[test]
    fn too_few_values_bound_nothing() {
        assert_eq!(hodges_lehmann(&[]), None);
        // 2⁻⁵ = 0.031
        let bounds = signed_rank_bounds(&[1.0, 2.0, 3.0, 4.0, 5.0], [0.025, 0.04]);
        assert_eq!(format!("{bounds:?}"), "[-inf, 5.0]");
        let none = signed_rank_bounds(&[], [0.025, 0.025]);
        assert_eq!(format!("{none:?}"), "[-inf, inf]");
    }

    proptest! {
        #[test]
        fn bounds_enclose_the_estimate_and_mirror(
            values in prop::collection::vec(-1.0_f64..1.0, 8..20),
        ) {
            let [lower, upper] = signed_rank_bounds(&values, [0.01, 0.02]);
            let estimate = hodges_lehmann(&values).expect("values");
            prop_assert!(lower <= estimate && estimate <= upper);
            let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
            let [low, high] = signed_rank_bounds(&mirrored, [0.02, 0.01]);
            prop_assert!(close(low, -upper) && close(high, -lower));
        }
    }
}
