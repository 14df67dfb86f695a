use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::mean_and_deviation;

/// By how much groups of values differ beyond what their values vary by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// Standard deviation between groups.
    pub deviation: f64,
    /// Chance of groups that differ at least so much where all values are of one distribution.
    pub chance: f64,
}

/// One-way analysis of variance with groups of any size (Fisher, *Statistical methods for research workers*,
/// 1925; the size of a group as Snedecor and Cochran, *Statistical methods*, 1989, section 13.10). Nothing
/// for fewer than two groups of two values, or values that do not vary.
pub fn between(groups: &[Vec<f64>]) -> Option<Between> {
    let groups: Vec<_> = groups.iter().filter(|it| it.len() > 1).collect();
    let count = groups.len() as f64;
    let total: f64 = groups.iter().map(|it| it.len() as f64).sum();
    let mean = groups.iter().flat_map(|it| it.iter()).sum::<f64>() / total;
    let (mut among, mut within, mut sizes) = (0.0, 0.0, 0.0);
    for group in &groups {
        let size = group.len() as f64;
        let (own, deviation) = mean_and_deviation(group);
        among += size * (own - mean).powi(2);
        within += (size - 1.0) * deviation.powi(2);
        sizes += size * size;
    }
    let freedom = [count - 1.0, total - count];
    let among = among / freedom[0];
    let within = within / freedom[1];
    if count < 2.0 || within <= 0.0 {
        return None;
    }
    let usual_size = (total - sizes / total) / freedom[0];
    let by_chance = FisherSnedecor::new(freedom[0], freedom[1]).ok()?;
    Some(Between {
        deviation: ((among - within).max(0.0) / usual_size).sqrt(),
        chance: by_chance.sf(among / within),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_analysis_of_variance_of_a_textbook() {
        // Means 5, 9 and 10, within 68 / 15, among 84 / 2: F = 9.3, p = 0.0024.
        let groups = [
            vec![6.0, 8.0, 4.0, 5.0, 3.0, 4.0],
            vec![8.0, 12.0, 9.0, 11.0, 6.0, 8.0],
            vec![13.0, 9.0, 11.0, 8.0, 7.0, 12.0],
        ];
        let found = between(&groups).expect("groups");
        assert!((found.chance - 0.002_4).abs() < 2e-4, "{found:?}");
        let deviation: f64 = (42.0 - 68.0 / 15.0) / 6.0;
        assert!(
            (found.deviation - deviation.sqrt()).abs() < 1e-9,
            "{found:?}"
        );
    }

    #[test]
    fn few_groups_and_equal_values_say_nothing() {
        assert_eq!(between(&[vec![1.0, 2.0]]), None);
        assert_eq!(between(&[vec![1.0], vec![2.0]]), None);
        assert_eq!(between(&[vec![1.0, 1.0], vec![1.0, 1.0]]), None);
        assert_eq!(between(&[]), None);
    }
}
