use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::mean_and_deviation;

/// The lower and the upper bound of the mean of normal values, each with its own one-sided error:
/// Student's t with `n - 1` degrees of freedom. Infinite for fewer than two values.
pub fn mean_bounds(values: &[f64], [below, above]: [f64; 2]) -> [f64; 2] {
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let unknown = [f64::NEG_INFINITY, f64::INFINITY];
    if count < 2 {
        return unknown;
    }
    let Ok(t) = StudentsT::new(0.0, 1.0, f64::from(count - 1)) else {
        return unknown;
    };
    let (mean, deviation) = mean_and_deviation(values);
    let error = deviation / f64::from(count).sqrt();
    [
        mean + t.inverse_cdf(below) * error,
        mean + t.inverse_cdf(1.0 - above) * error,
    ]
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
    fn one_value_bounds_nothing() {
        let bounds = mean_bounds(&[1.0], [0.025, 0.025]);
        assert_eq!(format!("{bounds:?}"), "[-inf, inf]");
    }
}
