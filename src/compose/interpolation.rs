//! Variables in values, as the compose specification has them: `$X`, `${X}`, `${X:-default}`, `${X-default}`,
//! `${X:?message}`, `${X?message}`, `${X:+other}`, `${X+other}`, one within the other; `$$` is `$`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::node::{Kind, Node};
use super::problem::{Mark, Problem};

/// How deep variables may stand in defaults of others.
const DEEPEST: usize = 32;
/// Bytes that variables may make of all values.
const MOST_BYTES: usize = 16 << 20;
/// Letters from which on a value of the environment is passed on by its name, so that no output shows
/// it.
const SHORTEST_SECRET: usize = 6;
/// Keys of services whose texts may have `{env.NAME}`, and of what they build.
const LATE: [&str; 2] = ["environment", "command"];

/// What variables stand for.
pub(super) struct Variables<'a> {
    /// Of this process, which come first.
    pub(super) process: &'a dyn Fn(&str) -> Option<String>,
    /// Of `.env`.
    pub(super) file: BTreeMap<String, String>,
    /// Whether one of them was used.
    pub(super) is_file_used: Cell<bool>,
    /// Bytes that variables have made.
    pub(super) made: Cell<usize>,
    /// Whether a variable that must be set is left to the environment.
    pub(super) is_lenient: bool,
    /// Variables that were not there.
    pub(super) missing: RefCell<BTreeSet<String>>,
    /// Variables of this process that were used.
    pub(super) used: RefCell<BTreeSet<String>>,
}

/// Where a text stands.
#[derive(Clone, Copy)]
struct Spot {
    mark: Mark,
    /// Whether perfgate fills `{env.NAME}` in it later.
    is_late: bool,
}

impl Variables<'_> {
    /// Resolves every value of a file.
    pub(super) fn resolve(&self, file: &mut Node) {
        for (section, node) in file.as_map_mut().into_iter().flatten() {
            // Extensions are resolved where they are used.
            if section == "services" {
                for service in node.as_map_mut().into_iter().flat_map(|it| it.values_mut()) {
                    self.resolve_service(service);
                }
            } else if !section.starts_with("x-") {
                self.resolve_node(node, false);
            }
        }
    }

    fn resolve_service(&self, service: &mut Node) {
        for (key, node) in service.as_map_mut().into_iter().flatten() {
            match node.as_map_mut() {
                Some(build) if key == "build" => {
                    for (key, node) in build {
                        self.resolve_node(node, key == "args");
                    }
                }
                _ => self.resolve_node(node, LATE.contains(&key.as_str())),
            }
        }
    }

    fn resolve_node(&self, node: &mut Node, is_late: bool) {
        let mark = node.mark;
        match &mut node.kind {
            Kind::Text(text) => {
                let spot = Spot { mark, is_late };
                match self.bounded(text, spot) {
                    Ok(resolved) => *text = resolved,
                    Err(problem) => node.kind = Kind::Lacking(Box::new(problem)),
                }
            }
            Kind::List(items) => items
                .iter_mut()
                .for_each(|it| self.resolve_node(it, is_late)),
            Kind::Map(map) => map
                .values_mut()
                .for_each(|it| self.resolve_node(it, is_late)),
            Kind::Null | Kind::Lacking(_) => {}
        }
    }

    /// The value of a variable that is named without one.
    pub(super) fn of_name(&self, name: &str) -> Option<String> {
        let spot = Spot {
            mark: Mark::default(),
            is_late: true,
        };
        if self.is_lenient && self.value(name).is_none() {
            return Some(format!("{{env.{name}}}"));
        }
        self.known(name, spot)
    }

    fn bounded(&self, text: &str, spot: Spot) -> Result<String, Problem> {
        if !text.contains('$') {
            return Ok(text.to_owned());
        }
        let resolved = self.text(text, spot, 0)?;
        self.made.set(self.made.get() + resolved.len());
        if self.made.get() > MOST_BYTES {
            let message = "variables make the values too large";
            return Err(Problem::at(
                spot.mark,
                message,
                "shorten what they stand for",
            ));
        }
        Ok(resolved)
    }

    fn text(&self, text: &str, spot: Spot, depth: usize) -> Result<String, Problem> {
        if depth > DEEPEST {
            let message = "variables stand in each other's defaults too deeply";
            return Err(Problem::at(spot.mark, message, ""));
        }
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('$') {
            resolved.push_str(&rest[..start]);
            rest = &rest[start + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                resolved.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some(end) = closing(after) else {
                    if self.is_lenient {
                        resolved.push('$');
                        continue;
                    }
                    return Err(malformed(spot));
                };
                resolved.push_str(&self.braced(&after[..end], spot, depth)?);
                rest = &after[end + 1..];
            } else {
                let end = end_of_name(rest);
                match &rest[..end] {
                    "" if self.is_lenient => resolved.push('$'),
                    "" => return Err(malformed(spot)),
                    name => resolved.push_str(&self.or_empty(name, spot)),
                }
                rest = &rest[end..];
            }
        }
        Ok(resolved + rest)
    }

    /// What stands in braces.
    fn braced(&self, inside: &str, spot: Spot, depth: usize) -> Result<String, Problem> {
        let (name, operator) = inside.split_at(end_of_name(inside));
        if name.is_empty() {
            return if self.is_lenient {
                Ok(format!("${{{inside}}}"))
            } else {
                Err(malformed(spot))
            };
        }
        let (wants_text, operator) = match operator.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, operator),
        };
        // Without a `:` a variable that is set and empty counts.
        let raw = self.value(name);
        let is_there = raw
            .as_ref()
            .is_some_and(|it| !(wants_text && it.is_empty()));
        let own = || self.known(name, spot).unwrap_or_default();
        let Some(sign) = operator.chars().next() else {
            return if wants_text && !self.is_lenient {
                Err(malformed(spot))
            } else {
                Ok(self.or_empty(name, spot))
            };
        };
        let operand = &operator[sign.len_utf8()..];
        match sign {
            '-' | '?' if is_there => Ok(own()),
            '-' => self.text(operand, spot, depth + 1),
            '+' if is_there => self.text(operand, spot, depth + 1),
            '+' => Ok(String::new()),
            '?' if self.is_lenient => Ok(format!("{{env.{name}}}")),
            '?' => {
                let message = self.text(operand, spot, depth + 1)?;
                let said = if message.is_empty() {
                    String::new()
                } else {
                    format!(": {message}")
                };
                Err(Problem::at(
                    spot.mark,
                    format!("the file insists on the variable {name}, which is not set{said}"),
                    &format!(
                        "set {name} in the environment, or write it into `.env` beside the file"
                    ),
                ))
            }
            _ if self.is_lenient => Ok(format!("${{{inside}}}")),
            _ => Err(malformed(spot)),
        }
    }

    fn or_empty(&self, name: &str, spot: Spot) -> String {
        self.known(name, spot).unwrap_or_else(|| {
            self.missing.borrow_mut().insert(name.to_owned());
            String::new()
        })
    }

    /// The value as texts get it: of the environment by its name where it may be a secret.
    fn known(&self, name: &str, spot: Spot) -> Option<String> {
        let Some(value) = (self.process)(name) else {
            let value = self.file.get(name).cloned();
            self.is_file_used
                .set(self.is_file_used.get() || value.is_some());
            return value;
        };
        self.used.borrow_mut().insert(name.to_owned());
        if spot.is_late && value.len() >= SHORTEST_SECRET {
            return Some(format!("{{env.{name}}}"));
        }
        Some(value)
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.process)(name).or_else(|| self.file.get(name).cloned())
    }
}

fn malformed(spot: Spot) -> Problem {
    Problem::at(
        spot.mark,
        "a `$` begins no variable here",
        "write `$$` for a `$`, and ${NAME} or ${NAME:-default} for a variable",
    )
}

fn end_of_name(text: &str) -> usize {
    let is_in_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if text.starts_with(|it: char| it.is_ascii_digit()) {
        return 0;
    }
    text.find(|it| !is_in_name(it)).unwrap_or(text.len())
}

/// Where the braces end that were opened before a text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '$' if letters.peek().is_some_and(|(_, it)| *it == '{') => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(process: &dyn Fn(&str) -> Option<String>, is_lenient: bool) -> Variables<'_> {
        Variables {
            process,
            file: [("TAG", "16"), ("EMPTY", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            is_file_used: Cell::default(),
            made: Cell::default(),
            is_lenient,
            missing: RefCell::default(),
            used: RefCell::default(),
        }
    }

    fn process(name: &str) -> Option<String> {
        match name {
            "SECRET" => Some("a long secret".into()),
            "SHORT" => Some("db".into()),
            _ => None,
        }
    }

    fn spot(is_late: bool) -> Spot {
        Spot {
            mark: Mark::default(),
            is_late,
        }
    }

    #[test]
    fn variables_have_their_defaults() {
        let variables = variables(&process, false);
        for (text, resolved) in [
            ("postgres:${TAG}", "postgres:16"),
            ("${TAG:-17}", "16"),
            ("${PORT:-8000}:80", "8000:80"),
            ("${A-b}$TAG-x", "b16-x"),
            ("[${OTHER}$OTHER]", "[]"),
            ("$$HOME and $${X}", "$HOME and ${X}"),
            ("${EMPTY-a}${EMPTY:-b}", "b"),
            (
                "${TAG:+is set}${EMPTY:+no}${EMPTY+yes}${NONE+no}",
                "is setyes",
            ),
            ("${A:-${B:-${TAG}}}", "16"),
            ("${A:-x}}", "x}"),
            ("${A:-a:b?c}", "a:b?c"),
            ("${SHORT}", "db"),
            ("${SECRET}", "a long secret"),
        ] {
            assert_eq!(
                variables.text(text, spot(false), 0).as_deref(),
                Ok(resolved),
                "{text}"
            );
        }
        let missing: Vec<_> = variables.missing.take().into_iter().collect();
        assert_eq!(missing, ["OTHER"]);
        let late = variables.text("a:${SECRET}@${SHORT}", spot(true), 0);
        assert_eq!(late.as_deref(), Ok("a:{env.SECRET}@db"));
    }

    #[test]
    fn what_is_no_variable_or_must_be_set_is_refused() {
        let variables = variables(&process, false);
        let refused = |text: &str| {
            let problem = variables.text(text, spot(false), 0).expect_err("refused");
            problem.message
        };
        let insists = "the file insists on the variable NONE, which is not set";
        assert_eq!(refused("${NONE?}"), insists);
        assert_eq!(refused("${NONE:?see ${TAG}}"), format!("{insists}: see 16"));
        for text in ["${", "${}", "${TAG", "a $ b", "${TAG!x}", "${TAG:}", "$1"] {
            assert_eq!(refused(text), "a `$` begins no variable here", "{text}");
        }
        let deep = "${A:-".repeat(100) + &"}".repeat(100);
        assert!(refused(&deep).contains("too deeply"));
    }

    #[test]
    fn to_whom_is_lenient_the_environment_has_what_must_be_set() {
        let variables = variables(&|_| None, true);
        for (text, resolved) in [
            ("${SECRET:?missing}", "{env.SECRET}"),
            ("$$HOME and $", "$HOME and $"),
            ("${TAG!x}", "${TAG!x}"),
        ] {
            assert_eq!(
                variables.text(text, spot(false), 0).as_deref(),
                Ok(resolved),
                "{text}"
            );
        }
    }
}
