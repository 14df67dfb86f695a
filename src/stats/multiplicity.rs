use statrs::distribution::{ContinuousCDF, StudentsT};

/// The one-sided error that each of `tests` second looks may make, so that the chance that any of
/// them errs *after* a first, independent look has erred with `first` stays within `family`
/// (Bonferroni's inequality on the product of the two); never above `most`.
pub fn second_error(family: f64, first: f64, tests: usize, most: f64) -> f64 {
    let tests = tests.max(1) as f64;
    (family / (first * tests)).min(most)
}

/// The fewest values, not below `fewest`, whose mean is bounded at a one-sided error within `reach`
/// of their standard deviations, by Student's t.
pub fn values_needed(error: f64, reach: f64, fewest: u32) -> usize {
    let enough = |count: &u32| {
        let t = StudentsT::new(0.0, 1.0, f64::from(count - 1));
        t.is_ok_and(|t| t.inverse_cdf(1.0 - error) <= reach * f64::from(*count).sqrt())
    };
    let mut counts = fewest.max(2)..;
    counts.find(enough).unwrap_or(fewest) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tests_share_what_one_may_err() {
        let error = |tests| second_error(0.01, 0.025, tests, 0.05);
        assert!((error(1) - 0.05).abs() < 1e-12);
        assert!((error(8) - 0.05).abs() < 1e-12);
        assert!((error(40) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_smaller_error_takes_more_values() {
        // t(.95, 3) = 2.353, t(.99, 3) = 4.541, t(.99, 4) = 3.747
        assert_eq!(values_needed(0.05, 2.0, 4), 4);
        assert_eq!(values_needed(0.01, 2.0, 4), 5);
        assert!(values_needed(0.0005, 2.0, 4) > 6);
    }
}
