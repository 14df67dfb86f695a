//! What servers work with. A kind of service is one file: how its container is made and when it is
//! ready, how each side gets a part of its own, what placeholders of it stand for and what it
//! counts.

mod mysql;
mod other;
mod postgres;
mod rabbitmq;
mod redis;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::Error;
use super::container::Container;
use super::image::Images;
use super::stack_context::StackContext;
use crate::model::{Metric, Service, ServiceKind, Statement};

/// A part of a service that one side has for itself, as the service calls it.
pub(super) type Room = String;

/// Kinds of statements by text, constants replaced.
pub(super) type Statements = BTreeMap<String, Executed>;

/// What containers of services are started with.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) images: &'a Images,
    pub(super) around: &'a StackContext,
}

/// What a service has counted up to one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// By the metric that the growth for each request is.
    pub(super) totals: BTreeMap<Metric, u64>,
    /// Connections open now.
    pub(super) open: u64,
    pub(super) statements: Statements,
    /// What is not counted, and why.
    pub(super) missing: Vec<String>,
}

/// What the statements of one kind did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Executed {
    pub(super) calls: u64,
    /// Given back or changed.
    pub(super) rows: u64,
    /// Where the service reports it.
    pub(super) work: Option<Work>,
}

/// What a database did for statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Blocks looked at, or moved to and from temporary files.
    pub(super) blocks: u64,
    /// Of them those of temporary files.
    pub(super) temporary_blocks: u64,
    /// Bytes written ahead, where it reports them.
    pub(super) wal: Option<u64>,
}

impl Counted {
    /// Of a service that both sides share, where nobody knows whose the counts are.
    fn shared_by_sides(service: &str) -> Self {
        let missing = format!(
            "nothing is counted of `{service}`, which both sides share: leave `per_side = false` out"
        );
        Self {
            missing: vec![missing],
            ..Self::default()
        }
    }

    /// Adds what statements were made, and how many of them.
    fn add_statements(&mut self, statements: Statements) {
        let calls = statements.values().map(|it| it.calls).sum();
        let rows = statements.values().map(|it| it.rows).sum();
        self.totals.insert(Metric::SqlPerRequest, calls);
        self.totals.insert(Metric::RowsPerRequest, rows);
        self.statements = statements;
    }
}

/// A service that is up.
pub(super) trait Running: Send + Sync {
    /// The containers that it runs in; none of one that ran already.
    fn containers(&self) -> Vec<Arc<Container>>;

    /// What its fields stand for to a server in a container, or to one of this host.
    fn values(&self, room: Option<&Room>, is_contained: bool) -> Vec<(String, String)>;

    /// A room of its own for a side, with what the service holds; none where both share it. `number`
    /// distinguishes sides, from 1.
    fn room<'a>(
        &'a self,
        site: Site<'a>,
        name: &'a str,
        number: u32,
    ) -> LocalBoxFuture<'a, Result<Option<Room>, Error>>;

    /// Puts into a room what the file wants in it once a server is set up there; once for each room.
    fn seed<'a>(&'a self, _room: Option<&'a Room>) -> LocalBoxFuture<'a, Result<(), Error>> {
        std::future::ready(Ok(())).boxed_local()
    }

    /// Brings tables of a room to so many rows, where it has tables; settles what grew otherwise where none is
    /// named.
    fn grow<'a>(
        &'a self,
        _room: Option<&'a Room>,
        _tables: &'a [(&'a str, u64)],
    ) -> LocalBoxFuture<'a, Result<(), Error>> {
        std::future::ready(Ok(())).boxed_local()
    }

    /// Whether rooms are copied, so that sides which were set up alike may be copies of one.
    fn copies_rooms(&self) -> bool {
        false
    }

    /// A room with what another holds, to which nobody may be connected; the same one where rooms are
    /// not copied, so that what a side left in it stays.
    fn copy<'a>(
        &'a self,
        room: &'a Room,
        _name: &'a str,
        _number: u32,
    ) -> LocalBoxFuture<'a, Result<Room, Error>> {
        std::future::ready(Ok(room.clone())).boxed_local()
    }

    /// Keeps what it holds beside the rooms of sides; whether it can put that back.
    fn keep(&self) -> LocalBoxFuture<'_, Result<bool, Error>> {
        std::future::ready(Ok(false)).boxed_local()
    }

    /// Puts back what was kept. Nobody may be connected.
    fn restore(&self) -> LocalBoxFuture<'_, Result<(), Error>> {
        std::future::ready(Ok(())).boxed_local()
    }

    /// Jobs that wait in its queues, where it reports them.
    fn jobs<'a>(&'a self, _room: Option<&'a Room>) -> LocalBoxFuture<'a, Option<u64>> {
        std::future::ready(None).boxed_local()
    }

    /// What has been counted so far, of a room where that is known; `None` if nothing is counted.
    fn count<'a>(
        &'a self,
        _room: Option<&'a Room>,
    ) -> LocalBoxFuture<'a, Result<Option<Counted>, String>> {
        std::future::ready(Ok(None)).boxed_local()
    }

    /// Adds their plans to statements of a room, where the service reports them.
    fn explain<'a>(
        &'a self,
        _room: Option<&'a Room>,
        _statements: &'a mut [Statement],
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        std::future::ready(Ok(())).boxed_local()
    }
}

/// Brings a service up; `values` are the placeholders of those before it.
pub(super) async fn start(
    service: &Service,
    values: &[(String, String)],
    site: Site<'_>,
) -> Result<Box<dyn Running>, Error> {
    Ok(match &service.kind {
        ServiceKind::Postgres(own) => {
            Box::new(postgres::Postgres::start(service, own, site).await?)
        }
        ServiceKind::Redis => Box::new(redis::Redis::start(service, site).await?),
        ServiceKind::Other(own) => Box::new(other::Other::start(service, own, values, site).await?),
    })
}
