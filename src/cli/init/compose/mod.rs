//! The services of a compose file → the server to measure, its database and what else it needs.

mod file;

use std::fs;
use std::path::Path;

use indexmap::IndexMap;

pub(super) use file::Compose;

use super::container::{Build, copies_its_source, dockerfile_of, path_in};
use file::Service;

/// What a service that is measured could be called.
const SERVERS: [&str; 11] = [
    "web", "app", "api", "backend", "server", "django", "flask", "fastapi", "rails", "service",
    "site",
];
/// Parts of names and commands of what is not measured.
const OTHERS: [&str; 24] = [
    "celery",
    "worker",
    "beat",
    "flower",
    "cron",
    "scheduler",
    "queue",
    "migrat",
    "prestart",
    "init",
    "seed",
    "nginx",
    "traefik",
    "caddy",
    "proxy",
    "frontend",
    "node",
    "docs",
    "mail",
    "test",
    "playwright",
    "adminer",
    "pgadmin",
    "prometheus",
];
/// Names of images, without registry and tag.
const POSTGRES: [&str; 6] = [
    "postgres",
    "postgresql",
    "postgis",
    "pgvector",
    "timescaledb",
    "timescaledb-ha",
];
const REDIS: [&str; 6] = [
    "redis",
    "valkey",
    "keydb",
    "dragonfly",
    "redis-stack",
    "redis-stack-server",
];

/// What is written into perfgate.toml.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) server: Option<Server>,
    pub(super) postgres: Option<Database>,
    pub(super) redis: Option<Source>,
    pub(super) others: Vec<Other>,
    /// Names of services that are not measured and not started.
    pub(super) left_out: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Image(String),
    Build(Build),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) source: Source,
    /// Where it is not the usual one.
    pub(super) scheme: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// What it is called in the compose file.
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) port: Option<u16>,
    pub(super) command: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) env_files: Vec<String>,
    /// There and here.
    pub(super) files: Vec<(String, String)>,
    /// The path that its health check asks for.
    pub(super) health: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) ports: Vec<u16>,
    pub(super) files: Vec<(String, String)>,
    /// The command of its health check.
    pub(super) ready: Vec<String>,
}

impl Source {
    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Image(image) => image.clone(),
            Self::Build(build) if dockerfile_of(build) == "Dockerfile" => "a Dockerfile".into(),
            Self::Build(build) => dockerfile_of(build),
        }
    }
}

impl Database {
    pub(super) const fn of(source: Source) -> Self {
        let scheme = None;
        Self { source, scheme }
    }
}

impl Server {
    /// One of which nothing else is known.
    pub(super) fn of(source: Source) -> Self {
        Self {
            name: String::new(),
            source,
            port: None,
            command: Vec::new(),
            entrypoint: Vec::new(),
            env: Vec::new(),
            env_files: Vec::new(),
            files: Vec::new(),
            health: None,
        }
    }

    /// The folder that its image is built of.
    pub(super) fn folder(&self) -> Option<&str> {
        match &self.source {
            Source::Build(build) => Some(&build.context),
            Source::Image(_) => None,
        }
    }
}

/// What a service is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Postgres,
    Redis,
    Other,
}

impl Stack {
    pub(super) fn of(root: &Path, compose: &Compose) -> Self {
        let services = &compose.services;
        let role = |service: &Service| role(root, service);
        let web = web(root, services);
        let needed = web.map(|it| needed(services, it)).unwrap_or_default();
        let first = |wanted: Role| services.iter().find(|(_, it)| role(it) == Some(wanted));
        let postgres = first(Role::Postgres);
        let redis = first(Role::Redis);
        let mut others = Vec::new();
        let mut left_out = Vec::new();
        for (name, service) in services {
            let is_known = [postgres, redis]
                .iter()
                .flatten()
                .any(|(known, _)| *known == name);
            if Some(name.as_str()) == web || is_known {
                continue;
            }
            let is_service = role(service) == Some(Role::Other) && needed.contains(&name.as_str());
            match other(root, name, service).filter(|_| is_service) {
                Some(other) => others.push(other),
                None => left_out.push(name.clone()),
            }
        }
        let mut texts = Texts {
            postgres,
            redis: redis.map(|(name, _)| name.as_str()),
            others: &others,
            scheme: None,
        };
        let server = web.and_then(|name| server(root, name, &services[name], &mut texts));
        let scheme = texts.scheme;
        Self {
            postgres: postgres.and_then(|(_, it)| {
                let source = source(it)?;
                Some(Database { source, scheme })
            }),
            redis: redis.and_then(|(_, it)| source(it)),
            server,
            others,
            left_out,
        }
    }
}

/// The service to measure: the one that looks most like a server; nothing where none does.
fn web<'a>(root: &Path, services: &'a IndexMap<String, Service>) -> Option<&'a str> {
    let score = |(name, service): (&'a String, &'a Service)| {
        if role(root, service).is_some_and(|it| it != Role::Other) || source(service).is_none() {
            return None;
        }
        let lower = name.to_lowercase();
        let words = std::iter::once(&lower).chain(&service.command);
        let is_another = words
            .clone()
            .any(|word| OTHERS.iter().any(|it| word.contains(it)));
        let parts = |word: &str| lower.split(['-', '_']).any(|part| part == word);
        let score = 4 * i32::from(SERVERS.iter().any(|it| parts(it)))
            + 3 * i32::from(!service.ports.is_empty())
            + 3 * i32::from(service.build.is_some())
            - 6 * i32::from(is_another);
        (score >= 3).then_some((score, name.as_str()))
    };
    let scored = services.iter().filter_map(score);
    // Of equal ones the first.
    let best = scored.reduce(|best, it| if it.0 > best.0 { it } else { best });
    best.map(|(_, name)| name)
}

/// The services that one needs, and those that these need.
fn needed<'a>(services: &'a IndexMap<String, Service>, name: &'a str) -> Vec<&'a str> {
    let mut all = vec![name];
    let mut next = 0;
    while let Some(service) = all.get(next).and_then(|name| services.get(*name)) {
        for name in &service.needs {
            if services.contains_key(name) && !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        next += 1;
    }
    all
}

/// Nothing of what is built from a source of its own.
fn role(root: &Path, service: &Service) -> Option<Role> {
    let image = match &service.build {
        Some(build) => base_of(root, build)?,
        None => service.image.clone()?,
    };
    let name = image
        .rsplit('/')
        .next()?
        .split([':', '@'])
        .next()?
        .to_owned();
    let is_one = |names: &[&str]| names.contains(&name.as_str());
    if is_one(&POSTGRES) {
        Some(Role::Postgres)
    } else if is_one(&REDIS) {
        Some(Role::Redis)
    } else {
        service.build.is_none().then_some(Role::Other)
    }
}

/// The image that a Dockerfile's last stage begins with.
fn base_of(root: &Path, build: &Build) -> Option<String> {
    let text = fs::read_to_string(root.join(dockerfile_of(build))).ok()?;
    let lines = text.lines().map(str::trim);
    let images = lines.filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let mut words = rest.split_whitespace().filter(|it| !it.starts_with("--"));
        word.eq_ignore_ascii_case("FROM")
            .then(|| words.next())
            .flatten()
    });
    images.last().map(str::to_owned)
}

fn source(service: &Service) -> Option<Source> {
    match (&service.build, &service.image) {
        (Some(build), _) => Some(Source::Build(build.clone())),
        // An image whose name follows from the environment is not known.
        (None, Some(image)) if !image.contains('{') => Some(Source::Image(image.clone())),
        _ => None,
    }
}

fn server(root: &Path, name: &str, service: &Service, texts: &mut Texts<'_>) -> Option<Server> {
    let mut env: Vec<(String, String)> = Vec::new();
    // What files say is as it is, but for what names another service.
    for file in &service.env_files {
        let variables = dotenvy::from_path_iter(root.join(file))
            .into_iter()
            .flatten();
        for (name, value) in variables.flatten() {
            let written = texts.written(&name, &value);
            if written != value {
                env.retain(|(known, _)| *known != name);
                env.push((name, written));
            }
        }
    }
    for (name, value) in &service.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), texts.written(name, value)));
    }
    let is_code = |here: &str| root.join(here).is_dir();
    let copied = service
        .build
        .as_ref()
        .is_none_or(|build| copies_its_source(root, build));
    let files = service
        .mounts
        .iter()
        .filter(|(here, _)| !is_code(here) || !copied);
    Some(Server {
        name: name.to_owned(),
        source: source(service)?,
        port: service.ports.first().copied(),
        command: service.command.clone(),
        entrypoint: service.entrypoint.clone(),
        env,
        env_files: service.env_files.clone(),
        files: files
            .map(|(here, there)| (there.clone(), here.clone()))
            .collect(),
        health: service.health.iter().find_map(|it| path_in(it)),
    })
}

fn other(root: &Path, name: &str, service: &Service) -> Option<Other> {
    let files = service
        .mounts
        .iter()
        .filter(|(here, _)| root.join(here).is_file());
    let health = service.health.as_slice();
    let ready = match health.first().map(String::as_str) {
        Some("CMD") => health[1..].to_vec(),
        Some("CMD-SHELL") => vec!["sh".into(), "-c".into(), health[1..].join(" ")],
        _ => Vec::new(),
    };
    Some(Other {
        name: name.to_owned(),
        source: source(service)?,
        command: service.command.clone(),
        env: service.env.clone().into_iter().collect(),
        ports: service.ports.clone(),
        files: files
            .map(|(here, there)| (there.clone(), here.clone()))
            .collect(),
        ready,
    })
}

/// Values of the environment that name other services → placeholders.
struct Texts<'a> {
    postgres: Option<(&'a String, &'a Service)>,
    redis: Option<&'a str>,
    others: &'a [Other],
    /// That of the connection string of Postgres, where it is not the usual one.
    scheme: Option<String>,
}

impl Texts<'_> {
    fn written(&mut self, key: &str, value: &str) -> String {
        if let Some((name, service)) = self.postgres {
            if let Some(url) = self.postgres_url(name, value) {
                return url;
            }
            if let Some(part) = part_of_postgres(key, value, name, service) {
                return part;
            }
        }
        if let Some(name) = self.redis {
            if is_url_of(name, value) {
                return "{redis.url}".into();
            }
            if value == name {
                return "{redis.host}".into();
            }
            if is_port(key, name) && value == "6379" {
                return "{redis.port}".into();
            }
        }
        self.others.iter().fold(value.to_owned(), |value, other| {
            in_place_of(&value, key, other)
        })
    }

    fn postgres_url(&mut self, name: &str, value: &str) -> Option<String> {
        if !is_url_of(name, value) {
            return None;
        }
        let (scheme, rest) = value.split_once("://")?;
        if scheme != "postgresql" && scheme != "postgres" {
            self.scheme = Some(scheme.to_owned());
        } else if scheme == "postgres" && self.scheme.is_none() {
            self.scheme = Some("postgres".into());
        }
        let query = rest.find('?').map_or("", |at| &rest[at..]);
        Some(format!("{{postgres.url}}{query}"))
    }
}

/// Whether a value is a URL whose host is a service.
fn is_url_of(name: &str, value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    host.split(':').next() == Some(name)
}

/// A part of the connection to Postgres: by its value, and where that says too little, by its name.
fn part_of_postgres(key: &str, value: &str, name: &str, service: &Service) -> Option<String> {
    let key = key.to_uppercase();
    let of_database = ["POSTGRES", "PG", "DB", "DATABASE", "SQL"];
    let is_of_database = of_database.iter().any(|it| key.contains(it));
    let own = |variable: &str| service.env.get(variable).is_some_and(|it| it == value);
    let part = if value == name {
        "host"
    } else if !is_of_database {
        return None;
    } else if key.ends_with("HOST") {
        // Another host, which no service of this name has.
        return None;
    } else if key.ends_with("PORT") {
        "port"
    } else if key.ends_with("PASSWORD")
        || key.ends_with("PASS")
        || own("POSTGRES_PASSWORD") && key.contains("PASS")
    {
        "password"
    } else if key.ends_with("USER") || key.ends_with("USERNAME") {
        "user"
    } else if key.ends_with("_DB") || key.ends_with("DATABASE") || key.ends_with("NAME") {
        "database"
    } else {
        return None;
    };
    Some(format!("{{postgres.{part}}}"))
}

/// Whether a variable names the port of a service.
fn is_port(key: &str, name: &str) -> bool {
    let key = key.to_uppercase();
    key.ends_with("PORT") && key.contains(&name.to_uppercase().replace('-', "_"))
}

/// A value with placeholders in place of a service's name and port.
fn in_place_of(value: &str, key: &str, other: &Other) -> String {
    let name = &other.name;
    if value == name {
        return format!("{{{name}.host}}");
    }
    if is_port(key, name) && other.ports.iter().any(|it| it.to_string() == value) {
        return format!("{{{name}.port.{value}}}");
    }
    let mut text = value.to_owned();
    for port in &other.ports {
        let place = format!("{{{name}.host}}:{{{name}.port.{port}}}");
        text = text.replace(&format!("{name}:{port}"), &place);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(env: &[(&str, &str)]) -> Service {
        let owned = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Service {
            image: Some("postgres:16".into()),
            env: owned.collect(),
            ..Service::default()
        }
    }

    #[test]
    fn values_that_name_a_service_become_placeholders() {
        let name = "db".to_owned();
        let postgres = service(&[("POSTGRES_PASSWORD", "secret")]);
        let rabbitmq = Other {
            name: "rabbitmq".into(),
            source: Source::Image("rabbitmq:4".into()),
            command: Vec::new(),
            env: Vec::new(),
            ports: vec![5672],
            files: Vec::new(),
            ready: Vec::new(),
        };
        let mut texts = Texts {
            postgres: Some((&name, &postgres)),
            redis: Some("cache"),
            others: &[rabbitmq],
            scheme: None,
        };
        for (key, value, written) in [
            (
                "DATABASE_URL",
                "postgresql://a:b@db:5432/app",
                "{postgres.url}",
            ),
            (
                "DATABASE_URL",
                "postgresql://a:b@db/app?sslmode=disable",
                "{postgres.url}?sslmode=disable",
            ),
            ("DB_HOST", "db", "{postgres.host}"),
            ("POSTGRES_PORT", "5432", "{postgres.port}"),
            ("POSTGRES_DB", "app", "{postgres.database}"),
            ("SQL_USER", "app", "{postgres.user}"),
            ("DB_PASSWORD", "secret", "{postgres.password}"),
            ("CELERY_BROKER", "redis://cache:6379/0", "{redis.url}"),
            ("REDIS_HOST", "cache", "{redis.host}"),
            (
                "BROKER",
                "amqp://guest:guest@rabbitmq:5672//",
                "amqp://guest:guest@{rabbitmq.host}:{rabbitmq.port.5672}//",
            ),
            ("RABBITMQ_PORT", "5672", "{rabbitmq.port.5672}"),
            ("DEBUG", "1", "1"),
            ("ALLOWED_HOSTS", "db.example.org", "db.example.org"),
            ("PORT", "8000", "8000"),
        ] {
            assert_eq!(texts.written(key, value), written, "{key}");
        }
        assert_eq!(texts.scheme, None);
        texts.written("X", "postgresql+asyncpg://a@db/x");
        assert_eq!(texts.scheme.as_deref(), Some("postgresql+asyncpg"));
    }
}
