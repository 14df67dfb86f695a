use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{median, scaled_mad};

/// One-sided prediction interval for one new value after a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Median of the history.
    pub centre: f64,
    /// Distance from the centre that a new value exceeds with probability `1 - level`.
    pub reach: f64,
}

/// Smallest standard deviation a history is trusted with, on the log scale.
const SMALLEST_DEVIATION: f64 = 0.01;

/// Predicts where one new value lies: Student's t with `n - 1` degrees of freedom times
/// `s √(1 + 1/n)`, with `s` from the median absolute deviation and never below 1 %.
/// (Hahn and Meeker, Statistical Intervals, section 4.7, with robust location and scale.)
///
/// Nothing for fewer than two values.
pub fn predict(history: &[f64], level: f64) -> Option<Prediction> {
    let n = u32::try_from(history.len()).ok().filter(|n| *n >= 2)?;
    let t = StudentsT::new(0.0, 1.0, f64::from(n - 1))
        .ok()?
        .inverse_cdf(level);
    let deviation = scaled_mad(history)?.max(SMALLEST_DEVIATION);
    Some(Prediction {
        centre: median(history)?,
        reach: t * deviation * (1.0 + 1.0 / f64::from(n)).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_follows_the_t_table() {
        // t(.99, 4) = 3.747; s = 1.4826 · 0.02.
        let prediction = predict(&[-0.04, -0.02, 0.0, 0.02, 0.04], 0.99).expect("five values");
        let expected = 3.747 * 1.4826 * 0.02 * 1.2_f64.sqrt();
        assert!((prediction.reach - expected).abs() < 1e-4, "{prediction:?}");
        assert!(prediction.centre.abs() < 1e-12);
    }

    #[test]
    fn a_flat_history_is_not_trusted_below_one_percent() {
        let prediction = predict(&[1.0; 30], 0.99).expect("thirty values");
        // t(.99, 29) = 2.462
        assert!((prediction.reach - 2.462 * 0.01 * (1.0_f64 + 1.0 / 30.0).sqrt()).abs() < 1e-5);
    }

    #[test]
    fn one_value_predicts_nothing() {
        assert_eq!(predict(&[1.0], 0.99), None);
    }
}
