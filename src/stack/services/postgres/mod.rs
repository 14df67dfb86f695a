//! Postgres: its container, a database for each side, and what is asked of it.

mod connection;
mod container;
mod counts;
mod plans;
mod rows;
mod url;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use rand::Rng;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use self::connection::{connect, describe};
use self::container::{OWN, ROLE, TMPFS, command, environment, files, inside, wait};
use self::url::{PORT, parts, with_scheme, within};
use super::super::Error;
use super::super::container::{Container, container_name};
use super::super::recipe::Recipe;
use super::super::tenancy::with_path;
use super::{Counted, Room, Running, Site};
use crate::bounded;
use crate::model::{self, ContainerSettings, Service, ServiceSource, Statement};

/// Where the connection to the database is found.
pub(super) struct Postgres {
    access: Access,
    /// Scheme of connection strings that servers are given.
    scheme: String,
    /// Open from the first count on, so that it is not among the connections counted later.
    control: Mutex<Option<Control>>,
    /// Nothing for one that ran already.
    container: Option<Arc<Container>>,
    /// What is loaded after the set-up of a server.
    seed: Vec<PathBuf>,
    /// Databases that have it.
    seeded: Mutex<BTreeSet<String>>,
}

/// The connection that one database's counts are asked over.
struct Control {
    url: String,
    client: Client,
}

enum Access {
    External(String),
    Own {
        /// As containers reach it.
        inside: String,
        /// As this process and its children reach it.
        outside: String,
    },
}

/// Bytes of an `init` file.
const LARGEST_SQL: u64 = 256 << 20;
/// How long sessions may take to end.
const LEAVING: Duration = Duration::from_secs(10);
/// Longest time for the plans of all statements.
const PLANS: Duration = Duration::from_secs(10);
/// What the database of a container of ours is kept in.
const KEPT: &str = "perfgate_kept";

const EXTENSION: &str = "create extension if not exists pg_stat_statements";
/// Ours, so that it is not counted as the server's.
const VACUUM: &str = "/* perfgate */ vacuum (analyze)";
/// Takes away what rows that were written again left behind; one that somebody holds keeps it.
const COMPACT: [&str; 3] = [
    "/* perfgate */ set lock_timeout = '5s'",
    "/* perfgate */ vacuum (full)",
    "/* perfgate */ reset lock_timeout",
];

impl Postgres {
    pub(super) async fn start(
        service: &Service,
        own: &model::Postgres,
        site: Site<'_>,
    ) -> Result<Self, Error> {
        let running = match &service.source {
            ServiceSource::Url(url) => Self {
                access: Access::External(url.clone()),
                scheme: own.scheme.clone(),
                control: Mutex::default(),
                container: None,
                seed: own.seed.clone(),
                seeded: Mutex::default(),
            },
            ServiceSource::Image(_) | ServiceSource::Build(_) => {
                Self::contained(service, own, site).await?
            }
        };
        for path in &own.init {
            running.load(path, None).await?;
        }
        Ok(running)
    }

    async fn contained(
        service: &Service,
        own: &model::Postgres,
        Site { images, around }: Site<'_>,
    ) -> Result<Self, Error> {
        let password = format!("{:032x}", rand::rng().random::<u128>());
        let listen = around.listen(PORT)?;
        let recipe = Recipe {
            name: ROLE,
            role: ROLE.into(),
            image: images.get(ROLE),
            command: command(own, listen),
            env: environment(&password, &service.env),
            listen: Some(listen),
            ports: &[],
            cpus: &around.cores.services,
            memory: None,
            settings: ContainerSettings {
                files: files(own),
                tmpfs: vec![TMPFS.to_owned()],
                ..ContainerSettings::default()
            },
        };
        let container = Container::start(recipe, around).await?;
        let outside = container.address().await?;
        let inside = if around.is_bridged() {
            format!("{}:{PORT}", container_name(&around.owner, ROLE))
        } else {
            outside.to_string()
        };
        let url = |authority: &str| format!("postgresql://perfgate:{password}@{authority}/{OWN}");
        let access = Access::Own {
            inside: url(&inside),
            outside: url(&outside.to_string()),
        };
        wait(&container, outside, access.outside()).await?;
        // Without the extension everything works but the counting of statements, which says so.
        if let Ok(client) = connect(access.outside()).await {
            let _ = client.batch_execute(EXTENSION).await;
        }
        Ok(Self {
            access,
            scheme: own.scheme.clone(),
            control: Mutex::default(),
            container: Some(Arc::new(container)),
            seed: own.seed.clone(),
            seeded: Mutex::default(),
        })
    }

    /// The connection string for a server in a container, or for one on this host.
    fn url(&self, room: Option<&Room>, is_contained: bool) -> String {
        let url = match &self.access {
            Access::External(url) => url,
            Access::Own { inside, .. } if is_contained => inside,
            Access::Own { outside, .. } => outside,
        };
        within(url, room)
    }

    /// Makes a database that is a copy of another one, or of the plan's; an older one of that name
    /// goes.
    async fn copied(&self, from: Option<&str>, to: &str) -> Result<(), Error> {
        let fail = |source| Error::Database {
            name: to.to_owned(),
            source,
        };
        // Nobody may be connected to what is copied.
        *self.control.lock().await = None;
        let own = Config::from_str(self.access.outside()).map_err(fail)?;
        let from = from.or(own.get_dbname()).unwrap_or("postgres");
        {
            let mut seeded = self.seeded.lock().await;
            if seeded.contains(from) {
                seeded.insert(to.to_owned());
            } else {
                seeded.remove(to);
            }
        }
        let elsewhere = with_path(self.access.outside(), "template1");
        let client = connect(&elsewhere).await.map_err(fail)?;
        let drop = format!("drop database if exists {} with (force)", quoted(to));
        client.batch_execute(&drop).await.map_err(fail)?;
        let create = format!("create database {} template {}", quoted(to), quoted(from));
        let last = Instant::now() + LEAVING;
        loop {
            match client.batch_execute(&create).await {
                // A client that has just left may still be counted as there.
                Err(error)
                    if error.code() == Some(&SqlState::OBJECT_IN_USE) && Instant::now() < last =>
                {
                    sleep(Duration::from_millis(50)).await;
                }
                made => return made.map_err(fail),
            }
        }
    }

    /// The connection to a room that counts are asked over.
    async fn control(&self, room: Option<&Room>) -> Result<MappedMutexGuard<'_, Client>, String> {
        let url = within(self.access.outside(), room);
        let mut control = self.control.lock().await;
        let usable = |it: &Control| it.url == url && !it.client.is_closed();
        if !control.as_ref().is_some_and(usable) {
            let client = connect(&url).await.map_err(describe)?;
            *control = Some(Control { url, client });
        }
        Ok(MutexGuard::map(control, |it| {
            &mut it.as_mut().expect("connected above").client
        }))
    }

    /// Settles a database that nobody but perfgate has: what a statement looks at depends neither on
    /// marks that the first reader of a row leaves, nor on statistics that autovacuum makes some day,
    /// nor, where it is not the `first` set-up there, on what those before it wrote.
    async fn settle(&self, room: Option<&Room>, first: bool) -> Result<(), Error> {
        if room.is_none() && matches!(self.access, Access::External(_)) {
            return Ok(());
        }
        let fail = |source| Error::Vacuum { source };
        let client = connect(&self.url(room, false)).await.map_err(fail)?;
        for statement in COMPACT.iter().filter(|_| !first) {
            let _ = client.batch_execute(statement).await;
        }
        client.batch_execute(VACUUM).await.map_err(fail)
    }

    /// Loads an SQL file or a dump into the database of a room.
    async fn load(&self, path: &Path, room: Option<&Room>) -> Result<(), Error> {
        let unreadable = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let is_dump = is_dump(path).map_err(unreadable)?;
        let Some(container) = &self.container else {
            if is_dump {
                let path = path.to_owned();
                return Err(Error::Dump { path });
            }
            let sql = bounded::read_text(path, LARGEST_SQL).map_err(unreadable)?;
            let fail = |source| Error::Sql {
                path: path.to_owned(),
                source,
            };
            let client = connect(&self.url(room, false)).await.map_err(fail)?;
            return client.batch_execute(&sql).await.map_err(fail);
        };
        let (program, options): (_, &[&str]) = if is_dump {
            (
                "pg_restore",
                &["--exit-on-error", "--no-owner", "--no-privileges"],
            )
        } else {
            (
                "psql",
                &[
                    "--no-psqlrc",
                    "--quiet",
                    "--set",
                    "ON_ERROR_STOP=1",
                    "--output",
                    "/dev/null",
                ],
            )
        };
        let (url, file) = (self.url(room, true), inside(path));
        let database: [&str; 3] = ["--no-password", "--dbname", &url];
        let last: &[&str] = if is_dump {
            &[&file]
        } else {
            &["--file", &file]
        };
        let words = [&[program], options, &database, last].concat();
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        match container.execute(&words).await? {
            (0, _) => Ok(()),
            (code, output) => Err(Error::Load {
                path: path.to_owned(),
                program,
                code,
                output,
            }),
        }
    }
}

impl Running for Postgres {
    fn containers(&self) -> Vec<Arc<Container>> {
        self.container.iter().cloned().collect()
    }

    fn values(&self, room: Option<&Room>, is_contained: bool) -> Vec<(String, String)> {
        let url = self.url(room, is_contained);
        let mut values = parts(&url);
        values.push(("url", with_scheme(&url, &self.scheme)));
        let value = |(field, value): (&str, String)| (field.to_owned(), value);
        values.into_iter().map(value).collect()
    }

    fn room<'a>(
        &'a self,
        _: Site<'a>,
        name: &'a str,
        _: u32,
    ) -> LocalBoxFuture<'a, Result<Option<Room>, Error>> {
        let room = async {
            self.copied(None, name).await?;
            Ok(Some(name.to_owned()))
        };
        room.boxed_local()
    }

    fn seed<'a>(&'a self, room: Option<&'a Room>) -> LocalBoxFuture<'a, Result<(), Error>> {
        let seed = async move {
            let own = Config::from_str(&self.url(room, false));
            let own = own.ok().and_then(|it| it.get_dbname().map(str::to_owned));
            let is_first = self.seeded.lock().await.insert(own.unwrap_or_default());
            for path in self.seed.iter().filter(|_| is_first) {
                self.load(path, room).await?;
            }
            self.settle(room, is_first).await
        };
        seed.boxed_local()
    }

    fn grow<'a>(
        &'a self,
        room: Option<&'a Room>,
        tables: &'a [(&'a str, u64)],
    ) -> LocalBoxFuture<'a, Result<(), Error>> {
        let grow = async move {
            let fail = |table: &str, reason| Error::Growth {
                table: table.to_owned(),
                reason,
            };
            let client = connect(&self.url(room, false)).await;
            let client = client.map_err(|error| Error::Vacuum { source: error })?;
            for (table, rows) in tables {
                let grown = rows::grow(&client, table, *rows).await;
                grown.map_err(|reason| fail(table, reason))?;
            }
            if tables.is_empty() {
                // What a command has written.
                let fail = |source| Error::Vacuum { source };
                client.batch_execute(VACUUM).await.map_err(fail)?;
            }
            Ok(())
        };
        grow.boxed_local()
    }

    fn copies_rooms(&self) -> bool {
        true
    }

    /// That of somebody else stays as it is.
    fn keep(&self) -> LocalBoxFuture<'_, Result<bool, Error>> {
        let keep = async {
            if self.container.is_none() {
                return Ok(false);
            }
            self.copied(None, KEPT).await?;
            Ok(true)
        };
        keep.boxed_local()
    }

    fn restore(&self) -> LocalBoxFuture<'_, Result<(), Error>> {
        self.copied(Some(KEPT), OWN).boxed_local()
    }

    fn copy<'a>(
        &'a self,
        room: &'a Room,
        name: &'a str,
        _: u32,
    ) -> LocalBoxFuture<'a, Result<Room, Error>> {
        let copy = async {
            self.copied(Some(room), name).await?;
            Ok(name.to_owned())
        };
        copy.boxed_local()
    }

    fn count<'a>(
        &'a self,
        room: Option<&'a Room>,
    ) -> LocalBoxFuture<'a, Result<Option<Counted>, String>> {
        let count = async move {
            let client = self.control(room).await?;
            counts::counted(&client).await.map(Some)
        };
        count.boxed_local()
    }

    fn explain<'a>(
        &'a self,
        room: Option<&'a Room>,
        statements: &'a mut [Statement],
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        let explain = async move {
            let client = self.control(room).await?;
            let explained = timeout(PLANS, plans::explain(&client, statements)).await;
            drop(client);
            if explained.is_err() {
                // What it is still at must not keep counts waiting.
                *self.control.lock().await = None;
            }
            explained.map_err(|_| format!("no answer within {PLANS:?}"))?
        };
        explain.boxed_local()
    }
}

/// Whether `pg_dump` wrote it in a format of its own, a folder among them, which psql does not read.
fn is_dump(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(true);
    }
    let bytes = bounded::read(path, LARGEST_SQL)?;
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    Ok(is_tar || bytes.starts_with(b"PGDMP"))
}

/// An identifier of SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Access {
    fn outside(&self) -> &str {
        match self {
            Self::External(url) | Self::Own { outside: url, .. } => url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_are_known_by_their_first_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let is_dump_of = |content: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, content).expect("written");
            is_dump(&path).expect("it can be read")
        };
        assert!(is_dump_of(b"PGDMP\x01\x0e"));
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(is_dump_of(&tar));
        assert!(!is_dump_of(b"-- PostgreSQL database dump\nselect 1;"));
        assert!(!is_dump_of(b""));
        assert!(is_dump(folder.path()).expect("a folder of one"));
    }
}
