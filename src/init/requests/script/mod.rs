//! Source files in JavaScript and TypeScript → the GET routes of Express, Fastify, Koa and Hono, below
//! the paths that their routers are mounted at.

mod nest;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::calls::{arguments, joined, literal, named};
use super::route::Route;
use crate::bounded::plain;

/// Routers within one another.
const DEEPEST: usize = 6;
/// What a router is called here that is exported without a name.
const DEFAULT: &str = "default";
/// What applications are usually called where another file makes them.
const APPLICATIONS: [&str; 3] = ["app", "fastify", "server"];

const MADE: &str = r"(?m)\b(?:const|let|var)\s+(?P<object>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:new\s+)?(?P<class>express|[fF]astify|Hono|(?:\w+\.)?Router|Koa)(?:<[^>\n]*>)?(?P<open>\()";
const CALLED: &str =
    r"\b(?P<object>\w+)\.(?P<how>get|use|register|route)(?:<[^(\n]*>)?(?P<open>\()";
/// One more call of a chain.
const MORE: &str = r"^\s*\.(?P<how>\w+)(?P<open>\()";
/// A router that is exported without a name.
const UNNAMED: &str =
    r"(?m)(?:\bmodule\.exports\s*=|^export\s+default)\s+(?:\w+\.)?Router(?P<open>\()";
const CHAINED: &str =
    r#"\b(?P<object>\w+)\.route\(\s*["'`](?P<path>[^"'`]*)["'`]\s*\)\s*\.get(?P<open>\()"#;
const REQUIRED: &str = r#"(?:const|let|var)\s+(?P<name>\w+|\{[^}]*\})\s*=\s*require\(\s*["'](?P<file>[^"']+)["']\s*\)(?:\.(?P<member>\w+))?"#;
const IMPORTED: &str = r#"import\s+(?:type\s+)?(?P<default>\w+)?\s*,?\s*(?P<named>\{[^}]*\})?\s*from\s*["'](?P<file>[^"']+)["']"#;
const EXPORTED: &str = r"(?m)(?:\bmodule\.exports\s*=|^export\s+default)\s+(?P<name>\w+)\s*;?\s*$";
const INLINE: &str = r#"^require\(\s*["'](?P<file>[^"']+)["']\s*\)(?:\.(?P<member>\w+))?"#;
/// What lets nobody by without a login.
const GUARD: &str = r"(?:^|[^A-Za-z])[aA]uth(?:[^a-z]|$)|[a-z]Auth(?:[^a-z]|$)|(?i:authenti|authoriz|requireauth|isauth|protect|passport|jwt|token|logged_?in|require_?user|isuser)";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        made: regex(MADE),
        called: regex(CALLED),
        more: regex(MORE),
        unnamed: regex(UNNAMED),
        chained: regex(CHAINED),
        required: regex(REQUIRED),
        imported: regex(IMPORTED),
        exported: regex(EXPORTED),
        inline: regex(INLINE),
        guard: regex(GUARD),
    }
});

struct Patterns {
    made: Regex,
    called: Regex,
    more: Regex,
    unnamed: Regex,
    chained: Regex,
    required: Regex,
    imported: Regex,
    exported: Regex,
    inline: Regex,
    guard: Regex,
}

/// An application or a router, in the file that its routes are in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Router {
    file: usize,
    /// Nothing of a file whose every route is meant: a plugin of Fastify.
    object: Option<String>,
    prefix: String,
    guard: String,
}

/// The routes of some files.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let is_script = |(_, (path, _)): &(usize, &(PathBuf, String))| {
        let ending = path.extension().and_then(|it| it.to_str());
        ending.is_some_and(|it| ["js", "mjs", "cjs", "ts"].contains(&it))
    };
    let scripts: Vec<_> = files.iter().enumerate().filter(is_script).collect();
    let mut walk = Walk {
        files,
        found: Vec::new(),
        seen: Vec::new(),
        mounted: BTreeSet::new(),
    };
    let targets: Vec<_> = scripts
        .iter()
        .flat_map(|(at, _)| walk.targets(*at))
        .collect();
    for (at, (_, text)) in &scripts {
        for made in PATTERNS.made.captures_iter(text) {
            let object = Some(made["object"].to_owned());
            let is_mounted = targets.contains(&(*at, object.clone()));
            if !made["class"].ends_with("Router") && !is_mounted {
                walk.visit(&Router::root(*at, object), 0);
            }
        }
    }
    // An application that is handed to a function of another file is called by one of the usual names.
    for (at, (path, _)) in &scripts {
        for name in APPLICATIONS {
            let router = Router {
                prefix: by_folder(files, path),
                ..Router::root(*at, Some(name.to_owned()))
            };
            let is_seen = walk
                .seen
                .iter()
                .any(|it| it.file == *at && it.object == router.object);
            if !walk.mounted.contains(at) && !is_seen {
                walk.visit(&router, 0);
            }
        }
    }
    let mut found = walk.found;
    for (at, (_, text)) in &scripts {
        found.extend(nest::of_controllers(files, *at, text));
    }
    found
}

impl Router {
    fn root(file: usize, object: Option<String>) -> Self {
        Self {
            file,
            object,
            prefix: String::new(),
            guard: String::new(),
        }
    }
}

/// What a call mounts.
enum Mounted {
    Nothing,
    Router(Router),
    /// A router, below a path that is not spelled out.
    Somewhere,
}

/// What a name is imported as.
#[derive(Clone, Copy)]
enum Imported<'a> {
    Module,
    Member(&'a str),
}

impl<'a> Imported<'a> {
    const fn member(self) -> Option<&'a str> {
        match self {
            Self::Module => None,
            Self::Member(name) => Some(name),
        }
    }
}

struct Walk<'a> {
    files: &'a [(PathBuf, String)],
    found: Vec<Route>,
    seen: Vec<Router>,
    /// Files that something is mounted from, whose routes no longer stand for themselves.
    mounted: BTreeSet<usize>,
}

impl Walk<'_> {
    /// What the calls of a file may mount.
    fn targets(&self, file: usize) -> Vec<(usize, Option<String>)> {
        let text = &self.files[file].1;
        let mounting = calls(text).into_iter().filter(|it| it.how != "get");
        let all = mounting.flat_map(|it| it.arguments);
        all.filter_map(|it| self.target(file, it)).collect()
    }

    /// The routes of a router, and of those that are mounted in it.
    fn visit(&mut self, router: &Router, depth: usize) {
        if depth == DEEPEST || self.seen.contains(router) {
            return;
        }
        self.seen.push(router.clone());
        let text = &self.files[router.file].1;
        let is_own = |object: &str| router.object.as_ref().is_none_or(|it| it == object);
        let mut guard = router.guard.clone();
        let mut inner = Vec::new();
        let calls = calls(text);
        let own = calls.iter().filter(|it| is_own(&it.object));
        let own: Vec<_> = own.collect();
        for call in own.iter().filter(|it| it.how != "get") {
            match self.mount(router, call.how, &call.arguments) {
                Mounted::Router(mounted) => inner.push(mounted),
                // What is used without a path is before every route.
                Mounted::Nothing if call.how == "use" && call.arguments.len() == 1 => {
                    guard.extend(guards(&call.arguments));
                }
                Mounted::Nothing | Mounted::Somewhere => {}
            }
        }
        let mut add = |path: &str, arguments: &[&str]| {
            let words = guards(arguments).into_iter().chain([guard.clone()]);
            self.found.push(Route {
                file: router.file,
                path: joined(&router.prefix, path),
                is_get: true,
                words: words.collect(),
            });
        };
        for call in own.iter().filter(|it| it.how == "get") {
            if let [path, rest @ ..] = call.arguments.as_slice()
                && let Some(path) = literal(path)
                && !rest.is_empty()
            {
                add(path, rest);
            }
        }
        for call in PATTERNS.chained.captures_iter(text) {
            let open = call.name("open").map_or(0, |it| it.start());
            let arguments = arguments(text, open).map(|(it, _)| it).unwrap_or_default();
            if is_own(&call["object"]) {
                add(&call["path"], &arguments);
            }
        }
        for mounted in inner {
            let guard = format!("{guard} {}", mounted.guard);
            self.visit(&Router { guard, ..mounted }, depth + 1);
        }
    }

    /// The router that a call mounts.
    fn mount(&mut self, router: &Router, how: &str, arguments: &[&str]) -> Mounted {
        let (path, target, between) = match (how, arguments) {
            ("register", [target, rest @ ..]) => {
                let options = rest.first().and_then(|it| arguments_of(it));
                let options = options.unwrap_or_default();
                let prefix = named(&options, "prefix");
                (prefix, *target, &[][..])
            }
            ("route", [path, target]) => (Some(*path), *target, &[][..]),
            ("use", [target]) => (None, *target, &[][..]),
            ("use", [path, between @ .., target]) if literal(path).is_some() => {
                (Some(*path), *target, between)
            }
            ("use", [path, between @ .., target]) if self.target(router.file, path).is_none() => {
                (Some(*path), *target, between)
            }
            _ => return Mounted::Nothing,
        };
        let Some((file, object)) = self.target(router.file, target) else {
            return Mounted::Nothing;
        };
        if file != router.file {
            self.mounted.insert(file);
        }
        let object = if how == "register" && file != router.file {
            None
        } else {
            object
        };
        let own = self.own_prefix(file, object.as_deref());
        let Some(path) = path.map_or(Some(""), literal) else {
            return Mounted::Somewhere;
        };
        Mounted::Router(Router {
            file,
            object,
            prefix: joined(&joined(&router.prefix, path), &own),
            guard: guards(between).concat(),
        })
    }

    /// The prefix that a router of Koa is made with.
    fn own_prefix(&self, file: usize, object: Option<&str>) -> String {
        let text = &self.files[file].1;
        let mut made = PATTERNS.made.captures_iter(text);
        let made = made.find(|it| object == Some(&it["object"]));
        let open = made.and_then(|it| it.name("open")).map(|it| it.start());
        let options = open.and_then(|it| arguments(text, it));
        let options = options.and_then(|(it, _)| arguments_of(it.first()?));
        let prefix = options.and_then(|it| named(&it, "prefix").and_then(literal));
        prefix.unwrap_or_default().to_owned()
    }

    /// The file and the name of what is mounted.
    fn target(&self, from: usize, target: &str) -> Option<(usize, Option<String>)> {
        let (path, text) = &self.files[from];
        let is_name = |it: &str| {
            !it.is_empty()
                && it
                    .chars()
                    .all(|it| it.is_alphanumeric() || it == '_' || it == '$')
        };
        if let Some(inline) = PATTERNS.inline.captures(target) {
            let file = self.file(path, &inline["file"])?;
            return Some(self.exported(file, inline.name("member").map(|it| it.as_str())));
        }
        let target = target.strip_suffix(".routes()").unwrap_or(target);
        let (name, member) = target.split_once('.').unwrap_or((target, ""));
        if !is_name(name) || !member.is_empty() && !is_name(member) {
            return None;
        }
        let is_made = |it: regex::Captures<'_>| &it["object"] == name;
        if PATTERNS.made.captures_iter(text).any(is_made) {
            return Some((from, Some(name.to_owned())));
        }
        let member = Some(member).filter(|it| !it.is_empty() && *it != "default");
        for import in PATTERNS.required.captures_iter(text) {
            let own = import.name("member").map(|it| it.as_str());
            if let Some(real) = imported_as(&import["name"], name) {
                let file = self.file(path, &import["file"])?;
                return Some(self.exported(file, real.member().or(own).or(member)));
            }
        }
        for import in PATTERNS.imported.captures_iter(text) {
            let default = import.name("default").is_some_and(|it| it.as_str() == name);
            let real = import
                .name("named")
                .and_then(|it| imported_as(it.as_str(), name));
            if default || real.is_some() {
                let file = self.file(path, &import["file"])?;
                let real = real.and_then(Imported::member);
                return Some(self.exported(file, real.or(member)));
            }
        }
        None
    }

    /// The file that another names, as Node.js and compilers of TypeScript find it.
    fn file(&self, from: &Path, name: &str) -> Option<usize> {
        if !name.starts_with('.') {
            return None;
        }
        let folder = from.parent().unwrap_or(from);
        let path = plain(&folder.join(name));
        let without = path.with_extension("");
        let endings = ["js", "ts", "mjs", "cjs"];
        let mut names = vec![path.clone()];
        for base in [&path, &without] {
            names.extend(endings.map(|it| PathBuf::from(format!("{}.{it}", base.display()))));
        }
        names.extend(endings.map(|it| path.join(format!("index.{it}"))));
        let position =
            |wanted: &PathBuf| self.files.iter().position(|(it, _)| plain(it) == *wanted);
        names.iter().find_map(position)
    }

    /// The router that a file exports, by its name or as its only one.
    fn exported(&self, file: usize, member: Option<&str>) -> (usize, Option<String>) {
        let text = &self.files[file].1;
        let made: Vec<_> = PATTERNS
            .made
            .captures_iter(text)
            .map(|it| it["object"].to_owned())
            .collect();
        let has = |name: &str| made.iter().any(|it| it == name);
        let default = || {
            let found = PATTERNS.exported.captures(text)?;
            Some(found["name"].to_owned()).filter(|it| has(it))
        };
        let object = match member {
            Some(member) if has(member) => Some(member.to_owned()),
            _ if PATTERNS.unnamed.is_match(text) => Some(DEFAULT.to_owned()),
            _ => default().or_else(|| made.first().cloned().filter(|_| made.len() == 1)),
        };
        // Of several routers nobody knows which.
        (
            file,
            object.or_else(|| (!made.is_empty()).then(String::new)),
        )
    }
}

/// A call of an application or a router.
struct Call<'a> {
    object: String,
    how: &'a str,
    arguments: Vec<&'a str>,
}

/// The calls that go on a chain whose last one closes at a place.
fn chain<'a>(text: &'a str, object: &str, mut end: usize, found: &mut Vec<(usize, Call<'a>)>) {
    while let Some(more) = PATTERNS.more.captures(&text[end + 1..]) {
        let open = end + 1 + more.name("open").map_or(0, |it| it.start());
        let Some((arguments, close)) = arguments(text, open) else {
            return;
        };
        let how = more.name("how").map_or("", |it| it.as_str());
        if ["get", "use", "register", "route"].contains(&how) {
            let object = object.to_owned();
            found.push((
                open,
                Call {
                    object,
                    how,
                    arguments,
                },
            ));
        }
        end = close;
    }
}

/// The calls in a text that may add routes, those in chains too.
fn calls(text: &str) -> Vec<Call<'_>> {
    let mut found: Vec<(usize, Call<'_>)> = Vec::new();
    for call in PATTERNS.called.captures_iter(text) {
        let open = call.name("open").map_or(0, |it| it.start());
        let Some((arguments, close)) = arguments(text, open) else {
            continue;
        };
        let object = call["object"].to_owned();
        let how = call.name("how").map_or("", |it| it.as_str());
        let is_chained_route = how == "route" && arguments.len() == 1;
        found.push((
            open,
            Call {
                object: object.clone(),
                how,
                arguments,
            },
        ));
        // `route("/x").get(...)` has no path of its own, and is read as a whole.
        if !is_chained_route {
            chain(text, &object, close, &mut found);
        }
    }
    for (pattern, object) in [(&PATTERNS.made, None), (&PATTERNS.unnamed, Some(DEFAULT))] {
        for made in pattern.captures_iter(text) {
            let open = made.name("open").map_or(0, |it| it.start());
            let object = object.unwrap_or_else(|| made.name("object").map_or("", |it| it.as_str()));
            if let Some((_, close)) = arguments(text, open) {
                chain(text, object, close, &mut found);
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, call)| call).collect()
}

/// What a name stands for in `users`, or in `{ router: users }` and `{ router as users }`.
fn imported_as<'a>(names: &'a str, name: &str) -> Option<Imported<'a>> {
    let inner = names.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let Some(inner) = inner else {
        return (names == name).then_some(Imported::Module);
    };
    inner.split(',').find_map(|it| {
        let it = it.trim();
        let pair = it.split_once(" as ").or_else(|| it.split_once(':'));
        let (real, local) = pair.unwrap_or((it, it));
        (local.trim() == name).then(|| Imported::Member(real.trim()))
    })
}

/// The parts of an object that is written out.
fn arguments_of(text: &str) -> Option<Vec<&str>> {
    let is_object = text.starts_with('{');
    is_object.then(|| arguments(text, 0))?.map(|(it, _)| it)
}

/// What of the arguments of a route asks for a login: middlewares, and users in what a handler reads.
fn guards(arguments: &[&str]) -> Vec<String> {
    let is_handler =
        |it: &str| it.contains("=>") || it.starts_with("function") || it.starts_with("async");
    let is_guard = |it: &&&str| {
        if is_handler(it) {
            it.contains("req.user") || it.contains("request.user")
        } else {
            PATTERNS.guard.is_match(it) && !it.to_lowercase().contains("optional")
        }
    };
    let found = arguments.iter().filter(is_guard);
    // Routes are distinguished by words that every language has for it.
    found.map(|_| " requireauth".to_owned()).collect()
}

/// The folders below `routes` that a plugin of Fastify is in, where these are loaded by their place.
fn by_folder(files: &[(PathBuf, String)], path: &Path) -> String {
    let is_loaded = files.iter().any(|(_, it)| it.contains("@fastify/autoload"));
    let mut folders = path.parent().unwrap_or(path).components();
    let is_routes = folders.any(|it| it.as_os_str() == "routes");
    if !is_loaded || !is_routes {
        return String::new();
    }
    let below = folders.map(|it| format!("/{}", it.as_os_str().to_string_lossy()));
    below.collect()
}
