//! What must hold of a page of Markdown: texts of others are text in it, and one word of a command.

use std::collections::BTreeSet;

use perfgate::model::Report;
use perfgate::report::printable;

/// Markup that is our own, and what lines of ours begin with.
const TAGS: [&str; 5] = ["<details>", "</details>", "<summary>", "</summary>", "<br>"];
const STARTS: [&str; 4] = ["## ", "  > ", "> ", "- "];
/// Backticks that a block of code begins with, at the least.
const FENCE: usize = 3;

/// The page of a report.
pub(super) fn is_harmless(report: &Report, page: &str) {
    let lines: Vec<&str> = page.split('\n').collect();
    let mut rest = lines.as_slice();
    let mut table = None;
    while let [line, after @ ..] = rest {
        rest = after;
        let ticks = line.len() - line.trim_start_matches('`').len();
        if ticks >= FENCE {
            let end = after.iter().position(|it| closes(it, ticks));
            let end = end.unwrap_or_else(|| panic!("a block without an end: {page}"));
            code(report, &line[ticks..], &after[..end]);
            rest = &after[end + 1..];
        } else if line.starts_with('|') {
            let row = markup(line);
            assert!(row.chars().all(|it| it == '|'), "{line:?}");
            assert_eq!(*table.get_or_insert(row.len()), row.len(), "{line:?}");
        } else {
            table = None;
            let line = TAGS
                .iter()
                .fold((*line).to_owned(), |line, tag| line.replace(tag, ""));
            let text = STARTS.iter().find_map(|it| line.strip_prefix(it));
            let title = || line.strip_prefix("**")?.strip_suffix("**:");
            is_text(text.or_else(title).unwrap_or(&line));
        }
    }
}

/// Nothing in a line is markup, a mention, a link or a reference.
pub(super) fn is_text(line: &str) {
    assert_eq!(markup(line), "", "{line:?}");
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(!line.starts_with([' ', '-', '+']), "{line:?}");
    let number = line.trim_start_matches(|it: char| it.is_ascii_digit());
    let is_item = number.len() < line.len() && number.starts_with(['.', ')']);
    assert!(
        !is_item || number[1..].starts_with(|it: char| it != ' '),
        "{line:?}"
    );
    assert!(!line.contains("://") && !line.contains("www."), "{line:?}");
    let upper = line.to_ascii_uppercase();
    let mut issues = upper.split("GH-").skip(1);
    assert!(
        !issues.any(|it| it.starts_with(|it: char| it.is_ascii_digit())),
        "{line:?}"
    );
}

/// The letters of a line that are markup: nothing escapes them.
fn markup(line: &str) -> String {
    let mut markup = String::new();
    let mut before = ' ';
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let after = letters.as_str();
        let is_markup = match letter {
            '\\' => {
                letters.next();
                false
            }
            '@' => !after.starts_with('\u{200b}'),
            '&' => !["lt;", "gt;", "amp;"]
                .iter()
                .any(|it| after.starts_with(it)),
            // Within a word it is none.
            '_' => !(before.is_alphanumeric() && after.starts_with(char::is_alphanumeric)),
            _ => "<>|`*[]!~$#".contains(letter),
        };
        if is_markup {
            markup.push(letter);
        }
        before = letter;
    }
    markup
}

/// Whether a line ends a block of code.
fn closes(line: &str, ticks: usize) -> bool {
    let line = line.trim();
    line.len() >= ticks && line.chars().all(|it| it == '`')
}

fn code(report: &Report, language: &str, lines: &[&str]) {
    let findings = report.findings.iter();
    let names: BTreeSet<_> = findings.flat_map(|it| [&it.server, &it.endpoint]).collect();
    let names: BTreeSet<_> = names.into_iter().map(|it| printable(it)).collect();
    match language {
        "sh" => {
            for line in lines {
                let words = words(line).unwrap_or_else(|| panic!("more than words: {line:?}"));
                is_check(&words, &names);
            }
        }
        "toml" => {
            let text = lines.join("\n");
            let table: toml::Table = text.parse().unwrap_or_else(|it| panic!("{it}: {text}"));
            for accepted in table["accept"].as_array().expect("what is accepted") {
                for key in ["server", "endpoint"] {
                    let name = accepted[key].as_str().expect("a name");
                    assert!(names.contains(name), "{text}");
                }
            }
        }
        other => panic!("a block of `{other}`"),
    }
}

/// The words that a shell makes of a line; nothing where it would make more of it.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let word = words.last_mut()?;
        match letter {
            ' ' => words.push(String::new()),
            '\\' => word.push(letters.next()?),
            '\'' => loop {
                match letters.next()? {
                    '\'' => break,
                    inside => word.push(inside),
                }
            },
            plain if plain.is_ascii_alphanumeric() || "-_./=".contains(plain) => word.push(plain),
            _ => return None,
        }
    }
    Some(words)
}

/// A check of one server and endpoint: every name is the value of its own option.
fn is_check(words: &[String], names: &BTreeSet<String>) {
    let [program, command, options @ ..] = words else {
        panic!("{words:?}");
    };
    assert_eq!([program, command], ["perfgate", "check"]);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let (option, value) = if let Some(both) = option.split_once('=') {
            both
        } else {
            let value = options.next().expect("a value");
            assert!(!value.starts_with('-'), "{words:?}");
            (option.as_str(), value.as_str())
        };
        let is_good = match option {
            "--server" | "--endpoint" => names.contains(value),
            "--seed" => value.parse::<u64>().is_ok(),
            "--against" => value.chars().all(|it| it.is_ascii_hexdigit()),
            _ => false,
        };
        assert!(is_good, "{words:?}");
    }
}
