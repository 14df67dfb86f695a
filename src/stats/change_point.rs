use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::median;

/// Values before the first step, between two and after the last, at the least.
const SHORTEST: usize = 3;
/// Values that are searched at once, a multiple of four.
const WINDOW: usize = 120;
/// Orders that the values are put in to see what chance makes of them.
const PERMUTATIONS: usize = 999;
/// How many of them may divide as well as the true order: with that one 10 of 1000, a level of 1 %.
const MOST_AS_GOOD: usize = 9;
/// The orders are the same whenever the same values are looked at. By these, five values below
/// five others are a step, as they are by all orders there are (2 of 252 divide as well, 0.8 %).
const SEED: u64 = 1;
/// Relative difference within which two statistics are the same but for rounding.
const ROUNDING: f64 = 1e-9;

/// A value with the sum of its distances from all others of its part of the series.
#[derive(Debug, Clone, Copy)]
struct Item {
    value: f64,
    distances: f64,
}

/// A division of a part of the series in two.
#[derive(Debug, Clone, Copy)]
struct Division {
    /// Values before it.
    at: usize,
    statistic: f64,
}

/// Where a series steps by at least `smallest`: the index of the first value of every new level.
///
/// E-divisive (Matteson and James, *A nonparametric approach for multiple change point analysis
/// of multivariate data*, 2014): the series is divided where the energy distance between both
/// parts is largest, if at most one of a hundred random orders of its values divides as well, and
/// so are its parts. Energy distances see a step in few values as a difference of means does, and
/// are not led astray by single outliers as that is. What moves the median by less than
/// `smallest` is then taken back, the smallest first.
///
/// The search takes time with the square of the values. A series of more than 120 values is searched in windows
/// that overlap by half; of each, the steps count that lie in its middle half.
pub fn change_points(values: &[f64], smallest: f64) -> Vec<usize> {
    let mut steps = Vec::new();
    if values.len() <= WINDOW {
        divide(values, 0, &mut steps);
    } else {
        steps = in_windows(values);
    }
    while let Some(weakest) = weakest(values, &steps, smallest) {
        steps.remove(weakest);
    }
    steps
}

/// The levels of a series that steps: its values between the steps.
pub fn levels<'a>(values: &'a [f64], steps: &[usize]) -> Vec<&'a [f64]> {
    let ends = steps.iter().copied().chain([values.len()]);
    let starts = [0].into_iter().chain(steps.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| &values[start..end])
        .collect()
}

/// The steps of a long series.
fn in_windows(values: &[f64]) -> Vec<usize> {
    let mut steps: Vec<usize> = Vec::new();
    let last = values.len() - WINDOW;
    let starts = (0..last).step_by(WINDOW / 2).chain([last]);
    for start in starts {
        let mut own = Vec::new();
        divide(&values[start..start + WINDOW], start, &mut own);
        let from = if start == 0 { 0 } else { start + WINDOW / 4 };
        let to = if start == last {
            values.len()
        } else {
            start + WINDOW / 4 * 3
        };
        // The last window overlaps by more, and a step beside a border may be seen from both sides of it.
        let is_new = |step: &usize| steps.last().is_none_or(|last| *step >= last + SHORTEST);
        let own: Vec<_> = own
            .into_iter()
            .filter(|it| (from..to).contains(it))
            .filter(is_new)
            .collect();
        steps.extend(own);
    }
    steps
}

/// Adds the steps of the part that begins at `start`, in their order.
fn divide(part: &[f64], start: usize, steps: &mut Vec<usize>) {
    let items = items(part);
    let Some(division) = best(&items).filter(|it| is_significant(&items, it)) else {
        return;
    };
    let (before, after) = part.split_at(division.at);
    divide(before, start, steps);
    steps.push(start + division.at);
    divide(after, start + division.at, steps);
}

fn items(values: &[f64]) -> Vec<Item> {
    let distances = |value: f64| values.iter().map(|other| (value - other).abs()).sum();
    let item = |value: &f64| Item {
        value: *value,
        distances: distances(*value),
    };
    values.iter().map(item).collect()
}

/// The division with the largest statistic; `None` if a part would be too short.
fn best(items: &[Item]) -> Option<Division> {
    let mut best: Option<Division> = None;
    // Sums of the distances within the first part, within the second, and between them.
    let (mut first, mut between) = (0.0, 0.0);
    let mut second = items.iter().map(|item| item.distances).sum::<f64>() / 2.0;
    for (index, item) in items.iter().enumerate() {
        let earlier = items[..index].iter();
        let to_earlier: f64 = earlier.map(|it| (it.value - item.value).abs()).sum();
        let to_later = item.distances - to_earlier;
        first += to_earlier;
        second -= to_later;
        between += to_later - to_earlier;
        let at = index + 1;
        if at < SHORTEST || items.len() - at < SHORTEST {
            continue;
        }
        let statistic = energy([at, items.len() - at], [first, second], between);
        if best.is_none_or(|it| statistic > it.statistic) {
            best = Some(Division { at, statistic });
        }
    }
    best
}

/// The energy distance of two parts, weighed by their sizes.
fn energy(sizes: [usize; 2], within: [f64; 2], between: f64) -> f64 {
    let [m, n] = sizes.map(|size| size as f64);
    let apart = between / (m * n) - within[0] / (m * (m - 1.0)) - within[1] / (n * (n - 1.0));
    2.0 * apart * m * n / (m + n)
}

/// Whether few enough random orders of the values divide as well.
fn is_significant(items: &[Item], division: &Division) -> bool {
    let mut items = items.to_vec();
    // So that the orders are the same whichever way the series runs.
    items.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut random = StdRng::seed_from_u64(SEED);
    let as_good = division.statistic - ROUNDING * division.statistic.abs();
    let mut found = 0;
    for _ in 0..PERMUTATIONS {
        items.shuffle(&mut random);
        found += usize::from(best(&items).is_some_and(|it| it.statistic >= as_good));
        if found > MOST_AS_GOOD {
            return false;
        }
    }
    true
}

/// The smallest step, if it is smaller than `smallest`.
fn weakest(values: &[f64], steps: &[usize], smallest: f64) -> Option<usize> {
    let medians = levels(values, steps).into_iter().map(median);
    let medians: Vec<f64> = medians.collect::<Option<_>>()?;
    let sizes = medians.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let (step, size) = sizes.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    (size < smallest).then_some(step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;

    const NOISE: f64 = 0.04;
    const SMALLEST: f64 = 0.05;

    /// A series of noise, one value of thirty further up, that steps up behind `before` values.
    fn series(before: usize, after: usize, step: f64, random: &mut StdRng) -> Vec<f64> {
        let noise = Normal::new(0.0, NOISE).expect("a deviation");
        let value = |index: usize| {
            let outlier = f64::from(random.random_ratio(1, 30)) * 0.1;
            let level = if index < before { 0.0 } else { step };
            level + noise.sample(random) + outlier
        };
        (0..before + after).map(value).collect()
    }

    /// How many of so many series have exactly one step, and of these how many within one value
    /// of where it is.
    fn found(count: usize, before: usize, after: usize) -> (usize, usize) {
        let mut random = StdRng::seed_from_u64(7);
        let mut found = (0, 0);
        for _ in 0..count {
            let steps = change_points(&series(before, after, 0.1, &mut random), SMALLEST);
            if let [step] = steps[..] {
                found.0 += 1;
                found.1 += usize::from(step.abs_diff(before) <= 1);
            }
        }
        found
    }

    #[test]
    fn steps_of_a_long_series_are_found_wherever_they_are() {
        let mut random = StdRng::seed_from_u64(11);
        let mut values = Vec::new();
        // Levels that end within windows, at their borders, and shortly before the end.
        let ends = [50, 119, 240, 271, 450, 590];
        for (number, length) in [50, 69, 121, 31, 179, 140, 10].into_iter().enumerate() {
            let up = f64::from(u8::from(number % 2 == 1)) * 0.3;
            values.extend(series(length, 0, 0.0, &mut random).iter().map(|it| it + up));
        }
        let found = change_points(&values, SMALLEST);
        assert_eq!(found.len(), ends.len(), "{found:?}");
        let near = found
            .iter()
            .zip(ends)
            .all(|(found, end)| found.abs_diff(end) <= 1);
        assert!(near, "{found:?}");
    }

    #[test]
    fn a_long_series_of_noise_has_next_to_no_steps() {
        let mut random = StdRng::seed_from_u64(5);
        let steps = change_points(&series(1500, 0, 0.0, &mut random), SMALLEST);
        assert!(steps.is_empty(), "{steps:?}");
    }

    /// Three standard errors of a count below or above what is expected.
    fn three_errors(count: usize, share: f64) -> f64 {
        3.0 * (count as f64 * share * (1.0 - share)).sqrt()
    }

    #[test]
    fn pure_noise_steps_in_at_most_one_series_of_a_hundred() {
        let mut random = StdRng::seed_from_u64(3);
        for length in [5, 10, 30, 60] {
            let alarm = |_| !change_points(&series(length, 0, 0.0, &mut random), 0.0).is_empty();
            let count = 200;
            let alarms = (0..count).map(alarm).filter(|it| *it).count();
            let most = 0.01 * count as f64 + three_errors(count, 0.01);
            assert!(
                alarms as f64 <= most,
                "{alarms} of {count} series of {length}"
            );
        }
    }

    #[test]
    fn ten_runs_after_it_a_step_of_ten_percent_is_found() {
        let count = 50;
        let (found, near) = found(count, 30, 10);
        let fewest = |share| share * count as f64 - three_errors(count, share);
        assert!(found as f64 >= fewest(0.95), "{found} of {count}");
        assert!(near as f64 >= fewest(0.85), "{near} of {count}");
    }

    #[test]
    fn five_runs_after_it_most_steps_of_ten_percent_are_found() {
        let count = 50;
        let (found, _) = found(count, 30, 5);
        let fewest = 0.75 * count as f64 - three_errors(count, 0.75);
        assert!(found as f64 >= fewest, "{found} of {count}");
    }

    #[test]
    fn every_step_of_a_staircase_is_found_and_small_ones_are_taken_back() {
        let wave = |index: usize| [0.0, 0.004, -0.004][index % 3];
        let value = |index: usize| [0.0, 0.2, 0.22, 0.1][index / 10] + wave(index);
        let values: Vec<f64> = (0..40).map(value).collect();
        assert_eq!(change_points(&values, 0.0), [10, 20, 30]);
        assert_eq!(change_points(&values, 0.05), [10, 30]);
    }

    #[test]
    fn too_few_values_have_no_step() {
        assert!(change_points(&[], 0.0).is_empty());
        assert!(change_points(&[0.0, 0.0, 0.0, 9.0, 9.0], 0.0).is_empty());
        let ten = [0.0, 0.1, 0.0, 0.2, 0.1, 9.0, 9.1, 9.0, 9.2, 9.1];
        assert_eq!(change_points(&ten, 0.0), [5]);
        assert!(change_points(&ten[1..], 0.0).is_empty());
    }

    fn stepped() -> impl Strategy<Value = Vec<f64>> {
        let noise = prop::collection::vec(-0.05_f64..0.05, 6..40);
        (noise, 0.0_f64..1.0, 0.0_f64..0.3).prop_map(|(mut values, share, step)| {
            let at = (share * values.len() as f64).floor();
            let later = values.iter_mut().enumerate();
            later
                .filter(|(index, _)| *index as f64 >= at)
                .for_each(|(_, value)| *value += step);
            values
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_shift_moves_no_step(values in stepped(), shift in -5.0_f64..5.0) {
            let shifted: Vec<f64> = values.iter().map(|value| value + shift).collect();
            prop_assert_eq!(change_points(&shifted, 0.0), change_points(&values, 0.0));
        }

        #[test]
        fn a_reversed_series_steps_at_the_same_places(values in stepped()) {
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            let mut steps = change_points(&reversed, 0.0);
            steps.reverse();
            let mirrored: Vec<_> = steps.iter().map(|step| values.len() - step).collect();
            prop_assert_eq!(mirrored, change_points(&values, 0.0));
        }

        #[test]
        fn a_constant_series_has_no_step(value in -9.0_f64..9.0, length in 0_usize..100) {
            prop_assert_eq!(change_points(&vec![value; length], 0.0), Vec::<usize>::new());
        }

        #[test]
        fn levels_are_long_enough_and_apart(values in stepped(), smallest in 0.0_f64..0.2) {
            let steps = change_points(&values, smallest);
            let levels = levels(&values, &steps);
            prop_assert!(levels.iter().all(|level| level.len() >= SHORTEST));
            let medians: Vec<f64> = levels.into_iter().filter_map(median).collect();
            let apart = |pair: &[f64]| (pair[1] - pair[0]).abs() >= smallest;
            prop_assert!(medians.windows(2).all(apart));
        }
    }
}
