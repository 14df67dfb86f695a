//! What every container of a run shares: the engine, the owner, the CPUs and the network.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use bollard::models::NetworkCreateRequest;

use super::cores::Cores;
use super::{Engine, Error, Owner};
use crate::model::{NetworkPath, Plan, Target};

/// What every container of a run shares.
pub(super) struct Surroundings {
    pub(super) engine: Option<Engine>,
    pub(super) owner: Owner,
    pub(super) cores: Cores,
    pub(super) path: NetworkPath,
    /// Folder that relative paths of processes start at.
    pub(super) root: PathBuf,
}

impl Surroundings {
    /// Makes the run's network; through the engine's API, because it must carry labels.
    pub(super) async fn create(
        plan: &Plan,
        engine: Option<Engine>,
        owner: Owner,
        cores: Cores,
    ) -> Result<Self, Error> {
        let path = match &engine {
            Some(engine) => path(plan, engine)?,
            None => NetworkPath::Published,
        };
        let surroundings = Self {
            engine,
            owner,
            cores,
            path,
            root: plan.root.clone(),
        };
        if let Some(engine) = surroundings
            .engine
            .as_ref()
            .filter(|_| surroundings.is_bridged())
        {
            let request = NetworkCreateRequest {
                name: surroundings.network(),
                labels: Some(surroundings.owner.labels()),
                ..NetworkCreateRequest::default()
            };
            engine
                .docker
                .create_network(request)
                .await
                .map_err(|source| Error::Engine {
                    action: format!("create the network `{}`", surroundings.network()),
                    source,
                })?;
        }
        Ok(surroundings)
    }

    pub(super) fn is_bridged(&self) -> bool {
        self.path == NetworkPath::Published
    }

    pub(super) fn network(&self) -> String {
        match self.path {
            NetworkPath::Published => format!("perfgate-{}", self.owner.run),
            NetworkPath::Host => "host".into(),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        self.engine
            .as_ref()
            .expect("plans with containers are brought up with an engine")
    }

    /// Where a container must listen: on all addresses of its own network, or on a free loopback
    /// port of the host's.
    pub(super) fn listen(&self, port: u16) -> Result<SocketAddr, Error> {
        match self.path {
            NetworkPath::Published => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            NetworkPath::Host => free_port(),
        }
    }
}

/// The path that was asked for, else the truer one that is safe: the host's network where every
/// server is told to listen on a loopback port alone.
fn path(plan: &Plan, engine: &Engine) -> Result<NetworkPath, Error> {
    let contained = || {
        plan.targets
            .iter()
            .filter(|target| target.source.is_contained())
    };
    match plan.network {
        Some(NetworkPath::Host) if !engine.is_on_this_kernel() => Err(Error::OtherKernel),
        Some(path) => Ok(path),
        None if engine.is_on_this_kernel() && contained().all(Target::is_told_where_to_listen) => {
            Ok(NetworkPath::Host)
        }
        None => Ok(NetworkPath::Published),
    }
}

/// A loopback address with a port nobody listens on.
pub(super) fn free_port() -> Result<SocketAddr, Error> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    bound.map_err(|source| Error::Address {
        address: "127.0.0.1:0".into(),
        source,
    })
}
