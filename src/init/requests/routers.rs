//! Applications, routers and blueprints of Python in files of their own → the prefixes that their routes lie
//! below. Only prefixes that are spelled out count.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::calls::{arguments, literal, named};

const APPLICATION: &str = r"(?m)^[ \t]*(?P<object>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)*(?:FastAPI|Flask|Starlette|Sanic|Quart|Bottle|App)(?P<open>\()";
const ROUTER: &str = r"(?m)^[ \t]*(?P<object>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?(?:APIRouter|Blueprint)(?P<open>\()";
const INCLUDED: &str = r"(?m)^[ \t]*(?P<object>\w+)\.(?P<how>include_router|register_blueprint|blueprint|mount)(?P<open>\()";
const FROM: &str = r"(?m)^[ \t]*from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]+(?:\((?P<many>[^)]*)\)|(?P<few>[^\n(]+))";
const DECORATOR: &str = r"(?m)^@(?P<object>\w+)\.\w+\(";
/// Routers within one another.
const DEEPEST: usize = 5;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        application: regex(APPLICATION),
        router: regex(ROUTER),
        included: regex(INCLUDED),
        from: regex(FROM),
        decorator: regex(DECORATOR),
    }
});

struct Patterns {
    application: Regex,
    router: Regex,
    included: Regex,
    from: Regex,
    decorator: Regex,
}

/// An application, or a router whose routes one has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Routed {
    /// The file it is in, by its place among all.
    pub(super) file: usize,
    /// What it is called there.
    pub(super) object: String,
    /// What stands before its routes.
    pub(super) prefix: String,
    /// What all of its routes depend on.
    pub(super) words: String,
}

/// Every application, and every router in the order in which it is included.
pub(super) fn routed(files: &[(PathBuf, String)]) -> Vec<Routed> {
    let mut applications = Vec::new();
    for (at, (_, text)) in files.iter().enumerate() {
        for made in PATTERNS.application.captures_iter(text) {
            let open = made.name("open").map_or(0, |it| it.start());
            let options = arguments(text, open).map(|(it, _)| it).unwrap_or_default();
            applications.push(Routed {
                file: at,
                object: made["object"].to_owned(),
                prefix: String::new(),
                words: dependencies(&options),
            });
        }
    }
    let mounted: Vec<_> = mounted(files);
    let is_outermost = |it: &Routed| !mounted.contains(&(it.file, it.object.clone()));
    let mut found = Vec::new();
    for application in applications.iter().filter(|it| is_outermost(it)) {
        visit(files, application, 0, &mut found);
    }
    // Another file may import an application or a router, for its own routes.
    for (at, (_, text)) in files.iter().enumerate() {
        for decorator in PATTERNS.decorator.captures_iter(text) {
            let object = &decorator["object"];
            let place = imported(files, at, None, object);
            let is_it = |it: &&Routed| place == Some((it.file, it.object.clone()));
            let here = found.iter().find(is_it).map(|it| Routed {
                file: at,
                object: object.to_owned(),
                ..it.clone()
            });
            if let Some(here) = here {
                visit(files, &here, 0, &mut found);
            }
        }
    }
    found
}

/// What is mounted in something else.
fn mounted(files: &[(PathBuf, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, (_, text)) in files.iter().enumerate() {
        for call in PATTERNS.included.captures_iter(text) {
            let open = call.name("open").map_or(0, |it| it.start());
            let arguments = arguments(text, open).map(|(it, _)| it).unwrap_or_default();
            let router = included(&call["how"], &arguments).map(|it| it.0);
            found.extend(router.and_then(|it| definition(files, at, it)));
        }
    }
    found
}

/// An application or a router, and those that are included in it.
fn visit(files: &[(PathBuf, String)], of: &Routed, depth: usize, found: &mut Vec<Routed>) {
    if depth == DEEPEST || found.contains(of) {
        return;
    }
    found.push(of.clone());
    let (_, text) = &files[of.file];
    for call in PATTERNS.included.captures_iter(text) {
        if call["object"] != of.object {
            continue;
        }
        let open = call.name("open").map_or(0, |it| it.start());
        let arguments = arguments(text, open).map(|(it, _)| it).unwrap_or_default();
        let Some((router, outer)) = included(&call["how"], &arguments) else {
            continue;
        };
        let Some((file, object)) = definition(files, of.file, router) else {
            continue;
        };
        let own = made(&files[file].1, &object);
        let Some((outer, own_prefix)) = prefix(files, outer).zip(prefix(files, prefix_in(&own)))
        else {
            continue;
        };
        // A blueprint has one prefix alone, and that of its registration comes first.
        let is_blueprint = call["how"].contains("blueprint");
        let own_prefix = if is_blueprint && !outer.is_empty() {
            String::new()
        } else {
            own_prefix
        };
        let words = [
            dependencies(&arguments),
            dependencies(&own),
            of.words.clone(),
        ];
        let router = Routed {
            file,
            object,
            prefix: format!("{}{outer}{own_prefix}", of.prefix),
            words: words.concat(),
        };
        visit(files, &router, depth + 1, found);
    }
}

/// What a call includes, and the prefix that it is given.
fn included<'a>(how: &str, arguments: &[&'a str]) -> Option<(&'a str, Option<&'a str>)> {
    let is_name = |it: &str| {
        it.chars()
            .all(|it| it.is_alphanumeric() || "_.".contains(it))
    };
    let (router, prefix) = match (how, arguments) {
        ("mount", [path, application, ..]) => (*application, Some(*path)),
        ("mount", _) => return None,
        (_, all) => {
            let router = named(all, "router").or_else(|| all.first().copied())?;
            (router, prefix_in(all))
        }
    };
    is_name(router).then_some((router, prefix))
}

fn prefix_in<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    named(arguments, "prefix").or_else(|| named(arguments, "url_prefix"))
}

/// The arguments that a router is made with, the last one of its name.
fn made<'a>(text: &'a str, object: &str) -> Vec<&'a str> {
    let routers = PATTERNS.router.captures_iter(text);
    let own = routers.filter(|it| it["object"] == *object).last();
    let open = own.and_then(|it| it.name("open")).map(|it| it.start());
    let found = open.and_then(|it| arguments(text, it));
    found.map(|(it, _)| it).unwrap_or_default()
}

fn dependencies(arguments: &[&str]) -> String {
    let dependencies = named(arguments, "dependencies");
    dependencies.map_or_else(String::new, |it| format!(" {it}"))
}

/// A prefix as a text, also of a constant; nothing of one that is not spelled out.
fn prefix(files: &[(PathBuf, String)], argument: Option<&str>) -> Option<String> {
    let Some(argument) = argument else {
        return Some(String::new());
    };
    let text = match literal(argument) {
        Some(text) => text.to_owned(),
        None => constant(files, argument)?,
    };
    Some(text.trim_end_matches('/').to_owned())
}

/// The text that a name such as `settings.API_PREFIX` has wherever it is set.
fn constant(files: &[(PathBuf, String)], argument: &str) -> Option<String> {
    let name = argument.rsplit('.').next()?;
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || it == '_');
    let pattern = format!(r"(?m)^[ \t]*{name}(?:\s*:\s*[\w\[\]]+)?[ \t]*=[ \t]*(?P<value>[^\n#]+)");
    let pattern = is_name.then(|| Regex::new(&pattern).ok())??;
    let values = files
        .iter()
        .flat_map(|(_, text)| pattern.captures_iter(text));
    let mut values: Vec<_> = values.map(|it| it["value"].trim().to_owned()).collect();
    values.sort();
    values.dedup();
    match values.as_slice() {
        [one] => literal(one).map(str::to_owned),
        _ => None,
    }
}

/// The file and the name of a router that a file calls `ping.router`, or `router`.
fn definition(files: &[(PathBuf, String)], from: usize, router: &str) -> Option<(usize, String)> {
    let (module, object) = match router.rsplit_once('.') {
        Some((module, object)) => (Some(module), object),
        None => (None, router),
    };
    let found = imported(files, from, module, object);
    if found.is_some() {
        return found;
    }
    let text = &files[from].1;
    let is_own = |it: regex::Captures<'_>| it["object"] == *object;
    let mut made = [&PATTERNS.router, &PATTERNS.application].into_iter();
    let is_here = module.is_none() && made.any(|it| it.captures_iter(text).any(is_own));
    is_here.then(|| (from, object.to_owned()))
}

/// The same of a name that a file imports.
fn imported(
    files: &[(PathBuf, String)],
    from: usize,
    module: Option<&str>,
    object: &str,
) -> Option<(usize, String)> {
    let (path, text) = &files[from];
    // `shop.views.router` is of a module in a package that is imported.
    let (name, below) = module.map_or((object, ""), |it| it.split_once('.').unwrap_or((it, "")));
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
                    let inner = if below.is_empty() { "" } else { "." };
                    let module = format!("{package}{dots}{dot}{real}{inner}{below}");
                    file(files, path, &module)
                }
                None => file(files, path, &import["module"]),
            };
            let object = if module.is_some() { object } else { real };
            return found.map(|it| (it, object.to_owned()));
        }
    }
    None
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
        let found = routed(&files);
        let shown = |it: &Routed| (files[it.file].0.display().to_string(), it.prefix.clone());
        let below = found.iter().filter(|it| it.object.contains("router"));
        below.map(shown).collect()
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

    #[test]
    fn a_router_may_lie_in_a_module_of_an_imported_package() {
        let main = "from shop import items\napp = Flask('x')\napp.register_blueprint(items.views.router)\n";
        let views = "router = Blueprint('items', __name__, url_prefix='/items')\n";
        let found = routers(&[("shop/app.py", main), ("shop/items/views.py", views)]);
        assert_eq!(found, [pair("shop/items/views.py", "/items")]);
    }

    #[test]
    fn a_prefix_may_be_a_constant() {
        let main = "from api import router\napp = FastAPI()\napp.include_router(router, prefix=settings.API)\n";
        let config = "class Settings(BaseSettings):\n    API: str = \"/api/v1\"\n";
        let api = ("api.py", "router = APIRouter()\n");
        let found = |config: &str| routers(&[("main.py", main), ("config.py", config), api]);
        assert_eq!(found(config), [pair("api.py", "/api/v1")]);
        let two = format!("{config}class Test:\n    API = \"/test\"\n");
        assert_eq!(found(&two), []);
    }

    #[test]
    fn an_application_that_is_mounted_is_none_of_its_own() {
        let main = "app = FastAPI()\nrouter_app = FastAPI()\napp.mount(\"/v2\", router_app)\n";
        assert_eq!(routers(&[("main.py", main)]), [pair("main.py", "/v2")]);
    }
}
