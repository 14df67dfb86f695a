use super::{TwoGroups, mean_and_deviation, median, scaled_mad, two_groups};

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
/// How far from the median of so many normal values, from [`FEWEST`] on, the next one lies with
/// probability 99 % at the most: in their standard deviations. By simulation, two million histories
/// each, as is the next.
const IN_DEVIATIONS: [f64; 15] = [
    4.14, 3.67, 3.40, 3.22, 3.10, 2.99, 2.92, 2.86, 2.81, 2.77, 2.74, 2.70, 2.69, 2.66, 2.65,
];
/// The same of the next longer histories in the deviations that their median absolute deviation makes.
/// After five values it would be 9.97 of them, after ten 4.07; after twenty an outlier costs more than
/// that.
const IN_SCALED_MADS: [f64; 11] = [
    3.05, 3.04, 2.97, 2.96, 2.91, 2.91, 2.86, 2.85, 2.81, 2.81, 2.78,
];

/// Predicts where one new value lies: a one-sided 99 % prediction interval as in Hahn and Meeker,
/// *Statistical Intervals*, section 4.7, around the median. Its scale is the standard deviation of up
/// to 19 values, which an outlier makes larger, so that the interval errs on the safe side; of more
/// the median absolute deviation, which outliers do not touch; never below 1 %. The quantiles are those
/// of these estimates themselves. A history that falls into two groups, as runs on two types of machine
/// do, is bounded by its upper group: half of what is there is no outlier.
///
/// Nothing for fewer than five values.
pub fn predict(history: &[f64]) -> Option<Prediction> {
    let above = history.len().checked_sub(FEWEST)?;
    let (quantile, deviation) = if let Some(quantile) = IN_DEVIATIONS.get(above) {
        (quantile, mean_and_deviation(history).1)
    } else {
        let longer = above - IN_DEVIATIONS.len();
        let quantile = &IN_SCALED_MADS[longer.min(IN_SCALED_MADS.len() - 1)];
        (quantile, scaled_mad(history)?)
    };
    let centre = median(history)?;
    let Some(TwoGroups {
        centres: [_, upper],
        deviation: within,
        ..
    }) = two_groups(history)
    else {
        let deviation = deviation.max(SMALLEST_DEVIATION);
        return Some(Prediction {
            centre,
            reach: quantile * deviation,
            deviation,
        });
    };
    let deviation = within.max(SMALLEST_DEVIATION);
    let quantile = IN_DEVIATIONS[above.min(IN_DEVIATIONS.len() - 1)];
    Some(Prediction {
        centre,
        reach: upper - centre + quantile * deviation,
        deviation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_follows_the_quantiles_of_median_and_deviation() {
        // s = √(0.004 / 4)
        let prediction = predict(&[-0.04, -0.02, 0.0, 0.02, 0.04]).expect("five values");
        let expected = 4.14 * 0.001_f64.sqrt();
        assert!((prediction.reach - expected).abs() < 1e-9, "{prediction:?}");
        assert!(prediction.centre.abs() < 1e-12);
    }

    #[test]
    fn outliers_among_many_values_do_not_widen_it() {
        let calm: Vec<f64> = (0..28).map(|it| f64::from(it % 4) * 0.02).collect();
        let reach = |values: &[f64]| predict(values).expect("enough values").reach;
        let with_outliers = [calm.as_slice(), &[0.9, -0.9]].concat();
        assert!(reach(&with_outliers) < 2.0 * reach(&calm));
        // Of few they make it wider, which is the safe side.
        assert!(reach(&[0.0, 0.01, 0.02, 0.01, 0.9]) > 1.0);
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
