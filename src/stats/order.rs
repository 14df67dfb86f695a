//! Intervals from order statistics: nothing is assumed about how values are distributed.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The narrowest interval between two order statistics, equally far from both ends, that holds
/// the median of the distribution with at least the two-sided `level`; `None` if the values
/// are too few. Its coverage is that of the sign test: `1 - 2 P(B < k)` for the `k`-th value from
/// each end, B binomial with n and one half (Conover, *Practical Nonparametric Statistics*, 3.2).
pub fn median_interval(values: &[f64], level: f64) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = u64::try_from(sorted.len()).ok()?;
    let below = Binomial::new(0.5, count).ok()?;
    let covers = |from_end: &usize| 1.0 - 2.0 * below.cdf(*from_end as u64) >= level;
    let from_end = (0..sorted.len() / 2).take_while(covers).last()?;
    Some([sorted[from_end], sorted[sorted.len() - 1 - from_end]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_published_size() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        // 97.9 % lie between the second and the ninth of ten, 89.1 % one further inside.
        assert_eq!(median_interval(&values, 0.95), Some([2.0, 9.0]));
        assert_eq!(median_interval(&values, 0.89), Some([3.0, 8.0]));
        assert_eq!(median_interval(&values, 0.979), Some([1.0, 10.0]));
    }

    #[test]
    fn six_values_are_the_fewest_for_95_percent() {
        assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), None);
        let six = [6.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(median_interval(&six, 0.95), Some([1.0, 6.0]));
        assert_eq!(median_interval(&[], 0.95), None);
    }
}
