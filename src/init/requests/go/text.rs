//! Texts in Go: paths that constants hold, methods, and names that ask for a login.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::calls::literal;

const CONSTANT: &str = r#"(?m)\b(?P<name>\w+)(?:\s+string)?\s*=\s*"(?P<text>/[^"\n]*)"\s*$"#;
/// What lets nobody by without a login, and what only looks like it.
const GUARD: &str = r"(?i)auth|jwt|bearer|logged_?in|(?:need|require)s?_?(?:login|user)|protect";
const NO_GUARD: &str = r"(?i)author|oauth|optional|maybe|anonymous|\(false\)";
/// What holds handlers, which may be called after logins without asking for one.
const HOLDER: &str = r"(?i)(?:handlers?|controllers?|ctrl|api|server|service|^[a-z])$";

static PATTERNS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [CONSTANT, GUARD, NO_GUARD, HOLDER].map(|it| Regex::new(it).expect("a constant"))
});

/// Texts that are kept under one name.
pub(super) struct Constants<'a> {
    /// Nothing for a name with several texts.
    texts: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a> Constants<'a> {
    pub(super) fn of(files: impl Iterator<Item = &'a str>) -> Self {
        let mut texts: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for constant in files.flat_map(|it| PATTERNS[0].captures_iter(it)) {
            let (Some(name), Some(text)) = (constant.name("name"), constant.name("text")) else {
                continue;
            };
            let known = texts.entry(name.as_str()).or_insert(Some(text.as_str()));
            if *known != Some(text.as_str()) {
                *known = None;
            }
        }
        Self { texts }
    }

    /// A path that is spelled out, by itself or by constants.
    pub(super) fn path(&self, argument: &str) -> Option<String> {
        let mut whole = String::new();
        for part in argument.split('+').map(str::trim) {
            let name = part.rsplit('.').next().unwrap_or(part);
            let known = || self.texts.get(name).copied().flatten();
            whole += literal(part).or_else(known)?;
        }
        Some(whole)
    }
}

pub(super) fn is_get(argument: &str) -> bool {
    let argument = argument.trim();
    literal(argument).is_some_and(|it| it == "GET") || argument.ends_with("MethodGet")
}

/// The word that tells of a login, where one of these handlers asks for it.
pub(super) fn guards(handlers: &[&str]) -> String {
    let asks = |handler: &&str| {
        let name = match handler.rsplit_once('.') {
            Some((holder, name)) if !handler.contains('(') && PATTERNS[3].is_match(holder) => name,
            _ => handler,
        };
        PATTERNS[1].is_match(name) && !PATTERNS[2].is_match(name)
    };
    if handlers.iter().any(asks) {
        " requireauth".to_owned()
    } else {
        String::new()
    }
}
