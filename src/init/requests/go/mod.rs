//! Source files in Go → the GET routes of net/http, Gin, Echo, chi, Fiber, gorilla/mux and their like, below the
//! paths of the groups that they lie in, also where a function of another file adds them.

mod function;
mod group;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::calls::arguments;
use super::route::Route;
use function::{Function, functions};
use group::{CALL, Group, Scope, is_maker};
use text::{Constants, guards, is_get};

/// Functions within one another.
const DEEPEST: usize = 8;

/// One more call of a chain.
const MORE: &str = r"^\s*\.\s*(?P<how>\w+)(?P<open>\()";
/// A router that is kept in a field or for a whole package.
const KEPT: &str = r"(?m)(?:[.{,]\s*|^\s*|^var\s+)(?P<name>\w+)\s*(?:[\w.*]+\s*)?[:=]\s*(?P<made>\w+\.(?:Default|New|NewRouter|NewMux|NewServeMux))\(";
/// A router below a path of another.
const MOUNTED: &str = r"\b(?:(?P<object>[\w.]+)\.Mount|StripPrefix)\(\s*(?P<path>[^,()]+),\s*(?P<name>[\w.]+)(?P<call>\()?";
/// A function literal, as chi takes them.
const LITERAL: &str = r"^func\s*\(\s*(?P<name>\w+)\s+[^),]*(?:Router|Mux|Group|Engine|Echo|Party)[^),]*\)\s*(?P<open>\{)";
/// The methods that a route of gorilla/mux is for.
const METHODS: &str = r"^\s*\.\s*Methods\((?P<methods>[^)]*)\)";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        more: regex(MORE),
        kept: regex(KEPT),
        mounted: regex(MOUNTED),
        literal: regex(LITERAL),
        methods: regex(METHODS),
    }
});

struct Patterns {
    more: Regex,
    kept: Regex,
    mounted: Regex,
    literal: Regex,
    methods: Regex,
}

/// The routes of some files.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let is_source = |path: &PathBuf| {
        let is_go = path.extension().is_some_and(|it| it == "go");
        is_go && !path.to_string_lossy().ends_with("_test.go")
    };
    let sources = files.iter().enumerate();
    let sources: Vec<_> = sources
        .filter(|(_, (path, _))| is_source(path))
        .map(|(at, (path, text))| (at, path.as_path(), text.as_str()))
        .collect();
    if sources.is_empty() {
        return Vec::new();
    }
    let functions: Vec<_> = sources
        .iter()
        .flat_map(|(at, path, text)| functions(*at, path, text))
        .collect();
    let texts = || sources.iter().map(|(.., text)| *text);
    let kept = texts().flat_map(|text| PATTERNS.kept.captures_iter(text));
    let kept = kept.filter(|it| is_maker(&it["made"]));
    let mounted = texts().flat_map(|text| PATTERNS.mounted.captures_iter(text));
    let mounted = mounted.filter(|it| it.name("call").is_some());
    let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for function in &functions {
        by_name.entry(function.name).or_default().push(function);
    }
    let walk = Walk {
        constants: Constants::of(texts()),
        kept: kept.map(|it| it["name"].to_owned()).collect(),
        mounted: mounted.map(|it| last(&it["name"]).to_owned()).collect(),
        by_name,
    };
    let mut found = Found::default();
    for function in &functions {
        if !walk.mounted.contains(function.name) {
            walk.function(function, &Group::default(), Scope::new(), 0, &mut found);
        }
    }
    found.routes
}

#[derive(Debug, Default)]
struct Found {
    routes: Vec<Route>,
    /// Functions with the routers that they were given.
    seen: BTreeSet<(usize, usize, Vec<Option<Group>>, Group)>,
}

struct Walk<'a> {
    by_name: BTreeMap<&'a str, Vec<&'a Function<'a>>>,
    constants: Constants<'a>,
    /// Names of fields and variables of packages that hold a router.
    kept: BTreeSet<String>,
    /// Functions whose router lies below a path of another.
    mounted: BTreeSet<String>,
}

/// Where a walk is.
struct Place<'a> {
    function: &'a Function<'a>,
    /// Where routers lie that are made here.
    base: &'a Group,
    depth: usize,
}

/// A call in the text of a function.
struct Call<'a> {
    callee: &'a str,
    arguments: Vec<&'a str>,
    /// What follows it.
    rest: &'a str,
}

impl<'a> Walk<'a> {
    /// The routes that a function adds to routers that it makes, or is given.
    fn function(
        &self,
        function: &Function<'a>,
        base: &Group,
        mut scope: Scope,
        depth: usize,
        found: &mut Found,
    ) {
        // Of a parameter that nobody gave, nothing is known.
        for name in &function.parameters {
            scope.entry((*name).to_owned()).or_default();
        }
        let given = scope.values().cloned().collect();
        let is_new = (function.file, function.begin, given, base.clone());
        if depth == DEEPEST || !found.seen.insert(is_new) {
            return;
        }
        let place = Place {
            function,
            base,
            depth,
        };
        self.text(function.body, &place, &mut scope, found);
    }

    fn text(&self, text: &'a str, place: &Place<'_>, scope: &mut Scope, found: &mut Found) {
        let mut begin = 0;
        while let Some(captures) = CALL.captures_at(text, begin) {
            let open = captures.name("open").map_or(0, |it| it.start());
            begin = open + 1;
            let Some((arguments, close)) = arguments(text, open) else {
                continue;
            };
            let callee = captures.name("callee").map_or("", |it| it.as_str());
            let call = Call {
                callee,
                arguments,
                rest: &text[close + 1..],
            };
            let group = self.call(&call, place, scope, found);
            if let Some(target) = captures.name("target").map(|it| it.as_str()) {
                let group = match group {
                    Some(group) => self.below(text, target, group, scope),
                    None => None,
                };
                scope.insert(target.to_owned(), group);
            }
            // What a literal adds was added with its own router.
            if call.arguments.last().is_some_and(|it| is_literal(it))
                && self.object(callee, scope).is_some()
            {
                begin = close + 1;
            }
        }
    }

    /// A router that is made here, below the path that it is mounted at further down.
    fn below(&self, text: &str, name: &str, group: Group, scope: &Scope) -> Option<Group> {
        let mut mounts = PATTERNS.mounted.captures_iter(text);
        let mount = mounts.find(|it| it["name"] == *name && it.name("call").is_none());
        let Some(mount) = mount else {
            return Some(group);
        };
        let path = self.constants.path(&mount["path"])?;
        let around = mount.name("object");
        let around = around.and_then(|it| scope.get(it.as_str()).cloned().flatten());
        Some(around.unwrap_or_default().with(&path, ""))
    }

    /// What a call makes of a router, and the calls of its chain.
    fn call(
        &self,
        call: &Call<'a>,
        place: &Place<'_>,
        scope: &mut Scope,
        found: &mut Found,
    ) -> Option<Group> {
        let mut group = self.first(call, place, scope, found);
        let mut rest = call.rest;
        while let Some(more) = PATTERNS.more.captures(rest) {
            let open = more.name("open").map_or(0, |it| it.start());
            let (arguments, close) = arguments(rest, open)?;
            let how = more.name("how").map_or("", |it| it.as_str());
            let after = &rest[close + 1..];
            if let Some(known) = &group {
                group = self.step(known, how, &arguments, after, place, scope, found);
            }
            rest = after;
        }
        group
    }

    /// The same of its first part.
    fn first(
        &self,
        call: &Call<'a>,
        place: &Place<'_>,
        scope: &mut Scope,
        found: &mut Found,
    ) -> Option<Group> {
        let Call {
            callee,
            arguments,
            rest,
        } = call;
        if is_maker(callee) {
            return Some(place.base.clone());
        }
        if let Some((object, how)) = callee.rsplit_once('.')
            && let Some(group) = self.group(object, scope)
        {
            let next = self.step(&group, how, arguments, rest, place, scope, found);
            if how == "Use" {
                scope.insert(object.to_owned(), next.clone());
            }
            return next;
        }
        let given: Vec<_> = arguments.iter().map(|it| self.value(it, scope)).collect();
        let function = self.named(callee, place.function)?;
        if given.iter().any(Option::is_some) {
            let scope = function.scope(given);
            self.function(function, place.base, scope, place.depth + 1, found);
        }
        // A function that makes a router gives it back.
        function.is_maker.then(|| place.base.clone())
    }

    /// What a method of a router does.
    #[expect(clippy::too_many_arguments, reason = "a call, and where it stands")]
    fn step(
        &self,
        group: &Group,
        how: &str,
        arguments: &[&'a str],
        rest: &str,
        place: &Place<'_>,
        scope: &Scope,
        found: &mut Found,
    ) -> Option<Group> {
        match (how, arguments) {
            ("GET" | "Get", [path, handlers @ ..]) if !handlers.is_empty() => {
                self.add(group, path, handlers, place, found);
                None
            }
            (
                "Handle" | "Handler" | "HandlerFunc" | "Method" | "MethodFunc" | "Add",
                [method, path, handlers @ ..],
            ) if !handlers.is_empty() => {
                if is_get(method) {
                    self.add(group, path, handlers, place, found);
                }
                None
            }
            ("Handle" | "Mount", [_, inner]) if inner.contains("StripPrefix(") => {
                let mount = PATTERNS.mounted.captures(inner)?;
                let function = self.named(&mount["name"], place.function)?;
                if mount.name("call").is_some() {
                    let group = group.with(&self.constants.path(&mount["path"])?, "");
                    self.function(function, &group, Scope::new(), place.depth + 1, found);
                }
                None
            }
            ("HandleFunc" | "Handle", [path, handlers @ ..]) if !handlers.is_empty() => {
                let methods = PATTERNS.methods.captures(rest);
                let gets = methods.is_none_or(|it| it["methods"].split(',').any(is_get));
                let is_router = self.value(handlers[0], scope).is_some();
                if gets && !is_router {
                    self.add(group, path, handlers, place, found);
                }
                None
            }
            // A part of chi without a path of its own, or one with it.
            ("Group" | "Route", &[inner]) if is_literal(inner) => {
                self.inner(group, inner, place, scope, found);
                None
            }
            ("Route" | "Group", &[path, inner]) if is_literal(inner) || how == "Route" => {
                let path = self.constants.path(path)?;
                let group = group.with(&path, "");
                self.inner(&group, inner, place, scope, found);
                None
            }
            ("Mount", [path, inner]) => {
                let group = group.with(&self.constants.path(path)?, "");
                let callee = inner.split('(').next().unwrap_or_default();
                if let Some(function) = self.named(callee, place.function)
                    && inner.contains('(')
                {
                    self.function(function, &group, Scope::new(), place.depth + 1, found);
                }
                None
            }
            ("Group" | "PathPrefix" | "Party", [path, guard @ ..]) => {
                let path = self.constants.path(path)?;
                Some(group.with(&path, &guards(guard)))
            }
            ("Subrouter", []) | ("Name" | "Host" | "Schemes", _) => Some(group.clone()),
            // Of Fiber, what is before the routes below a path alone.
            ("Use", [path, ..]) if self.constants.path(path).is_some() => Some(group.clone()),
            ("Use" | "With", guard) => Some(group.with("", &guards(guard))),
            _ => None,
        }
    }

    /// The routes of a function literal, or of a function by its name, that is given a router.
    fn inner(
        &self,
        group: &Group,
        inner: &'a str,
        place: &Place<'_>,
        scope: &Scope,
        found: &mut Found,
    ) {
        if let Some(literal) = PATTERNS.literal.captures(inner) {
            let open = literal.name("open").map_or(0, |it| it.start());
            let Some((_, close)) = arguments(inner, open) else {
                return;
            };
            let mut scope = scope.clone();
            scope.insert(literal["name"].to_owned(), Some(group.clone()));
            self.text(&inner[open + 1..close], place, &mut scope, found);
        } else if let Some(function) = self.named(inner, place.function) {
            let scope = function.scope(vec![Some(group.clone())]);
            self.function(function, place.base, scope, place.depth + 1, found);
        }
    }

    fn add(
        &self,
        group: &Group,
        path: &str,
        handlers: &[&str],
        place: &Place<'_>,
        found: &mut Found,
    ) {
        let Some(path) = self.constants.path(path) else {
            return;
        };
        // Since Go 1.22 a pattern may begin with its method, and end with what makes it exact.
        let (method, path) = path.split_once(' ').unwrap_or(("GET", &path));
        if method != "GET" {
            return;
        }
        let path = path.trim_start().trim_end_matches("{$}");
        found.routes.push(Route {
            file: place.function.file,
            path: group.with(path, "").prefix,
            is_get: true,
            words: format!("{} {}", group.guard, guards(handlers)),
        });
    }

    /// The router that an argument is.
    fn value(&self, argument: &str, scope: &Scope) -> Option<Group> {
        let argument = argument.trim_start_matches('&');
        if let Some(group) = self.group(argument, scope) {
            return Some(group).filter(|_| argument != "http");
        }
        let open = argument.find('(')?;
        let (callee, (arguments, close)) = (&argument[..open], arguments(argument, open)?);
        let (object, how) = callee.rsplit_once('.')?;
        let group = self.group(object, scope)?;
        let is_last = argument[close + 1..].trim().is_empty();
        match (how, arguments.as_slice()) {
            ("Group" | "PathPrefix" | "Party", [path, guard @ ..]) if is_last => {
                Some(group.with(&self.constants.path(path)?, &guards(guard)))
            }
            ("With", guard) if is_last => Some(group.with("", &guards(guard))),
            _ => None,
        }
    }

    /// The router that a name stands for.
    fn group(&self, name: &str, scope: &Scope) -> Option<Group> {
        if let Some(group) = scope.get(name) {
            return group.clone();
        }
        let is_kept = name == "http" || self.kept.contains(last(name));
        is_kept.then(Group::default)
    }

    /// The router that a callee is a method of.
    fn object(&self, callee: &str, scope: &Scope) -> Option<Group> {
        self.group(callee.rsplit_once('.')?.0, scope)
    }

    /// The function that is meant by a name: the only one of it, or that of the package, or of the type, that
    /// stands before it.
    fn named(&self, callee: &str, from: &Function<'_>) -> Option<&'a Function<'a>> {
        let all = self.by_name.get(last(callee))?;
        if let [only] = all.as_slice() {
            return Some(only);
        }
        let of_package = |package: &str| {
            let mut own = all.iter().filter(|it| it.package == package);
            own.next().copied().filter(|_| own.next().is_none())
        };
        match callee.rsplit_once('.') {
            None => of_package(from.package),
            Some((object, _)) => of_package(object).or_else(|| of_package(from.maker(object)?)),
        }
    }
}

/// The last part of a name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn is_literal(argument: &str) -> bool {
    PATTERNS.literal.is_match(argument)
}
