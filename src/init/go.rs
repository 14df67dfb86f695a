//! A module of Go → the program that serves, and how its database comes to its form.

use std::fs;
use std::path::Path;

use crate::bounded;

const LARGEST: u64 = 1 << 18;
/// What a program that serves is called, of several.
const PROGRAMS: [&str; 8] = [
    "server", "api", "web", "http", "app", "main", "service", "backend",
];
/// Folders of migrations.
const MIGRATIONS: [&str; 12] = [
    "migrations",
    "db/migrations",
    "db/migration",
    "database/migrations",
    "sql/migrations",
    "internal/database/migrations",
    "internal/db/migrations",
    "migrate/migrations",
    "sql/schema",
    "schema",
    "migration",
    "scripts/migrations",
];

/// A service of Go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GoServer {
    /// The package of its program, such as `./cmd/server`; nothing where there is none.
    pub(super) package: Option<String>,
    /// Files of SQL that its tables are made by, from the module's folder on.
    pub(super) schema: Vec<String>,
    /// What the reader must see to.
    pub(super) note: Option<String>,
}

impl GoServer {
    /// The one of a folder with a go.mod. What uses a library of migrations runs them itself.
    pub(super) fn find(folder: &Path) -> Option<Self> {
        let module = bounded::read_text(&folder.join("go.mod"), LARGEST).ok()?;
        let migrates_itself = [
            "golang-migrate",
            "pressly/goose",
            "rubenv/sql-migrate",
            "amacneil/dbmate",
        ]
        .iter()
        .any(|it| module.contains(it));
        let (schema, note) = if migrates_itself {
            (Vec::new(), None)
        } else {
            schema(folder)
        };
        Some(Self {
            package: program(folder),
            schema,
            note,
        })
    }
}

/// The package of the program that serves: the root, or one of `cmd/`.
fn program(folder: &Path) -> Option<String> {
    let is_main = |folder: &Path| {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files = files.map(|it| it.path());
        files.any(|path| {
            let is_go = path.extension().is_some_and(|it| it == "go");
            let text = || bounded::read_text(&path, LARGEST).unwrap_or_default();
            is_go && text().lines().any(|it| it.trim() == "func main() {")
        })
    };
    if is_main(folder) {
        return Some(".".to_owned());
    }
    let entries = fs::read_dir(folder.join("cmd")).into_iter().flatten();
    let entries = entries.flatten().map(|it| it.path());
    let mut programs: Vec<_> = entries
        .filter(|it| it.is_dir() && is_main(it))
        .filter_map(|it| it.file_name()?.to_str().map(str::to_owned))
        .collect();
    programs.sort();
    let rank = |name: &String| {
        let place = PROGRAMS.iter().position(|it| name.contains(it));
        place.unwrap_or(PROGRAMS.len())
    };
    let best = programs.into_iter().min_by_key(rank);
    best.map(|it| format!("./cmd/{it}"))
        .or_else(|| is_main(&folder.join("cmd")).then(|| "./cmd".to_owned()))
}

/// The migrations of golang-migrate, which are plain SQL. Those of others go both ways in one file.
fn schema(folder: &Path) -> (Vec<String>, Option<String>) {
    let names = |below: &str| {
        let entries = fs::read_dir(folder.join(below)).into_iter().flatten();
        let names = entries
            .flatten()
            .filter_map(|it| it.file_name().into_string().ok());
        let mut names: Vec<_> = names
            .filter(|it| Path::new(it).extension().is_some_and(|it| it == "sql"))
            .collect();
        names.sort();
        names
    };
    for below in MIGRATIONS {
        let all = names(below);
        let up: Vec<_> = all.iter().filter(|it| it.ends_with(".up.sql")).collect();
        if !up.is_empty() {
            return (up.iter().map(|it| format!("{below}/{it}")).collect(), None);
        }
        let text = |name: &String| {
            bounded::read_text(&folder.join(below).join(name), LARGEST).unwrap_or_default()
        };
        let tools = [
            ("+goose Up", "goose"),
            ("-- migrate:up", "dbmate"),
            ("+migrate Up", "sql-migrate"),
        ];
        let tool = all.iter().map(text).find_map(|text| {
            let tool = tools.iter().find(|(mark, _)| text.contains(mark));
            tool.map(|(_, name)| *name)
        });
        if let Some(tool) = tool {
            let note = format!(
                "migrations of `{below}` are for {tool}: run it by `setup` of the server where the server does not \
                 run them itself, such as [[\"{tool}\", …]] with {{postgres.url}}"
            );
            return (Vec::new(), Some(note));
        }
    }
    (Vec::new(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(files: &[(&str, &str)]) -> GoServer {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        GoServer::find(folder.path()).expect("a module")
    }

    const MAIN: &str = "package main\n\nfunc main() {\n}\n";

    #[test]
    fn the_program_that_serves_is_found() {
        let module = ("go.mod", "module shop\n");
        let package = |files: &[(&str, &str)]| server(files).package;
        assert_eq!(package(&[module, ("main.go", MAIN)]).as_deref(), Some("."));
        let two = [
            module,
            ("cmd/migrate/main.go", MAIN),
            ("cmd/api-server/main.go", MAIN),
        ];
        assert_eq!(package(&two).as_deref(), Some("./cmd/api-server"));
        assert_eq!(
            package(&[module, ("cmd/main.go", MAIN)]).as_deref(),
            Some("./cmd")
        );
        assert_eq!(package(&[module, ("shop.go", "package shop\n")]), None);
    }

    #[test]
    fn migrations_of_plain_sql_make_the_tables() {
        let module = ("go.mod", "module shop\n");
        let up = ("migrations/000001_a.up.sql", "CREATE TABLE a ();");
        let down = ("migrations/000001_a.down.sql", "DROP TABLE a;");
        let more = ("migrations/000002_b.up.sql", "");
        let found = server(&[module, more, up, down]);
        assert_eq!(
            found.schema,
            ["migrations/000001_a.up.sql", "migrations/000002_b.up.sql"]
        );
        let own = (
            "go.mod",
            "require github.com/golang-migrate/migrate/v4 v4.17.0\n",
        );
        assert_eq!(server(&[own, up]).schema, Vec::<String>::new());
        let goose = server(&[
            module,
            ("sql/schema/1.sql", "-- +goose Up\n-- +goose Down\n"),
        ]);
        assert!(goose.note.is_some_and(|it| it.contains("goose")) && goose.schema.is_empty());
    }
}
