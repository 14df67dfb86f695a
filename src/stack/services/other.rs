use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::Error;
use super::super::container::{Container, container_name};
use super::super::ready::{ANSWER, Wait, ask};
use super::super::recipe::Recipe;
use super::super::run_to_end::run_to_end;
use super::super::substitutions::Substitutions;
use super::{Counted, Room, Running, Site, mysql, rabbitmq};
use crate::dial::Dialer;
use crate::model::{
    Address, KnownCounters, Origin, OtherService, Ready, Service, ServiceReady, Transport,
};

/// So long a connection stays open that somebody listens behind: the engine's own proxy takes
/// connections for a port that nobody listens on yet, and ends them at once.
const HELD: Duration = Duration::from_millis(200);

/// A service of which perfgate knows what the file says.
pub(super) struct Other {
    service: Service,
    own: OtherService,
    /// The placeholders of the services before it.
    placeholders: Vec<(String, String)>,
    /// The one that both sides share, or the first of one for each.
    instances: Mutex<Vec<Instance>>,
    /// Whether one of it serves several sides, so that no count belongs to one of them.
    is_shared: AtomicBool,
}

/// One of it that is up.
#[derive(Clone)]
struct Instance {
    container: Arc<Container>,
    /// How containers of the run call it.
    inside: String,
    /// By port: where this host reaches it.
    outside: Vec<(u16, SocketAddr)>,
    env: Vec<(String, String)>,
    /// What is run in it once, after the set-up of a server.
    seed: Arc<tokio::sync::Mutex<Vec<Vec<String>>>>,
}

impl Other {
    pub(super) async fn start(
        service: &Service,
        own: &OtherService,
        placeholders: &[(String, String)],
        site: Site<'_>,
    ) -> Result<Self, Error> {
        let other = Self {
            service: service.clone(),
            own: own.clone(),
            placeholders: placeholders.to_vec(),
            instances: Mutex::default(),
            is_shared: AtomicBool::new(false),
        };
        other.add(site).await?;
        Ok(other)
    }

    /// Starts one more and waits until it is ready.
    async fn add(&self, Site { images, around }: Site<'_>) -> Result<(), Error> {
        let Service {
            name,
            command,
            env,
            memory,
            container: settings,
            ..
        } = &self.service;
        let role = match self.count() {
            0 => name.clone(),
            count => format!("{name}-{}", count + 1),
        };
        let (first, rest) = match self.own.ports.split_first() {
            Some((first, rest)) => (Some(*first), rest),
            None => (None, &[][..]),
        };
        let listen = first.map(|port| around.listen(port)).transpose()?;
        let substitutions = Substitutions::of_service(listen, &self.placeholders);
        let env = substitutions.fill_env(env);
        let recipe = Recipe {
            name,
            role: role.clone(),
            image: images.get(name),
            command: substitutions.fill_all(command),
            env: env.clone(),
            listen,
            ports: rest,
            cpus: &around.cores.services,
            memory: *memory,
            settings: substitutions.fill_settings(settings),
        };
        let container = Container::start(recipe, around).await?;
        if self.own.is_once {
            let command = if command.is_empty() {
                "its command".to_owned()
            } else {
                command.join(" ")
            };
            return run_to_end(container, name, command, self.own.within).await;
        }
        let container = Arc::new(container);
        let mut outside = Vec::new();
        for port in &self.own.ports {
            outside.push((*port, container.address_of(*port).await?));
        }
        let inside = if around.is_bridged() {
            container_name(&around.owner, &role)
        } else {
            "127.0.0.1".to_owned()
        };
        let filled = |commands: &[Vec<String>]| {
            let commands = commands.iter();
            commands
                .map(|words| substitutions.fill_all(words))
                .collect::<Vec<_>>()
        };
        let instance = Instance {
            container,
            inside,
            outside,
            env,
            seed: Arc::new(filled(&self.own.seed).into()),
        };
        self.ready(&instance).await?;
        for words in filled(&self.own.init) {
            self.execute(&instance, &words).await?;
        }
        self.lock().push(instance);
        Ok(())
    }

    async fn ready(&self, instance: &Instance) -> Result<(), Error> {
        let wait = Wait {
            name: &self.service.name,
            what: self.question(),
            timeout: ANSWER,
            within: self.own.within,
        };
        let ask = async || self.ask(instance).await;
        instance.container.until(&wait, ask).await
    }

    /// What is waited for, in words.
    fn question(&self) -> String {
        match &self.own.ready {
            ServiceReady::Usual => "its health check or its ports".into(),
            ServiceReady::Log(text) => format!("a line with `{text}` in its output"),
            ServiceReady::Port(port) => format!("a connection to port {port}"),
            ServiceReady::Http { port, path } => format!("GET {path} at port {port}"),
            ServiceReady::Command(words) => format!("`{}` in its container", words.join(" ")),
        }
    }

    /// Whether it is ready; why it is not yet, otherwise.
    async fn ask(&self, instance: &Instance) -> Result<(), String> {
        let container = &instance.container;
        match &self.own.ready {
            ServiceReady::Usual => match container.health().await {
                Some(health) if health == "healthy" => Ok(()),
                Some(health) => Err(format!("its health check says {health}")),
                None => self.all_ports(instance).await,
            },
            ServiceReady::Log(text) if container.has_said(text).await => Ok(()),
            ServiceReady::Log(_) => Err("no such line yet".into()),
            ServiceReady::Port(port) => connects(instance.address(*port)).await,
            ServiceReady::Http { port, path } => answers(instance.address(*port), path).await,
            ServiceReady::Command(words) => match container.execute(words).await {
                Ok((0, _)) => Ok(()),
                Ok((code, output)) => Err(format!("it ended with {code}: {}", output.trim())),
                Err(error) => Err(crate::model::chain(&error)),
            },
        }
    }

    async fn all_ports(&self, instance: &Instance) -> Result<(), String> {
        for (_, address) in &instance.outside {
            connects(*address).await?;
        }
        Ok(())
    }

    async fn execute(&self, instance: &Instance, words: &[String]) -> Result<(), Error> {
        let (name, command) = (self.service.name.clone(), words.join(" "));
        let ended = timeout(self.own.within, instance.container.execute(words)).await;
        match ended {
            Ok(Ok((0, _))) => Ok(()),
            Ok(Ok((code, output))) => Err(Error::Command {
                name,
                command,
                status: format!("exit code {code}"),
                output,
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Overdue {
                name,
                command,
                within: self.own.within,
                output: instance.container.output().await,
            }),
        }
    }

    /// The one of a side, or the one that both share.
    fn instance(&self, room: Option<&Room>) -> Option<Instance> {
        let number = room.and_then(|it| it.parse::<usize>().ok());
        let instances = self.lock();
        instances.get(number.map_or(0, |it| it - 1)).cloned()
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running for Other {
    fn containers(&self) -> Vec<Arc<Container>> {
        let instances = self.lock();
        instances.iter().map(|it| it.container.clone()).collect()
    }

    fn values(&self, room: Option<&Room>, is_contained: bool) -> Vec<(String, String)> {
        let Some(instance) = self.instance(room) else {
            return Vec::new();
        };
        let reached = |(port, outside): &(u16, SocketAddr)| {
            if is_contained && instance.inside != "127.0.0.1" {
                (*port, instance.inside.clone(), *port)
            } else {
                (*port, outside.ip().to_string(), outside.port())
            }
        };
        let reached: Vec<_> = instance.outside.iter().map(reached).collect();
        let mut values = vec![("host".to_owned(), instance.inside.clone())];
        if let Some((_, host, port)) = reached.first() {
            values[0].1.clone_from(host);
            values.push(("port".into(), port.to_string()));
        }
        let ports = reached.iter();
        values.extend(ports.map(|(port, _, at)| (format!("port.{port}"), at.to_string())));
        let env = instance.env.into_iter();
        values.extend(env.map(|(name, value)| (format!("env.{name}"), value)));
        values
    }

    fn room<'a>(
        &'a self,
        site: Site<'a>,
        _: &'a str,
        number: u32,
    ) -> LocalBoxFuture<'a, Result<Option<Room>, Error>> {
        let room = async move {
            if !self.own.is_per_side {
                self.is_shared.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            while self.count() < number as usize {
                self.add(site).await?;
            }
            Ok(Some(number.to_string()))
        };
        room.boxed_local()
    }

    fn seed<'a>(&'a self, room: Option<&'a Room>) -> LocalBoxFuture<'a, Result<(), Error>> {
        let seed = async move {
            let Some(instance) = self.instance(room) else {
                return Ok(());
            };
            let commands = std::mem::take(&mut *instance.seed.lock().await);
            for words in commands {
                self.execute(&instance, &words).await?;
            }
            Ok(())
        };
        seed.boxed_local()
    }

    /// What both sides share needs no copy.
    fn copies_rooms(&self) -> bool {
        !self.own.is_per_side
    }

    fn keep(&self) -> LocalBoxFuture<'_, Result<bool, Error>> {
        std::future::ready(Ok(self.copies_rooms())).boxed_local()
    }

    fn count<'a>(
        &'a self,
        room: Option<&'a Room>,
    ) -> LocalBoxFuture<'a, Result<Option<Counted>, String>> {
        let counted = async move {
            let Some((counters, instance)) = self.own.counters.zip(self.instance(room)) else {
                return Ok(None);
            };
            if self.is_shared.load(Ordering::Relaxed) {
                return Ok(Some(Counted::shared_by_sides(&self.service.name)));
            }
            let counted = match counters {
                KnownCounters::Mysql => mysql::count(&instance.container).await,
                KnownCounters::Rabbitmq => rabbitmq::count(&instance.container).await,
            };
            counted.map(Some)
        };
        counted.boxed_local()
    }
}

impl Instance {
    fn address(&self, port: u16) -> SocketAddr {
        let found = self.outside.iter().find(|(known, _)| *known == port);
        found
            .map(|(_, address)| *address)
            .expect("the configuration names ports of the service alone")
    }
}

/// Whether somebody takes connections and keeps them.
async fn connects(address: SocketAddr) -> Result<(), String> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    match timeout(HELD, stream.read(&mut [0; 1])).await {
        Ok(Ok(0)) => Err("the connection was closed at once".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn answers(address: SocketAddr, path: &str) -> Result<(), String> {
    let origin = Origin {
        address: Address::Tcp(address.ip().to_string(), address.port()),
        authority: address.to_string(),
        transport: Transport::default(),
    };
    let ready = Ready::get(path);
    let dialer = Dialer::new(&origin).map_err(|error| error.to_string())?;
    let asked = ask(&ready, &origin, &dialer).await;
    asked.map_err(|last| last.to_string())
}
