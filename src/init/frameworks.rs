//! What a server is written with → how it is started, and how its database comes to its form.

use std::fs;
use std::path::{Path, PathBuf};

use super::dependencies::Dependencies;
use super::go::GoServer;
use super::node::NodeProject;
use super::python::PythonServer;
use super::rust::RustServer;

/// Folders that the source of a server lies in where the root has none.
const FOLDERS: [&str; 8] = [
    "backend", "server", "app", "api", "src", "service", "core", "web",
];
/// Manifests of languages whose programs may serve.
const OTHERS: [&str; 8] = [
    "Cargo.toml",
    "Gemfile",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "go.mod",
    "mix.exs",
    "pom.xml",
];
/// Parts of the names of packages that serve, on Node.js; others are made for browsers.
const NODE: [&str; 9] = [
    "express", "fastify", "hapi", "hono", "koa", "nestjs", "polka", "restify", "sails",
];

/// What the server is written with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framework {
    /// The module that holds the WSGI application, and whether Gunicorn is installed.
    Django {
        wsgi: String,
        gunicorn: bool,
    },
    Python(PythonServer),
    Rust(RustServer),
    Go(GoServer),
    Node(NodeProject),
    Unknown,
}

impl Framework {
    pub(super) const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Django { .. } => Some("Django"),
            Self::Python(server) => Some(server.framework),
            Self::Rust(_) => Some("Rust"),
            Self::Go(_) => Some("Go"),
            Self::Node(_) => Some("Node.js"),
            Self::Unknown => None,
        }
    }

    /// That of a folder, by what it uses.
    pub(super) fn from_folder(folder: &Path, dependencies: &Dependencies) -> Self {
        if dependencies.of_python(&["django"]) && folder.join("manage.py").exists() {
            return Self::Django {
                wsgi: wsgi(folder),
                gunicorn: dependencies.of_python(&["gunicorn"]),
            };
        }
        let python = PythonServer::find(folder, dependencies).map(Self::Python);
        python
            .or_else(|| RustServer::find(folder).map(Self::Rust))
            .or_else(|| GoServer::find(folder).map(Self::Go))
            .or_else(|| NodeProject::find(folder).map(Self::Node))
            .unwrap_or(Self::Unknown)
    }

    /// The migrations of a project, from the folder that its image is built of.
    pub(super) fn setup(&self, source: &Path, dependencies: &Dependencies) -> Vec<Vec<String>> {
        let owned = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        match self {
            Self::Rust(rust) => rust.setup.clone(),
            Self::Node(node) => node.setup.clone(),
            _ => {
                let commands = setup(source, dependencies);
                commands.iter().map(|it| owned(it)).collect()
            }
        }
    }
}

/// The folder of the source below one, from there on: itself, unless nothing there serves and a folder in it
/// does.
pub(super) fn source_below(folder: &Path) -> PathBuf {
    if serves(folder, folder) {
        return PathBuf::new();
    }
    let mut folders = FOLDERS.into_iter();
    let below = folders.find(|name| serves(folder, &folder.join(name)));
    below.map_or_else(PathBuf::new, PathBuf::from)
}

/// Whether a folder has the source of a server, as far as its files show; the one around it may list what it
/// uses.
fn serves(around: &Path, folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let dependencies = Dependencies::read(around, folder);
    // Beside the manifest of another language, Node.js and Python are tools.
    OTHERS.into_iter().any(has)
        || has("manage.py") && dependencies.of_python(&["django"])
        || has("package.json") && dependencies.any(&NODE)
        || folder.is_dir() && PythonServer::find(folder, &dependencies).is_some()
}

/// The migrations of a framework, from the folder that its image is built of.
fn setup(source: &Path, dependencies: &Dependencies) -> Vec<Vec<&'static str>> {
    let has = |name: &str| source.join(name).exists();
    // A script that is run before the server does more than the migrations.
    let scripts = ["scripts/prestart.sh", "prestart.sh"];
    let migrates = |name: &&str| {
        let text = fs::read_to_string(source.join(name)).unwrap_or_default();
        text.contains("alembic upgrade") || text.contains("manage.py migrate")
    };
    if let Some(script) = scripts.into_iter().find(migrates) {
        vec![vec!["bash", script]]
    } else if has("manage.py") && dependencies.of_python(&["django"]) {
        vec![vec!["python", "manage.py", "migrate", "--noinput"]]
    } else if has("alembic.ini") {
        vec![vec!["alembic", "upgrade", "head"]]
    } else if dependencies.of_python(&["aerich"]) && (has("aerich.ini") || names_aerich(source)) {
        vec![vec!["aerich", "upgrade"]]
    } else if dependencies.of_python(&["flask-migrate"])
        && has("migrations/alembic.ini")
        && finds_flask(source)
    {
        vec![vec!["flask", "db", "upgrade"]]
    } else {
        Vec::new()
    }
}

/// Whether a project configures aerich, the migrations of Tortoise ORM.
fn names_aerich(source: &Path) -> bool {
    let project = fs::read_to_string(source.join("pyproject.toml")).unwrap_or_default();
    project.contains("[tool.aerich]")
}

/// Whether Flask's command knows its application without an option.
fn finds_flask(source: &Path) -> bool {
    let read = |name: &str| fs::read_to_string(source.join(name)).unwrap_or_default();
    let is_usual = ["app.py", "wsgi.py"]
        .iter()
        .any(|it| source.join(it).is_file());
    let mut files = [".flaskenv", "Dockerfile"].into_iter().map(read);
    is_usual || files.any(|it| it.contains("FLASK_APP"))
}

/// The package beside manage.py that holds the WSGI application.
pub(super) fn wsgi(root: &Path) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let dependencies = Dependencies::read(folder.path(), folder.path());
        let commands = setup(folder.path(), &dependencies).into_iter();
        commands.map(|it| it.join(" ")).collect()
    }

    #[test]
    fn migrations_of_tortoise_and_flask_are_known_by_their_files() {
        let aerich = [
            ("requirements.txt", "aerich==0.7.2\ntortoise-orm\n"),
            (
                "pyproject.toml",
                "[tool.aerich]\nlocation = \"./migrations\"\n",
            ),
        ];
        assert_eq!(commands(&aerich), ["aerich upgrade"]);
        assert!(commands(&aerich[..1]).is_empty());
        let flask = [
            ("requirements.txt", "Flask-Migrate==4.0.5\n"),
            ("migrations/alembic.ini", ""),
            ("Dockerfile", "FROM python\nENV FLASK_APP shop.py\n"),
        ];
        assert_eq!(commands(&flask), ["flask db upgrade"]);
        assert!(commands(&flask[..2]).is_empty());
    }
}
