//! What compose files say, below what perfgate.toml says: key by key in its place.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::Error;
use super::file;
use super::spans::Spans;
use crate::compose::{
    Files, Kind, Mark, Problem, Project, Request, Stack, Tables, Value, Wanted, location_of,
    nearest,
};

/// Keys that say where a server comes from.
const SOURCES: [&str; 5] = ["image", "build", "run", "cargo", "url"];

/// What has to be known of a file before its compose files are read.
#[derive(Deserialize)]
struct Head {
    compose: Option<super::spanned::Spanned<file::Compose>>,
}

/// What compose files say, in tables of perfgate.toml.
pub(super) struct Composed {
    tables: Tables,
    /// The files that were read.
    read: Vec<PathBuf>,
    /// What became of the services.
    pub(super) notes: Vec<String>,
}

/// Reads the compose files that a configuration names.
pub(super) fn read(
    table: &Spanned<DeTable<'_>>,
    spans: &Spans<'_>,
    files: &dyn Files,
) -> Result<Option<Composed>, Error> {
    if table.get_ref().get("compose").is_none() {
        return Ok(None);
    }
    let head = Head::deserialize(Deserializer::from(table.clone()));
    let head = head.map_err(|error| spans.syntax(&error))?;
    let Some(named) = head.compose else {
        return Ok(None);
    };
    let span = named.span();
    let refuse = |message: String, hint: Option<String>| spans.invalid(&span, message, hint);
    let named = named.into_inner().0;
    if named.files.is_empty() {
        let hint = "write the path of one: compose = \"compose.yaml\"";
        return Err(refuse("`compose` names no file".into(), Some(hint.into())));
    }
    let process = |name: &str| std::env::var(name).ok();
    let request = Request {
        paths: &named.files,
        env_files: &named.env_file,
        profiles: &named.profiles,
        files,
        process: &process,
        is_lenient: false,
    };
    let project = Project::load(&request).map_err(|refused| {
        let Problem { message, hint, .. } = refused.problem;
        match refused.location {
            Some(location) => spans.elsewhere(&location, message, hint),
            None => refuse(message, hint),
        }
    })?;
    let own = Own {
        table: table.get_ref(),
        known: project.service_names(),
        file: named.files[0].display().to_string(),
        spans,
    };
    let (servers, wanted) = own.wanted(&span)?;
    let of_project = |problem: Problem| match problem.mark {
        Some(mark) => spans.elsewhere(&project.location(mark), problem.message, problem.hint),
        None => refuse(problem.message, problem.hint),
    };
    let stack = Stack::from_project(&project, &wanted).map_err(of_project)?;
    let given = |path: &[&str]| has(table.get_ref(), path);
    let tables = stack.tables(&servers, &given).map_err(of_project)?;
    let notes = stack.describe(&servers);
    Ok(Some(Composed {
        tables,
        read: project.into_paths(),
        notes,
    }))
}

impl Composed {
    /// A configuration with what it leaves to the compose files.
    pub(super) fn below<'a>(
        &'a self,
        table: Spanned<DeTable<'a>>,
        spans: &mut Spans<'_>,
    ) -> Spanned<DeTable<'a>> {
        let mut span = |mark: Mark| spans.mark(&location_of(&self.read, mark));
        let mut whole = de_table(&self.tables, &mut span);
        let range = table.span();
        merge(&mut whole, table.into_inner());
        Spanned::new(range, whole)
    }
}

fn de_table<'a>(
    tables: &'a Tables,
    span: &mut impl FnMut(Mark) -> std::ops::Range<usize>,
) -> DeTable<'a> {
    let entry = |(key, value): (&'a String, &'a Value)| {
        let key = Spanned::new(span(value.mark), key.as_str().into());
        (key, de_value(value, span))
    };
    tables.iter().map(entry).collect()
}

fn de_value<'a>(
    value: &'a Value,
    span: &mut impl FnMut(Mark) -> std::ops::Range<usize>,
) -> Spanned<DeValue<'a>> {
    let range = span(value.mark);
    let inner = match &value.kind {
        Kind::Text(text) => DeValue::String(text.as_str().into()),
        // Of digits it makes a number; of anything else, which nobody writes, a text.
        Kind::Number(digits) => DeValue::parse(digits).map_or_else(
            |_| DeValue::String(digits.as_str().into()),
            Spanned::into_inner,
        ),
        Kind::Bool(it) => DeValue::Boolean(*it),
        Kind::List(items) => DeValue::Array(items.iter().map(|it| de_value(it, span)).collect()),
        Kind::Table(table) => DeValue::Table(de_table(table, span)),
    };
    Spanned::new(range, inner)
}

/// Puts one table over another.
fn merge<'a>(below: &mut DeTable<'a>, above: DeTable<'a>) {
    for (key, value) in above {
        let range = value.span();
        let value = match (below.remove(key.get_ref().as_ref()), value.into_inner()) {
            (Some(known), DeValue::Table(own)) => match known.into_inner() {
                DeValue::Table(mut known) => {
                    merge(&mut known, own);
                    DeValue::Table(known)
                }
                _ => DeValue::Table(own),
            },
            (_, own) => own,
        };
        below.insert(key, Spanned::new(range, value));
    }
}

/// Whether paths of a configuration may lead out of its folder.
pub(super) fn allows_outside(table: &Spanned<DeTable<'_>>) -> bool {
    let key = table.get_ref().get("allow_outside");
    key.is_some_and(|it| it.get_ref().as_bool() == Some(true))
}

/// Whether a configuration has a key, or a list that is one has a text.
fn has(table: &DeTable<'_>, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    match (table.get(*first), rest) {
        (None, _) => false,
        (Some(_), []) => true,
        (Some(value), [text]) if value.get_ref().is_array() => {
            let mut items = value.get_ref().as_array().into_iter().flatten();
            items.any(|it| it.get_ref().as_str() == Some(text))
        }
        (Some(value), rest) => value.get_ref().as_table().is_some_and(|it| has(it, rest)),
    }
}

/// What perfgate.toml itself says of servers and services.
struct Own<'a> {
    table: &'a DeTable<'a>,
    /// The services of the compose files.
    known: Vec<&'a str>,
    file: String,
    spans: &'a Spans<'a>,
}

impl Own<'_> {
    /// The servers that are services, and what is wanted of the compose files.
    fn wanted(&self, span: &std::ops::Range<usize>) -> Result<(Vec<String>, Wanted), Error> {
        let mut names = Vec::new();
        let mut wanted = Wanted::default();
        for (name, server) in entries(self.table, "server") {
            wanted.taken.push(name.to_owned());
            let Some(table) = server.get_ref().as_table() else {
                continue;
            };
            let Some(service) = self.service_of(name, server, table)? else {
                continue;
            };
            for (worker, own) in entries(table, "worker") {
                let has_command = has_key(own, "command");
                if self.is_known(worker) {
                    wanted.workers.push((service.clone(), worker.to_owned()));
                } else if !has_command {
                    let message = format!(
                        "worker `{worker}` of server `{name}` has no `command`, and `{}` no such service",
                        self.file
                    );
                    return Err(self.unknown(&own.span(), message, worker));
                }
            }
            names.push(name.to_owned());
            wanted.servers.push(service);
        }
        wanted.postgres = self.named("postgres")?;
        wanted.redis = self.named("redis")?;
        if wanted.taken.is_empty() {
            let message = format!("no server of `{}` is named", self.file);
            let hint = format!(
                "add one that says which service is measured: [server.app] with service = \"NAME\"; known: {}",
                self.known.join(", ")
            );
            return Err(self.spans.invalid(span, message, Some(hint)));
        }
        for (name, service) in entries(self.table, "service") {
            if self.is_known(name) {
                wanted.services.push(name.to_owned());
            } else if !has_key(service, "image") && !has_key(service, "build") {
                let message = format!(
                    "[service.{name}] has neither an `image` nor a `build`, and `{}` no such service",
                    self.file
                );
                return Err(self.unknown(&service.span(), message, name));
            }
        }
        Ok((names, wanted))
    }

    /// The service that a server is; nothing for one that perfgate.toml describes itself.
    fn service_of(
        &self,
        name: &str,
        server: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Result<Option<String>, Error> {
        if let Some(service) = table.get("service") {
            // What is no text is refused with the rest of the file.
            let Some(wanted) = service.get_ref().as_str() else {
                return Ok(None);
            };
            if self.is_known(wanted) {
                return Ok(Some(wanted.to_owned()));
            }
            let message = format!("`{}` has no service `{wanted}`", self.file);
            return Err(self.unknown(&service.span(), message, wanted));
        }
        if SOURCES.iter().any(|key| table.get(*key).is_some()) {
            return Ok(None);
        }
        if self.is_known(name) {
            return Ok(Some(name.to_owned()));
        }
        let message = format!(
            "server `{name}` does not say which service of `{}` it is",
            self.file
        );
        let hint = format!("add service = \"NAME\"; known: {}", self.known.join(", "));
        Err(self.spans.invalid(&server.span(), message, Some(hint)))
    }

    /// The service that Postgres or Redis is said to be.
    fn named(&self, table: &str) -> Result<Option<String>, Error> {
        let table = self.table.get(table).and_then(|it| it.get_ref().as_table());
        let service = table.and_then(|it| it.get("service"));
        let Some((service, name)) = service.and_then(|it| Some((it, it.get_ref().as_str()?)))
        else {
            return Ok(None);
        };
        if self.is_known(name) {
            return Ok(Some(name.to_owned()));
        }
        let message = format!("`{}` has no service `{name}`", self.file);
        Err(self.unknown(&service.span(), message, name))
    }

    fn is_known(&self, name: &str) -> bool {
        self.known.contains(&name)
    }

    fn unknown(&self, span: &std::ops::Range<usize>, message: String, name: &str) -> Error {
        let near = nearest(name, self.known.iter().copied());
        let hint = near.map_or_else(
            || format!("known: {}", self.known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.spans.invalid(span, message, Some(hint))
    }
}

/// The tables of a table of tables, by name.
fn entries<'a>(
    table: &'a DeTable<'a>,
    key: &str,
) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> {
    let tables = table.get(key).and_then(|it| it.get_ref().as_table());
    let entries = tables.into_iter().flat_map(|it| it.iter());
    entries.map(|(name, it)| (name.get_ref().as_ref(), it))
}

fn has_key(value: &Spanned<DeValue<'_>>, key: &str) -> bool {
    let table = value.get_ref().as_table();
    table.is_some_and(|it| it.get(key).is_some())
}
