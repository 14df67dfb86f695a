use super::{median, scaled_mad};

/// One-sided prediction interval for one new value after a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Median of the history.
    pub centre: f64,
    /// Distance from the centre that a new value exceeds with probability 1 %.
    pub reach: f64,
    /// Standard deviation of one value.
    pub deviation: f64,
}

/// Smallest standard deviation a history is trusted with, on the log scale.
const SMALLEST_DEVIATION: f64 = 0.01;
/// Values that a prediction needs at the least.
const FEWEST: usize = 5;
/// How far from the median of 5, 6, … 30 normal values the next one lies with probability 99 % at the
/// most, in the standard deviations that their median absolute deviation makes: by simulation, two
/// million histories each. Student's t, which is of mean and standard deviation, would be exceeded by
/// 4 % after five values.
#[expect(clippy::approx_constant, reason = "one of them is near π by chance")]
const QUANTILES: [f64; 26] = [
    9.97, 6.17, 5.93, 4.76, 4.64, 4.07, 4.01, 3.68, 3.64, 3.44, 3.42, 3.27, 3.25, 3.14, 3.13, 3.05,
    3.04, 2.97, 2.96, 2.91, 2.91, 2.86, 2.85, 2.81, 2.81, 2.78,
];

/// Predicts where one new value lies, by the median of the history and `s` from its median absolute
/// deviation, never below 1 %: a one-sided 99 % prediction interval as in Hahn and Meeker,
/// *Statistical Intervals*, section 4.7, with robust location and scale and their own quantiles.
///
/// Nothing for fewer than five values.
pub fn predict(history: &[f64]) -> Option<Prediction> {
    let above = history.len().checked_sub(FEWEST)?;
    let quantile = QUANTILES[above.min(QUANTILES.len() - 1)];
    let deviation = scaled_mad(history)?.max(SMALLEST_DEVIATION);
    Some(Prediction {
        centre: median(history)?,
        reach: quantile * deviation,
        deviation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_follows_the_quantiles_of_median_and_deviation() {
        // s = 1.4826 · 0.02
        let prediction = predict(&[-0.04, -0.02, 0.0, 0.02, 0.04]).expect("five values");
        let expected = 9.97 * 1.4826 * 0.02;
        assert!((prediction.reach - expected).abs() < 1e-9, "{prediction:?}");
        assert!(prediction.centre.abs() < 1e-12);
    }

    #[test]
    fn a_flat_history_is_not_trusted_below_one_percent() {
        let prediction = predict(&[1.0; 30]).expect("thirty values");
        assert!((prediction.reach - 0.0278).abs() < 1e-9, "{prediction:?}");
    }

    #[test]
    fn four_values_predict_nothing() {
        assert_eq!(predict(&[1.0; 4]), None);
    }
}
