//! How values of compose files are written: sizes, times, ports, command lines.

use std::time::Duration;

use super::node::{Kind, Node};

/// Most ports that one range may stand for.
const MOST_PORTS: u16 = 16;

/// Bytes, as `512m`, `1.5gb` or a number.
pub(super) fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower
        .find(|it: char| !it.is_ascii_digit() && it != '.')
        .unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(end);
    let power = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    let bytes = digits.parse::<f64>().ok()? * 1024_f64.powi(power);
    let is_size = bytes.is_finite() && (1.0..1e18).contains(&bytes);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range above"
    )]
    is_size.then(|| bytes.round() as u64)
}

/// A length of time, as `1m30s`, `500ms` or seconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let seconds = match unit {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|_| !text.is_empty())
}

/// Ports in the container: of `8000`, `"8000:80"`, `"127.0.0.1:8000:80/tcp"`, `"3000-3002"` or a mapping with
/// `target`.
pub(super) fn ports(node: &Node) -> Option<Vec<u16>> {
    let text = node.get("target").unwrap_or(node).as_text()?;
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = node
        .get("protocol")
        .and_then(Node::as_text)
        .unwrap_or(protocol);
    let inside = text.rsplit(':').next()?;
    let (first, last) = inside.split_once('-').unwrap_or((inside, inside));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    if first == 0 || last < first || last - first >= MOST_PORTS {
        return None;
    }
    // Nobody waits for a datagram.
    Some(if protocol == "udp" {
        Vec::new()
    } else {
        (first..=last).collect()
    })
}

/// A list, or a command line as a shell takes it apart; nothing for what is neither.
pub(super) fn argument_list(node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .map(|it| it.as_text().map(str::to_owned))
            .collect(),
        Kind::Text(line) => shlex::split(line),
        Kind::Null => Some(Vec::new()),
        Kind::Map(_) | Kind::Lacking(_) => None,
    }
}

pub(super) fn is_true(node: &Node) -> bool {
    node.as_text() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::super::problem::Mark;
    use super::*;

    #[test]
    fn sizes_times_and_ports_are_read_as_compose_reads_them() {
        for (text, bytes) in [
            ("512m", Some(512 << 20)),
            ("1gb", Some(1 << 30)),
            ("1.5k", Some(1536)),
            ("64M", Some(64 << 20)),
            ("1024", Some(1024)),
            ("0", None),
            ("many", None),
            ("1x", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
        for (text, milliseconds) in [
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("1.5s", Some(1500)),
            ("10", Some(10_000)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                time(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
        let of = |text: &str| ports(&Node::text(Mark::default(), text));
        for (text, expected) in [
            ("8000", Some(vec![8000])),
            ("8000:80", Some(vec![80])),
            ("127.0.0.1:8000:80/tcp", Some(vec![80])),
            ("3000-3002:3000-3002", Some(vec![3000, 3001, 3002])),
            ("53:53/udp", Some(vec![])),
            ("0", None),
            ("http", None),
            ("1-65535", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
