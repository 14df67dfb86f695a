use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::mean_and_deviation;

/// The lower and the upper bound of the mean of normal values, each with its own one-sided error:
/// Student's t with `n - 1` degrees of freedom. Infinite for fewer than two values.
pub fn mean_bounds(values: &[f64], errors: [f64; 2]) -> [f64; 2] {
    if values.len() < 2 {
        return [f64::NEG_INFINITY, f64::INFINITY];
    }
    let (mean, deviation) = mean_and_deviation(values);
    let error = deviation / (values.len() as f64).sqrt();
    let [below, above] = mean_bounds_in_errors(values.len(), errors);
    [mean - below * error, mean + above * error]
}

/// How many standard errors below and above their mean the bounds of so many values lie.
pub fn mean_bounds_in_errors(count: usize, errors: [f64; 2]) -> [f64; 2] {
    StudentsT::new(0.0, 1.0, count as f64 - 1.0).map_or([f64::INFINITY; 2], |t| {
        errors.map(|error| t.inverse_cdf(1.0 - error))
    })
}

/// The mean, in standard deviations of one value, that a one-sided t-test of so many values finds above
/// zero with this chance: the noncentral t distribution by a normal one, with mean and variance of the
/// estimated deviation (Johnson and Welch, *Biometrika* 31, 1940). Infinite for fewer than two values.
pub fn detectable_mean(count: usize, error: f64, power: f64) -> f64 {
    let freedom = count as f64 - 1.0;
    let Ok(t) = StudentsT::new(0.0, 1.0, freedom) else {
        return f64::INFINITY;
    };
    let t = t.inverse_cdf(1.0 - error);
    let centre = t * (1.0 - 0.25 / freedom);
    let spread = (1.0 + t * t / (2.0 * freedom)).sqrt();
    (centre + normal_reach(1.0 - power) * spread) / (count as f64).sqrt()
}

/// Standard deviations beyond which a normal value lies with a one-sided error.
pub fn normal_reach(error: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_t_table() {
        // t(.975, 3) = 3.1824, t(.95, 3) = 2.3534; mean 2.5, s = 1.29099
        let [lower, upper] = mean_bounds(&[1.0, 2.0, 3.0, 4.0], [0.025, 0.05]);
        assert!((lower - (2.5 - 3.1824 * 0.645_497)).abs() < 1e-3, "{lower}");
        assert!((upper - (2.5 + 2.3534 * 0.645_497)).abs() < 1e-3, "{upper}");
    }

    #[test]
    fn one_normal_value_in_forty_lies_beyond_1_96() {
        assert!((normal_reach(0.025) - 1.959_964).abs() < 1e-5);
    }

    #[test]
    fn eight_values_find_a_mean_of_one_deviation_in_four_of_five_tries() {
        // Power tables of the one-sided t-test at 5 %: 0.81 for eight values.
        let mean = detectable_mean(8, 0.05, 0.8);
        assert!((mean - 0.98).abs() < 0.02, "{mean}");
        assert!(detectable_mean(1, 0.05, 0.8).is_infinite());
    }

    #[test]
    fn one_value_bounds_nothing() {
        let bounds = mean_bounds(&[1.0], [0.025, 0.025]);
        assert_eq!(format!("{bounds:?}"), "[-inf, inf]");
    }
}
