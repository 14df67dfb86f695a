//! Source files in Python → the GET routes of Litestar: handlers and controllers of its applications, below the
//! paths of routers.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::calls::{arguments, items, literal, named};
use super::python::Handler;
use super::route::{Route, UNKNOWN};

/// Routers within one another.
const DEEPEST: usize = 5;

const MADE: &str = r"(?m)\b(?P<what>Litestar|Router)(?P<open>\()";
const DECORATED: &str = r"(?m)^(?P<indent>[ \t]*)@(?:\w+\.)?get(?P<open>\()";
const CLASS: &str = r"(?m)^class[ \t]+(?P<name>\w+)\([^)]*Controller\b[^)]*\):";
const PATH: &str = r"(?m)^[ \t]+path(?:\s*:[^=\n]+)?\s*=\s*(?P<path>[^\n#]+)";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        made: regex(MADE),
        decorated: regex(DECORATED),
        class: regex(CLASS),
        path: regex(PATH),
    }
});

struct Patterns {
    made: Regex,
    decorated: Regex,
    class: Regex,
    path: Regex,
}

/// The routes of the applications of some files.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let mut found = Vec::new();
    for (at, (_, text)) in files.iter().enumerate() {
        for made in PATTERNS.made.captures_iter(text) {
            let open = made.name("open").map_or(0, |it| it.start());
            if &made["what"] == "Litestar"
                && let Some((arguments, _)) = arguments(text, open)
            {
                of_list(files, at, &arguments, "", 0, &mut found);
            }
        }
    }
    found
}

/// The routes of an application or a router, by what it is made with.
fn of_list(
    files: &[(PathBuf, String)],
    at: usize,
    arguments: &[&str],
    prefix: &str,
    depth: usize,
    found: &mut Vec<Route>,
) {
    let in_quotes = |it: &&str| it.starts_with(['"', '\'']);
    let path = named(arguments, "path").or_else(|| arguments.first().copied().filter(in_quotes));
    let path = match path {
        None => Some(""),
        Some(path) => literal(path),
    };
    let Some(path) = path else { return };
    let prefix = joined(prefix, path);
    let before = found.len();
    let first = arguments.first().copied().filter(|it| it.starts_with('['));
    let list = named(arguments, "route_handlers").or(first);
    let list = list.and_then(|it| items(it).or_else(|| set_to(files, it).and_then(items)));
    for name in list.unwrap_or_default() {
        let name = name.rsplit('.').next().unwrap_or(name);
        if depth < DEEPEST {
            of_name(files, at, name, &prefix, depth, found);
        }
    }
    if named(arguments, "guards").is_some() {
        found
            .iter_mut()
            .skip(before)
            .for_each(|it| it.is_guarded_by("authorized"));
    }
}

/// A handler, a controller or a router, which all files have one of.
fn of_name(
    files: &[(PathBuf, String)],
    at: usize,
    name: &str,
    prefix: &str,
    depth: usize,
    found: &mut Vec<Route>,
) {
    let router = Regex::new(&format!(
        r"(?m)^{}(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?Router(?P<open>\()",
        regex::escape(name)
    ));
    let router = router.expect("an escaped name");
    // The file that names it comes first.
    let order = std::iter::once(at).chain((0..files.len()).filter(|it| *it != at));
    for at in order {
        let text = &files[at].1;
        if let Some(made) = router.captures(text) {
            let open = made.name("open").map_or(0, |it| it.start());
            if let Some((arguments, _)) = arguments(text, open) {
                of_list(files, at, &arguments, prefix, depth + 1, found);
            }
            return;
        }
        let classes: Vec<_> = PATTERNS.class.captures_iter(text).collect();
        if let Some(class) = classes.iter().find(|it| &it["name"] == name) {
            let start = class.get(0).map_or(0, |it| it.end());
            let end = text[start..]
                .find("\nclass ")
                .map_or(text.len(), |it| it + start);
            return controller(at, text, start, end, prefix, found);
        }
        for (start, end, arguments, is_inner) in decorators(text, 0, text.len()) {
            let after = text[end..].trim_start_matches(')').trim_start();
            let is_it = ["async def ", "def "].iter().any(|it| {
                let rest = after.strip_prefix(it);
                rest.is_some_and(|it| it.split('(').next() == Some(name))
            });
            if is_it && !is_inner {
                return add(at, text, (start, end), &arguments, prefix, found);
            }
        }
    }
}

fn controller(
    at: usize,
    text: &str,
    start: usize,
    end: usize,
    prefix: &str,
    found: &mut Vec<Route>,
) {
    let body = &text[start..end];
    let head = body.split("\n    @").next().unwrap_or(body);
    let path = PATTERNS
        .path
        .captures(head)
        .map(|it| it.name("path").map_or("", |it| it.as_str()));
    let path = match path {
        None => Some(""),
        Some(path) => literal(path),
    };
    let Some(path) = path else { return };
    let before = found.len();
    for (begin, close, arguments, _) in decorators(text, start, end) {
        add(
            at,
            text,
            (begin, close),
            &arguments,
            &joined(prefix, path),
            found,
        );
    }
    if head.contains("guards") {
        found
            .iter_mut()
            .skip(before)
            .for_each(|it| it.is_guarded_by("authorized"));
    }
}

/// Decorators of GET in a part of a text: where they begin and close, their arguments, and whether they are
/// indented.
fn decorators(text: &str, start: usize, end: usize) -> Vec<(usize, usize, Vec<&str>, bool)> {
    let all = PATTERNS.decorated.captures_iter(&text[start..end]);
    let all = all.filter_map(|it| {
        let begin = it.get(0)?.start() + start;
        let (arguments, close) = arguments(text, it.name("open")?.start() + start)?;
        Some((begin, close, arguments, !it["indent"].is_empty()))
    });
    all.collect()
}

fn add(
    file: usize,
    text: &str,
    (start, end): (usize, usize),
    arguments: &[&str],
    prefix: &str,
    found: &mut Vec<Route>,
) {
    let first = arguments.first().copied();
    let own = first.filter(|it| it.starts_with(['"', '\'', '[']));
    let own = own.or_else(|| named(arguments, "path"));
    // Of several paths the first.
    let own = own.and_then(|it| items(it).map_or(Some(it), |it| it.first().copied()));
    let path = match own {
        None => Some(""),
        Some(path) => literal(path),
    };
    let Some(path) = path else { return };
    let handler = Handler::from_text(text, start, end);
    let mark = if handler.asks_for(path) { UNKNOWN } else { "" };
    let guard = named(arguments, "guards").map_or("", |_| " authorized");
    found.push(Route {
        file,
        path: format!("{}{mark}", joined(prefix, path)),
        is_get: true,
        words: format!("{}{guard}", handler.words),
    });
}

/// What a variable of a module is set to.
fn set_to<'a>(files: &'a [(PathBuf, String)], name: &str) -> Option<&'a str> {
    let name = name.rsplit('.').next()?;
    let pattern = format!(r"(?m)^{}(?:\s*:[^=\n]+)?\s*=\s*\[", regex::escape(name));
    let pattern = Regex::new(&pattern).expect("an escaped name");
    files.iter().find_map(|(_, text)| {
        let open = pattern.find(text)?.end() - 1;
        let (_, close) = arguments(text, open)?;
        text.get(open..=close)
    })
}

/// Paths of Litestar have a slash between them, and none at their end.
fn joined(prefix: &str, path: &str) -> String {
    let parts = [prefix, path].map(|it| it.trim_matches('/'));
    let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_and_controllers_lie_below_routers() {
        let app = "from litestar import Litestar, Router, get\nfrom shop.items import Items\n\n\
                   @get(\"/\")\nasync def home() -> str: ...\n\n@get()\ndef root() -> str: ...\n\n\
                   @get([\"/a\", \"/b\"], guards=[signed_in])\nasync def two() -> None: ...\n\n\
                   @get(\"/search\")\nasync def search(q: str) -> None: ...\n\n\
                   @get(\"/unused\")\nasync def unused() -> None: ...\n\n\
                   api = Router(path=\"/api\", route_handlers=[Items, two])\n\
                   handlers = [search]\nv2 = Router(\"/v2\", route_handlers=handlers)\n\
                   app = Litestar(route_handlers=[home, api, v2], debug=True)\n";
        let items = "from litestar import Controller, get\n\nclass Items(Controller):\n    path = \"/items\"\n\n    \
                     @get()\n    async def all(self) -> list[int]: ...\n\n    @get(path=\"/{id:int}\")\n    \
                     async def one(self, id: int) -> int: ...\n";
        let files = [("app.py", app), ("shop/items.py", items)];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        let found = routes(&files);
        let found: Vec<_> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            found,
            [
                "/",
                "/api/items",
                "/api/items/{id:int}",
                "/api/a",
                "/v2/search{}"
            ]
        );
    }
}
