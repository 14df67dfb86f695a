use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, IntoConnectionInfo as _};
use tokio::sync::Mutex;

use super::super::Error;
use super::super::container::{Container, container_name};
use super::super::ready::{ANSWER, Wait};
use super::super::recipe::Recipe;
use super::super::tenancy::with_path;
use super::{Counted, Room, Running, Site};
use crate::model::{ContainerSettings, Metric, Service, ServiceSource};

/// Where the connection to Redis is found.
pub(super) struct Redis {
    inside: String,
    outside: String,
    control: Mutex<Control>,
    /// Nothing for one that ran already.
    container: Option<Arc<Container>>,
}

/// The connection that counts are asked over, and how often they were.
#[derive(Default)]
struct Control {
    connection: Option<MultiplexedConnection>,
    asked: u64,
}

/// Logical databases of a Redis that nobody configured otherwise.
const DATABASES: u32 = 16;
/// The last, in which keys are kept.
const KEPT: u32 = DATABASES - 1;
const ROLE: &str = "redis";
const PORT: u16 = 6379;
/// Keys that are copied by one request.
const KEYS_AT_ONCE: usize = 500;
const WITHIN: Duration = Duration::from_secs(60);

impl Redis {
    pub(super) async fn start(
        service: &Service,
        Site { images, around }: Site<'_>,
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
            ports: &[],
            cpus: &around.cores.services,
            memory: None,
            settings: ContainerSettings::default(),
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
            container: Some(Arc::new(container)),
        })
    }

    /// What Redis has counted so far, what this program asked left out; why it reports nothing,
    /// otherwise.
    async fn counted(&self) -> Result<Counted, String> {
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
        let open = field("connected_clients")?;
        let totals = [
            (
                Metric::RedisCommandsPerRequest,
                field("total_commands_processed")?.saturating_sub(own),
            ),
            (
                Metric::RedisConnectionsPerRequest,
                field("total_connections_received")?,
            ),
            (Metric::RedisConnectionsLeaked, open),
        ];
        Ok(Counted {
            totals: BTreeMap::from(totals),
            open,
            ..Counted::default()
        })
    }

    /// The connection string for a server in a container, or for one on this host.
    fn url(&self, room: Option<&Room>, is_contained: bool) -> String {
        let url = if is_contained {
            &self.inside
        } else {
            &self.outside
        };
        match room {
            Some(number) => with_path(url, number),
            None => url.clone(),
        }
    }

    /// Copies the keys of one logical database to another; without a number it is the first.
    async fn copied(&self, from: Option<u32>, to: Option<u32>) -> Result<(), Error> {
        let url =
            |number: Option<u32>| with_path(&self.outside, &number.unwrap_or_default().to_string());
        let copied = copy_keys(&url(from), &url(to)).await;
        copied.map_err(|source| Error::Redis { source })
    }

    /// The number of an empty logical database. One of perfgate's own Redis is emptied; elsewhere
    /// what is there is left alone, and the last that are empty are taken.
    async fn empty(&self, number: u32) -> Result<u32, Error> {
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

impl Running for Redis {
    fn containers(&self) -> Vec<Arc<Container>> {
        self.container.iter().cloned().collect()
    }

    fn values(&self, room: Option<&Room>, is_contained: bool) -> Vec<(String, String)> {
        let url = self.url(room, is_contained);
        let mut values = parts(&url);
        values.push(("url", url));
        let value = |(field, value): (&str, String)| (field.to_owned(), value);
        values.into_iter().map(value).collect()
    }

    fn room<'a>(
        &'a self,
        _: Site<'a>,
        _: &'a str,
        number: u32,
    ) -> LocalBoxFuture<'a, Result<Option<Room>, Error>> {
        async move { Ok(Some(self.empty(number).await?.to_string())) }.boxed_local()
    }

    fn copies_rooms(&self) -> bool {
        self.container.is_some()
    }

    fn copy<'a>(
        &'a self,
        room: &'a Room,
        _: &'a str,
        number: u32,
    ) -> LocalBoxFuture<'a, Result<Room, Error>> {
        let copy = async move {
            if !self.copies_rooms() {
                return Ok(room.clone());
            }
            let copy = self.empty(number).await?;
            self.copied(room.parse().ok(), Some(copy)).await?;
            Ok(copy.to_string())
        };
        copy.boxed_local()
    }

    fn keep(&self) -> LocalBoxFuture<'_, Result<bool, Error>> {
        let keep = async {
            if self.container.is_none() {
                return Ok(false);
            }
            // One that was configured to have fewer logical databases.
            if self.empty(KEPT).await.is_err() {
                return Ok(false);
            }
            self.copied(None, Some(KEPT)).await?;
            Ok(true)
        };
        keep.boxed_local()
    }

    fn restore(&self) -> LocalBoxFuture<'_, Result<(), Error>> {
        let restore = async {
            self.empty(0).await?;
            self.copied(Some(KEPT), None).await
        };
        restore.boxed_local()
    }

    fn jobs<'a>(&'a self, room: Option<&'a Room>) -> LocalBoxFuture<'a, Option<u64>> {
        async move { listed(&self.url(room, false)).await.ok() }.boxed_local()
    }

    fn count<'a>(
        &'a self,
        _: Option<&'a Room>,
    ) -> LocalBoxFuture<'a, Result<Option<Counted>, String>> {
        async { self.counted().await.map(Some) }.boxed_local()
    }
}

/// What a connection string says, for those who want it piece by piece.
fn parts(url: &str) -> Vec<(&'static str, String)> {
    let Ok(info) = url.into_connection_info() else {
        return Vec::new();
    };
    let (host, port) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => (host.clone(), *port),
        other => (other.to_string(), PORT),
    };
    vec![
        ("host", host),
        ("port", port.to_string()),
        ("database", info.redis_settings().db().to_string()),
    ]
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

/// Copies all keys of a logical database with the time that they have left, also of a Redis older than
/// the command COPY.
async fn copy_keys(from: &str, to: &str) -> redis::RedisResult<()> {
    let (mut source, mut target) = (connect(from).await?, connect(to).await?);
    let mut cursor: u64 = 0;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("COUNT").arg(KEYS_AT_ONCE);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut source).await?;
        if !keys.is_empty() {
            let mut reads = redis::pipe();
            for key in &keys {
                reads.cmd("DUMP").arg(key);
                reads.cmd("PTTL").arg(key);
            }
            let values: Vec<(Option<Vec<u8>>, i64)> = reads.query_async(&mut source).await?;
            let mut writes = redis::pipe();
            for (key, (value, left)) in keys.iter().zip(values) {
                // One that has just ended is not there.
                let Some(value) = value else { continue };
                let mut write = redis::cmd("RESTORE");
                write.arg(key).arg(left.max(0)).arg(value).arg("REPLACE");
                writes.add_command(write).ignore();
            }
            let () = writes.query_async(&mut target).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// Items of all lists of a logical database: Celery, RQ and Sidekiq keep the jobs that wait in lists.
async fn listed(url: &str) -> redis::RedisResult<u64> {
    let mut connection = connect(url).await?;
    let (mut cursor, mut items) = (0, 0);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("COUNT").arg(KEYS_AT_ONCE);
        scan.arg("TYPE").arg("list");
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
        for key in keys {
            let length: u64 = redis::cmd("LLEN")
                .arg(key)
                .query_async(&mut connection)
                .await?;
            items += length;
        }
        if next == 0 {
            return Ok(items);
        }
        cursor = next;
    }
}

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    client.get_multiplexed_async_connection().await
}
