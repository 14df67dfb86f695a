//! The functions of a file in Go.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::super::calls::arguments;
use super::group::{Group, Scope, makes_router};

const FUNCTION: &str = r"(?m)^func\s+(?:\([^)]*\)\s*)?(?P<name>\w+)(?:\[[^\]]*\])?(?P<open>\()";
/// A value that a function of another package made.
const MADE: &str = r"(?m)\b(?P<name>\w+)(?:\s*,\s*\w+)?\s*:?=\s*&?(?P<package>\w+)\.\w+[({]";

static PATTERNS: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [FUNCTION, MADE].map(|it| Regex::new(it).expect("a constant")));

/// A function or a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function<'a> {
    /// The file it stands in, by its place among all.
    pub(super) file: usize,
    pub(super) package: &'a str,
    pub(super) name: &'a str,
    pub(super) parameters: Vec<&'a str>,
    /// Where its body begins.
    pub(super) begin: usize,
    pub(super) body: &'a str,
    /// Whether it makes a router.
    pub(super) is_maker: bool,
}

/// Those of a file. A package is called after its folder, as its importers have it.
pub(super) fn functions<'a>(file: usize, path: &'a Path, text: &'a str) -> Vec<Function<'a>> {
    let folder = path.parent().and_then(Path::file_name);
    let package = folder.and_then(|it| it.to_str()).unwrap_or_default();
    let of = |captures: regex::Captures<'a>| {
        let open = captures.name("open")?.start();
        let (parameters, close) = arguments(text, open)?;
        let line = text[close..].lines().next()?;
        // A result of the type `interface{}` opens no body.
        let brace = line.rfind('{').filter(|_| !line.ends_with("{}"))?;
        let begin = close + brace;
        let one_line = line.trim_end().ends_with('}');
        let begin = if one_line {
            close + line.find('{')?
        } else {
            begin
        };
        let (_, end) = arguments(text, begin)?;
        let body = &text[begin + 1..end];
        Some(Function {
            file,
            package,
            name: captures.name("name")?.as_str(),
            parameters: parameters
                .into_iter()
                .filter_map(|it| it.split_whitespace().next())
                .collect(),
            begin,
            body,
            is_maker: makes_router(body),
        })
    };
    PATTERNS[0].captures_iter(text).filter_map(of).collect()
}

impl Function<'_> {
    /// What its parameters stand for.
    pub(super) fn scope(&self, given: Vec<Option<Group>>) -> Scope {
        let names = self.parameters.iter().map(|it| (*it).to_owned());
        names.zip(given).collect()
    }

    /// The package whose function made a variable.
    pub(super) fn maker(&self, variable: &str) -> Option<&str> {
        let mut all = PATTERNS[1].captures_iter(self.body);
        let made = all.find(|it| it["name"] == *variable)?;
        made.name("package").map(|it| it.as_str())
    }
}
