//! A pattern of a `.dockerignore`, read as Docker's own library moby/patternmatcher reads it: it
//! makes a regular expression of Go's syntax, whose oddities are part of what patterns mean.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    kind: Kind,
}

/// How a path is matched; the first three are not what the expression would say.
#[derive(Debug)]
enum Kind {
    Exact,
    /// The pattern less its `**` at the end.
    Prefix(String),
    /// The pattern less its `**` at the start.
    Suffix(String),
    Expression(Regex),
    /// Docker finds out when it asks a path.
    Malformed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Exact,
    Prefix,
    Suffix,
    Expression,
}

impl Pattern {
    /// A pattern without its `!`; `None` if Docker refuses it.
    pub(super) fn new(text: &str) -> Option<Self> {
        if !is_well_formed(text) {
            return None;
        }
        let (shape, expression) = translate(text);
        let kind = match shape {
            Shape::Exact => Kind::Exact,
            Shape::Prefix => Kind::Prefix(text[..text.len() - 2].to_owned()),
            Shape::Suffix => Kind::Suffix(text[2..].to_owned()),
            Shape::Expression => {
                let regex = of_go(&expression).and_then(|it| Regex::new(&it).ok());
                regex.map_or(Kind::Malformed, Kind::Expression)
            }
        };
        let text = text.to_owned();
        Some(Self { text, kind })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a path is meant; `None` if Docker does not know.
    pub(super) fn matches(&self, path: &str) -> Option<bool> {
        Some(match &self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix(prefix) => path.starts_with(prefix),
            Kind::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|it| it == path)
            }
            Kind::Expression(regex) => regex.is_match(path),
            Kind::Malformed => return None,
        })
    }

    /// Whether it can match something below a folder, as far as its text shows.
    pub(super) fn may_match_below(&self, folder: &str) -> bool {
        match self.kind {
            Kind::Exact => self.text.starts_with(&format!("{folder}/")),
            _ => true,
        }
    }
}

/// What Go's `filepath.Match` takes: brackets are closed and not empty, a backslash is followed.
fn is_well_formed(pattern: &str) -> bool {
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let good = match letter {
            '\\' => letters.next().is_some(),
            '[' => is_class(&mut letters),
            _ => true,
        };
        if !good {
            return false;
        }
    }
    true
}

fn is_class(letters: &mut Peekable<Chars<'_>>) -> bool {
    let _negated = letters.next_if_eq(&'^');
    let mut is_empty = true;
    loop {
        if !is_empty && letters.next_if_eq(&']').is_some() {
            return true;
        }
        let is_range = |it: &mut Peekable<Chars<'_>>| it.next_if_eq(&'-').is_some();
        if !is_member(letters) || (is_range(letters) && !is_member(letters)) {
            return false;
        }
        is_empty = false;
    }
}

fn is_member(letters: &mut Peekable<Chars<'_>>) -> bool {
    match letters.next() {
        None | Some('-' | ']') => false,
        Some('\\') => letters.next().is_some(),
        Some(_) => true,
    }
}

/// The expression of Go's that the library makes of a pattern, letter by letter, also within
/// brackets.
fn translate(pattern: &str) -> (Shape, String) {
    let mut shape = Shape::Exact;
    let mut expression = String::from("^");
    let mut letters = pattern.chars().peekable();
    let mut is_first = true;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                let _slash = letters.next_if_eq(&'/');
                let is_last = letters.peek().is_none();
                if is_last && shape == Shape::Exact {
                    shape = Shape::Prefix;
                } else {
                    expression.push_str(if is_last { ".*" } else { "(.*/)?" });
                    shape = Shape::Expression;
                }
                if is_first {
                    shape = Shape::Suffix;
                }
            }
            '*' | '?' => {
                expression.push_str(if letter == '*' { "[^/]*" } else { "[^/]" });
                shape = Shape::Expression;
            }
            '\\' => {
                expression.push('\\');
                expression.extend(letters.next());
                shape = Shape::Expression;
            }
            '[' | ']' => {
                expression.push(letter);
                shape = Shape::Expression;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => expression.extend(['\\', letter]),
            _ => expression.push(letter),
        }
        is_first = false;
    }
    expression.push('$');
    (shape, expression)
}

/// An expression of Go's in the syntax of this language's: brackets hold no brackets there, and
/// classes are of ASCII.
fn of_go(expression: &str) -> Option<String> {
    let mut made = String::new();
    let mut is_class = false;
    let mut rest = expression.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => made.push_str(&escaped(rest.next()?)?),
            '[' if !is_class => {
                is_class = true;
                made.push('[');
                made.extend(rest.next_if_eq(&'^'));
            }
            ']' if is_class => {
                is_class = false;
                made.push(']');
            }
            '[' if rest.peek() == Some(&':') => made.push_str(&named(&mut rest)?),
            '[' | '&' | '~' if is_class => made.extend(['\\', letter]),
            _ => made.push(letter),
        }
    }
    Some(made)
}

/// Classes that have a name.
const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// `[:alpha:]` from its colon on, or a bracket that means itself.
fn named(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let ahead: String = rest.clone().skip(1).collect();
    let Some((name, _)) = ahead.split_once(":]") else {
        return Some("\\[".into());
    };
    if !NAMED.contains(&name.trim_start_matches('^')) {
        return None;
    }
    rest.nth(name.len() + 2);
    Some(format!("[:{name}:]"))
}

/// What a backslash and a letter stand for; nothing for those that Go knows not, or not this way.
fn escaped(letter: char) -> Option<String> {
    Some(match letter {
        'd' => "[0-9]".into(),
        'D' => "[^0-9]".into(),
        'w' => "[0-9A-Za-z_]".into(),
        'W' => "[^0-9A-Za-z_]".into(),
        's' => r"[\t\n\f\r ]".into(),
        'S' => r"[^\t\n\f\r ]".into(),
        'b' | 'B' => format!(r"(?-u:\{letter})"),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'A' | 'z' => format!(r"\{letter}"),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => {
            regex::escape(letter.encode_utf8(&mut [0; 4]))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn holds(pattern: &str, matched: &[&str], others: &[&str]) {
        let compiled = Pattern::new(pattern).expect("well formed");
        for path in matched {
            assert_eq!(compiled.matches(path), Some(true), "{pattern} {path}");
        }
        for path in others {
            assert_eq!(compiled.matches(path), Some(false), "{pattern} {path}");
        }
    }

    #[test]
    fn stars_stop_at_folders_and_double_stars_do_not() {
        holds("*.log", &["a.log", ".log"], &["b/a.log", "a.logs", "aXlog"]);
        holds("**/*.log", &["a.log", "b/c/a.log"], &["a.logs"]);
        holds("**/cache", &["cache", "a/b/cache"], &["a/mycache"]);
        holds("**cache", &["cache", "a/mycache"], &["cache/a"]);
        holds("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]);
        holds("a/**/b", &["a/b", "a/x/y/b"], &["a", "ab"]);
        holds("a**b", &["ab", "a/b", "ax/b"], &["axb"]);
        holds("a?b", &["axb", "aéb"], &["a/b", "ab"]);
    }

    #[test]
    fn brackets_are_those_of_go() {
        holds("[ab]", &["a", "b"], &["c", "[ab]"]);
        holds("[^a]", &["b", "!"], &["a"]);
        holds("[!a]", &["a", "!"], &["b"]);
        holds("x[^a]y", &["xby", "x/y"], &["xay"]);
        holds("[[&~]", &["[", "&", "~"], &["a"]);
        holds("[[:digit:]x]", &["1", "x"], &["d", ":"]);
        holds("[a-c]x", &["bx"], &["-x", "dx"]);
        holds("[\\]\\-]x", &["]x", "-x"], &["ax"]);
    }

    #[test]
    fn a_backslash_takes_the_next_letter_as_it_is() {
        holds("\\!a", &["!a"], &["a", "\\!a"]);
        holds("\\*", &["*"], &["a"]);
        holds("a\\?", &["a?"], &["ab"]);
        holds("v\\d", &["v1"], &["vd", "v٣"]);
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in ["a[", "[]a]", "[a-]", "[-a]", "a\\", "[", "[^]"] {
            assert!(Pattern::new(pattern).is_none(), "{pattern}");
        }
        for pattern in ["[z-a]", "\\q", "[[:none:]]"] {
            let compiled = Pattern::new(pattern).expect("well formed");
            assert_eq!(compiled.matches("x"), None, "{pattern}");
        }
    }
}
