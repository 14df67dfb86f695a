//! Services with their parts → what perfgate starts: servers with their set-up and workers, databases, others.

use std::collections::BTreeSet;
use std::path::Path;

use super::copied::{copied, scripts};
use super::databases::{cache, database};
use super::dockerfile::{copies_its_source, path_in};
use super::image_paths::may_hold;
use super::needs::Services;
use super::placeholders::{Host, Placeholders, ports_named, with_host};
use super::problem::Problem;
use super::project::Project;
use super::service::{Contents, Service};
use super::settings::settings;
use super::source::Source;
use super::sources::sources;
use super::stack::{Database, Other, Server, Settings, Stack, Worker};

/// Names that perfgate has for something else.
pub const RESERVED: [&str; 5] = ["postgres", "redis", "env", "login", "data"];
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

/// A project whose services have their parts.
pub(super) struct Parts<'a> {
    pub(super) project: &'a Project<'a>,
    pub(super) services: Services,
    /// By server.
    pub(super) workers: Vec<(String, Vec<String>)>,
    /// Of services that are not servers, the names that placeholders have for them.
    pub(super) taken: &'a [String],
    pub(super) others: Vec<String>,
    pub(super) once: BTreeSet<String>,
    /// Services that run to their end in the image of a server, before it.
    pub(super) setups: Vec<(String, String)>,
}

impl Parts<'_> {
    pub(super) fn stack(
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
        stack.notes.extend(self.notes_on_workers());
        for name in &self.others {
            stack.others.push(self.other(name, &mut texts)?);
        }
        share(&mut stack.others);
        if let Some(name) = postgres {
            let service = &self.services[name];
            let found = database(self.project, name, service, &mut stack.notes);
            stack.postgres = found.map(|it| Database {
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

    /// What workers have for themselves, and get from their server instead.
    fn notes_on_workers(&self) -> impl Iterator<Item = String> {
        self.workers.iter().flat_map(move |(server, workers)| {
            workers.iter().filter_map(move |name| {
                let (worker, of) = (self.services.get(name)?, self.services.get(server)?);
                let keys = own_of_worker(worker, of).join(", ");
                (!keys.is_empty())
                    .then(|| format!("{name}: has {keys} of `{server}`, whose worker it is"))
            })
        })
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
        let has_source = service
            .build
            .as_ref()
            .is_none_or(|build| copies_its_source(self.project.files, build));
        let is_folder = |here: &str| self.project.files.is_dir(Path::new(here));
        let is_code = |it: &Contents| it.path().is_some_and(is_folder);
        let mut container = settings(service, texts);
        let files = self.project.files;
        if let Some(build) = &service.build {
            // The engine would make the folder of a volume, and an image that has it keeps its own.
            let places = service.volume_places.iter();
            let lacking = places.filter(|it| !may_hold(files, build, it));
            container.tmpfs.extend(lacking.cloned());
        }
        let mut own = scripts(service, files, texts);
        own.extend(sources(service, files, texts));
        let files = service
            .mounts
            .iter()
            .filter(|it| !is_code(&it.here) || !has_source);
        container.files = files
            .map(|it| copied(it, self.project.files, texts))
            .chain(own)
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
            .map(|it| copied(it, self.project.files, texts))
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

/// The keys by which a worker differs from its server, of those that a worker cannot have.
fn own_of_worker(worker: &Service, server: &Service) -> Vec<&'static str> {
    let differs = [
        ("cpus", worker.cpus != server.cpus),
        ("entrypoint", worker.entrypoint != server.entrypoint),
        ("files", worker.mounts != server.mounts),
        ("shm_size", worker.shm_size != server.shm_size),
        ("tmpfs", worker.tmpfs != server.tmpfs),
        ("user", worker.user != server.user),
        ("working_dir", worker.working_dir != server.working_dir),
    ];
    let differing = differs.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(key, _)| key).collect()
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
