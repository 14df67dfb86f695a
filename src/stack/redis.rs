use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use super::Error;
use super::container::{Container, container_name};
use super::image::Images;
use super::ready::{ANSWER, Wait};
use super::recipe::Recipe;
use super::stack_context::StackContext;
use super::tenancy::{Tenancy, with_path};
use crate::model::{Redis, ServiceSource};

/// Where the connection to Redis is found.
pub(super) struct Running {
    inside: String,
    outside: String,
    control: Mutex<Control>,
    /// Kept for its drop, which removes the container; nothing for one that ran already.
    container: Option<Container>,
}

/// The connection that counts are asked over, and how often they were.
#[derive(Default)]
struct Control {
    connection: Option<MultiplexedConnection>,
    asked: u64,
}

/// What Redis has counted so far, what this program asked left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) commands: u64,
    /// Connections ever opened.
    pub(super) connections: u64,
    /// Connections open now.
    pub(super) open: u64,
}

/// Logical databases of a Redis that nobody configured otherwise.
const DATABASES: u32 = 16;
const ROLE: &str = "redis";
const PORT: u16 = 6379;
const WITHIN: Duration = Duration::from_secs(60);

impl Running {
    pub(super) async fn start(
        service: &Redis,
        images: &Images,
        around: &StackContext,
    ) -> Result<Self, Error> {
        if let ServiceSource::Url(url) = &service.source {
            return Ok(Self {
                inside: url.clone(),
                outside: url.clone(),
                control: Mutex::default(),
                container: None,
            });
        }
        let listen = around.listen(PORT)?;
        let recipe = Recipe {
            name: ROLE,
            role: ROLE.into(),
            image: images.get(ROLE),
            command: command(listen),
            env: Vec::new(),
            listen: Some(listen),
            cpus: &around.cores.services,
            memory: None,
            tmpfs: None,
            files: &[],
        };
        let container = Container::start(recipe, around).await?;
        let address = container.address().await?;
        let outside = format!("redis://{address}/0");
        let inside = if around.is_bridged() {
            format!("redis://{}:{PORT}/0", container_name(&around.owner, ROLE))
        } else {
            outside.clone()
        };
        wait(&container, address, &outside).await?;
        Ok(Self {
            inside,
            outside,
            control: Mutex::default(),
            container: Some(container),
        })
    }

    pub(super) const fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// What Redis has counted so far; why it does not tell, otherwise.
    pub(super) async fn count(&self) -> Result<Count, String> {
        let mut control = self.control.lock().await;
        let answer = match control.info(&self.outside).await {
            Ok(answer) => answer,
            Err(error) => {
                *control = Control::default();
                return Err(error.to_string());
            }
        };
        // Every question but this one, which is answered before it is counted.
        let own = control.asked - 1;
        let field = |name: &str| field(&answer, name).ok_or_else(|| format!("no `{name}` in INFO"));
        Ok(Count {
            commands: field("total_commands_processed")?.saturating_sub(own),
            connections: field("total_connections_received")?,
            open: field("connected_clients")?,
        })
    }

    /// The connection string for a server in a container, or for one on this host.
    pub(super) fn url(&self, tenancy: &Tenancy, contained: bool) -> String {
        let url = if contained {
            &self.inside
        } else {
            &self.outside
        };
        match tenancy.redis {
            Some(number) => with_path(url, &number.to_string()),
            None => url.clone(),
        }
    }

    /// The number of an empty logical database. One of perfgate's own Redis is emptied; elsewhere
    /// what is there is left alone, and the last that are empty are taken.
    pub(super) async fn empty(&self, number: u32) -> Result<u32, Error> {
        let fail = |source| Error::Redis { source };
        if self.container.is_some() {
            let mut connection = connect(&with_path(&self.outside, &number.to_string()))
                .await
                .map_err(fail)?;
            let flushed = redis::cmd("FLUSHDB").query_async(&mut connection).await;
            return flushed.map(|()| number).map_err(fail);
        }
        let mut left = number;
        for index in (1..DATABASES).rev() {
            let url = with_path(&self.outside, &index.to_string());
            let Ok(mut connection) = connect(&url).await else {
                continue;
            };
            let keys: u64 = redis::cmd("DBSIZE")
                .query_async(&mut connection)
                .await
                .map_err(fail)?;
            left -= u32::from(keys == 0);
            if left == 0 {
                return Ok(index);
            }
        }
        Err(Error::RedisFull)
    }
}

impl Control {
    async fn info(&mut self, url: &str) -> redis::RedisResult<String> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(url).await?),
        };
        self.asked += 1;
        redis::cmd("INFO").query_async(connection).await
    }
}

/// A number in the answer to INFO.
fn field(answer: &str, name: &str) -> Option<u64> {
    let mut lines = answer.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().parse().ok()
}

/// Nothing is saved to disk. Without a password Redis answers other hosts only with its protected
/// mode off; the port is on the run's own network and on loopback.
fn command(listen: SocketAddr) -> Vec<String> {
    let (port, bind) = (listen.port().to_string(), listen.ip().to_string());
    let words = [
        "redis-server",
        "--port",
        &port,
        "--bind",
        &bind,
        "--protected-mode",
        "no",
        "--save",
        "",
        "--appendonly",
        "no",
    ];
    words.map(str::to_owned).to_vec()
}

async fn wait(container: &Container, address: SocketAddr, url: &str) -> Result<(), Error> {
    let wait = Wait {
        name: ROLE,
        what: format!("{address} (PING)"),
        timeout: ANSWER,
        within: WITHIN,
    };
    let ask = async || ping(url).await.map_err(|error| error.to_string());
    container.until(&wait, ask).await
}

async fn ping(url: &str) -> redis::RedisResult<()> {
    redis::cmd("PING")
        .query_async(&mut connect(url).await?)
        .await
}

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    client.get_multiplexed_async_connection().await
}
