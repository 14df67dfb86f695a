//! Source files of a server → the GET routes that they spell out. Only what is certain counts: a route
//! below a prefix that cannot be read is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::endpoint::{Endpoint, Found, LeftOut, name_of};
use super::route::Route;
use super::{django, go, litestar, python, rust, script};
use crate::bounded;

/// Source files that are looked through, folders below one another, and bytes of a file.
const MOST_FILES: usize = 400;
const DEEPEST: usize = 5;
const LARGEST: u64 = 1 << 18;
/// Folders that hold no routes of the server.
const PASSED_OVER: [&str; 13] = [
    "node_modules",
    "target",
    "venv",
    "site-packages",
    "dist",
    "build",
    "vendor",
    "migrations",
    "static",
    "test",
    "tests",
    "e2e",
    "examples",
];
/// Segments of paths that nobody measures: they change something, end a session or never end.
const UNFIT: [&str; 22] = [
    "admin",
    "callback",
    "delete",
    "django-admin",
    "docs",
    "events",
    "favicon.ico",
    "login",
    "logout",
    "media",
    "metrics",
    "openapi.json",
    "password",
    "redoc",
    "refresh",
    "register",
    "signup",
    "sse",
    "static",
    "stream",
    "token",
    "ws",
];

const GUARDED: &str = r"(?i)login_required|permission_required|permission_classes|jwt|token|authenti|authoriz|\bauth\b|\bauthed|auth_?user|claims|bearer|current_user|current_active|superuser|logged_?in|logged_?user|isauth|requireauth";

/// What takes a user where there is one, and lets others by as well.
const OPTIONAL: &str =
    r"required\s*=\s*False|auto_error\s*=\s*False|(?i:optional_?(?:current_?)?(?:user|auth))";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |text| Regex::new(text).expect("a constant");
    Patterns {
        guarded: regex(GUARDED),
        optional: regex(OPTIONAL),
    }
});

struct Patterns {
    guarded: Regex,
    optional: Regex,
}

/// The routes below a folder, and the file that the first is of.
pub(super) fn found(root: &Path, source: &Path) -> Option<(PathBuf, Found)> {
    let files = sources(root, source);
    let mut routes = Routes::default();
    for read in [
        django::routes,
        python::routes,
        litestar::routes,
        rust::routes,
        script::routes,
        go::routes,
    ] {
        for route in read(&files) {
            let file = &files[route.file].0;
            routes.reading(file, |routes| routes.add_route(&route));
        }
    }
    let first = routes.first?;
    let shown = first.strip_prefix(root).unwrap_or(&first).to_owned();
    Some((shown, routes.found))
}

/// The source files below a folder.
pub(in crate::init) fn sources(root: &Path, source: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    list(&root.join(source), 0, &mut files);
    let read = |file: PathBuf| {
        let text = bounded::read_text(&file, LARGEST).ok()?;
        Some((file, text))
    };
    files.into_iter().filter_map(read).collect()
}

/// Source files, those of a folder before those of the folders in it.
fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|it| it.path()).collect();
    entries.sort();
    let (folders, own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|it| it.is_dir());
    let is_source = |path: &PathBuf| {
        let ending = path.extension().and_then(|it| it.to_str());
        ending.is_some_and(|it| ["py", "rs", "js", "mjs", "cjs", "ts", "go"].contains(&it))
    };
    files.extend(own.into_iter().filter(is_source));
    files.truncate(MOST_FILES);
    if depth == DEEPEST {
        return;
    }
    for folder in folders {
        let name = folder
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if !name.starts_with('.') && !PASSED_OVER.contains(&name) {
            list(&folder, depth + 1, files);
        }
    }
}

#[derive(Debug, Default)]
struct Routes {
    found: Found,
    first: Option<PathBuf>,
}

impl Routes {
    fn count(&self) -> usize {
        self.found.endpoints.len() + self.found.with_login.len()
    }

    /// Remembers the file that the first route is of.
    fn reading(&mut self, file: &Path, read: impl FnOnce(&mut Self)) {
        let before = self.count();
        read(self);
        if self.first.is_none() && self.count() > before {
            self.first = Some(file.to_owned());
        }
    }

    fn add_route(&mut self, route: &Route) {
        if route.is_get {
            self.add(&route.path, &route.words);
        } else {
            self.found.leave_out(LeftOut::Method);
        }
    }

    /// A path with what says who may call it.
    fn add(&mut self, path: &str, words: &str) {
        let path = if path.is_empty() { "/" } else { path };
        if is_parameter(path) {
            return self.found.leave_out(LeftOut::NoValue);
        }
        let unfit = |it: &str| {
            let it = it.to_lowercase();
            UNFIT.contains(&it.as_str()) || is_of_failure(&it)
        };
        if !path.starts_with('/') || path.split('/').any(unfit) {
            return;
        }
        let mut all = self.found.endpoints.iter().chain(&self.found.with_login);
        if all.any(|it| it.path == path) {
            return;
        }
        let endpoint = Endpoint::get(&name_of(path), path);
        // Who is logged in already is sent on from a page for all others.
        let sends_users_on =
            words.contains("if current_user.is_authenticated") && !words.contains("required");
        let is_open = sends_users_on || PATTERNS.optional.is_match(words);
        if PATTERNS.guarded.is_match(words) && !is_open {
            self.found.with_login.push(endpoint);
        } else {
            self.found.endpoints.push(endpoint);
        }
    }
}

/// Whether a segment shows a page of errors: `404`, `test500`.
fn is_of_failure(segment: &str) -> bool {
    let rest = segment.strip_prefix("test").unwrap_or(segment);
    rest == "error"
        || rest.len() == 3 && rest.starts_with(['4', '5']) && rest.parse::<u16>().is_ok()
}

/// Whether a path has a place for a value.
fn is_parameter(path: &str) -> bool {
    path.contains(['<', '{', '*', '(']) || path.contains("/:")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths found in some files, and those behind a login.
    fn routes(files: &[(&str, &str)]) -> [Vec<String>; 2] {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let found = found(folder.path(), Path::new("")).map(|(_, found)| found);
        let found = found.unwrap_or_default();
        [found.endpoints, found.with_login].map(|some| some.into_iter().map(|it| it.path).collect())
    }

    #[test]
    fn decorators_of_the_application_are_routes() {
        let text = "from fastapi import Depends, FastAPI\n\napp: FastAPI = FastAPI()\n\n\n\
                    @app.get(\"/health\")\ndef health():\n    return True\n\n\n\
                    @app.get('/items', tags=[\"x\"])\ndef items(user = Depends(current_user)):\n    ...\n\n\n\
                    @app.get(\"/items/{number}\")\ndef item(number: int): ...\n\n\
                    @app.post(\"/items\")\ndef create(): ...\n\n\
                    @router.get(\"/below-a-prefix\")\ndef other(): ...\n";
        let [open, guarded] = routes(&[("main.py", text)]);
        assert_eq!(
            (open, guarded),
            (vec!["/health".into()], vec!["/items".into()])
        );
        let flask = "app = Flask(__name__)\n@app.route(\"/\")\ndef home(): ...\n\n\
                     @app.route(\"/new\", methods=[\"POST\"])\ndef new(): ...\n\n\
                     @app.route(\"/list\", methods=[\"GET\", \"POST\"])\ndef all(): ...\n";
        assert_eq!(routes(&[("app.py", flask)])[0], ["/", "/list"]);
    }

    #[test]
    fn pages_of_errors_are_left_out_and_those_for_guests_are_not() {
        let text = "app = Flask(__name__)\n@app.route(\"/error\")\ndef error(): ...\n\n\
                    @app.route(\"/test404\")\ndef lost(): ...\n\n\
                    @app.route(\"/reset\")\ndef reset():\n    if current_user.is_authenticated:\n        return home()\n\n\
                    @app.route(\"/mine\")\n@login_required\ndef mine():\n    if current_user.is_authenticated: ...\n\n\
                    @app.route(\"/y2040\")\ndef year(): ...\n";
        let [open, guarded] = routes(&[("app.py", text)]);
        assert_eq!(open, ["/reset", "/y2040"]);
        assert_eq!(guarded, ["/mine"]);
    }

    #[test]
    fn routes_of_a_django_project_go_on_in_its_applications() {
        let files = [
            ("config/wsgi.py", ""),
            (
                "config/urls.py",
                "urlpatterns = [\n    path(\"admin/\", admin.site.urls),\n    path(\"health/\", health),\n    \
                 path(\"shop/\", include(\"shop.urls\")),\n    path(\"u/<int:id>/\", user),\n]\n",
            ),
            (
                "shop/urls.py",
                "urlpatterns = [path(\"\", views.home), path(\"products/\", views.products)]\n",
            ),
        ];
        let [open, guarded] = routes(&files);
        assert_eq!(open, ["/health/", "/shop/", "/shop/products/"]);
        assert!(guarded.is_empty());
    }

    #[test]
    fn routes_of_other_languages_are_found() {
        let axum = "fn app() -> Router {\n  Router::new()\n    .route(\"/health\", get(ok))\n    .route(\"/n\", post(new))\n    \
                    .route(\"/notes/{id}\", get(note))\n}\n";
        assert_eq!(routes(&[("src/main.rs", axum)])[0], ["/health"]);
        let actix = "#[get(\"/up\")]\nasync fn up() -> impl Responder {}\n";
        assert_eq!(routes(&[("src/main.rs", actix)])[0], ["/up"]);
        let express = "app.get('/users', list)\napp.get('/users/:id', one)\napp.get('/me', requireAuth, me)\n";
        let [open, guarded] = routes(&[("src/index.js", express)]);
        assert_eq!((open, guarded), (vec!["/users".into()], vec!["/me".into()]));
        let go = "func main() {\n\thttp.HandleFunc(\"/ping\", ping)\n\thttp.HandleFunc(\"GET /items\", items)\n}\n";
        assert_eq!(routes(&[("main.go", go)])[0], ["/ping", "/items"]);
        assert_eq!(
            routes(&[("tests/app.js", express)])[0],
            Vec::<String>::new()
        );
    }
}
