use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Row};

use super::Error;
use super::container::{Container, container_name};
use super::image::Images;
use super::ready::Wait;
use super::recipe::Recipe;
use super::surroundings::Surroundings;
use crate::model::{Postgres, ServiceSource};

/// Where the connection to the database is found.
pub(super) struct Running {
    access: Access,
    /// Open from the first count on, so that it is not among the connections counted later.
    control: Mutex<Option<Client>>,
    /// Kept for its drop, which removes the container.
    _container: Option<Container>,
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
        around: &Surroundings,
    ) -> Result<Self, Error> {
        let running = match &service.source {
            ServiceSource::Url(url) => Self {
                access: Access::External(url.clone()),
                control: Mutex::default(),
                _container: None,
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
        around: &Surroundings,
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
            _container: Some(container),
        })
    }

    /// The connection string for a server in a container, or for one on this host.
    pub(super) fn url(&self, contained: bool) -> &str {
        match &self.access {
            Access::External(url) => url,
            Access::Own { inside, .. } if contained => inside,
            Access::Own { outside, .. } => outside,
        }
    }

    /// What the database has counted so far; why it does not tell, otherwise.
    pub(super) async fn count(&self) -> Result<Count, String> {
        let mut control = self.control.lock().await;
        if control.as_ref().is_none_or(Client::is_closed) {
            *control = Some(connect(self.access.outside()).await.map_err(describe)?);
        }
        let client = control.as_ref().expect("connected above");
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
            let sql = fs::read_to_string(path).map_err(|source| Error::File {
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
