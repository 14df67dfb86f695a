use std::net::SocketAddr;
use std::time::Duration;

use super::Error;
use super::container::{Container, container_name};
use super::image::Images;
use super::ready::Wait;
use super::recipe::Recipe;
use super::surroundings::Surroundings;
use crate::model::{Redis, ServiceSource};

/// Where the connection to Redis is found.
pub(super) struct Running {
    inside: String,
    outside: String,
    /// Kept for its drop, which removes the container.
    _container: Option<Container>,
}

const ROLE: &str = "redis";
const PORT: u16 = 6379;
const WITHIN: Duration = Duration::from_secs(60);

impl Running {
    pub(super) async fn start(
        service: &Redis,
        images: &Images,
        around: &Surroundings,
    ) -> Result<Self, Error> {
        if let ServiceSource::Url(url) = &service.source {
            return Ok(Self {
                inside: url.clone(),
                outside: url.clone(),
                _container: None,
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
            _container: Some(container),
        })
    }

    /// The connection string for a server in a container, or for one on this host.
    pub(super) fn url(&self, contained: bool) -> &str {
        if contained {
            &self.inside
        } else {
            &self.outside
        }
    }
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
        within: WITHIN,
    };
    let ask = async || ping(url).await.map_err(|error| error.to_string());
    container.until(&wait, ask).await
}

async fn ping(url: &str) -> redis::RedisResult<()> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}
