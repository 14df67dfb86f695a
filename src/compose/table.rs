//! A stack → tables of perfgate.toml, as if somebody had written them. What the file itself says comes
//! before them.

use std::time::Duration;

use indexmap::IndexMap;

use super::dockerfile::Build;
use super::problem::{Mark, Problem};
use super::service::{Contents, Refusal};
use super::source::Source;
use super::stack::{Cache, CopiedFile, Database, Other, Server, Settings, Stack, Worker};

/// Whether perfgate.toml has a key.
pub type Given<'a> = &'a dyn Fn(&[&str]) -> bool;
pub type Tables = IndexMap<String, Value>;

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub mark: Mark,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text(String),
    /// In decimal digits.
    Number(String),
    Bool(bool),
    List(Vec<Value>),
    Table(Tables),
}

impl Stack {
    /// The tables of `[postgres]`, `[redis]`, `[service]` and `[server]`; `names` are those of servers in
    /// the order of the stack.
    pub fn tables(&self, names: &[String], given: Given<'_>) -> Result<Tables, Problem> {
        let mut top = Tables::new();
        if let Some(postgres) = &self.postgres {
            let table = database(postgres, given)?;
            top.insert("postgres".into(), table);
        }
        if let Some(redis) = &self.redis {
            let table = cache(redis, given)?;
            top.insert("redis".into(), table);
        }
        let mut services = Tables::new();
        for other in &self.others {
            services.insert(other.name.clone(), service(other, given)?);
        }
        let mut servers = Tables::new();
        for (own, name) in self.servers.iter().zip(names) {
            servers.insert(name.clone(), server(own, name, given)?);
        }
        for (name, tables) in [("service", services), ("server", servers)] {
            if let Some(mark) = tables.values().next().map(|it| it.mark) {
                top.insert(name.into(), Value::table(mark, tables));
            }
        }
        Ok(top)
    }

    /// What became of each service, for people.
    pub fn describe(&self, names: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for (server, name) in self.servers.iter().zip(names) {
            lines.push(format!("`{}` is server {name}", server.name));
            let workers = server.workers.iter();
            lines.extend(workers.map(|it| format!("`{0}` is its worker {0}", it.name)));
        }
        let postgres = self
            .postgres
            .iter()
            .map(|it| format!("`{}` is [postgres]", it.name));
        let redis = self
            .redis
            .iter()
            .map(|it| format!("`{}` is [redis]", it.name));
        let others = self.others.iter().map(|it| {
            let once = if it.is_once {
                ", which runs to its end"
            } else {
                ""
            };
            let shared = if it.is_shared {
                ", one for both sides"
            } else {
                ""
            };
            format!("[service.{}]{once}{shared}", it.name)
        });
        lines.extend(postgres.chain(redis).chain(others));
        if !self.left_out.is_empty() {
            lines.push(format!("not started: {}", self.left_out.join(", ")));
        }
        lines.extend(self.notes.iter().cloned());
        lines
    }
}

impl Value {
    const fn new(mark: Mark, kind: Kind) -> Self {
        Self { mark, kind }
    }

    fn text(mark: Mark, text: impl Into<String>) -> Self {
        Self::new(mark, Kind::Text(text.into()))
    }

    const fn table(mark: Mark, table: Tables) -> Self {
        Self::new(mark, Kind::Table(table))
    }

    fn texts<'a>(mark: Mark, texts: impl IntoIterator<Item = &'a String>) -> Self {
        let texts = texts.into_iter().map(|it| Self::text(mark, it));
        Self::new(mark, Kind::List(texts.collect()))
    }

    fn pairs(mark: Mark, pairs: &[(String, String)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(key, it)| (key.clone(), Self::text(mark, it)));
        Self::table(mark, pairs.collect())
    }
}

/// A table of perfgate.toml that is being made of a service.
struct Writer<'a> {
    table: Tables,
    container: &'a Settings,
    path: Vec<&'a str>,
    given: Given<'a>,
}

impl<'a> Writer<'a> {
    fn new(container: &'a Settings, path: &[&'a str], given: Given<'a>) -> Self {
        Self {
            table: Tables::new(),
            container,
            path: path.to_vec(),
            given,
        }
    }

    /// Whether perfgate.toml has a key in this table.
    fn has(&self, key: &[&str]) -> bool {
        let path: Vec<_> = self.path.iter().chain(key).copied().collect();
        (self.given)(&path)
    }

    fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.has(&[key]))
    }

    /// Where a key of the service stands; where the service does, otherwise.
    fn mark(&self, key: &str) -> Mark {
        self.container
            .marks
            .get(key)
            .copied()
            .unwrap_or(self.container.mark)
    }

    fn put(&mut self, key: &str, value: Value) {
        self.table.insert(key.to_owned(), value);
    }

    fn texts(&mut self, key: &str, of: &str, texts: &[String]) {
        if !texts.is_empty() {
            let value = Value::texts(self.mark(of), texts);
            self.put(key, value);
        }
    }

    fn pairs(&mut self, key: &str, of: &str, pairs: &[(String, String)]) {
        if !pairs.is_empty() {
            let value = Value::pairs(self.mark(of), pairs);
            self.put(key, value);
        }
    }

    /// Paths, each with a place of its own.
    fn paths(&mut self, key: &str, paths: &[String]) {
        if !paths.is_empty() {
            let values = paths
                .iter()
                .map(|it| Value::text(self.mark(it), it))
                .collect();
            let value = Value::new(self.container.mark, Kind::List(values));
            self.put(key, value);
        }
    }

    /// Refuses what a service has that cannot be, unless perfgate.toml has something else for it.
    fn check(&self, refusals: &[Refusal]) -> Result<(), Problem> {
        let sources = ["build", "image"];
        let stands = |it: &&Refusal| {
            let instead: Vec<_> = it.instead.iter().map(String::as_str).collect();
            let Some(first) = instead.first() else {
                return true;
            };
            let is_source = sources.contains(first);
            !(self.has(&instead) || is_source && self.has_any(&sources))
        };
        match refusals.iter().find(stands) {
            Some(refusal) => Err(refusal.problem.clone()),
            None => Ok(()),
        }
    }

    fn source(&mut self, source: &Source, others: &[&str]) {
        let other = match source {
            Source::Image(_) => "build",
            Source::Build(_) => "image",
        };
        if self.has(&[other]) || self.has_any(others) {
            return;
        }
        let value = match source {
            Source::Image(image) => Value::text(self.mark("image"), image),
            Source::Build(build) => self.build(build),
        };
        let key = match source {
            Source::Image(_) => "image",
            Source::Build(_) => "build",
        };
        self.put(key, value);
    }

    fn build(&self, build: &Build) -> Value {
        let mark = self.mark("build");
        let mut table = Tables::from([("context".to_owned(), Value::text(mark, &build.context))]);
        let mut put = |key: &str, value: Value| {
            table.insert(key.to_owned(), value);
        };
        let optional = [
            ("dockerfile", &build.dockerfile),
            ("target", &build.target),
            ("platform", &build.platform),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                put(key, Value::text(mark, value));
            }
        }
        for (key, pairs) in [("args", &build.args), ("secrets", &build.secrets)] {
            if !pairs.is_empty() {
                put(key, Value::pairs(mark, pairs));
            }
        }
        for (key, texts) in [
            ("cache_from", &build.cache_from),
            ("cache_to", &build.cache_to),
        ] {
            if !texts.is_empty() {
                put(key, Value::texts(mark, texts));
            }
        }
        if build.ssh {
            put("ssh", Value::new(mark, Kind::Bool(true)));
        }
        Value::table(mark, table)
    }

    /// What containers of servers and of services alike have.
    fn container(&mut self) {
        let container = self.container;
        self.texts("entrypoint", "entrypoint", &container.entrypoint);
        self.texts("command", "command", &container.command);
        if !container.files.is_empty() {
            let files = container.files.iter();
            let file = |file: &CopiedFile| (file.there.clone(), self.file(file));
            let table = Value::table(self.mark("volumes"), files.map(file).collect());
            self.put("files", table);
        }
        self.texts("tmpfs", "tmpfs", &container.tmpfs);
        let optional = [
            ("user", &container.user),
            ("working_dir", &container.working_dir),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                let value = Value::text(self.mark(key), value);
                self.put(key, value);
            }
        }
        for (key, of, size) in [
            ("memory", "mem_limit", container.memory),
            ("shm_size", "shm_size", container.shm_size),
        ] {
            if let Some(size) = size {
                let value = Value::text(self.mark(of), format!("{size}B"));
                self.put(key, value);
            }
        }
        if let Some(cpus) = container.nano_cpus {
            #[expect(clippy::cast_precision_loss, reason = "no machine has 2^23 CPUs")]
            let cpus = cpus as f64 / 1e9;
            let value = Value::new(self.mark("cpus"), Kind::Number(cpus.to_string()));
            self.put("cpus", value);
        }
    }

    fn file(&self, file: &CopiedFile) -> Value {
        let mark = self.mark(&file.there);
        let path = match &file.here {
            Contents::Path(path) => Value::text(mark, path),
            Contents::Text(text) => {
                let text = Value::text(mark, text);
                return Value::table(mark, [("text".to_owned(), text)].into());
            }
        };
        if file.replace.is_empty() {
            return path;
        }
        let replace = Value::pairs(mark, &file.replace);
        let table = [("path".to_owned(), path), ("replace".to_owned(), replace)];
        Value::table(mark, table.into())
    }

    fn done(self) -> Value {
        Value::table(self.container.mark, self.table)
    }
}

fn within(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

fn database(postgres: &Database, given: Given<'_>) -> Result<Value, Problem> {
    let mut writer = Writer::new(&postgres.container, &["postgres"], given);
    if writer.has(&["url"]) {
        return Ok(writer.done());
    }
    writer.check(&of_image(&postgres.container.refusals))?;
    writer.source(&postgres.source, &[]);
    if let Some(scheme) = &postgres.scheme {
        let value = Value::text(postgres.container.mark, scheme);
        writer.put("scheme", value);
    }
    writer.pairs("env", "environment", &postgres.env);
    writer.pairs("settings", "command", &postgres.settings);
    writer.paths("init", &postgres.init);
    Ok(writer.done())
}

fn cache(redis: &Cache, given: Given<'_>) -> Result<Value, Problem> {
    let mut writer = Writer::new(&redis.container, &["redis"], given);
    if !writer.has(&["url"]) {
        writer.check(&of_image(&redis.container.refusals))?;
        writer.source(&redis.source, &[]);
    }
    Ok(writer.done())
}

/// What matters of a service of which perfgate takes the image alone.
fn of_image(refusals: &[Refusal]) -> Vec<Refusal> {
    let matters = |it: &&Refusal| match it.instead.first() {
        None => it.of_container.is_none(),
        Some(key) => matches!(key.as_str(), "build" | "image"),
    };
    refusals.iter().filter(matters).cloned().collect()
}

fn service(other: &Other, given: Given<'_>) -> Result<Value, Problem> {
    let mut writer = Writer::new(&other.container, &["service", &other.name], given);
    writer.check(&other.container.refusals)?;
    writer.source(&other.source, &[]);
    writer.container();
    writer.pairs("env", "environment", &other.env);
    writer.paths("env_file", &other.env_files);
    if !other.ports.is_empty() {
        let mark = writer.mark("ports");
        let ports = other.ports.iter();
        let ports = ports
            .map(|it| Value::new(mark, Kind::Number(it.to_string())))
            .collect();
        writer.put("ports", Value::new(mark, Kind::List(ports)));
    }
    let mark = writer.mark("healthcheck");
    let mut ready = Tables::new();
    let is_given = ["log", "path", "port", "command"]
        .iter()
        .any(|it| writer.has(&["ready", it]));
    if !other.ready.is_empty() && !is_given && !other.is_once {
        ready.insert("command".into(), Value::texts(mark, &other.ready));
    }
    if let Some(time) = other.within.filter(|_| !other.is_once) {
        ready.insert("within".into(), Value::text(mark, within(time)));
    }
    if !ready.is_empty() {
        writer.put("ready", Value::table(mark, ready));
    }
    let mark = other.container.mark;
    if other.is_once {
        writer.put("once", Value::new(mark, Kind::Bool(true)));
    }
    if other.is_shared {
        writer.put("per_side", Value::new(mark, Kind::Bool(false)));
    }
    Ok(writer.done())
}

fn server(server: &Server, name: &str, given: Given<'_>) -> Result<Value, Problem> {
    let mut writer = Writer::new(&server.container, &["server", name], given);
    if writer.has(&["url"]) {
        return Ok(writer.done());
    }
    let is_process = writer.has_any(&["run", "cargo"]);
    if is_process {
        writer.pairs("env", "environment", &server.env);
        writer.paths("env_file", &server.env_files);
        return Ok(writer.done());
    }
    writer.check(&server.container.refusals)?;
    writer.source(&server.source, &[]);
    writer.container();
    if let Some(port) = server.port {
        let value = Value::new(writer.mark("ports"), Kind::Number(port.to_string()));
        writer.put("port", value);
    }
    if !server.setup.is_empty() {
        let mark = server.container.mark;
        let commands = server
            .setup
            .iter()
            .map(|it| Value::texts(mark, it))
            .collect();
        writer.put("setup", Value::new(mark, Kind::List(commands)));
    }
    writer.pairs("env", "environment", &server.env);
    writer.paths("env_file", &server.env_files);
    let mark = writer.mark("healthcheck");
    let mut ready = Tables::new();
    let is_given = ["path", "method"]
        .iter()
        .any(|it| writer.has(&["ready", it]));
    if let Some(path) = server.health.as_ref().filter(|_| !is_given) {
        ready.insert("path".into(), Value::text(mark, path));
    }
    if let Some(time) = server.within {
        ready.insert("within".into(), Value::text(mark, within(time)));
    }
    if !ready.is_empty() {
        writer.put("ready", Value::table(mark, ready));
    }
    let mut workers = Tables::new();
    for own in &server.workers {
        writer.check_worker(own)?;
        workers.insert(own.name.clone(), worker(own));
    }
    if !workers.is_empty() {
        writer.put("worker", Value::table(server.container.mark, workers));
    }
    Ok(writer.done())
}

impl Writer<'_> {
    /// Of a worker its command, variables and memory are its own.
    fn check_worker(&self, worker: &Worker) -> Result<(), Problem> {
        let mut path = self.path.clone();
        path.extend(["worker", &worker.name]);
        let stands = |it: &&Refusal| match it.instead.first().map(String::as_str) {
            None => true,
            Some("command" | "env" | "memory") => {
                let instead = it.instead.iter().map(String::as_str);
                let path: Vec<_> = path.iter().copied().chain(instead).collect();
                !(self.given)(&path)
            }
            // It has what its server has.
            Some("allow") => {
                let instead: Vec<_> = it.instead.iter().map(String::as_str).collect();
                !self.has(&instead)
            }
            Some(_) => false,
        };
        match worker.refusals.iter().find(stands) {
            Some(refusal) => Err(refusal.problem.clone()),
            None => Ok(()),
        }
    }
}

fn worker(worker: &Worker) -> Value {
    let mark = worker.mark;
    let mut table = Tables::from([("command".to_owned(), Value::texts(mark, &worker.command))]);
    if !worker.env.is_empty() {
        table.insert("env".into(), Value::pairs(mark, &worker.env));
    }
    if let Some(memory) = worker.memory {
        table.insert("memory".into(), Value::text(mark, format!("{memory}B")));
    }
    Value::table(mark, table)
}
