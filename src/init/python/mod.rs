//! A Python service without Django → its application, and the server that it is started with.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::dependencies::Dependencies;
use crate::bounded;

/// Bytes of a source file; folders below one another, and files, that are looked through for want of a usual one.
const LARGEST: u64 = 1 << 18;
const DEEPEST: usize = 5;
const MOST: usize = 300;
/// Folders without the application.
const PASSED_OVER: [&str; 9] = [
    "docs",
    "examples",
    "migrations",
    "node_modules",
    "scripts",
    "site-packages",
    "test",
    "tests",
    "venv",
];
/// Where the application object of a Python service is looked for first.
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
        let read = |file: String| {
            let text = bounded::read_text(&root.join(&file), LARGEST).ok()?;
            Some((file, text))
        };
        let usual = FILES.into_iter().map(str::to_owned);
        let files: Vec<_> = usual.filter_map(read).collect();
        let found = Self::of_files(&files, dependencies);
        found
            .or_else(|| {
                // Where no usual file has the application, another may.
                let is_used = FRAMEWORKS.iter().any(|it| dependencies.of_python(&[it.0]));
                let mut more = Vec::new();
                if is_used {
                    list(root, "", 0, &mut more);
                }
                let more: Vec<_> = more.into_iter().filter_map(read).collect();
                Self::of_files(&more, dependencies)
            })
            .or_else(|| Self::by_default(dependencies))
    }

    /// What is installed and found nowhere, at its usual place.
    fn by_default(dependencies: &Dependencies) -> Option<Self> {
        let usual = [("fastapi", "main:app"), ("flask", "app:app")];
        let (package, place) = usual
            .into_iter()
            .find(|it| dependencies.of_python(&[it.0]))?;
        let (_, name, _, interface) = FRAMEWORKS.into_iter().find(|it| it.0 == package)?;
        let application = Application {
            place: place.into(),
            is_factory: false,
        };
        Some(Self::from_application(
            name,
            &application,
            interface,
            dependencies,
        ))
    }

    fn of_files(files: &[(String, String)], dependencies: &Dependencies) -> Option<Self> {
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
            if let Some(application) = application(files, class) {
                return Some(Self::from_application(
                    name,
                    &application,
                    interface,
                    dependencies,
                ));
            }
        }
        let (application, interface) = plain(files)?;
        let name = match interface {
            Interface::Wsgi => "WSGI",
            _ => "ASGI",
        };
        Some(Self::from_application(
            name,
            &application,
            interface,
            dependencies,
        ))
    }

    fn from_application(
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
fn application(files: &[(String, String)], class: &str) -> Option<Application> {
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
                    factory = factory.or_else(|| around.map(|it| (file.as_str(), it)));
                }
            }
        }
    }
    let (file, (factory, is_callable)) = factory?;
    let called = format!(r"(?m)^(?P<name>\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)*{factory}\(");
    let called = Regex::new(&called).expect("a name");
    let of_file = |(file, text): &(String, String)| {
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
    let is_function = !found[0].starts_with("class");
    let parameters = found.name("parameters").map_or("", |it| it.as_str());
    let mut parameters = parameters.split(',').map(str::trim);
    let is_optional = |it: &str| it.is_empty() || it.contains('=') || it.starts_with('*');
    let is_callable = parameters.all(is_optional);
    is_function.then(|| (found["name"].to_owned(), is_callable))
}

/// An application without a framework: a function, or what a module with a usual name calls one.
fn plain(files: &[(String, String)]) -> Option<(Application, Interface)> {
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
    let by_name = |(file, text): &(String, String)| {
        let interface = match file.rsplit('/').next()? {
            "wsgi.py" => Interface::Wsgi,
            "asgi.py" => Interface::Asgi,
            _ => return None,
        };
        Some((found(file, text, named)?, interface))
    };
    functions.next().or_else(|| files.iter().find_map(by_name))
}

/// The name of a module, of files from the folder on that it is imported from.
fn module(file: &str) -> String {
    let module = file.trim_end_matches(".py").trim_end_matches("/__init__");
    // A package is installed from there, and `src` is none itself.
    let module = match module.split_once("src/") {
        Some(("", inner)) if inner.contains('/') => inner.strip_prefix("py/").unwrap_or(inner),
        _ => module,
    };
    module.replace('/', ".")
}

/// Files of Python below a folder, those of a folder before those of the folders in it.
fn list(root: &Path, below: &str, depth: usize, files: &mut Vec<String>) {
    let entries = fs::read_dir(root.join(below))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<_> = entries
        .filter_map(|it| it.file_name().into_string().ok())
        .collect();
    names.sort();
    let path = |name: &str| {
        if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        }
    };
    let (folders, own): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|it| root.join(path(it)).is_dir());
    files.extend(
        own.iter()
            .filter(|it| Path::new(it).extension().is_some_and(|it| it == "py"))
            .map(|it| path(it)),
    );
    files.truncate(MOST);
    for name in folders {
        if depth < DEEPEST && !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str()) {
            list(root, &path(&name), depth + 1, files);
        }
    }
}
