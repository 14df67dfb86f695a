//! A project of Node.js → how it is installed, built and started, and how its database comes to its form.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::bounded;

const LARGEST: u64 = 1 << 20;
/// Where schemas of Prisma lie, and files of other tools.
const SCHEMAS: [&str; 4] = [
    "prisma/schema.prisma",
    "schema.prisma",
    "src/prisma/schema.prisma",
    "db/schema.prisma",
];
const KNEXFILES: [&str; 6] = [
    "knexfile.js",
    "knexfile.ts",
    "knexfile.cjs",
    "knexfile.mjs",
    "src/knexfile.js",
    "src/knexfile.ts",
];
const DATA_SOURCES: [&str; 10] = [
    "data-source",
    "ormconfig",
    "src/data-source",
    "src/ormconfig",
    "src/database/data-source",
    "src/db/data-source",
    "src/config/data-source",
    "src/config/typeorm",
    "src/typeorm.config",
    "typeorm.config",
];
const DRIZZLE: [&str; 3] = [
    "drizzle.config.ts",
    "drizzle.config.js",
    "drizzle.config.mjs",
];
/// What brings a database to its form, in the words of a script.
const MIGRATING: &str = r"prisma (?:migrate deploy|db push)|knex\S* (?:\S+ )*?migrate:latest|typeorm\S* (?:\S+ )*?(?:migration:run|schema:sync)|(?:sequelize|sequelize-cli) (?:\S+ )*?db:migrate(?:\s|$)|drizzle-kit (?:migrate|push)|mikro-orm migration:up|node-pg-migrate (?:\S+ )*?up\b|db-migrate (?:\S+ )*?up\b|migrate-mongo up\b|umzug up\b";
/// A script that does something else as well, or for a database that nobody measures.
const OTHERWISE: &str =
    r"(?i)test|undo|down|rollback|revert|reset|drop|seed|prod|dev|watch|docker|heroku|start";
const SOURCE: &str = r"(?s)\bdatasource\s+\w+\s*\{(?P<body>.*?)\}";
const PROVIDER: &str = r#"\bprovider\s*=\s*"(?P<name>\w+)""#;
const URL: &str = r#"\b(?:url|directUrl)\s*=\s*env\(\s*"(?P<name>\w+)"\s*\)"#;

static PATTERNS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    [MIGRATING, OTHERWISE, SOURCE, PROVIDER, URL].map(|it| Regex::new(it).expect("a constant"))
});

/// A project with a package.json.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NodeProject {
    /// The command that installs what package-lock.json and its like name.
    pub(super) install: Vec<&'static str>,
    pub(super) builds: bool,
    /// What starts it in production.
    pub(super) start: Vec<String>,
    /// Commands that bring the database to its form.
    pub(super) setup: Vec<Vec<String>>,
    /// Variables that a schema of Prisma takes its database from, with what they look like.
    pub(super) variables: Vec<(String, String)>,
}

impl NodeProject {
    pub(super) fn find(folder: &Path) -> Option<Self> {
        let package: Value = serde_json::from_str(&read(folder, "package.json")?).ok()?;
        let locks: [(&str, &[&str]); 3] = [
            ("package-lock.json", &["npm", "ci"]),
            ("pnpm-lock.yaml", &["pnpm", "install", "--frozen-lockfile"]),
            ("yarn.lock", &["yarn", "install", "--frozen-lockfile"]),
        ];
        let locked = locks.iter().find(|(lock, _)| folder.join(lock).exists());
        let install = locked.map_or(["npm", "install"].as_slice(), |(_, install)| install);
        let schema = schema(folder, &package);
        let text = schema.as_ref().and_then(|it| read(folder, it.to_str()?));
        let source = text.as_deref().map(DataSource::of).unwrap_or_default();
        Some(Self {
            install: install.to_vec(),
            builds: package["scripts"]["build"].is_string(),
            start: start(&package),
            setup: setup(folder, &package, schema.as_deref(), &source),
            variables: source.variables(),
        })
    }
}

/// Whether a text brings a database to its form by a tool of Node.js.
pub(super) fn migrates(text: &str) -> bool {
    PATTERNS[0].is_match(text)
}

fn read(folder: &Path, name: &str) -> Option<String> {
    bounded::read_text(&folder.join(name), LARGEST).ok()
}

fn uses(package: &Value, name: &str) -> bool {
    let kinds = ["dependencies", "devDependencies"];
    kinds.iter().any(|kind| package[kind][name].is_string())
}

/// The script for production where there is one; what it starts in the place of npm, which keeps signals to itself,
/// where that is one program.
fn start(package: &Value) -> Vec<String> {
    let scripts = &package["scripts"];
    let names = ["start:prod", "start:production", "serve:prod", "start"];
    let script = names
        .iter()
        .find_map(|it| Some((*it, scripts[it].as_str()?)));
    let npm = |name: &str| ["npm", "run", name].map(str::to_owned).to_vec();
    match script {
        Some((_, line)) if line.starts_with("node ") && is_plain(line) => {
            line.split_whitespace().map(str::to_owned).collect()
        }
        Some((name, _)) => npm(name),
        None => match package["main"].as_str() {
            Some(main) => vec!["node".to_owned(), main.to_owned()],
            None => npm("start"),
        },
    }
}

/// Whether a line needs no shell.
fn is_plain(line: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || " ./_-=@:,".contains(it);
    line.chars().all(is_plain)
}

fn schema(folder: &Path, package: &Value) -> Option<PathBuf> {
    let named = package["prisma"]["schema"].as_str();
    let all = named.into_iter().chain(SCHEMAS);
    let mut there = all.filter(|it| folder.join(it).is_file());
    there.next().map(PathBuf::from)
}

/// The script that migrates; else what the tool of the project is called by.
fn setup(
    folder: &Path,
    package: &Value,
    schema: Option<&Path>,
    source: &DataSource,
) -> Vec<Vec<String>> {
    let has = |names: &[&'static str]| names.iter().copied().find(|it| folder.join(it).is_file());
    let words = |line: &str| vec![line.split(' ').map(str::to_owned).collect::<Vec<_>>()];
    let is_started_with = package["scripts"]["start"].as_str().is_some_and(migrates);
    if is_started_with || source.is_file() {
        return Vec::new();
    }
    if let Some(name) = script(package) {
        return words(&format!("npm run {name}"));
    }
    if let Some(schema) =
        schema.filter(|_| uses(package, "prisma") || uses(package, "@prisma/client"))
    {
        let is_named = package["prisma"]["schema"].is_string();
        let is_usual = schema.to_str().is_some_and(|it| SCHEMAS[..2].contains(&it));
        let option = if is_named || is_usual {
            String::new()
        } else {
            format!(" --schema {}", schema.display())
        };
        let migrations = folder.join(schema).with_file_name("migrations");
        let command = if migrations.is_dir() && source.provider != "mongodb" {
            "migrate deploy"
        } else {
            "db push"
        };
        return words(&format!("npx prisma {command}{option}"));
    }
    if uses(package, "knex")
        && let Some(file) = has(&KNEXFILES)
    {
        let option = if file.contains('/') {
            format!(" --knexfile {file}")
        } else {
            String::new()
        };
        return words(&format!("npx knex migrate:latest{option}"));
    }
    if uses(package, "sequelize-cli")
        && (folder.join(".sequelizerc").is_file() || folder.join("migrations").is_dir())
    {
        return words("npx sequelize-cli db:migrate");
    }
    if uses(package, "drizzle-kit") && has(&DRIZZLE).is_some() {
        let has_migrations = ["drizzle", "migrations", "src/drizzle", "src/db/migrations"];
        let is_there = has_migrations.iter().any(|it| folder.join(it).is_dir());
        let command = if is_there { "migrate" } else { "push" };
        return words(&format!("npx drizzle-kit {command}"));
    }
    if uses(package, "typeorm") {
        return typeorm(folder).map(|it| words(&it)).unwrap_or_default();
    }
    Vec::new()
}

/// The migrations of `TypeORM`, where a file describes its database.
fn typeorm(folder: &Path) -> Option<String> {
    let described = |base: &&str| {
        ["ts", "js"].into_iter().find_map(|ending| {
            let path = format!("{base}.{ending}");
            let text = read(folder, &path)?;
            let is_one = text.contains("new DataSource(") && text.contains("migrations");
            is_one.then_some((path, ending))
        })
    };
    let (path, ending) = DATA_SOURCES.iter().find_map(described)?;
    let program = if ending == "ts" {
        "typeorm-ts-node-commonjs"
    } else {
        "typeorm"
    };
    Some(format!("npx {program} migration:run -d {path}"))
}

/// The script that migrates and does nothing else, the shortest of several.
fn script(package: &Value) -> Option<&str> {
    let scripts = package["scripts"].as_object()?;
    let lines = scripts
        .iter()
        .filter_map(|(name, it)| Some((name, it.as_str()?)));
    let own = lines.filter(|(name, line)| {
        let is_alone = !line.contains(['&', '|', ';']);
        migrates(line) && is_alone && !PATTERNS[1].is_match(name) && !line.contains("--env test")
    });
    let names = own.map(|(name, _)| name.as_str());
    names.min_by_key(|it| it.len())
}

/// Where a schema of Prisma has its database.
#[derive(Debug, Default, PartialEq, Eq)]
struct DataSource {
    provider: String,
    names: Vec<String>,
}

impl DataSource {
    fn of(schema: &str) -> Self {
        let Some(source) = PATTERNS[2].captures(schema) else {
            return Self::default();
        };
        let body = &source["body"];
        let provider = PATTERNS[3].captures(body);
        let names = PATTERNS[4].captures_iter(body);
        Self {
            provider: provider.map_or_else(String::new, |it| it["name"].to_owned()),
            names: names.map(|it| it["name"].to_owned()).collect(),
        }
    }

    /// Whether the database is a file, which the image has or the server makes.
    fn is_file(&self) -> bool {
        self.provider == "sqlite"
    }

    fn variables(self) -> Vec<(String, String)> {
        let value = match self.provider.as_str() {
            "postgresql" | "postgres" => "postgresql://localhost:5432/app",
            "mysql" => "mysql://root@localhost:3306/app",
            "mongodb" => "mongodb://localhost:27017/app",
            _ => return Vec::new(),
        };
        let names = self.names.into_iter();
        names.map(|it| (it, value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn project(files: &[(&str, &str)]) -> NodeProject {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        NodeProject::find(folder.path()).expect("a project")
    }

    fn commands(files: &[(&str, &str)]) -> Vec<String> {
        let project = project(files);
        project.setup.iter().map(|it| it.join(" ")).collect()
    }

    const SCHEMA: &str = "generator client {\n  provider = \"prisma-client-js\"\n}\n\ndatasource db {\n  \
                          provider  = \"postgresql\"\n  url = env(\"PG_URL\")\n  directUrl = env(\"DIRECT_URL\")\n}\n";
    const PRISMA: &str =
        r#"{"dependencies": {"@prisma/client": "6"}, "devDependencies": {"prisma": "6"}}"#;

    #[test]
    fn a_schema_of_prisma_is_deployed_or_pushed() {
        let package = ("package.json", PRISMA);
        let schema = ("prisma/schema.prisma", SCHEMA);
        let migration = ("prisma/migrations/1_init/migration.sql", "");
        assert_eq!(
            commands(&[package, schema, migration]),
            ["npx prisma migrate deploy"]
        );
        assert_eq!(commands(&[package, schema]), ["npx prisma db push"]);
        assert_eq!(
            commands(&[package, ("src/prisma/schema.prisma", SCHEMA)]),
            ["npx prisma db push --schema src/prisma/schema.prisma"]
        );
        let named =
            r#"{"dependencies": {"@prisma/client": "6"}, "prisma": {"schema": "db/my.prisma"}}"#;
        let files = [("package.json", named), ("db/my.prisma", SCHEMA)];
        assert_eq!(commands(&files), ["npx prisma db push"]);
        let variables = project(&files).variables;
        let found: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, ["PG_URL", "DIRECT_URL"]);
        assert!(
            variables
                .iter()
                .all(|(_, it)| it.starts_with("postgresql://"))
        );
        let sqlite = SCHEMA.replace("postgresql", "sqlite");
        let found = project(&[package, ("schema.prisma", &sqlite)]);
        assert_eq!((found.setup, found.variables), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_script_that_migrates_comes_before_its_tool() {
        let package = r#"{"scripts": {
            "start": "node dist/main.js",
            "migrate:test": "knex migrate:latest --env test",
            "migrate:undo": "knex migrate:rollback",
            "db:migrate": "knex --knexfile x.js migrate:latest",
            "all": "knex migrate:latest && node seed.js"
        }, "dependencies": {"knex": "3"}}"#;
        assert_eq!(
            commands(&[("package.json", package)]),
            ["npm run db:migrate"]
        );
        let started = r#"{"scripts": {"start": "prisma migrate deploy && node ."}, "dependencies": {"prisma": "6"}}"#;
        let files = [("package.json", started), ("prisma/schema.prisma", SCHEMA)];
        assert_eq!(commands(&files), Vec::<String>::new());
    }

    #[test]
    fn tools_are_known_by_their_files() {
        let of = |uses: &str, file: &str, text: &str| {
            let package = format!("{{\"dependencies\": {{\"{uses}\": \"1\"}}}}");
            commands(&[("package.json", &package), (file, text)])
        };
        assert_eq!(of("knex", "knexfile.js", ""), ["npx knex migrate:latest"]);
        assert_eq!(
            of("knex", "src/knexfile.ts", ""),
            ["npx knex migrate:latest --knexfile src/knexfile.ts"]
        );
        assert_eq!(
            of("sequelize-cli", "migrations/1.js", ""),
            ["npx sequelize-cli db:migrate"]
        );
        assert_eq!(
            of("drizzle-kit", "drizzle.config.ts", ""),
            ["npx drizzle-kit push"]
        );
        let source = "export default new DataSource({ migrations: ['x'] })";
        assert_eq!(
            of("typeorm", "src/data-source.ts", source),
            ["npx typeorm-ts-node-commonjs migration:run -d src/data-source.ts"]
        );
        assert_eq!(
            of("typeorm", "src/data-source.ts", ""),
            Vec::<String>::new()
        );
        assert_eq!(of("knex", "readme", ""), Vec::<String>::new());
    }

    #[test]
    fn the_script_for_production_starts_it() {
        let start = |text: &str| project(&[("package.json", text)]).start.join(" ");
        assert_eq!(
            start(r#"{"scripts": {"start": "nest start", "start:prod": "node dist/main"}}"#),
            "node dist/main"
        );
        assert_eq!(
            start(r#"{"scripts": {"start": "NODE_ENV=x node ."}}"#),
            "npm run start"
        );
        assert_eq!(start(r#"{"main": "server.js"}"#), "node server.js");
        assert_eq!(start("{}"), "npm run start");
    }
}
