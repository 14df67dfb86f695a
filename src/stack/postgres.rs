use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Row};

use super::Error;
use super::container::{Container, container_name};
use super::image::Images;
use super::ready::{ANSWER, Wait};
use super::recipe::Recipe;
use super::stack_context::StackContext;
use super::tenancy::{Tenancy, with_path};
use crate::bounded;
use crate::model::{Postgres, ServiceSource};

/// Where the connection to the database is found.
pub(super) struct Running {
    access: Access,
    /// Open from the first count on, so that it is not among the connections counted later.
    control: Mutex<Option<Control>>,
    /// Nothing for one that ran already.
    container: Option<Container>,
}

/// The connection that one database's counts are asked over.
struct Control {
    url: String,
    client: Client,
}

/// Calls of, and rows given back or changed by, a kind of statement.
pub(super) type Statements = BTreeMap<String, (u64, u64)>;

/// What the server's database has counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// By text, constants replaced; nothing without `pg_stat_statements`.
    pub(super) statements: Option<Statements>,
    /// Connections ever opened; nothing before version 14.
    pub(super) sessions: Option<u64>,
    /// Connections open now, the one that asks left out.
    pub(super) open: u64,
    /// What is not counted, and why.
    pub(super) missing: Vec<String>,
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
const ROLE: &str = "postgres";
const PORT: u16 = 5432;
const WITHIN: Duration = Duration::from_secs(60);

const EXTENSION: &str = "create extension if not exists pg_stat_statements";
/// The comment marks the statement as ours, which is not the server's to be counted.
const STATEMENTS: &str = "/* perfgate */ select query, sum(calls)::bigint, sum(rows)::bigint \
    from pg_stat_statements join pg_database on pg_database.oid = dbid \
    where datname = current_database() and query not like '/* perfgate */%' group by query";
const SESSIONS: &str =
    "/* perfgate */ select sessions from pg_stat_database where datname = current_database()";
const OPEN: &str = "/* perfgate */ select count(*) from pg_stat_activity \
    where datname = current_database() and backend_type = 'client backend' \
    and pid <> pg_backend_pid()";
const NO_STATEMENTS: &str = "SQL statements are not counted: put pg_stat_statements into Postgres's \
    shared_preload_libraries and run `create extension pg_stat_statements` in the database";
const NO_SESSIONS: &str = "connections to Postgres are not counted: its version is older than 14";

/// The data lie in memory, on a mount point that no image has: the permissions of one that an
/// image has win over those asked for.
const TMPFS: &str = "/perfgate";
const DATA: &str = "/perfgate/data";

impl Running {
    pub(super) async fn start(
        service: &Postgres,
        images: &Images,
        around: &StackContext,
    ) -> Result<Self, Error> {
        let running = match &service.source {
            ServiceSource::Url(url) => Self {
                access: Access::External(url.clone()),
                control: Mutex::default(),
                container: None,
            },
            ServiceSource::Image(_) | ServiceSource::Build(_) => {
                Self::contained(service, images, around).await?
            }
        };
        running.initialise(service).await?;
        Ok(running)
    }

    async fn contained(
        service: &Postgres,
        images: &Images,
        around: &StackContext,
    ) -> Result<Self, Error> {
        let password = format!("{:032x}", rand::rng().random::<u128>());
        let listen = around.listen(PORT)?;
        let recipe = Recipe {
            name: ROLE,
            role: ROLE.into(),
            image: images.get(ROLE),
            command: command(service, listen),
            env: environment(&password),
            listen: Some(listen),
            cpus: &around.cores.services,
            memory: None,
            tmpfs: Some(TMPFS),
            files: &[],
        };
        let container = Container::start(recipe, around).await?;
        let outside = container.address().await?;
        let inside = if around.is_bridged() {
            format!("{}:{PORT}", container_name(&around.owner, ROLE))
        } else {
            outside.to_string()
        };
        let url = |authority: &str| format!("postgres://perfgate:{password}@{authority}/perfgate");
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
            control: Mutex::default(),
            container: Some(container),
        })
    }

    pub(super) const fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// The connection string for a server in a container, or for one on this host.
    pub(super) fn url(&self, tenancy: &Tenancy, contained: bool) -> String {
        let url = match &self.access {
            Access::External(url) => url,
            Access::Own { inside, .. } if contained => inside,
            Access::Own { outside, .. } => outside,
        };
        within(url, tenancy)
    }

    /// Makes a database that is a copy of another one, or of the plan's; an older one of that name
    /// goes.
    pub(super) async fn copy(&self, from: Option<&str>, to: &str) -> Result<(), Error> {
        let fail = |source| Error::Database {
            name: to.to_owned(),
            source,
        };
        // Nobody may be connected to what is copied.
        *self.control.lock().await = None;
        let own = Config::from_str(self.access.outside()).map_err(fail)?;
        let from = from.or(own.get_dbname()).unwrap_or("postgres");
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

    /// What the database has counted so far; why it does not tell, otherwise.
    pub(super) async fn count(&self, tenancy: &Tenancy) -> Result<Count, String> {
        let url = within(self.access.outside(), tenancy);
        let mut control = self.control.lock().await;
        let usable = |it: &Control| it.url == url && !it.client.is_closed();
        if !control.as_ref().is_some_and(usable) {
            let client = connect(&url).await.map_err(describe)?;
            *control = Some(Control { url, client });
        }
        let client = &control.as_ref().expect("connected above").client;
        let number = |row: &Row| row.get::<_, i64>(0).unsigned_abs();
        let open = client.query_one(OPEN, &[]).await.map_err(describe)?;
        let mut count = Count {
            open: number(&open),
            ..Count::default()
        };
        match client.query_one(SESSIONS, &[]).await {
            Ok(row) => count.sessions = Some(number(&row)),
            Err(_) => count.missing.push(NO_SESSIONS.into()),
        }
        match client.query(STATEMENTS, &[]).await {
            Ok(rows) => count.statements = Some(rows.iter().map(statement).collect()),
            Err(_) => count.missing.push(NO_STATEMENTS.into()),
        }
        Ok(count)
    }

    async fn initialise(&self, service: &Postgres) -> Result<(), Error> {
        for path in &service.init {
            let sql = bounded::read_text(path, LARGEST_SQL).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
            let fail = |source| Error::Sql {
                path: path.clone(),
                source,
            };
            let client = connect(self.access.outside()).await.map_err(fail)?;
            client.batch_execute(&sql).await.map_err(fail)?;
        }
        Ok(())
    }
}

/// The connection string of a tenant.
fn within(url: &str, tenancy: &Tenancy) -> String {
    let database = tenancy.database.as_ref();
    database.map_or_else(|| url.to_owned(), |database| with_path(url, database))
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

fn statement(row: &Row) -> (String, (u64, u64)) {
    let number = |index| row.get::<_, i64>(index).unsigned_abs();
    (row.get(0), (number(1), number(2)))
}

fn command(service: &Postgres, listen: SocketAddr) -> Vec<String> {
    let own = [
        ("port", listen.port().to_string()),
        ("listen_addresses", listen.ip().to_string()),
        ("shared_preload_libraries", "pg_stat_statements".into()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    // Of a setting given twice the last one counts.
    let settings = own.iter().chain(&service.settings);
    let options = settings.flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
    std::iter::once("postgres".to_owned())
        .chain(options)
        .collect()
}

fn environment(password: &str) -> Vec<(String, String)> {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        variable("POSTGRES_USER", "perfgate"),
        variable("POSTGRES_PASSWORD", password),
        variable("POSTGRES_DB", "perfgate"),
        variable("PGDATA", DATA),
    ]
}

async fn wait(container: &Container, address: SocketAddr, url: &str) -> Result<(), Error> {
    let wait = Wait {
        name: ROLE,
        what: format!("{address} (select 1)"),
        timeout: ANSWER,
        within: WITHIN,
    };
    let ask = async || match connect(url).await {
        Ok(client) => client
            .simple_query("select 1")
            .await
            .map(drop)
            .map_err(describe),
        Err(error) => Err(describe(error)),
    };
    container.until(&wait, ask).await
}

#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn describe(error: tokio_postgres::Error) -> String {
    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
