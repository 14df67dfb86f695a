//! A project → the servers that are wanted of it, and what they work with.

use std::collections::BTreeSet;

use super::choice::{Role, is_data, is_worker, role, web};
use super::fields::read_service;
use super::keys::unknown_section;
use super::needs::{Services, needed};
use super::node::Node;
use super::parts::Parts;
use super::problem::Problem;
use super::project::Project;
use super::service::Service;
use super::stack::Stack;

/// Services that a file may have.
const MOST_SERVICES: usize = 500;

/// What is wanted of a project.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Services that are measured; where none is named, the one that looks most like a server.
    pub servers: Vec<String>,
    /// Services that are started whether or not they look needed.
    pub services: Vec<String>,
    /// Workers of servers, by these services' names.
    pub workers: Vec<(String, String)>,
    /// The services that are Postgres and Redis, where that is said.
    pub postgres: Option<String>,
    pub redis: Option<String>,
    /// What servers are called, which no service may be.
    pub taken: Vec<String>,
}

impl Project<'_> {
    /// The names of all services, those of profiles that are off too.
    pub fn service_names(&self) -> Vec<&str> {
        let services = self.top.get("services").and_then(Node::as_map);
        services
            .map(|it| it.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// The services that are there, and those that no profile which is on has.
    fn services(&self, named: &[String]) -> (Services, Services) {
        let nodes = self.top.get("services").and_then(Node::as_map);
        let nodes = nodes.into_iter().flatten();
        let all = nodes.map(|(name, node)| (name.clone(), read_service(self, name, node)));
        let is_on = |it: &String| {
            it == "*" || self.profiles.contains(it) || self.profiles.iter().any(|on| on == "*")
        };
        all.partition(|(name, it)| {
            it.profiles.is_empty() || it.profiles.iter().any(is_on) || named.contains(name)
        })
    }
}

/// Gives services with the image that another one builds that build: the engine would find it by its name.
fn build_for_others(services: &mut Services, hidden: &Services) {
    let all = services.values().chain(hidden.values());
    let built = all.filter_map(|it| Some((it.image.clone()?, it.build.clone()?)));
    let built: Vec<_> = built.collect();
    let others = services.values_mut().filter(|it| it.build.is_none());
    for other in others {
        let same = built
            .iter()
            .find(|(image, _)| Some(image) == other.image.as_ref());
        other.build = same.map(|(_, build)| build.clone());
    }
}

impl Stack {
    /// The stack that is wanted of a project.
    pub fn from_project(project: &Project<'_>, wanted: &Wanted) -> Result<Self, Problem> {
        if !project.is_lenient
            && let Some(problem) = unknown_section(&project.top)
        {
            return Err(problem);
        }
        let workers = wanted.workers.iter().map(|(_, worker)| worker);
        let named = wanted.servers.iter().chain(&wanted.services).chain(workers);
        let named = named.chain(&wanted.postgres).chain(&wanted.redis);
        let named: Vec<_> = named.cloned().collect();
        let (mut services, mut hidden) = project.services(&named);
        if project.is_lenient {
            reveal(project, &mut services, &mut hidden);
        }
        if services.len() > MOST_SERVICES {
            let message = format!("it has more than {MOST_SERVICES} services");
            return Err(Problem::of_request(message, "name a smaller file"));
        }
        link(&mut services);
        build_for_others(&mut services, &hidden);
        let mut servers = wanted.servers.clone();
        if servers.is_empty() && wanted.taken.is_empty() {
            servers.extend(web(project.files, &services).map(str::to_owned));
        }
        let workers = workers_of(&services, &servers, wanted);
        let first = servers
            .iter()
            .chain(workers.iter().flat_map(|(_, names)| names));
        let mut first: Vec<_> = first.chain(&wanted.services).cloned().collect();
        if project.is_lenient && servers.is_empty() {
            // A server that is in no compose file works with what is there.
            let others = services.iter().filter(|(_, it)| is_data(it));
            first.extend(others.map(|(name, _)| name.clone()));
        }
        let order = needed(&services, &hidden, &first, project.is_lenient)?;
        let of_servers = servers_of_servers(&services, &hidden, &servers, project.is_lenient);
        let role_of = |name: &String| role(project.files, &services[name]);
        let first_of = |wanted: Role| {
            let all = order.iter().chain(services.keys());
            all.into_iter()
                .find(|it| role_of(it) == Some(wanted))
                .cloned()
        };
        let postgres = wanted.postgres.clone().or_else(|| first_of(Role::Postgres));
        let redis = wanted.redis.clone().or_else(|| first_of(Role::Redis));
        let once = completed(&services, &order);
        let is_else = |name: &&String| {
            let is_server = servers.contains(name) && !of_servers.contains(*name);
            let is_known = postgres.as_ref() == Some(*name) || redis.as_ref() == Some(*name);
            let is_worker = workers.iter().any(|(_, names)| names.contains(name));
            !is_server && !is_known && !is_worker
        };
        let (mut others, mut setups) = (Vec::new(), Vec::new());
        for name in order.iter().filter(is_else) {
            let of = |server: &&String| services[*server].source() == services[name].source();
            match servers.iter().find(of).filter(|_| once.contains(name)) {
                Some(server) => setups.push((server.clone(), name.clone())),
                None if project.is_lenient && services[name].source().is_none() => {}
                None => others.push(name.clone()),
            }
        }
        let is_left_out = |it: &&String| {
            let is_set_up = setups.iter().any(|(_, name)| name == *it);
            is_else(it) && !servers.contains(*it) && !others.contains(*it) && !is_set_up
        };
        let left_out = services.keys().filter(is_left_out).cloned().collect();
        let parts = Parts {
            project,
            services,
            workers,
            taken: &wanted.taken,
            others,
            once,
            setups,
        };
        let mut stack = parts.stack(&servers, postgres.as_deref(), redis.as_deref())?;
        stack.left_out = left_out;
        Ok(stack)
    }
}

/// Switches on what is needed of profiles that are off, where nobody says which are on: everything where no
/// server is on, else what services wait for, databases that nothing else stands for, and what the server's
/// values name.
fn reveal(project: &Project<'_>, services: &mut Services, hidden: &mut Services) {
    let Some(server) = web(project.files, services).map(str::to_owned) else {
        services.extend(hidden.drain(..));
        return;
    };
    for wanted in [Role::Postgres, Role::Redis] {
        let is_one = |service: &Service| role(project.files, service) == Some(wanted);
        if services.values().any(is_one) {
            continue;
        }
        let is_for_another = |it: &Service| {
            let mut profiles = it.profiles.iter();
            profiles.any(|it| ["ci", "e2e", "prod", "production", "test"].contains(&it.as_str()))
        };
        let mut all: Vec<_> = hidden.iter().filter(|(_, it)| is_one(it)).collect();
        all.sort_by_key(|(_, it)| is_for_another(it));
        let first = all.first().map(|(name, _)| (*name).clone());
        let first = first.and_then(|it| hidden.shift_remove_entry(&it));
        services.extend(first);
    }
    let of_server = |services: &Services, name: &str| {
        let service = &services[&server];
        let values = service.env.values().chain(service.file_env.values());
        let mut addresses = values.flat_map(|it| it.split(['/', '@', ':', ',']));
        addresses.any(|it| it == name)
    };
    loop {
        let is_needed = |name: &String| {
            services.values().any(|it| it.needs.contains_key(name)) || of_server(services, name)
        };
        let Some(name) = hidden.keys().find(|it| is_needed(it)).cloned() else {
            return;
        };
        services.extend(hidden.shift_remove_entry(&name));
    }
}

/// Gives services the names that links have for them.
fn link(services: &mut Services) {
    let links = services.values().flat_map(|it| it.links.clone());
    for (alias, name) in links.collect::<Vec<_>>() {
        if alias != name
            && let Some(service) = services.get_mut(&name)
        {
            service.aliases.push(alias);
        }
    }
}

/// The workers of each server: those that were named, and those that look like ones.
fn workers_of(
    services: &Services,
    servers: &[String],
    wanted: &Wanted,
) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for server in servers.iter().filter(|it| services.contains_key(*it)) {
        if found.iter().any(|(known, _)| known == server) {
            continue;
        }
        let is_one = |(name, service): &(&String, &Service)| {
            let is_named = wanted
                .workers
                .iter()
                .any(|(of, worker)| of == server && worker == *name);
            let is_known = servers.contains(name) || found_has(&found, name);
            !is_known && (is_named || is_worker(service, name, &services[server]))
        };
        let names = services.iter().filter(is_one).map(|(name, _)| name.clone());
        let names = names.collect();
        found.push((server.clone(), names));
    }
    found
}

fn found_has(found: &[(String, Vec<String>)], name: &String) -> bool {
    found.iter().any(|(_, names)| names.contains(name))
}

/// Servers that another server works with.
fn servers_of_servers(
    services: &Services,
    hidden: &Services,
    servers: &[String],
    is_lenient: bool,
) -> BTreeSet<String> {
    let mut needed_by_others = BTreeSet::new();
    for server in servers {
        let order = needed(services, hidden, std::slice::from_ref(server), is_lenient);
        let others = order.unwrap_or_default().into_iter();
        needed_by_others.extend(others.filter(|it| it != server && servers.contains(it)));
    }
    needed_by_others
}

/// Services that others wait for until they have ended.
fn completed(services: &Services, order: &[String]) -> BTreeSet<String> {
    let needs = order.iter().flat_map(|name| &services[name].needs);
    let ended = needs.filter(|(name, need)| need.is_completion && services.contains_key(*name));
    ended.map(|(name, _)| name.clone()).collect()
}
