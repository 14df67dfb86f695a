//! The numbers: slices of values go in, estimates come out. Methods carry their textbook names.

mod between;
mod bisection;
mod change_point;
mod mixture;
mod multiplicity;
mod order;
mod prediction;
mod proportion;
mod serial;
mod signed_rank;
mod simultaneous;
mod slope;
mod student;

pub use between::{Between, between};
pub use bisection::{Observation, Question, StepSearch, Suspects, smallest_step};
pub use change_point::{change_points, levels};
pub use mixture::{TwoGroups, two_groups};
pub use multiplicity::{second_error, values_needed};
pub use order::median_interval;
pub use prediction::{Prediction, predict};
pub use proportion::{Proportion, dispersion};
pub use serial::{SerialCorrelation, serial_correlation};
pub use signed_rank::{hodges_lehmann, signed_rank_bounds};
pub use simultaneous::{Block, BlocksOfSide, Difference, simultaneous_differences};
pub use slope::slope;
pub use student::{detectable_mean, mean_bounds, mean_bounds_in_errors, normal_reach};

/// Median of the values; the mean of the middle two for an even count; nothing for no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Median absolute deviation, scaled by 1.4826 to estimate the standard deviation of normal data.
pub fn scaled_mad(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    Some(1.4826 * median(&deviations)?)
}

/// Arithmetic mean and sample standard deviation; zeros where there are too few values.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let Ok(count) = u32::try_from(values.len()) else {
        return (0.0, 0.0);
    };
    if count == 0 {
        return (0.0, 0.0);
    }
    let mean = values.iter().sum::<f64>() / f64::from(count);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / f64::from((count - 1).max(1))).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_scaled_deviation_ignores_an_outlier() {
        assert_eq!(scaled_mad(&[1.0, 2.0, 3.0, 4.0, 1000.0]), Some(1.4826));
    }
}
