//! What the files of a repository say about its server.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::commands;
use super::requests::{Requests, Search};
use super::rust::RustServer;
use crate::compose::{
    self, Cache, Database, Folder, Project, Request, Server, Source, Stack, Wanted,
};

/// What a server is called where nothing has a name for it.
const SERVER: &str = "app";
/// Letters of the longest name of one.
const LONGEST_NAME: usize = 40;
/// Where the application object of a Python service is looked for.
const PYTHON: [&str; 12] = [
    "main.py",
    "app.py",
    "api.py",
    "server.py",
    "asgi.py",
    "wsgi.py",
    "app/main.py",
    "app/__init__.py",
    "app/app.py",
    "src/main.py",
    "src/app.py",
    "api/main.py",
];
const POSTGRES: (&str, [&str; 5]) = (
    "postgres:17",
    ["psycopg", "psycopg2", "psycopg2-binary", "asyncpg", "pg"],
);
const REDIS: (&str, [&str; 4]) = ("redis:7", ["redis", "django-redis", "ioredis", "hiredis"]);

/// A repository with a server in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// What its server is called.
    pub(super) name: String,
    pub(super) framework: Framework,
    /// The compose file that was read.
    pub(super) compose: Option<PathBuf>,
    /// What runs in containers.
    pub(super) stack: Stack,
    /// Commands that bring the database to its form.
    pub(super) setup: Vec<Vec<&'static str>>,
    /// What is asked of the server, where a file says so.
    pub(super) requests: Option<Requests>,
    /// The name that a server wants to be called by, where it refuses its address.
    pub(super) host: Option<String>,
    /// Files that were passed over, and why.
    pub(super) notes: Vec<String>,
}

/// What the server is written with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framework {
    /// The module that holds the WSGI application, and whether Gunicorn is installed.
    Django {
        wsgi: String,
        gunicorn: bool,
    },
    /// Where the application is, as `module:name`.
    FastApi {
        application: String,
    },
    Flask {
        application: String,
        gunicorn: bool,
    },
    Rust(RustServer),
    /// The command that installs what package-lock.json and its like name.
    Node {
        install: Vec<&'static str>,
        builds: bool,
    },
    Unknown,
}

impl Framework {
    pub(super) const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Django { .. } => Some("Django"),
            Self::FastApi { .. } => Some("FastAPI"),
            Self::Flask { .. } => Some("Flask"),
            Self::Rust(_) => Some("Rust"),
            Self::Node { .. } => Some("Node.js"),
            Self::Unknown => None,
        }
    }
}

impl Repository {
    /// Looks at the files of a folder; `by_cargo` for the program that cargo builds there, whatever other
    /// way there is to start it.
    pub(super) fn look_at(root: &Path, by_cargo: bool) -> Self {
        let files = Folder::at(root);
        let (compose, mut stack) = composed(&files).unzip();
        let mut stack: Stack = stack.take().unwrap_or_default();
        let rust = RustServer::find(root).filter(|_| by_cargo);
        if rust.is_some() {
            stack.servers.clear();
        } else if stack.servers.is_empty() {
            let found = compose::find_dockerfile(&files).map(Source::Build);
            stack.servers.extend(found.map(Server::of));
        }
        if let Some(server) = stack.servers.first_mut()
            && let Source::Build(build) = &server.source
        {
            server.port = server.port.or_else(|| compose::exposed(&files, build));
            server.health = server
                .health
                .take()
                .or_else(|| compose::health(&files, build));
        }
        let folder = stack.servers.first().and_then(|it| it.folder(&files));
        let folder = folder.unwrap_or_default();
        let health = stack.servers.first().and_then(|it| it.health.as_deref());
        let search = Search::of(root, &folder, health);
        let source = root.join(&folder);
        let read = |name: &str| {
            let own = fs::read_to_string(source.join(name));
            own.or_else(|_| fs::read_to_string(root.join(name)))
                .unwrap_or_default()
        };
        let python = [
            "pyproject.toml",
            "requirements.txt",
            "requirements.in",
            "Pipfile",
            "setup.cfg",
        ];
        let python = [python.map(read).concat(), split_requirements(&source)].concat();
        let dependencies = words(&[python.clone(), read("package.json")].concat());
        let python = words(&python);
        let framework = match rust {
            Some(rust) => Framework::Rust(rust),
            None => framework(&source, &python),
        };
        let rust = match &framework {
            Framework::Rust(rust) => Some(rust),
            _ => None,
        };
        let used = |(usual, clients): (&str, &[&str]), by_rust: bool| {
            let mut clients = clients.iter();
            let is_used = clients.any(|it| dependencies.iter().any(|word| word == it));
            (is_used || by_rust).then(|| Source::Image(usual.to_owned()))
        };
        if stack.postgres.is_none() {
            let by_rust = rust.is_some_and(|it| it.uses_postgres);
            stack.postgres = used((POSTGRES.0, &POSTGRES.1), by_rust).map(Database::of);
        }
        if let Some(postgres) = &mut stack.postgres
            && postgres.scheme.is_none()
        {
            postgres.scheme = scheme(&python);
        }
        let by_rust = rust.is_some_and(|it| it.uses_redis);
        stack.redis = stack
            .redis
            .or_else(|| used((REDIS.0, &REDIS.1), by_rust).map(Cache::of));
        let host = match &framework {
            Framework::Django { .. } => allowed_host(root, &source, stack.servers.first()),
            _ => None,
        };
        let mut notes = search.notes;
        notes.extend(rust.and_then(other_programs));
        let server = stack.servers.first();
        notes.extend(server.and_then(|it| commands::development(&it.container.command, &it.env)));
        Self {
            name: SERVER.to_owned(),
            compose,
            setup: rust.map_or_else(|| setup(&source, &python), |it| it.setup.clone()),
            framework,
            stack,
            requests: search.requests,
            host,
            notes,
        }
    }

    /// The same with a name for its server, unless something else in its stack has it.
    pub(super) fn called(self, name: Option<String>) -> Self {
        let is_free = |name: &String| {
            let mut others = self.stack.others.iter().map(|it| it.name.as_str());
            let is_kept = compose::RESERVED.contains(&name.as_str());
            name.len() <= LONGEST_NAME && !is_kept && !others.any(|it| it == name)
        };
        let name = name.filter(is_free).unwrap_or(self.name);
        Self { name, ..self }
    }

    /// Header fields that every request needs.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let host = self.host.iter();
        host.map(|it| ("Host".to_owned(), it.clone())).collect()
    }

    /// The server, where it runs in a container.
    pub(super) fn server(&self) -> Option<&Server> {
        self.stack.servers.first()
    }

    /// The path of the server's health check.
    pub(super) fn health(&self) -> Option<&str> {
        self.server()?.health.as_deref()
    }

    /// What was found, for people.
    pub(super) fn describe(&self) -> String {
        let Stack {
            postgres,
            redis,
            others,
            ..
        } = &self.stack;
        let server = self.server().map(|it| it.source.describe());
        let services = [
            postgres.as_ref().map(|it| &it.source),
            redis.as_ref().map(|it| &it.source),
        ];
        let services = services.into_iter().flatten().map(Source::describe);
        let parts = [
            self.framework.name().map(str::to_owned),
            self.compose.as_ref().map(|it| it.display().to_string()),
            server,
        ];
        let parts = parts.into_iter().flatten().chain(services);
        let parts: Vec<_> = parts
            .chain(others.iter().map(|it| it.name.clone()))
            .collect();
        if parts.is_empty() {
            "nothing that says how the server starts".into()
        } else {
            parts.join(", ")
        }
    }
}

/// The files of a folder of requirements, one for each environment.
fn split_requirements(source: &Path) -> String {
    let entries = fs::read_dir(source.join("requirements"))
        .into_iter()
        .flatten();
    let paths = entries.flatten().map(|it| it.path());
    let files = paths.filter(|it| it.extension().is_some_and(|it| it == "txt" || it == "in"));
    files.filter_map(|it| fs::read_to_string(it).ok()).collect()
}

/// The first compose file of a repository that can be read, with what it makes of the stack.
fn composed(files: &Folder) -> Option<(PathBuf, Stack)> {
    compose::find(files).into_iter().find_map(|paths| {
        let request = Request {
            paths: &paths,
            env_files: &[],
            profiles: &[],
            files,
            // What is written must not depend on who writes it.
            process: &|_| None,
            is_lenient: true,
        };
        let project = Project::load(&request).ok()?;
        let stack = Stack::of(&project, &Wanted::default()).ok()?;
        Some((paths.first()?.clone(), stack))
    })
}

fn framework(root: &Path, python: &[String]) -> Framework {
    let installed = |name: &str| python.iter().any(|word| word == name);
    let gunicorn = installed("gunicorn");
    if installed("django") && root.join("manage.py").exists() {
        let wsgi = wsgi(root);
        return Framework::Django { wsgi, gunicorn };
    }
    if installed("fastapi") {
        let application = application(root, "FastAPI(").unwrap_or_else(|| "main:app".into());
        return Framework::FastApi { application };
    }
    if installed("flask") {
        let application = application(root, "Flask(").unwrap_or_else(|| "app:app".into());
        return Framework::Flask {
            application,
            gunicorn,
        };
    }
    let rust = RustServer::find(root).map(Framework::Rust);
    rust.or_else(|| node(root)).unwrap_or(Framework::Unknown)
}

/// That other programs of a workspace may be meant.
fn other_programs(rust: &RustServer) -> Option<String> {
    let others = rust.others.join(", ");
    (!others.is_empty()).then(|| {
        format!(
            "other packages of the workspace serve too: {others}; `cargo = {{ package = \"NAME\" }}` of a server \
             names another"
        )
    })
}

/// The first name of `ALLOWED_HOSTS` where a Django server answers to names alone: as a variable of that name
/// says, else its settings. Requests carry the address of the server otherwise.
fn allowed_host(root: &Path, source: &Path, server: Option<&Server>) -> Option<String> {
    const NAME: &str = "ALLOWED_HOSTS";
    let is_named = |name: &str| name.trim().to_uppercase().ends_with(NAME);
    let own = server.and_then(|it| it.env.iter().find(|(name, _)| is_named(name)));
    let of_file = |file: &String| {
        let text = fs::read_to_string(root.join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(name, _)| is_named(name))?;
        Some(value.to_owned())
    };
    let of_files = || server.and_then(|it| it.env_files.iter().find_map(of_file));
    let list = own.map(|(_, value)| value.clone()).or_else(of_files);
    let list = list.or_else(|| {
        let settings = fs::read_to_string(settings(source)?).ok()?;
        let (_, list) = settings.split_once(NAME)?;
        let list = list.trim_start().strip_prefix('=')?.trim_start();
        let list = list.strip_prefix(['[', '('])?.split([']', ')']).next()?;
        Some(list.to_owned())
    })?;
    let separates = |letter: char| letter.is_whitespace() || ",;'\"[]()".contains(letter);
    let names: Vec<_> = list.split(separates).filter(|it| !it.is_empty()).collect();
    if names.iter().any(|it| ["*", "127.0.0.1"].contains(it)) {
        return None;
    }
    // Without any name a server under development takes its address.
    let name = names.first()?.trim_start_matches('.');
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "-.:".contains(letter);
    name.chars().all(is_of_name).then(|| name.to_owned())
}

/// The settings of a Django project, beside the module of its server.
fn settings(source: &Path) -> Option<PathBuf> {
    let package = wsgi(source);
    let package = source.join(package.strip_suffix(".wsgi").unwrap_or_default());
    let names = ["settings.py", "settings/base.py", "settings/__init__.py"];
    let mut paths = names.into_iter().map(|it| package.join(it));
    paths.find(|it| it.is_file())
}

/// The scheme by which `SQLAlchemy` takes the driver that there is: by a plain one, newer versions take psycopg 3.
fn scheme(python: &[String]) -> Option<String> {
    let has = |names: &[&str]| python.iter().any(|it| names.contains(&it.as_str()));
    let is_for_sqlalchemy = has(&["sqlalchemy", "flask-sqlalchemy", "sqlmodel"]);
    let has_old_driver_alone =
        has(&["psycopg2", "psycopg2-binary"]) && !has(&["psycopg", "django"]);
    (is_for_sqlalchemy && has_old_driver_alone).then(|| "postgresql+psycopg2".to_owned())
}

/// The migrations of a framework, from the folder that its image is built of.
fn setup(source: &Path, python: &[String]) -> Vec<Vec<&'static str>> {
    let has = |name: &str| source.join(name).exists();
    let is_used = |name: &str| python.iter().any(|it| it == name);
    if has("manage.py") && is_used("django") {
        vec![vec!["python", "manage.py", "migrate", "--noinput"]]
    } else if has("alembic.ini") {
        vec![vec!["alembic", "upgrade", "head"]]
    } else {
        Vec::new()
    }
}

/// The package beside manage.py that holds the WSGI application.
fn wsgi(root: &Path) -> String {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut packages: Vec<_> = entries
        .filter(|entry| entry.path().join("wsgi.py").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    packages.sort();
    let package = packages
        .into_iter()
        .next()
        .unwrap_or_else(|| "config".into());
    format!("{package}.wsgi")
}

/// Where a line makes the application, as `module:name`.
fn application(root: &Path, made: &str) -> Option<String> {
    PYTHON.into_iter().find_map(|file| {
        let text = fs::read_to_string(root.join(file)).ok()?;
        let mut made = text.lines().filter(|line| line.contains(made));
        let name = made.find_map(|line| Some(line.split_once('=')?.0.split(':').next()?.trim()))?;
        let is_name = name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_');
        let module = file.trim_end_matches(".py").trim_end_matches("/__init__");
        let module = module.replace('/', ".");
        (is_name && !name.is_empty()).then(|| format!("{module}:{name}"))
    })
}

fn node(root: &Path) -> Option<Framework> {
    let text = fs::read_to_string(root.join("package.json")).ok()?;
    let package: Value = serde_json::from_str(&text).ok()?;
    let locks: [(&str, &[&str]); 3] = [
        ("package-lock.json", &["npm", "ci"]),
        ("pnpm-lock.yaml", &["pnpm", "install", "--frozen-lockfile"]),
        ("yarn.lock", &["yarn", "install", "--frozen-lockfile"]),
    ];
    let locked = locks.iter().find(|(lock, _)| root.join(lock).exists());
    let install = locked.map_or(["npm", "install"].as_slice(), |(_, install)| install);
    Some(Framework::Node {
        install: install.to_vec(),
        builds: package["scripts"]["build"].is_string(),
    })
}

/// The names in a list of dependencies, in whatever form it is.
fn words(text: &str) -> Vec<String> {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let words = text.split(|letter| !inside(letter));
    words
        .filter(|it| !it.is_empty())
        .map(str::to_lowercase)
        .collect()
}
