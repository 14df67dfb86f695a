/// Suffixes of times with their length in microseconds; those that end another come later.
const TIMES: [(&str, f64); 6] = [
    ("us", 1.0),
    ("µs", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
    ("m", 6e7),
    ("h", 3.6e9),
];

/// A time such as `442.27us` or `2.00s`, in microseconds.
pub(super) fn micros(text: &str) -> Option<f64> {
    let of_unit =
        |(suffix, factor): &(&str, f64)| Some(number(text.strip_suffix(suffix)?)? * factor);
    TIMES.iter().find_map(of_unit)
}

/// A number that is not negative.
pub(super) fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn times_are_read_in_every_unit() {
        for (text, expected) in [
            ("442.27us", 442.27),
            ("1.50ms", 1500.0),
            ("2.00s", 2e6),
            ("1.00m", 6e7),
            ("1h", 3.6e9),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
        for text in ["", "ms", "-1ms", "nans", "12", "1.5 parsecs"] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
