//! What every container of a run shares: the engine, the owner, the CPUs and the network.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use bollard::models::NetworkCreateRequest;

use super::cores::Cores;
use super::{Engine, Error, Owner};
use crate::dial::{is_loopback, without_port};
use crate::model::{NetworkPath, Placeholder, Plan, Service, ServiceSource, Target};

/// What every container of a run shares.
pub(super) struct StackContext {
    pub(super) engine: Option<Engine>,
    pub(super) owner: Owner,
    pub(super) cores: Cores,
    pub(super) path: NetworkPath,
}

impl StackContext {
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
        let context = Self {
            engine,
            owner,
            cores,
            path,
        };
        if let Some(engine) = context.engine.as_ref().filter(|_| context.is_bridged()) {
            let request = NetworkCreateRequest {
                name: context.network(),
                labels: Some(context.owner.labels()),
                internal: Some(context.is_internal()),
                ..NetworkCreateRequest::default()
            };
            engine
                .docker
                .create_network(request)
                .await
                .map_err(|source| Error::Engine {
                    action: format!("create the network `{}`", context.network()),
                    source,
                })?;
        }
        Ok(context)
    }

    pub(super) fn is_bridged(&self) -> bool {
        self.path != NetworkPath::Host
    }

    pub(super) fn is_internal(&self) -> bool {
        self.path == NetworkPath::Internal
    }

    pub(super) fn network(&self) -> String {
        match self.path {
            NetworkPath::Published | NetworkPath::Internal => {
                format!("perfgate-{}", self.owner.run)
            }
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
            NetworkPath::Published | NetworkPath::Internal => {
                Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            }
            NetworkPath::Host => free_port(),
        }
    }
}

/// The path that was asked for, else the truer one that is safe: the host's network where every
/// server and proxy takes its address from placeholders, to listen on a loopback port alone.
fn path(plan: &Plan, engine: &Engine) -> Result<NetworkPath, Error> {
    let path = match plan.network {
        Some(wanted @ (NetworkPath::Host | NetworkPath::Internal))
            if !engine.is_on_this_kernel() =>
        {
            return Err(Error::OtherKernel {
                wanted: wanted.written(),
            });
        }
        Some(path) => path,
        None if engine.is_on_this_kernel() && all_take_their_address(plan) => NetworkPath::Host,
        None => NetworkPath::Published,
    };
    match on_this_host(plan).filter(|_| path != NetworkPath::Host) {
        Some(what) => Err(Error::Unreached { what }),
        None => Ok(path),
    }
}

fn all_take_their_address(plan: &Plan) -> bool {
    let mut servers = plan.targets.iter().filter(|it| it.source.is_contained());
    let mut services = plan.services.iter().filter(|it| it.source.is_contained());
    let mut proxies = plan.proxies_in_use();
    servers.all(Target::gets_its_address)
        && services.all(Service::gets_its_address)
        && proxies.all(|proxy| Placeholder::give_address(&proxy.command, &proxy.env))
}

/// Something on this host alone that a container of the plan must reach.
fn on_this_host(plan: &Plan) -> Option<String> {
    let mut targets = plan.targets.iter();
    let server = targets.find(|it| it.behind.is_some() && !it.source.is_contained());
    if let Some(server) = server {
        return Some(format!("the server `{}` of this host", server.name));
    }
    let is_contained = plan.targets.iter().any(|it| it.source.is_contained());
    let mut services = plan.services.iter().filter(|_| is_contained);
    let service = services.find(|it| match &it.source {
        ServiceSource::Url(url) => is_of_this_host(url),
        ServiceSource::Image(_) | ServiceSource::Build(_) => false,
    })?;
    Some(format!(
        "`{}` on this host's loopback address",
        service.name
    ))
}

/// Whether a host of a URL is this one: `scheme://user:password@host:port,host:port/…`.
fn is_of_this_host(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority
        .rsplit_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').any(|host| is_loopback(without_port(host)))
}

/// Ports that were given out last; who got one may not listen there yet.
static GIVEN: Mutex<VecDeque<u16>> = Mutex::new(VecDeque::new());
/// So many are remembered: more than are starting at any time.
const REMEMBERED: usize = 16;

/// A loopback address with a port nobody listens on, and nobody is about to.
pub(super) fn free_port() -> Result<SocketAddr, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Kept while another is asked for, so that it is another.
    let mut taken = Vec::new();
    loop {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (address, socket) = bound.map_err(|source| Error::Address {
            address: "127.0.0.1:0".into(),
            source,
        })?;
        if given.contains(&address.port()) {
            taken.push(socket);
            continue;
        }
        given.push_front(address.port());
        given.truncate(REMEMBERED);
        return Ok(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_this_host_are_known() {
        assert!(is_of_this_host("postgres://user:p@ss@localhost:5432/app"));
        assert!(is_of_this_host("redis://127.0.0.1:6379/0"));
        assert!(is_of_this_host("redis://[::1]:6379"));
        assert!(is_of_this_host("postgres://db.test:1,localhost:2/app"));
        assert!(!is_of_this_host("redis://localhost.corp:6379/0"));
        assert!(!is_of_this_host("redis://127.evil.test"));
        assert!(!is_of_this_host(
            "postgres://localhost:secret@db.test/app?x=1"
        ));
    }
}
