//! Which service of a compose file is measured, and what the others are to it.

use std::path::Path;

use indexmap::IndexMap;

use super::disk::Files;
use super::dockerfile::{Build, dockerfile_of};
use super::service::Service;

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
    "docs",
    "mail",
    "test",
    "playwright",
    "pytest",
    "adminer",
    "pgadmin",
    "prometheus",
];
/// Parts of names and commands of what takes jobs from a queue.
const WORKERS: [&str; 10] = [
    "worker", "rqworker", "dramatiq", "huey", "sidekiq", "qcluster", "arq", "taskiq", "consumer",
    "resque",
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
const REDIS: [&str; 7] = [
    "redis",
    "redismod",
    "valkey",
    "keydb",
    "dragonfly",
    "redis-stack",
    "redis-stack-server",
];

/// Parts of the names of images that are no servers to measure.
const SERVICES: [&str; 27] = [
    "adminer",
    "cassandra",
    "clickhouse",
    "consul",
    "elasticsearch",
    "grafana",
    "influxdb",
    "jaeger",
    "kafka",
    "keycloak",
    "localstack",
    "mailhog",
    "mailpit",
    "mariadb",
    "meilisearch",
    "memcached",
    "minio",
    "mongo",
    "mysql",
    "nats",
    "opensearch",
    "percona",
    "pgadmin",
    "prometheus",
    "rabbitmq",
    "traefik",
    "zookeeper",
];

/// What a service is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Postgres,
    Redis,
    Other,
}

/// The service to measure: the one that looks most like a server; `None` if none does.
pub(super) fn web<'a>(
    files: &dyn Files,
    services: &'a IndexMap<String, Service>,
) -> Option<&'a str> {
    let score = |(name, service): (&'a String, &'a Service)| {
        let is_known = role(files, service).is_some_and(|it| it != Role::Other);
        if is_known || is_service(service) || service.source().is_none() {
            return None;
        }
        let lower = name.to_lowercase();
        let words = std::iter::once(&lower).chain(&service.command);
        let is_another = words
            .clone()
            .any(|word| OTHERS.iter().any(|it| has(word, it)));
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

/// Whether a text has a word: a short one begins a part of it, as other words have its letters too.
fn has(text: &str, word: &str) -> bool {
    const SHORT: usize = 5;
    if word.len() >= SHORT {
        return text.contains(word);
    }
    let mut parts = text.split(|it: char| !it.is_ascii_alphanumeric());
    parts.any(|it| it.starts_with(word))
}

/// Whether it is an image of something that servers work with, or that shows what they do.
fn is_service(service: &Service) -> bool {
    SERVICES.iter().any(|it| image(service).contains(it))
}

/// Whether it is an image of something that keeps data or messages.
pub(super) fn is_data(service: &Service) -> bool {
    let shows = [
        "adminer",
        "grafana",
        "jaeger",
        "pgadmin",
        "prometheus",
        "traefik",
    ];
    is_service(service) && !shows.iter().any(|it| image(service).contains(it))
}

/// The name of an image, without its registry.
fn image(service: &Service) -> &str {
    let image = service.image.as_deref().filter(|_| service.build.is_none());
    let name = image.and_then(|it| it.rsplit('/').next());
    name.unwrap_or_default()
}

/// Whether a service is a worker of the one that is measured: another command of the same image that
/// takes jobs. What makes jobs by the clock is none.
pub(super) fn is_worker(service: &Service, name: &str, web: &Service) -> bool {
    let lower = name.to_lowercase();
    let mut words = std::iter::once(&lower).chain(&service.command);
    let is_same = service.source().is_some() && service.source() == web.source();
    let takes_jobs = words.any(|word| {
        let mut parts = word.split(|it: char| !it.is_ascii_alphanumeric());
        parts.any(|part| WORKERS.iter().any(|it| part.ends_with(it)))
    });
    is_same && takes_jobs && !service.command.is_empty() && service.command != web.command
}

/// Nothing of what is built from a source of its own.
pub(super) fn role(files: &dyn Files, service: &Service) -> Option<Role> {
    let image = match &service.build {
        Some(build) => base_of(files, build)?,
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
fn base_of(files: &dyn Files, build: &Build) -> Option<String> {
    let text = files.read(Path::new(&dockerfile_of(build))).ok()?;
    let lines = text.lines().map(str::trim);
    let mut images = lines.filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let mut words = rest.split_whitespace().filter(|it| !it.starts_with("--"));
        word.eq_ignore_ascii_case("FROM")
            .then(|| words.next())
            .flatten()
    });
    images.next_back().map(str::to_owned)
}
