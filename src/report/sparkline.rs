/// Bars of a sparkline, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as bars between the smallest and the largest; a gap where there is none.
pub(super) fn sparkline(values: impl IntoIterator<Item = Option<f64>>) -> String {
    let finite = |value: Option<f64>| value.filter(|it| it.is_finite());
    let values: Vec<Option<f64>> = values.into_iter().map(finite).collect();
    let known = || values.iter().flatten().copied();
    let least = known().fold(f64::INFINITY, f64::min);
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let highest = (BARS.len() - 1) as f64;
    let bar = |value: f64| {
        let share = if most > least {
            (value - least) / (most - least)
        } else {
            0.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the bars"
        )]
        BARS[(share * highest).round() as usize]
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}
