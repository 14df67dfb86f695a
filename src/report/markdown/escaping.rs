//! Text that perfgate did not write, in Markdown.

/// Text that perfgate did not write, as text: nothing in it is markup, a mention, a reference to
/// an issue or a new line.
pub fn escape(text: &str) -> String {
    // A zero-width space keeps GitHub from making links, mentions and references.
    let text = text
        .replace("://", ":\u{200b}//")
        .replace("www.", "www\u{200b}.");
    let text = without_issues(&text);
    let (mut escaped, text) = line_start(&text);
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("@\u{200b}"),
            '#' => escaped.push_str("\\#\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A text without references to issues such as `GH-12`.
fn without_issues(text: &str) -> String {
    let mut parts = text.split_inclusive('-').peekable();
    let mut kept = String::new();
    while let Some(part) = parts.next() {
        kept.push_str(part);
        let letters = part.as_bytes();
        let names = letters.len() >= 3 && letters[letters.len() - 3..].eq_ignore_ascii_case(b"gh-");
        let counts = |next: &&str| next.starts_with(|it: char| it.is_ascii_digit());
        if names && parts.peek().is_some_and(counts) {
            kept.push('\u{200b}');
        }
    }
    kept
}

/// What a text begins with that would be an item or indented code at the start of a line, escaped,
/// and the rest of the text.
fn line_start(text: &str) -> (String, &str) {
    let is_blank = |letter: char| letter == ' ' || letter.is_control();
    let bare = text.trim_start_matches(is_blank);
    let indent = text[..text.len() - bare.len()].chars().count();
    let mut escaped = "\u{a0}".repeat(indent);
    let number = bare.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = &bare[..bare.len() - number.len()];
    let marker = match digits {
        "" => number.starts_with(['-', '+']),
        _ => number
            .strip_prefix(['.', ')'])
            .is_some_and(|it| it.is_empty() || it.starts_with(is_blank)),
    };
    if !marker {
        return (escaped, bare);
    }
    escaped.push_str(digits);
    escaped.push('\\');
    escaped.push_str(&number[..1]);
    (escaped, &number[1..])
}

/// A block of code whose fence nothing in it can close.
pub(super) fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", code.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_line_begins_with_is_no_markup() {
        for (text, escaped) in [
            ("- an item", "\\- an item"),
            ("+1", "\\+1"),
            ("1. first", "1\\. first"),
            ("12) twelfth", "12\\) twelfth"),
            ("3 of 4", "3 of 4"),
            ("  File \"a.py\"", "\u{a0}\u{a0}File \"a.py\""),
            ("a - b", "a - b"),
            ("see gh-12 and GH-x", "see gh-\u{200b}12 and GH-x"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_a_table_cell(text in "\\PC*|[|\n\r<>@`\\\\]*") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['\n', '\r', '<', '>']));
            let bare = escaped.replace("\\\\", "").replace("\\|", "").replace("\\`", "");
            prop_assert!(!bare.contains('|') && !bare.contains('`'), "{escaped}");
        }
    }
}
