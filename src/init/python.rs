//! A Python service without Django → its application, and the server that it is started with.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::dependencies::Dependencies;

/// Where the application object of a Python service is looked for.
const FILES: [&str; 22] = [
    "wsgi.py",
    "asgi.py",
    "main.py",
    "app.py",
    "api.py",
    "server.py",
    "run.py",
    "autoapp.py",
    "application.py",
    "app/main.py",
    "app/__init__.py",
    "app/app.py",
    "app/asgi.py",
    "app/wsgi.py",
    "app/server.py",
    "src/main.py",
    "src/app.py",
    "src/app/main.py",
    "src/server.py",
    "api/main.py",
    "api/app.py",
    "api/__init__.py",
];
/// Frameworks by the package that has them, how their applications are made, and how these are called.
const FRAMEWORKS: [(&str, &str, &str, Interface); 10] = [
    ("fastapi", "FastAPI", "FastAPI", Interface::Asgi),
    ("litestar", "Litestar", "Litestar", Interface::Asgi),
    ("quart", "Quart", "Quart", Interface::Asgi),
    ("sanic", "Sanic", "Sanic", Interface::Sanic),
    ("flask", "Flask", "Flask", Interface::Wsgi),
    ("aiohttp", "aiohttp", "Application", Interface::Aiohttp),
    ("falcon", "Falcon", "asgi.App", Interface::Asgi),
    ("falcon", "Falcon", "App", Interface::Wsgi),
    ("bottle", "Bottle", "Bottle", Interface::Wsgi),
    ("starlette", "Starlette", "Starlette", Interface::Asgi),
];
/// Functions that are applications themselves.
const WSGI: &str = r"(?m)^def[ \t]+(?P<name>\w+)\(\s*environ\b[^,)]*,\s*\w+";
const ASGI: &str = r"(?m)^async[ \t]+def[ \t]+(?P<name>\w+)\(\s*scope\b[^,)]*,\s*\w+[^,)]*,\s*\w+";
/// What a server of either interface takes for an application.
const NAMED: &str = r"(?m)^(?P<name>application|app)(?:\s*:[^=\n]+)?\s*=[^=]";

static FUNCTIONS: LazyLock<[Regex; 3]> =
    LazyLock::new(|| [WSGI, ASGI, NAMED].map(|it| Regex::new(it).expect("a constant")));

/// How a server calls an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    Wsgi,
    Asgi,
    Sanic,
    Aiohttp,
}

/// A service of Python.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PythonServer {
    /// What it is written with.
    pub(super) framework: &'static str,
    /// The command that starts it, listening at `{host}` and `{port}`.
    pub(super) command: String,
    /// Whether that is a server for development.
    pub(super) is_for_development: bool,
    /// A package that the command needs and nothing names.
    pub(super) missing: Option<&'static str>,
}

/// Where an application is.
#[derive(Debug, PartialEq, Eq)]
struct Application {
    /// As `module:name`.
    place: String,
    /// Whether a function of that name makes it.
    is_factory: bool,
}

impl PythonServer {
    pub(super) fn find(root: &Path, dependencies: &Dependencies) -> Option<Self> {
        let files: Vec<_> = FILES
            .into_iter()
            .filter_map(|file| Some((file, fs::read_to_string(root.join(file)).ok()?)))
            .collect();
        for (package, name, class, interface) in FRAMEWORKS {
            let is_installed = dependencies.of_python(&[package]);
            let is_imported = || {
                let imports = [format!("from {package}"), format!("import {package}")];
                files.iter().any(|(_, text)| {
                    let mut lines = text.lines();
                    lines.any(|line| imports.iter().any(|it| line.starts_with(it.as_str())))
                })
            };
            if !is_installed && !is_imported() {
                continue;
            }
            if let Some(application) = application(&files, class) {
                return Some(Self::of(name, &application, interface, dependencies));
            }
            // Others are libraries as well.
            if is_installed && ["fastapi", "flask"].contains(&package) {
                let place = if package == "flask" {
                    "app:app"
                } else {
                    "main:app"
                };
                let usual = Application {
                    place: place.into(),
                    is_factory: false,
                };
                return Some(Self::of(name, &usual, interface, dependencies));
            }
        }
        let (application, interface) = plain(&files)?;
        let name = match interface {
            Interface::Wsgi => "WSGI",
            _ => "ASGI",
        };
        Some(Self::of(name, &application, interface, dependencies))
    }

    fn of(
        framework: &'static str,
        application: &Application,
        interface: Interface,
        dependencies: &Dependencies,
    ) -> Self {
        let Application { place, is_factory } = application;
        let has = |package: &str| dependencies.of_python(&[package]);
        let address = "{host}:{port}";
        let options = "--host {host} --port {port}";
        let called = if *is_factory {
            format!("{place}()")
        } else {
            place.clone()
        };
        let factory = if *is_factory { " --factory" } else { "" };
        let gunicorn = format!("gunicorn {called} --bind {address}");
        let (command, is_for_development, missing) = match interface {
            Interface::Wsgi if has("gunicorn") => (gunicorn, false, None),
            Interface::Wsgi if has("waitress") && !is_factory => (
                format!("waitress-serve --listen={address} {place}"),
                false,
                None,
            ),
            Interface::Wsgi if framework == "Flask" => {
                (format!("flask --app {place} run {options}"), true, None)
            }
            Interface::Wsgi if framework == "Bottle" && !is_factory => (
                format!("python -m bottle --bind {address} {place}"),
                true,
                None,
            ),
            Interface::Wsgi => (gunicorn, false, Some("gunicorn")),
            Interface::Asgi if has("hypercorn") && !has("uvicorn") && !is_factory => {
                (format!("hypercorn {place} --bind {address}"), false, None)
            }
            Interface::Asgi if has("granian") && !has("uvicorn") => {
                let command = format!("granian --interface asgi{factory} {place} {options}");
                (command, false, None)
            }
            Interface::Asgi => {
                let brings_one = ["fastapi", "litestar"].into_iter().any(has) || has("uvicorn");
                let missing = (!brings_one).then_some("uvicorn");
                (
                    format!("uvicorn{factory} {place} {options}"),
                    false,
                    missing,
                )
            }
            Interface::Sanic => (format!("sanic {place}{factory} {options}"), false, None),
            Interface::Aiohttp => {
                let command = format!(
                    "gunicorn {place} --worker-class aiohttp.GunicornWebWorker --bind {address}"
                );
                (command, false, (!has("gunicorn")).then_some("gunicorn"))
            }
        };
        Self {
            framework,
            command,
            is_for_development,
            missing,
        }
    }
}

/// Where a class is made to an application: at the top of a module, or by a function that another module
/// calls there or that needs no arguments.
fn application(files: &[(&str, String)], class: &str) -> Option<Application> {
    let class = regex::escape(class);
    let made = format!(
        r"(?m)^(?P<indent>[ \t]*)(?:(?P<name>\w+)(?:\s*:[^=\n]+)?\s*=\s*|return\s+)(?:\w+\.)*{class}\("
    );
    let made = Regex::new(&made).expect("an escaped name");
    let mut factory = None;
    for (file, text) in files {
        for found in made.captures_iter(text) {
            match (&found["indent"], found.name("name")) {
                ("", Some(name)) => {
                    return Some(Application {
                        place: format!("{}:{}", module(file), name.as_str()),
                        is_factory: false,
                    });
                }
                ("", None) => {}
                _ => {
                    let start = found.get(0).map_or(0, |it| it.start());
                    let around = function_around(&text[..start]);
                    factory = factory.or_else(|| around.map(|it| (*file, it)));
                }
            }
        }
    }
    let (file, (factory, is_callable)) = factory?;
    let called = format!(r"(?m)^(?P<name>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)*{factory}\(");
    let called = Regex::new(&called).expect("a name");
    let of_file = |(file, text): &(&str, String)| {
        let name = called.captures(text)?["name"].to_owned();
        Some(Application {
            place: format!("{}:{name}", module(file)),
            is_factory: false,
        })
    };
    let made = files.iter().find_map(of_file);
    made.or_else(|| {
        is_callable.then(|| Application {
            place: format!("{}:{factory}", module(file)),
            is_factory: true,
        })
    })
}

/// The function at the top of a module that a text ends in, and whether it can be called without arguments.
fn function_around(before: &str) -> Option<(String, bool)> {
    static FUNCTION: LazyLock<Regex> = LazyLock::new(|| {
        let text =
            r"(?m)^(?:async[ \t]+)?(?:def|class)[ \t]+(?P<name>\w+)(?:\((?P<parameters>[^)]*)\))?";
        Regex::new(text).expect("a constant")
    });
    let found = FUNCTION.captures_iter(before).last()?;
    let is_function = found[0].starts_with("def");
    let parameters = found.name("parameters").map_or("", |it| it.as_str());
    let mut parameters = parameters.split(',').map(str::trim);
    let is_optional = |it: &str| it.is_empty() || it.contains('=') || it.starts_with('*');
    let is_callable = parameters.all(is_optional);
    is_function.then(|| (found["name"].to_owned(), is_callable))
}

/// An application without a framework: a function, or what a module of a telling name calls one.
fn plain(files: &[(&str, String)]) -> Option<(Application, Interface)> {
    let [wsgi, asgi, named] = &*FUNCTIONS;
    let found = |file: &str, text: &str, pattern: &Regex| {
        let name = pattern.captures(text)?["name"].to_owned();
        Some(Application {
            place: format!("{}:{name}", module(file)),
            is_factory: false,
        })
    };
    let functions = [(wsgi, Interface::Wsgi), (asgi, Interface::Asgi)];
    let mut functions = functions.into_iter().filter_map(|(pattern, interface)| {
        let found = files
            .iter()
            .find_map(|(file, text)| found(file, text, pattern));
        Some((found?, interface))
    });
    let by_name = |(file, text): &(&str, String)| {
        let interface = match file.rsplit('/').next()? {
            "wsgi.py" => Interface::Wsgi,
            "asgi.py" => Interface::Asgi,
            _ => return None,
        };
        Some((found(file, text, named)?, interface))
    };
    functions.next().or_else(|| files.iter().find_map(by_name))
}

fn module(file: &str) -> String {
    let module = file.trim_end_matches(".py").trim_end_matches("/__init__");
    module.replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Framework and command of a service of these files.
    fn started(files: &[(&str, &str)]) -> Option<(&'static str, String)> {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let dependencies = Dependencies::read(folder.path(), folder.path());
        let server = PythonServer::find(folder.path(), &dependencies)?;
        Some((server.framework, server.command))
    }

    #[test]
    fn each_framework_has_its_server() {
        for (requirements, file, text, framework, command) in [
            (
                "litestar[standard]",
                "app.py",
                "from litestar import Litestar\napp = Litestar(route_handlers=[home])\n",
                "Litestar",
                "uvicorn app:app --host {host} --port {port}",
            ),
            (
                "sanic",
                "server.py",
                "app = Sanic(\"shop\")\n",
                "Sanic",
                "sanic server:app --host {host} --port {port}",
            ),
            (
                "aiohttp\ngunicorn",
                "main.py",
                "from aiohttp import web\napp = web.Application()\n",
                "aiohttp",
                "gunicorn main:app --worker-class aiohttp.GunicornWebWorker --bind {host}:{port}",
            ),
            (
                "falcon\nhypercorn",
                "app.py",
                "import falcon.asgi\napp = falcon.asgi.App()\n",
                "Falcon",
                "hypercorn app:app --bind {host}:{port}",
            ),
            (
                "falcon\nwaitress",
                "app.py",
                "api = falcon.App()\n",
                "Falcon",
                "waitress-serve --listen={host}:{port} app:api",
            ),
            (
                "bottle",
                "app.py",
                "app = bottle.Bottle()\n",
                "Bottle",
                "python -m bottle --bind {host}:{port} app:app",
            ),
            (
                "starlette\ngranian",
                "app.py",
                "app = Starlette(routes=[])\n",
                "Starlette",
                "granian --interface asgi app:app --host {host} --port {port}",
            ),
        ] {
            let found = started(&[("requirements.txt", requirements), (file, text)]);
            assert_eq!(found, Some((framework, command.to_owned())), "{framework}");
        }
    }

    #[test]
    fn a_factory_is_called() {
        let factory = "def create_app(config=None):\n    app = Flask(__name__)\n    return app\n";
        let of = |more: &[(&str, &str)]| {
            let requirements = ("requirements.txt", "flask\ngunicorn\n");
            let files = [&[requirements, ("app/__init__.py", factory)], more].concat();
            started(&files).map(|(_, command)| command)
        };
        assert_eq!(
            of(&[]).as_deref(),
            Some("gunicorn app:create_app() --bind {host}:{port}")
        );
        let wsgi = (
            "wsgi.py",
            "from app import create_app\n\napp = create_app()\n",
        );
        assert_eq!(
            of(&[wsgi]).as_deref(),
            Some("gunicorn wsgi:app --bind {host}:{port}")
        );
        let asgi = "from fastapi import FastAPI\ndef make() -> FastAPI:\n    return FastAPI()\n";
        assert_eq!(
            started(&[("main.py", asgi)]),
            Some((
                "FastAPI",
                "uvicorn --factory main:make --host {host} --port {port}".to_owned()
            ))
        );
    }

    #[test]
    fn an_application_needs_no_framework() {
        let wsgi = "def application(environ, start_response):\n    return [b\"\"]\n";
        assert_eq!(
            started(&[("server.py", wsgi)]),
            Some((
                "WSGI",
                "gunicorn server:application --bind {host}:{port}".to_owned()
            ))
        );
        let asgi = "async def app(scope, receive, send):\n    ...\n";
        assert_eq!(
            started(&[("main.py", asgi)]),
            Some((
                "ASGI",
                "uvicorn main:app --host {host} --port {port}".to_owned()
            ))
        );
        let named = "from shop import make\n\napplication = make()\n";
        assert_eq!(
            started(&[("wsgi.py", named)]),
            Some((
                "WSGI",
                "gunicorn wsgi:application --bind {host}:{port}".to_owned()
            ))
        );
        assert_eq!(
            started(&[("main.py", "app == 1\ndef f(environ): ...\n")]),
            None
        );
    }
}
