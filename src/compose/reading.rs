//! A project → the servers that are wanted of it, and what they work with.

use std::collections::BTreeSet;

use super::choice::{Role, is_worker, role, web};
use super::databases::{cache, database};
use super::dockerfile::{copies_its_source, path_in};
use super::keys::unknown_section;
use super::needs::{Services, needed};
use super::node::Node;
use super::placeholders::{Host, Placeholders, ports_named, with_host};
use super::problem::Problem;
use super::project::Project;
use super::service::Service;
use super::source::Source;
use super::stack::{Other, Server, Settings, Stack, Worker};

/// Services that a file may have.
const MOST_SERVICES: usize = 500;
/// Names that perfgate has for something else.
const RESERVED: [&str; 5] = ["postgres", "redis", "env", "login", "data"];
/// Where services keep what they made: a copy of it is no beginning.
const DATA: [&str; 4] = [
    "/var/lib/",
    "/data",
    "/bitnami",
    "/usr/share/elasticsearch/data",
];
/// Ports of images whose compose files name none.
const PORTS: [(&str, u16); 16] = [
    ("clickhouse-server", 8123),
    ("elasticsearch", 9200),
    ("localstack", 4566),
    ("mailhog", 1025),
    ("mailpit", 1025),
    ("mariadb", 3306),
    ("meilisearch", 7700),
    ("memcached", 11211),
    ("minio", 9000),
    ("mongo", 27017),
    ("mysql", 3306),
    ("nats", 4222),
    ("opensearch", 9200),
    ("percona", 3306),
    ("postgres", 5432),
    ("rabbitmq", 5672),
];

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

/// A project whose services have their parts.
struct Parts<'a> {
    project: &'a Project<'a>,
    services: Services,
    /// By server.
    workers: Vec<(String, Vec<String>)>,
    /// Of services that are not servers, the names that placeholders have for them.
    taken: &'a [String],
    others: Vec<String>,
    once: BTreeSet<String>,
    /// Services that run to their end in the image of a server, before it.
    setups: Vec<(String, String)>,
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
        let all = nodes.map(|(name, node)| (name.clone(), Service::read(self, name, node)));
        let is_on = |it: &String| {
            it == "*" || self.profiles.contains(it) || self.profiles.iter().any(|on| on == "*")
        };
        all.partition(|(name, it)| {
            it.profiles.is_empty() || it.profiles.iter().any(is_on) || named.contains(name)
        })
    }
}

impl Stack {
    /// The stack that is wanted of a project.
    pub fn of(project: &Project<'_>, wanted: &Wanted) -> Result<Self, Problem> {
        if !project.is_lenient
            && let Some(problem) = unknown_section(&project.top)
        {
            return Err(problem);
        }
        let workers = wanted.workers.iter().map(|(_, worker)| worker);
        let named = wanted.servers.iter().chain(&wanted.services).chain(workers);
        let named = named.chain(&wanted.postgres).chain(&wanted.redis);
        let named: Vec<_> = named.cloned().collect();
        let (mut services, hidden) = project.services(&named);
        if services.len() > MOST_SERVICES {
            let message = format!("it has more than {MOST_SERVICES} services");
            return Err(Problem::of_request(message, "name a smaller file"));
        }
        link(&mut services);
        let mut servers = wanted.servers.clone();
        if servers.is_empty() && wanted.taken.is_empty() {
            servers.extend(web(project.files, &services).map(str::to_owned));
        }
        let workers = workers_of(&services, &servers, wanted);
        let first: Vec<_> = servers
            .iter()
            .chain(workers.iter().flat_map(|(_, names)| names))
            .chain(&wanted.services)
            .cloned()
            .collect();
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

impl Parts<'_> {
    fn stack(
        &self,
        servers: &[String],
        postgres: Option<&str>,
        redis: Option<&str>,
    ) -> Result<Stack, Problem> {
        let hosts = self.others.iter().map(|name| self.host(name));
        let mut texts = Placeholders {
            postgres: postgres.map(|it| (Host::of_postgres(self.names(it)), &self.services[it])),
            redis: redis.map(|it| Host::of_redis(self.names(it))),
            others: hosts.collect(),
            scheme: None,
        };
        let mut stack = Stack {
            notes: self.project.notes.clone(),
            ..Stack::default()
        };
        for name in servers.iter().filter(|it| self.services.contains_key(*it)) {
            stack.servers.push(self.server(name, &mut texts)?);
        }
        for name in &self.others {
            stack.others.push(self.other(name, &mut texts)?);
        }
        share(&mut stack.others);
        if let Some(name) = postgres {
            let service = &self.services[name];
            let found = database(self.project, name, service, &mut stack.notes);
            stack.postgres = found.map(|it| super::stack::Database {
                scheme: texts.scheme.take().filter(|it| it != "postgresql"),
                ..it
            });
        }
        if let Some(name) = redis {
            stack.redis = cache(name, &self.services[name], &mut stack.notes);
        }
        self.notes(servers, [postgres, redis], &mut stack);
        Ok(stack)
    }

    /// What services say of themselves, and which volumes they do not share.
    fn notes(&self, servers: &[String], known: [Option<&str>; 2], stack: &mut Stack) {
        let workers = self.workers.iter().flat_map(|(_, names)| names);
        let used = servers.iter().chain(workers).chain(&self.others);
        let used = used.chain(self.setups.iter().map(|(_, name)| name));
        let used = used.map(String::as_str).chain(known.into_iter().flatten());
        let used: Vec<_> = used.collect();
        for (name, service) in self
            .services
            .iter()
            .filter(|(it, _)| used.contains(&it.as_str()))
        {
            let notes = service.notes.iter();
            stack
                .notes
                .extend(notes.map(|note| format!("{name}: {note}")));
        }
        let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
        for name in used.iter().collect::<BTreeSet<_>>() {
            for volume in self
                .services
                .get(*name)
                .into_iter()
                .flat_map(|it| &it.volumes)
            {
                if !seen.insert(volume.as_str()) {
                    shared.insert(volume.as_str());
                }
            }
        }
        if !shared.is_empty() {
            let shared: Vec<_> = shared.into_iter().collect();
            let shared = shared.join(", ");
            stack
                .notes
                .push(format!("not shared between containers: volumes {shared}"));
        }
    }

    fn names(&self, name: &str) -> Vec<String> {
        let aliases = &self.services[name].aliases;
        std::iter::once(name.to_owned())
            .chain(aliases.iter().cloned())
            .collect()
    }

    fn host(&self, name: &str) -> Host {
        Host {
            names: self.names(name),
            table: self.table(name),
            ports: self.ports(name),
        }
    }

    /// What perfgate calls a service.
    fn table(&self, name: &str) -> String {
        let name = name.replace('.', "-");
        if RESERVED.contains(&name.as_str()) || self.taken.contains(&name) {
            format!("{name}-service")
        } else {
            name
        }
    }

    /// The ports of a service: its own, those that others name, the usual one of its image.
    fn ports(&self, name: &str) -> Vec<u16> {
        let service = &self.services[name];
        let mut ports = service.ports.clone();
        if self.once.contains(name) {
            return Vec::new();
        }
        let values = self.services.values().flat_map(|it| {
            let values = it.env.values().chain(it.file_env.values());
            values.chain(&it.command).map(String::as_str)
        });
        let values: Vec<_> = values.collect();
        for name in self.names(name) {
            ports.extend(ports_named(values.iter().copied(), &name));
        }
        let image = service.image.as_deref().unwrap_or_default();
        let image = image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().unwrap_or_default();
        let usual = PORTS.iter().find(|(known, _)| *known == image);
        ports.extend(usual.filter(|_| ports.is_empty()).map(|(_, port)| *port));
        let mut seen = BTreeSet::new();
        ports.retain(|it| seen.insert(*it));
        ports
    }

    fn source(&self, name: &str) -> Result<Source, Problem> {
        let service = &self.services[name];
        service.source().ok_or_else(|| {
            let message = match &service.image {
                Some(image) => {
                    format!("service `{name}` has the image `{image}`, which is no name of one")
                }
                None => format!("service `{name}` has neither an `image` nor a `build`"),
            };
            Problem::at(
                service.mark,
                message,
                "name an image, or what one is built from",
            )
        })
    }

    fn server(&self, name: &str, texts: &mut Placeholders<'_>) -> Result<Server, Problem> {
        let service = &self.services[name];
        let env = written(service, texts);
        let whole = whole_env(service, texts);
        let copied = service
            .build
            .as_ref()
            .is_none_or(|build| copies_its_source(self.project.files, build));
        let is_code = |here: &str| self.project.files.is_dir(std::path::Path::new(here));
        let mut container = settings(service, texts);
        let files = service
            .mounts
            .iter()
            .filter(|it| !is_code(&it.here) || !copied);
        container.files = files
            .map(|it| (it.there.clone(), it.here.clone()))
            .collect();
        let setups = self.setups.iter().filter(|(server, _)| server == name);
        let mut setup = Vec::new();
        for (_, name) in setups {
            setup.push(self.setup(name, &whole, &mut container, texts)?);
        }
        let workers = self.workers.iter().filter(|(server, _)| server == name);
        let workers = workers.flat_map(|(_, names)| names);
        let workers = workers
            .map(|name| self.worker(name, &whole, texts))
            .collect();
        Ok(Server {
            name: name.to_owned(),
            source: match service.source() {
                Some(source) => source,
                None => self.source(name)?,
            },
            port: service.ports.first().copied(),
            env,
            env_files: service.env_files.iter().map(|(_, it)| it.clone()).collect(),
            container,
            health: service.health.iter().find_map(|it| path_in(it)),
            within: service.within,
            setup,
            workers,
        })
    }

    /// The command of a service that ends, in the container of a server.
    fn setup(
        &self,
        name: &str,
        server: &[(String, String)],
        container: &mut Settings,
        texts: &mut Placeholders<'_>,
    ) -> Result<Vec<String>, Problem> {
        let service = &self.services[name];
        container.refusals.extend(service.refusals.iter().cloned());
        let mut words = texts.command(&service.command);
        if service.entrypoint != container.entrypoint {
            words.splice(0..0, texts.command(&service.entrypoint));
        }
        if words.is_empty() {
            let message = format!("service `{name}` is to run to its end, and has no `command`");
            let hint = "write its command, or `setup = [[...]]` of the server in perfgate.toml";
            return Err(Problem::at(service.mark, message, hint));
        }
        let own = whole_env(service, texts);
        let own = own.iter().filter(|it| !server.contains(it));
        let own: Vec<_> = own.map(|(name, value)| format!("{name}={value}")).collect();
        if !own.is_empty() {
            words.splice(0..0, std::iter::once("env".to_owned()).chain(own));
        }
        Ok(words)
    }

    /// A service as a worker of a server with these variables.
    fn worker(
        &self,
        name: &str,
        server: &[(String, String)],
        texts: &mut Placeholders<'_>,
    ) -> Worker {
        let service = &self.services[name];
        let mut env = whole_env(service, texts);
        env.retain(|it| !server.contains(it));
        Worker {
            name: name.replace('.', "-"),
            command: texts.command(&service.command),
            env,
            memory: service.memory,
            mark: service.mark,
            refusals: service.refusals.clone(),
        }
    }

    fn other(&self, name: &str, texts: &mut Placeholders<'_>) -> Result<Other, Problem> {
        let service = &self.services[name];
        let is_data = |there: &str| DATA.iter().any(|it| there.starts_with(it));
        let files = service.mounts.iter().filter(|it| !is_data(&it.there));
        let health = service.health.as_slice();
        let ready = match health.first().map(String::as_str) {
            Some("CMD") => health[1..].to_vec(),
            Some("CMD-SHELL") => vec!["sh".into(), "-c".into(), health[1..].join(" ")],
            _ => Vec::new(),
        };
        // A service does not name itself.
        let own = texts
            .others
            .iter()
            .position(|it| it.table == self.table(name));
        let own = own.map(|at| texts.others.remove(at));
        let env = written(service, texts);
        let mut container = settings(service, texts);
        container.files = files
            .map(|it| (it.there.clone(), it.here.clone()))
            .collect();
        texts.others.extend(own);
        Ok(Other {
            name: self.table(name),
            source: self.source(name)?,
            env,
            env_files: service.env_files.iter().map(|(_, it)| it.clone()).collect(),
            ports: self.ports(name),
            container,
            ready,
            within: service.within,
            is_once: self.once.contains(name),
            is_shared: false,
        })
    }
}

/// Services that work with each other are the same for both sides: each would reach the first one's.
fn share(others: &mut [Other]) {
    let names: Vec<_> = others.iter().map(|it| it.name.clone()).collect();
    let mut shared = BTreeSet::new();
    for other in others.iter() {
        let texts = other.env.iter().map(|(_, value)| value);
        let texts: Vec<_> = texts.chain(&other.container.command).collect();
        for name in names.iter().filter(|it| **it != other.name) {
            if texts.iter().any(|it| it.contains(&format!("{{{name}."))) {
                shared.extend([name.clone(), other.name.clone()]);
            }
        }
    }
    for other in others {
        other.is_shared = shared.contains(&other.name);
    }
}

/// Variables that are written out: those of files only where they name another service.
fn written(service: &Service, texts: &mut Placeholders<'_>) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    for (name, value) in &service.file_env {
        let written = texts.written(name, value);
        if written != *value {
            env.push((name.clone(), written));
        }
    }
    for (name, value) in &service.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), texts.written(name, value)));
    }
    with_host(&mut env);
    env
}

/// Every variable of a service.
fn whole_env(service: &Service, texts: &mut Placeholders<'_>) -> Vec<(String, String)> {
    let mut env = service.file_env.clone();
    env.extend(written(service, texts));
    env.into_iter().collect()
}

pub(super) fn settings(service: &Service, texts: &Placeholders<'_>) -> Settings {
    let mut marks = service.marks.clone();
    marks.extend(service.mounts.iter().map(|it| (it.there.clone(), it.mark)));
    marks.extend(
        service
            .env_files
            .iter()
            .map(|(mark, it)| (it.clone(), *mark)),
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and bounded by the number of CPUs"
    )]
    let nano_cpus = service.cpus.map(|it| (it * 1e9) as u64);
    Settings {
        entrypoint: service.entrypoint.clone(),
        command: texts.command(&service.command),
        files: Vec::new(),
        tmpfs: service.tmpfs.clone(),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        memory: service.memory,
        nano_cpus,
        shm_size: service.shm_size,
        mark: service.mark,
        marks,
        refusals: service.refusals.clone(),
    }
}
