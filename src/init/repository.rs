//! What the files of a repository say about its server.

use std::path::{Path, PathBuf};

use super::alembic::Alembic;
use super::commands;
use super::dependencies::Dependencies;
use super::environment::Environment;
use super::frameworks::{Framework, source_below};
use super::hosts::allowed_host;
use super::login::Login;
use super::node;
use super::ports;
use super::requests::{Requests, Search};
use super::rust::RustServer;
use super::rust_config;
use super::services;
use super::settings;
use super::variables::{Variables, scheme_of, set_scheme};
use crate::compose::{
    self, Cache, Database, Folder, Other, Project, Request, Server, Source, Stack, Wanted,
    dockerfile_of,
};
use crate::report::printable;

/// What a server is called where nothing has a name for it.
const SERVER: &str = "app";
/// Letters of the longest name of one.
const LONGEST_NAME: usize = 40;
const POSTGRES: (&str, [&str; 9]) = (
    "postgres:17",
    [
        "postgres",
        "psycopg",
        "psycopg2",
        "psycopg2-binary",
        "psycopg-binary",
        "asyncpg",
        "pg",
        "pgx",
        "pq",
    ],
);
const REDIS: (&str, [&str; 6]) = (
    "redis:7",
    [
        "redis",
        "django-redis",
        "ioredis",
        "hiredis",
        "go-redis",
        "redigo",
    ],
);

/// A repository with a server in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// What its server is called.
    pub(super) name: String,
    pub(super) framework: Framework,
    /// The compose file that was read.
    pub(super) compose: Option<PathBuf>,
    /// The folder of its source, from the root on; empty where that is the root.
    pub(super) folder: String,
    /// What runs in containers.
    pub(super) stack: Stack,
    /// Commands that bring the database to its form.
    pub(super) setup: Vec<Vec<String>>,
    /// What the server is given beside what the compose file says.
    pub(super) environment: Environment,
    /// What is asked of the server, where a file says so.
    pub(super) requests: Option<Requests>,
    /// How the server gives a token for a name and a password, where some endpoints need one.
    pub(super) login: Option<Login>,
    /// The name that a server wants to be called by, where it refuses its address.
    pub(super) host: Option<String>,
    /// Files that were passed over, and why.
    pub(super) notes: Vec<String>,
}

impl Repository {
    /// Looks at the files of a folder; `by_cargo` for the program that cargo builds there, whatever other
    /// way there is to start it.
    pub(super) fn look_at(root: &Path, by_cargo: bool) -> Self {
        let files = Folder::at(root);
        let mut notes = Vec::new();
        let (compose, stack) = composed(&files, &mut notes).unzip();
        let mut stack: Stack = stack.unwrap_or_default();
        let below = source_below(root);
        let rust = by_cargo.then(|| RustServer::find(&root.join(&below)));
        let rust = rust.flatten();
        if rust.is_some() {
            stack.servers.clear();
        } else {
            of_dockerfile(&files, &mut stack, &mut notes);
        }
        let folder = match stack.servers.first() {
            Some(server) => {
                let folder = server.folder(&files).unwrap_or_default();
                let below = source_below(&root.join(&folder));
                folder.join(below)
            }
            None => below,
        };
        let source = root.join(&folder);
        let dependencies = Dependencies::read(root, &source);
        let framework = match rust {
            Some(rust) => Framework::Rust(rust),
            None => Framework::from_folder(&source, &dependencies),
        };
        let rust = match &framework {
            Framework::Rust(rust) => Some(rust),
            _ => None,
        };
        let health = stack.servers.first().and_then(|it| it.health.as_deref());
        let search = Search::from_source(root, &folder, health);
        let variables = Variables::find(root, &folder);
        let read = read_variables(root, &folder, &framework);
        let known = [variables.as_ref(), read.as_ref()];
        databases(&mut stack, &dependencies, rust, known);
        notes.extend(others(&mut stack, &dependencies, known));
        let mut environment =
            Environment::from_repository(root, &mut stack, variables, &dependencies);
        match &read {
            Some(settings) if rust.is_some() => environment.of_settings(settings, &mut stack),
            Some(read) => environment.of_source(read, &mut stack),
            None => {}
        }
        listens(root, &files, &folder, &framework, &mut stack);
        if let Some(rust) = rust {
            notes.extend(environment.require(root, rust, &stack));
        }
        notes.extend(migrations(root, &folder, &framework, &mut stack));
        if let Some(postgres) = &mut stack.postgres
            && postgres.scheme.is_none()
        {
            postgres.scheme = dependencies.scheme();
        }
        let host = match &framework {
            Framework::Django { .. } => allowed_host(root, &source, stack.servers.first()),
            _ => None,
        };
        notes.extend(search.notes);
        let has_login = |it: &Requests| !it.with_login.is_empty();
        let login = search.requests.as_ref().filter(|it| has_login(it));
        let login = login.and_then(|_| Login::find(root, &folder, &environment, &stack));
        notes.extend(rust.and_then(other_programs));
        notes.extend(rust.and_then(|it| it.note.clone()));
        notes.extend(rust.and_then(|it| fixed_address(root, it, &stack)));
        if stack.servers.is_empty() {
            notes.extend(missing(&framework));
        }
        let server = stack.servers.first();
        notes.extend(server.and_then(|it| commands::development(&it.container.command, &it.env)));
        Self {
            name: SERVER.to_owned(),
            compose,
            setup: if is_migrated(root, &framework, &stack) {
                Vec::new()
            } else {
                framework.setup(&source, &dependencies)
            },
            framework,
            folder: folder.to_string_lossy().into_owned(),
            stack,
            environment,
            requests: search.requests,
            login,
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

/// The server of a Dockerfile where there is no other, and what Dockerfiles say of it.
fn of_dockerfile(files: &Folder, stack: &mut Stack, notes: &mut Vec<String>) {
    if stack.servers.is_empty() {
        let found = compose::find_dockerfiles(files);
        if let Some((first, others)) = found.split_first() {
            let others = others.iter().map(dockerfile_of);
            notes.extend(choice("Dockerfile", &dockerfile_of(first), others));
            stack
                .servers
                .push(Server::from_source(Source::Build(first.clone())));
        }
    }
    if let Some(server) = stack.servers.first_mut()
        && let Source::Build(build) = &server.source
    {
        server.port = server.port.or_else(|| compose::exposed(files, build));
        let health = server.health.take();
        server.health = health.or_else(|| compose::health(files, build));
    }
}

/// The variables that a source reads. Of Rust, those of files of settings alone: what is read otherwise is known
/// better.
fn read_variables(root: &Path, folder: &Path, framework: &Framework) -> Option<Variables> {
    if matches!(framework, Framework::Rust(_)) {
        return rust_config::variables(root, folder);
    }
    let mut read = settings::variables(root, folder).unwrap_or_default();
    if let Framework::Node(node) = framework {
        read.pairs.splice(0..0, node.variables.iter().cloned());
    }
    (!read.pairs.is_empty()).then_some(read)
}

/// The port of a server in a container, where nothing else has named it.
fn listens(root: &Path, files: &Folder, folder: &Path, framework: &Framework, stack: &mut Stack) {
    let Some(server) = stack.servers.first_mut().filter(|it| it.port.is_none()) else {
        return;
    };
    let in_script = || match framework {
        Framework::Node(node) => ports::of_script(root, folder, &node.start),
        _ => None,
    };
    let port = ports::of_command(files, server);
    server.port = port
        .or_else(in_script)
        .or_else(|| ports::of_source(root, folder));
}

/// Whether a server brings its database to its form itself, as it starts. For Python this counts where the database
/// is a file: no other container sees what a command of its own does to that.
fn is_migrated(root: &Path, framework: &Framework, stack: &Stack) -> bool {
    let migrates = match framework {
        Framework::Node(_) => node::migrates,
        Framework::Django { .. } | Framework::Python(_) if !has_database(stack) => {
            commands::migrates
        }
        _ => return false,
    };
    let Some(server) = stack.servers.first() else {
        return false;
    };
    let read = |path: PathBuf| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let mut texts = vec![server.container.command.join(" ")];
    if let Source::Build(build) = &server.source {
        let dockerfile = read(dockerfile_of(build).into());
        let words = dockerfile.split(|it: char| it.is_whitespace() || "\"',[]".contains(it));
        let scripts = words.filter(|it| Path::new(it).extension().is_some_and(|it| it == "sh"));
        let scripts = scripts.map(|it| it.trim_start_matches("./").trim_start_matches('/'));
        // In the image it may lie elsewhere.
        let scripts = scripts.flat_map(|it| [it, it.rsplit('/').next().unwrap_or(it)]);
        let scripts: Vec<_> = scripts
            .map(|it| read(Path::new(&build.context).join(it)))
            .collect();
        texts.push(dockerfile);
        texts.extend(scripts);
    }
    texts.iter().any(|it| migrates(it))
}

/// Whether a database runs beside the server.
fn has_database(stack: &Stack) -> bool {
    const SQL: [&str; 3] = ["mariadb", "mysql", "percona"];
    let is_sql = |it: &Other| {
        let image = match &it.source {
            Source::Image(image) => image.as_str(),
            Source::Build(_) => &it.name,
        };
        SQL.iter().any(|name| image.contains(name))
    };
    stack.postgres.is_some() || stack.others.iter().any(is_sql)
}

/// Adds services that variables name; what the reader must know of those that a compose file leaves out.
fn others(
    stack: &mut Stack,
    dependencies: &Dependencies,
    known: [Option<&Variables>; 2],
) -> Option<String> {
    let is_composed = stack.servers.iter().any(|it| !it.name.is_empty());
    let mut note = None;
    for (variables, by_name) in known.into_iter().zip([true, false]) {
        let Some(variables) = variables else { continue };
        let found = services::named(variables, by_name, dependencies, &stack.others);
        if !is_composed {
            stack.others.extend(found);
        } else if by_name && !found.is_empty() {
            let names: Vec<_> = found.iter().map(|it| it.name.as_str()).collect();
            let (path, names) = (variables.path.display(), names.join(", "));
            note = Some(printable(&format!(
                "`{path}` names what the compose file does not start: {names}; add it as [service.NAME] where the \
                 server needs it"
            )));
        }
    }
    note
}

/// Adds Postgres and Redis where clients of theirs are used, or variables say where they are.
fn databases(
    stack: &mut Stack,
    dependencies: &Dependencies,
    rust: Option<&RustServer>,
    known: [Option<&Variables>; 2],
) {
    let image = |usual: &str| Source::Image(usual.to_owned());
    let [variables, read] = known;
    let (usual, clients) = (POSTGRES.0, &POSTGRES.1);
    // Some projects have clients of several kinds, of which variables choose one.
    let is_another = variables.is_some_and(Variables::names_another_database)
        && !variables.is_some_and(Variables::names_postgres);
    let is_used = dependencies.any(clients) && !is_another
        || rust.is_some_and(|it| it.uses_postgres)
        || variables.is_some_and(Variables::names_postgres)
        || read.is_some_and(Variables::has_url_of_postgres);
    if stack.postgres.is_none() && is_used {
        stack.postgres = Some(Database::from_source(image(usual)));
    }
    let (usual, clients) = (REDIS.0, &REDIS.1);
    let is_used = dependencies.any(clients)
        || rust.is_some_and(|it| it.uses_redis)
        || variables.is_some_and(Variables::names_redis);
    if stack.redis.is_none() && is_used {
        stack.redis = Some(Cache::from_source(image(usual)));
    }
}

/// The compose file of a repository that is taken, with what it makes of the stack: of those that can be read
/// the first that builds a server, else the first.
fn composed(files: &Folder, notes: &mut Vec<String>) -> Option<(PathBuf, Stack)> {
    let read = |paths: Vec<PathBuf>| {
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
        let stack = Stack::from_project(&project, &Wanted::default()).ok()?;
        Some((paths.first()?.clone(), stack))
    };
    let mut all: Vec<_> = compose::find(files).into_iter().filter_map(read).collect();
    let builds = |(_, stack): &(PathBuf, Stack)| {
        let server = stack.servers.first();
        server.is_some_and(|it| matches!(it.source, Source::Build(_)))
    };
    let taken = all.iter().position(builds).unwrap_or_default();
    let taken = (!all.is_empty()).then(|| all.remove(taken))?;
    let others = all.iter().map(|(path, _)| path.display().to_string());
    notes.extend(choice(
        "compose file",
        &taken.0.display().to_string(),
        others,
    ));
    Some(taken)
}

/// That there were several files to choose from.
fn choice(what: &str, taken: &str, others: impl Iterator<Item = String>) -> Option<String> {
    let others: Vec<_> = others.map(|it| format!("`{it}`")).collect();
    (!others.is_empty()).then(|| {
        let others = others.join(", ");
        printable(&format!(
            "of several {what}s `{taken}` is taken, not {others}"
        ))
    })
}

/// Puts perfgate's database into an alembic.ini that names another, or has it made by files of SQL; what the reader
/// must see to, otherwise.
fn migrations(
    root: &Path,
    folder: &Path,
    framework: &Framework,
    stack: &mut Stack,
) -> Option<String> {
    let postgres = stack.postgres.as_mut()?;
    if let Framework::Go(go) = framework {
        if postgres.init.is_empty() {
            let folder = folder.strip_prefix(".").unwrap_or(folder);
            let files = go.schema.iter().map(|it| folder.join(it));
            postgres.init = files.map(|it| it.to_string_lossy().into_owned()).collect();
        }
        return go.note.clone();
    }
    let mut scheme = scheme_of(stack);
    let found = Alembic::find(root, folder, stack.servers.first(), &mut scheme)?;
    match found {
        Alembic::Noted(note) => return Some(note),
        Alembic::Copied(file) => {
            set_scheme(stack, scheme);
            let server = stack.servers.first_mut()?;
            server.container.files.push(file);
        }
    }
    None
}

/// That the server which is started is not among the dependencies.
fn missing(framework: &Framework) -> Option<String> {
    let Framework::Python(server) = framework else {
        return None;
    };
    let package = server.missing?;
    Some(format!(
        "`run` starts {package}, which is not among the dependencies: install it, or name another server there"
    ))
}

/// That a process of this host listens at one address, so that two builds cannot run side by side.
fn fixed_address(root: &Path, rust: &RustServer, stack: &Stack) -> Option<String> {
    if !stack.servers.is_empty() {
        return None;
    }
    // What cargo says is absolute.
    let root = root.canonicalize().ok()?;
    let (file, address) = ports::fixed(&root, &rust.folder)?;
    Some(printable(&format!(
        "`{file}` listens at {address} whatever HOST and PORT say: have it take the address from them, or measure a \
         container of it, where there is a Dockerfile: `perfgate init --force`"
    )))
}

/// That other programs of a workspace may be meant.
fn other_programs(rust: &RustServer) -> Option<String> {
    const SHOWN: usize = 8;
    let shown = rust.others.iter().take(SHOWN).map(String::as_str);
    let more = rust.others.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    let others: Vec<_> = shown.chain(more.as_deref()).collect();
    let others = others.join(", ");
    (!others.is_empty()).then(|| {
        format!(
            "other packages of the workspace serve too: {others}; `cargo = {{ package = \"NAME\" }}` of a server \
             names another"
        )
    })
}
