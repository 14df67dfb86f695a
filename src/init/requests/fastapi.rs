//! Routers of `FastAPI` in files of their own → their routes, below the prefixes that they are included with.
//! Only prefixes that are spelled out count.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

const APPLICATION: &str = r"(?m)^[ \t]*(?P<object>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?FastAPI\(";
const ROUTER: &str =
    r"(?m)^(?P<object>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?APIRouter\((?P<options>[^)]*)\)";
const INCLUDED: &str = r"(?m)^[ \t]*(?P<object>\w+)\.include_router\(\s*(?P<router>[\w.]+)\s*(?P<options>(?:,[^()]*(?:\([^()]*\)[^()]*)*)?)\)";
const FROM: &str = r"(?m)^[ \t]*from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]+(?:\((?P<many>[^)]*)\)|(?P<few>[^\n(]+))";
const PREFIX: &str = r#"\bprefix\s*=\s*(?:["'](?P<path>[^"'{]*)["']|(?P<other>\S))"#;
/// Routers within one another.
const DEEPEST: usize = 5;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        application: regex(APPLICATION),
        router: regex(ROUTER),
        included: regex(INCLUDED),
        from: regex(FROM),
        prefix: regex(PREFIX),
    }
});

struct Patterns {
    application: Regex,
    router: Regex,
    included: Regex,
    from: Regex,
    prefix: Regex,
}

/// A router whose routes an application has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Included {
    /// The file it is in, by its place among all.
    pub(super) file: usize,
    /// What it is called there.
    pub(super) object: String,
    /// What stands before its routes.
    pub(super) prefix: String,
}

/// Every router of every application, in the order in which they are included.
pub(super) fn included(files: &[(PathBuf, String)]) -> Vec<Included> {
    let mut found = Vec::new();
    for (at, (_, text)) in files.iter().enumerate() {
        for application in PATTERNS.application.captures_iter(text) {
            let application = Included {
                file: at,
                object: application["object"].to_owned(),
                prefix: String::new(),
            };
            visit(files, &application, 0, &mut found);
        }
    }
    found
}

/// The routers that are included in one.
fn visit(files: &[(PathBuf, String)], of: &Included, depth: usize, found: &mut Vec<Included>) {
    let (_, text) = &files[of.file];
    for included in PATTERNS.included.captures_iter(text) {
        if included["object"] != of.object || depth == DEEPEST {
            continue;
        }
        let Some((file, object)) = place(files, of.file, &included["router"]) else {
            continue;
        };
        let own = PATTERNS.router.captures_iter(&files[file].1);
        let own = own.filter(|it| it["object"] == object).last();
        let own = own.and_then(|it| prefix(&it["options"]));
        let Some((outer, own)) = prefix(&included["options"]).zip(own) else {
            continue;
        };
        let router = Included {
            file,
            object,
            prefix: format!("{}{outer}{own}", of.prefix),
        };
        if !found.contains(&router) {
            found.push(router.clone());
            visit(files, &router, depth + 1, found);
        }
    }
}

/// The prefix of options; nothing of one that is not spelled out.
fn prefix(options: &str) -> Option<String> {
    match PATTERNS.prefix.captures(options) {
        None => Some(String::new()),
        Some(found) => found
            .name("path")
            .map(|it| it.as_str().trim_end_matches('/').to_owned()),
    }
}

/// The file and the name of a router that a file calls `ping.router`, or `router`.
fn place(files: &[(PathBuf, String)], from: usize, router: &str) -> Option<(usize, String)> {
    let (module, object) = match router.rsplit_once('.') {
        Some((module, object)) => (Some(module), object),
        None => (None, router),
    };
    let (path, text) = &files[from];
    let name = module.unwrap_or(object);
    for import in PATTERNS.from.captures_iter(text) {
        let names = import.name("many").or_else(|| import.name("few"));
        let names = names.map_or("", |it| it.as_str());
        for imported in names.split([',', '\n']) {
            let imported = imported.split('#').next().unwrap_or_default().trim();
            let (real, local) = imported.split_once(" as ").unwrap_or((imported, imported));
            if local.trim() != name {
                continue;
            }
            let real = real.trim();
            let found = match module {
                // A module of a package.
                Some(_) => {
                    let package = import["module"].trim_end_matches('.');
                    let dots = &import["module"][package.len()..];
                    let dot = if package.is_empty() { "" } else { "." };
                    file(files, path, &format!("{package}{dots}{dot}{real}"))
                }
                None => file(files, path, &import["module"]),
            };
            let object = if module.is_some() { object } else { real };
            return found.map(|it| (it, object.to_owned()));
        }
    }
    let is_own = |it: regex::Captures<'_>| it["object"] == *object;
    let is_here = module.is_none() && PATTERNS.router.captures_iter(text).any(is_own);
    is_here.then(|| (from, object.to_owned()))
}

/// The file of a module, as another file names it.
fn file(files: &[(PathBuf, String)], from: &Path, module: &str) -> Option<usize> {
    let dots = module.chars().take_while(|it| *it == '.').count();
    let path = module.trim_start_matches('.').replace('.', "/");
    let ends = [format!("{path}.py"), format!("{path}/__init__.py")];
    let position = |wanted: &dyn Fn(&Path) -> bool| files.iter().position(|(it, _)| wanted(it));
    if dots > 0 {
        let folder = from.ancestors().nth(dots)?;
        return ends
            .iter()
            .find_map(|it| position(&|path| path == folder.join(it)));
    }
    ends.iter()
        .find_map(|it| position(&|path| path.ends_with(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routers(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect();
        let found = included(&files);
        let shown = |it: &Included| (files[it.file].0.display().to_string(), it.prefix.clone());
        found.iter().map(shown).collect()
    }

    fn pair(file: &str, prefix: &str) -> (String, String) {
        (file.into(), prefix.into())
    }

    #[test]
    fn routers_of_a_factory_have_their_prefixes() {
        let main = "from app.api import (\n    ping,\n    summaries,  # slow\n)\n\ndef create_application():\n    \
                    application = FastAPI()\n    application.include_router(ping.router)\n    \
                    application.include_router(summaries.router, prefix=\"/summaries\", tags=[\"s\"])\n";
        let found = routers(&[
            ("src/app/main.py", main),
            ("src/app/api/ping.py", "router = APIRouter()\n"),
            ("src/app/api/summaries.py", "router = APIRouter()\n"),
        ]);
        let expected = [
            pair("src/app/api/ping.py", ""),
            pair("src/app/api/summaries.py", "/summaries"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn routers_lie_in_one_another() {
        let main = "from .api import api_router as routes\napp = FastAPI()\napp.include_router(routes, prefix='/v1')\n";
        let api = "from app.routes import items\nfrom . import users\napi_router = APIRouter(prefix=\"/all\")\n\
                   api_router.include_router(items.router, prefix=\"/items\", dependencies=[Depends(x)])\n\
                   api_router.include_router(users.router)\n";
        let found = routers(&[
            ("app/main.py", main),
            ("app/api.py", api),
            ("app/routes/items.py", "router = APIRouter()\n"),
            (
                "app/users.py",
                "router = APIRouter(prefix=\"/users\", tags=[\"u\"])\n",
            ),
        ]);
        let expected = [
            pair("app/api.py", "/v1/all"),
            pair("app/routes/items.py", "/v1/all/items"),
            pair("app/users.py", "/v1/all/users"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_prefix_that_is_not_spelled_out_hides_a_router() {
        let main = "from api import router\napp = FastAPI()\napp.include_router(router, prefix=settings.api)\n";
        assert_eq!(
            routers(&[("main.py", main), ("api.py", "router = APIRouter()\n")]),
            []
        );
    }
}
