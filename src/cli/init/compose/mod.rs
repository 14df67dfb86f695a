//! The services of a compose file → the server to measure, its database and what else it needs.

mod choice;
mod file;
mod placeholders;
mod stack;

use std::path::Path;

pub(super) use file::Compose;
pub(super) use stack::{Database, Other, Server, Source, Stack, Worker};

use super::container::{copies_its_source, path_in};
use choice::{Role, is_worker, needed, role, web};
use file::Service;
use placeholders::Placeholders;

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
        let (mut left_out, mut workers) = (Vec::new(), Vec::new());
        for (name, service) in services {
            let is_known = [postgres, redis]
                .iter()
                .flatten()
                .any(|(known, _)| *known == name);
            if Some(name.as_str()) == web || is_known {
                continue;
            }
            let is_service = role(service) == Some(Role::Other) && needed.contains(&name.as_str());
            if web.is_some_and(|web| is_worker(service, name, &services[web])) {
                workers.push(name);
                continue;
            }
            match other(root, name, service).filter(|_| is_service) {
                Some(other) => others.push(other),
                None => left_out.push(name.clone()),
            }
        }
        let mut texts = Placeholders {
            postgres,
            redis: redis.map(|(name, _)| name.as_str()),
            others: &others,
            scheme: None,
        };
        let mut of = |name: &str| server(root, name, &services[name], &mut texts);
        let mut server = web.and_then(&mut of);
        if let Some(server) = &mut server {
            let workers = workers.into_iter().filter_map(|name| of(name));
            server.workers = workers.map(|it| worker(it, &server.env)).collect();
        }
        let scheme = texts.scheme;
        Self {
            postgres: postgres.and_then(|(_, it)| {
                let source = it.source()?;
                Some(Database { source, scheme })
            }),
            redis: redis.and_then(|(_, it)| it.source()),
            server,
            others,
            left_out,
        }
    }
}

fn server(
    root: &Path,
    name: &str,
    service: &Service,
    texts: &mut Placeholders<'_>,
) -> Option<Server> {
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
    placeholders::with_host(&mut env);
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
        source: service.source()?,
        port: service.ports.first().copied(),
        command: service
            .command
            .iter()
            .map(|it| texts.with_addresses(it))
            .collect(),
        entrypoint: service.entrypoint.clone(),
        env,
        env_files: service.env_files.clone(),
        files: files
            .map(|(here, there)| (there.clone(), here.clone()))
            .collect(),
        health: service.health.iter().find_map(|it| path_in(it)),
        workers: Vec::new(),
    })
}

/// A service as a worker of a server with these variables.
fn worker(service: Server, env: &[(String, String)]) -> Worker {
    let mut own = service.env;
    own.retain(|it| !env.contains(it));
    Worker {
        name: service.name,
        command: service.command,
        env: own,
    }
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
        source: service.source()?,
        command: service.command.clone(),
        env: service.env.clone().into_iter().collect(),
        ports: service.ports.clone(),
        files: files
            .map(|(here, there)| (there.clone(), here.clone()))
            .collect(),
        ready,
    })
}
