//! Source files in Python → the GET routes of `FastAPI`, Flask, Litestar, Starlette, Sanic, aiohttp, Falcon and
//! Bottle. Prefixes of routers and blueprints come from `routers`.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::calls::{arguments, literal, named};
use super::route::{Route, UNKNOWN};
use super::routers::{self, Routed};

/// Lines from a decorator on that are taken for its handler, up to the first blank one.
const HANDLER: usize = 6;

const DECORATED: &str = r"(?m)^[ \t]*@(?P<object>\w+)\.(?:get|route|api_route)(?P<open>\()";
/// Decorators of the application that Bottle has by itself.
const BARE: &str = r"(?m)^@(?:get|route)(?P<open>\()";
const STARLETTE: &str = r"\b(?P<what>Route|Mount)(?P<open>\()";
const AIOHTTP: &str = r"\b(?:web\.get|\w+\.add_get)(?P<open>\()";
const TABLE: &str = r"(?m)^(?P<object>\w+)\s*=\s*(?:\w+\.)?RouteTableDef\(";
const RULE: &str = r"\b(?P<object>\w+)\.(?P<how>add_url_rule|add_route|add_resource)(?P<open>\()";
/// A value of a query that a handler of `FastAPI` or Litestar must be given.
const ASKED: &str =
    r"^\w+\s*:\s*(?:Annotated\[\s*)?(?:str|int|float|bool|UUID|date|datetime|Decimal|Literal\[)";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        decorated: regex(DECORATED),
        bare: regex(BARE),
        starlette: regex(STARLETTE),
        aiohttp: regex(AIOHTTP),
        table: regex(TABLE),
        rule: regex(RULE),
        asked: regex(ASKED),
    }
});

struct Patterns {
    decorated: Regex,
    bare: Regex,
    starlette: Regex,
    aiohttp: Regex,
    table: Regex,
    rule: Regex,
    asked: Regex,
}

/// The routes of some files.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let mut found = Vec::new();
    let is_python = |path: &PathBuf| path.extension().is_some_and(|it| it == "py");
    let routed = routers::routed(files);
    // An application comes before what it includes, whatever files these are in.
    for router in &routed {
        of_router(files, router, &mut found);
    }
    for (at, (path, text)) in files.iter().enumerate() {
        if !is_python(path) {
            continue;
        }
        if text.contains("starlette") {
            starlette(at, text, &mut found);
        }
        if text.contains("aiohttp") {
            aiohttp(files, at, text, &mut found);
        }
        let is_bottle = text.contains("from bottle import");
        for route in PATTERNS.bare.captures_iter(text).filter(|_| is_bottle) {
            decorated(at, text, &route, "", &mut found);
        }
    }
    found
}

/// The routes of an application or a router.
fn of_router(files: &[(PathBuf, String)], router: &Routed, found: &mut Vec<Route>) {
    let text = &files[router.file].1;
    for route in PATTERNS.decorated.captures_iter(text) {
        if route["object"] == *router.object {
            let before = found.len();
            decorated(router.file, text, &route, &router.prefix, found);
            let own = found.iter_mut().skip(before);
            own.for_each(|it| it.is_guarded_by(&router.words));
        }
    }
    for rule in PATTERNS.rule.captures_iter(text) {
        let open = rule.name("open").map_or(0, |it| it.start());
        let Some((arguments, _)) = arguments(text, open) else {
            continue;
        };
        let (path, class) = match (&rule["how"], arguments.as_slice()) {
            ("add_resource", [class, path, ..]) => (literal(path), Some(*class)),
            ("add_route", [path, class, ..]) => {
                let class = class.split('(').next().unwrap_or(class);
                (literal(path), Some(class))
            }
            ("add_url_rule", [path, ..]) => (literal(path), None),
            _ => continue,
        };
        // Objects that wrap an application, as Api(app), go by its prefix.
        let is_own = rule["object"] == *router.object
            || &rule["how"] == "add_resource" && router.prefix.is_empty();
        let gets = class.is_none_or(|it| class_gets(files, it));
        if let Some(path) = path.filter(|_| is_own && gets) {
            found.push(Route {
                file: router.file,
                path: format!("{}{path}", router.prefix),
                is_get: gets_by(&arguments),
                words: arguments.join(" "),
            });
        }
    }
}

/// A handler with a decorator that is its route.
fn decorated(file: usize, text: &str, route: &Captures<'_>, prefix: &str, found: &mut Vec<Route>) {
    let start = route.get(0).map_or(0, |it| it.start());
    let open = route.name("open").map_or(0, |it| it.start());
    let Some((arguments, end)) = arguments(text, open) else {
        return;
    };
    let path = arguments.first().copied().and_then(literal);
    let path = path.or_else(|| named(&arguments, "path").and_then(literal));
    let Some(path) = path else { return };
    let handler = Handler::from_text(text, start, end);
    let mark = if handler.asks_for(path) { UNKNOWN } else { "" };
    found.push(Route {
        file,
        path: format!("{prefix}{path}{mark}"),
        is_get: gets_by(&arguments),
        words: handler.words,
    });
}

/// What follows a decorator.
pub(super) struct Handler<'a> {
    /// Text that says who may call it.
    pub(super) words: String,
    parameters: Vec<&'a str>,
}

impl<'a> Handler<'a> {
    /// That of a decorator that starts and ends at a place.
    pub(super) fn from_text(text: &'a str, start: usize, end: usize) -> Self {
        let lines = text[start..].trim_start().lines();
        let few = lines.take(HANDLER).take_while(|it| !it.trim().is_empty());
        let mut words = few.collect::<Vec<_>>().join("\n");
        let signature = text[end..].find("def ").map(|it| it + end);
        let open = signature.and_then(|it| Some(text[it..].find('(')? + it));
        let parameters = open.and_then(|it| arguments(text, it));
        let (parameters, close) = parameters.unwrap_or_default();
        if let Some(more) = text.get(start..close).filter(|it| it.len() > words.len()) {
            more.clone_into(&mut words);
        }
        Self { words, parameters }
    }

    /// Whether one of its parameters has this type.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.parameters.iter().any(|it| it.contains(name))
    }

    /// Whether it must be given a value that its path does not have.
    pub(super) fn asks_for(&self, path: &str) -> bool {
        self.parameters.iter().any(|parameter| {
            let name = parameter.split(':').next().unwrap_or_default().trim();
            let is_optional = parameter.contains('=') && !parameter.contains("(...")
                || parameter.contains("None")
                || parameter.contains("Depends");
            let is_of_path = path.contains(&format!("{{{name}"));
            PATTERNS.asked.is_match(parameter) && !is_optional && !is_of_path
        })
    }
}

/// Whether the methods that a route names have GET.
fn gets_by(arguments: &[&str]) -> bool {
    let methods = named(arguments, "methods").or_else(|| named(arguments, "method"));
    methods.is_none_or(|it| {
        let methods = it.to_uppercase();
        methods.contains("\"GET\"") || methods.contains("'GET'")
    })
}

/// Whether a class of this name, as Falcon and Flask-RESTful have them, answers GET.
fn class_gets(files: &[(PathBuf, String)], class: &str) -> bool {
    let name = class.rsplit('.').next().unwrap_or(class);
    // Instances are called after their classes, more often than not.
    let same = |it: &str| it.eq_ignore_ascii_case(&name.replace('_', ""));
    files.iter().any(|(_, text)| {
        let mut classes = text
            .split("\nclass ")
            .skip(usize::from(!text.starts_with("class ")));
        classes.any(|it| {
            let it = it.strip_prefix("class ").unwrap_or(it);
            let called = it.split(['(', ':']).next().unwrap_or_default();
            let body = it.split("\n@").next().unwrap_or(it);
            same(called.trim()) && (body.contains("def on_get(") || body.contains("def get("))
        })
    })
}

/// `Route` of Starlette, in the `Mount` that it stands in.
fn starlette(file: usize, text: &str, found: &mut Vec<Route>) {
    let mut mounts: Vec<(usize, usize, Option<&str>)> = Vec::new();
    for call in PATTERNS.starlette.captures_iter(text) {
        let open = call.name("open").map_or(0, |it| it.start());
        let Some((arguments, close)) = arguments(text, open) else {
            continue;
        };
        let path = arguments.first().copied().and_then(literal);
        if &call["what"] == "Mount" {
            mounts.push((open, close, path));
            continue;
        }
        let around = mounts
            .iter()
            .filter(|(begin, end, _)| *begin < open && open < *end);
        let around: Option<Vec<_>> = around.map(|(.., path)| *path).collect();
        // A list of routes that another file or a variable mounts lies below a path as well.
        let is_mounted_elsewhere =
            text.contains("Mount(") && around.as_ref().is_some_and(Vec::is_empty);
        let is_of_list = is_mounted_elsewhere && !is_in_application(text, open);
        if let Some((prefix, path)) = around.zip(path).filter(|_| !is_of_list) {
            let prefix: String = prefix.iter().map(|it| it.trim_end_matches('/')).collect();
            found.push(Route {
                file,
                path: format!("{prefix}{path}"),
                is_get: gets_by(&arguments),
                words: arguments.join(" "),
            });
        }
    }
}

/// Whether a place lies in the list of an application, or in one that is called `routes`.
fn is_in_application(text: &str, place: usize) -> bool {
    static LIST: LazyLock<Regex> = LazyLock::new(|| {
        let text = r"(?m)(?:\bStarlette\((?s:[^\[]*?)routes\s*=\s*|^routes(?:\s*:[^=\n]+)?\s*=\s*)(?P<open>\[)";
        Regex::new(text).expect("a constant")
    });
    LIST.captures_iter(text).any(|list| {
        let open = list.name("open").map_or(0, |it| it.start());
        arguments(text, open).is_some_and(|(_, close)| open < place && place < close)
    })
}

/// Routes of aiohttp, unless an application lies below a path of another.
fn aiohttp(files: &[(PathBuf, String)], file: usize, text: &str, found: &mut Vec<Route>) {
    if files.iter().any(|(_, it)| it.contains("add_subapp(")) {
        return;
    }
    for call in PATTERNS.aiohttp.captures_iter(text) {
        let open = call.name("open").map_or(0, |it| it.start());
        if let Some((arguments, _)) = arguments(text, open)
            && let [path, rest @ ..] = arguments.as_slice()
            && let Some(path) = literal(path)
            && !rest.is_empty()
        {
            found.push(Route {
                file,
                path: path.to_owned(),
                is_get: true,
                words: rest.join(" "),
            });
        }
    }
    let tables: Vec<_> = PATTERNS.table.captures_iter(text).collect();
    for route in PATTERNS.decorated.captures_iter(text) {
        if tables.iter().any(|it| it["object"] == route["object"]) {
            decorated(file, text, &route, "", found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect();
        let gets = routes(&files).into_iter().filter(|it| it.is_get);
        gets.map(|it| it.path).collect()
    }

    #[test]
    fn blueprints_lie_below_their_prefixes() {
        let app = "from flask import Flask\n\ndef create_app():\n    app = Flask(__name__)\n    \
                   from shop.items import bp as items\n    app.register_blueprint(items)\n    \
                   app.register_blueprint(users.bp, url_prefix=\"/people\")\n    return app\n\n\
                   from shop import users\n";
        let items = "bp = Blueprint(\"items\", __name__, url_prefix=\"/items\")\n\n@bp.route(\"/\")\ndef all(): ...\n\n\
                     @bp.route(\"/new\", methods=(\"POST\",))\ndef new(): ...\n";
        let users = "bp = Blueprint('users', __name__, url_prefix='/users')\n\n@bp.get('/list')\ndef all(): ...\n";
        let found = paths(&[
            ("shop/__init__.py", app),
            ("shop/items.py", items),
            ("shop/users.py", users),
        ]);
        assert_eq!(found, ["/items/", "/people/list"]);
    }

    #[test]
    fn an_application_that_is_imported_has_routes_elsewhere() {
        let files = [
            (
                "app/__init__.py",
                "from flask import Flask\napp = Flask(__name__)\nfrom app import routes\n",
            ),
            (
                "app/routes.py",
                "from app import app\n\n@app.route('/index')\ndef index(): ...\n",
            ),
        ];
        assert_eq!(paths(&files), ["/index"]);
        let files = [
            (
                "app/__init__.py",
                "app = Flask(__name__)\nfrom app.main import bp as main_bp\napp.register_blueprint(main_bp, url_prefix='/m')\n",
            ),
            (
                "app/main/__init__.py",
                "bp = Blueprint('main', __name__)\nfrom app.main import routes\n",
            ),
            (
                "app/main/routes.py",
                "from app.main import bp\n\n@bp.route('/x')\ndef x(): ...\n",
            ),
        ];
        assert_eq!(paths(&files), ["/m/x"]);
    }

    #[test]
    fn a_handler_that_must_be_given_a_value_has_no_known_path() {
        let text = "app = FastAPI()\n\n@app.get(\"/search\")\ndef search(q: str, page: int = 1): ...\n\n\
                    @app.get(\"/all\")\ndef all(\n    page: int = 1,\n    q: str | None = None,\n    \
                    db: Annotated[Session, Depends(get)] = None,\n): ...\n\n\
                    @app.get(\"/one/{id}\")\ndef one(id: int): ...\n\n\
                    @app.get(\"/found\")\ndef found(q: Annotated[str, Query()], request: Request): ...\n";
        assert_eq!(
            paths(&[("main.py", text)]),
            ["/search{}", "/all", "/one/{id}", "/found{}"]
        );
    }

    #[test]
    fn routes_of_starlette_lie_in_mounts() {
        let text = "from starlette.routing import Mount, Route\nroutes = [\n    Route(\"/\", home),\n    \
                    Mount(\"/api\", routes=[\n        Route(\"/items\", items),\n        \
                    Mount(\"/v1\", routes=[Route(\"/x\", x, methods=[\"POST\"]), Route('/y', y)]),\n    ]),\n]\n\
                    others = [Route(\"/below\", below)]\n";
        assert_eq!(paths(&[("app.py", text)]), ["/", "/api/items", "/api/v1/y"]);
    }

    #[test]
    fn routes_of_aiohttp_falcon_sanic_and_bottle_are_known() {
        let aiohttp = "from aiohttp import web\nroutes = web.RouteTableDef()\n\n@routes.get('/a')\n\
                       async def a(request): ...\n\napp = web.Application()\napp.add_routes([web.get('/b', b)])\n\
                       app.router.add_get(\"/c\", c)\nasync with client.get('/d') as answer: ...\n";
        assert_eq!(paths(&[("main.py", aiohttp)]), ["/b", "/c", "/a"]);
        let falcon = "import falcon\n\nclass Things:\n    def on_get(self, req, resp): ...\n\n\
                      class Sinks:\n    def on_post(self, req, resp): ...\n\napp = falcon.App()\nthings = Things()\n\
                      app.add_route('/things', things)\napp.add_route('/sinks', Sinks())\n";
        assert_eq!(paths(&[("app.py", falcon)]), ["/things"]);
        let sanic = "from sanic import Sanic, Blueprint\nbp = Blueprint('v1', url_prefix='/v1')\n\n@bp.get('/x')\n\
                     async def x(request): ...\n\napp = Sanic('shop')\napp.blueprint(bp)\n\n@app.get('/y')\n\
                     async def y(request): ...\n";
        assert_eq!(paths(&[("server.py", sanic)]), ["/y", "/v1/x"]);
        let bottle = "from bottle import route, run\n\n@route('/hello')\ndef hello(): ...\n";
        assert_eq!(paths(&[("app.py", bottle)]), ["/hello"]);
    }
}
