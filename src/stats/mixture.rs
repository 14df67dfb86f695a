use super::mean_and_deviation;

/// Two groups that values fall into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoGroups {
    /// Means of the lower and of the upper group.
    pub centres: [f64; 2],
    /// Values in each.
    pub sizes: [usize; 2],
    /// Standard deviation within the groups.
    pub deviation: f64,
}

/// Values that may be two groups, at the least.
const FEWEST: usize = 10;
/// Values of the smaller group at the least: fewer are outliers.
const SMALLEST: usize = 3;
/// Share of the squares that the best division of so many normal values, from [`FEWEST`] on, leaves
/// within its groups in one case of ten thousand, since there are many histories: by simulation,
/// 800,000 samples each.
const WITHIN: [f64; 21] = [
    0.031, 0.038, 0.045, 0.054, 0.061, 0.070, 0.073, 0.082, 0.089, 0.094, 0.100, 0.107, 0.110,
    0.116, 0.119, 0.125, 0.126, 0.130, 0.137, 0.140, 0.142,
];

/// The two groups that values fall into, by the division that leaves the least squares within the groups
/// (Fisher, *Journal of the American Statistical Association* 53, 1958). `None` if one of ten
/// thousand samples of one normal distribution divides as well, or of fewer than ten values.
pub fn two_groups(values: &[f64]) -> Option<TwoGroups> {
    let threshold = WITHIN[values.len().checked_sub(FEWEST)?.min(WITHIN.len() - 1)];
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let squares = |values: &[f64]| {
        let (_, deviation) = mean_and_deviation(values);
        deviation.powi(2) * (values.len() - 1) as f64
    };
    let divisions = SMALLEST..=sorted.len() - SMALLEST;
    let within = |at: &usize| squares(&sorted[..*at]) + squares(&sorted[*at..]);
    let at = divisions.min_by(|a, b| within(a).total_cmp(&within(b)))?;
    let (lower, upper) = sorted.split_at(at);
    let left = within(&at);
    (left < threshold * squares(&sorted)).then(|| TwoGroups {
        centres: [lower, upper].map(|group| mean_and_deviation(group).0),
        sizes: [lower, upper].map(<[f64]>::len),
        deviation: (left / (sorted.len() - 2) as f64).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_two_machines_are_two_groups() {
        let fast = [1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.01, 1.0];
        let found = two_groups(&[fast.as_slice(), &[1.2, 1.21, 1.19]].concat());
        let found = found.expect("two groups");
        assert_eq!(found.sizes, [8, 3]);
        assert!((found.centres[1] - 1.2).abs() < 1e-9, "{found:?}");
        assert!(found.deviation < 0.015, "{found:?}");
    }

    #[test]
    fn outliers_and_even_values_are_none() {
        let even: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(two_groups(&even), None);
        let outliers = [[1.0, 1.01, 0.99, 1.02, 0.98].as_slice(); 3].concat();
        assert_eq!(
            two_groups(&[outliers.as_slice(), &[1.5, 0.5]].concat()),
            None
        );
        assert_eq!(two_groups(&[1.0; 12]), None);
        assert_eq!(two_groups(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]), None);
    }
}
