/// Slope of the straight line through points that has the least squares; nothing for fewer than two
/// places on the first axis.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|it| it.0), mean(|it| it.1));
    let covariance = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean));
    let variance = points.iter().map(|(x, _)| (x - x_mean).powi(2));
    let slope = covariance.sum::<f64>() / variance.sum::<f64>();
    slope.is_finite().then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_a_point_has_none() {
        let of = |points: &[(f64, f64)]| slope(points);
        assert_eq!(of(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(of(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]), Some(0.0));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(1.0, 1.0)]), None);
        assert_eq!(of(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
