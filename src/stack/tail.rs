/// Lines of output kept for an error.
const LINES: usize = 20;

/// The last lines of an output, without control characters that a terminal would obey.
pub(super) fn tail(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter()
        .map(|line| printable(line))
        .collect::<Vec<_>>()
        .join("\n")
}

fn printable(line: &str) -> String {
    line.chars()
        .filter(|letter| !letter.is_control() || *letter == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_no_escapes() {
        let long = "line\u{1b}[31m\n".repeat(30) + "the end";
        let kept = tail(long.as_bytes());
        assert_eq!(kept.lines().count(), LINES);
        assert!(kept.ends_with("line[31m\nthe end"), "{kept}");
    }
}
