use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;
use tokio_postgres::{Client, NoTls};

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
    /// Kept for its drop, which removes the container.
    _container: Option<Container>,
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
        Ok(Self {
            access,
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

fn command(service: &Postgres, listen: SocketAddr) -> Vec<String> {
    let own = [
        ("port".to_owned(), listen.port().to_string()),
        ("listen_addresses".to_owned(), listen.ip().to_string()),
    ];
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
