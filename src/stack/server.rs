//! One server under test, up and answering.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::container::Container;
use super::crowd::Crowd;
use super::login::log_in;
use super::place::{Place, variables};
use super::process::{self, Group};
use super::ready::{Wait, ask};
use super::recipe::Recipe;
use super::resources::Resources;
use super::stack_context::free_port;
use super::{Error, Observer, Stack, Stage, Tenancy};
use crate::dial::Dialer;
use crate::model::{
    Address, Origin, Placeholder, Proxy, Ready, Source, Target, Transport, Values, Workload,
};

/// A server that has answered its first request.
pub struct Server {
    name: String,
    /// Where load goes: the server's own address, or that of the proxy before it.
    origin: Origin,
    startup: Option<Duration>,
    kind: Kind,
    proxy: Option<Container>,
    /// Where the processes of the services beside it are found.
    services: Vec<Option<Crowd>>,
    /// What its logins captured.
    captured: Values,
}

/// Where processes are found: nothing for those that perfgate did not start.
pub(super) struct Crowds {
    pub(super) server: Option<Crowd>,
    /// Its proxy among them.
    pub(super) services: Vec<Option<Crowd>>,
}

enum Kind {
    Container(Box<Container>),
    /// Guarded because asking whether a child has ended changes it.
    Process(Mutex<Group>),
    External,
}

impl Server {
    pub(super) async fn start(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let server = match &target.source {
            Source::Url(origin) => Self::ready(target, origin.clone(), Kind::External, None).await,
            Source::Run(command) => Self::process(stack, target, tenancy, command, observe).await,
            Source::Image(_) | Source::Build(_) => {
                Self::container(stack, target, tenancy, observe).await
            }
        }?;
        let server = Self {
            services: stack.crowds().await,
            ..server
        };
        let server = match stack.proxy_of(target) {
            Some(proxy) => server.behind(stack, target, proxy, observe).await?,
            None => server,
        };
        let captured = log_in(target, &server.origin).await;
        match captured {
            Ok(captured) => Ok(Self { captured, ..server }),
            Err(error) => Err(error.with_output(server.output().await)),
        }
    }

    /// A workload with what this start's logins captured, and variables of this process, in its
    /// requests.
    pub fn workload(&self, workload: Workload) -> Workload {
        let taken = workload.requests.iter();
        let taken = taken.flat_map(|it| it.takes(Placeholder::ENV));
        let variables = variables(taken);
        workload
            .filled(Placeholder::ENV, &variables)
            .filled(Placeholder::LOGIN, &self.captured)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where load goes.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// From the start to the first expected answer; nothing for a server that ran already.
    pub const fn startup(&self) -> Option<Duration> {
        self.startup
    }

    /// What the server uses now; nothing for one that perfgate did not start.
    pub async fn resources(&self) -> Result<Option<Resources>, Error> {
        match &self.kind {
            Kind::Container(container) => container.resources().await.map(Some),
            Kind::Process(group) => lock(group).resources().map(Some),
            Kind::External => Ok(None),
        }
    }

    /// The working set in bytes, where it is read in an instant and without disturbing the server.
    pub async fn working_set(&self) -> Option<u64> {
        match &self.kind {
            Kind::Container(container) => container.working_set().await,
            // The kernel walks a process's pages to find its share of them.
            Kind::Process(_) | Kind::External => None,
        }
    }

    /// Where its processes, and those of what it works with, are found.
    pub(super) async fn crowds(&self) -> Crowds {
        let mut services = self.services.clone();
        if let Some(proxy) = &self.proxy {
            services.push(proxy.crowd().await);
        }
        let server = match &self.kind {
            Kind::Container(container) => container.crowd().await,
            Kind::Process(group) => Some(lock(group).crowd()),
            Kind::External => None,
        };
        Crowds { server, services }
    }

    /// The last lines of its output.
    pub async fn output(&self) -> String {
        output(&self.kind).await
    }

    /// An error when the server, or the proxy before it, is no longer there.
    pub async fn check(&self) -> Result<(), Error> {
        let of_proxy = match &self.proxy {
            Some(proxy) => proxy.ended().await?,
            None => None,
        };
        match ended(&self.kind).await?.or(of_proxy) {
            Some(error) => Err(error.under_load()),
            None => Ok(()),
        }
    }

    /// Ends the server, if perfgate started it.
    pub async fn stop(self) -> Result<(), Error> {
        if let Some(proxy) = self.proxy {
            proxy.remove().await?;
        }
        match self.kind {
            Kind::Container(container) => container.remove().await,
            Kind::Process(_) | Kind::External => Ok(()),
        }
    }

    async fn process(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        command: &[String],
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let listen = if target.is_told_its_port() {
            free_port()?
        } else {
            own_port(target)?
        };
        let place = stack.place(listen, tenancy, false);
        observe(Stage::Start(&target.name));
        let start = Instant::now();
        let (command, env) = (place.fill_all(command), place.fill_env(&target.env));
        let group = Group::start(&stack.process(target, &command, &env))?;
        let kind = Kind::Process(Mutex::new(group));
        Self::ready(target, origin(target, place.listen), kind, Some(start)).await
    }

    async fn container(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let around = &stack.context;
        let place = stack.place(around.listen(target.port)?, tenancy, true);
        observe(Stage::Start(&target.name));
        let start = Instant::now();
        let recipe = Recipe {
            listen: Some(place.listen),
            ..stack.recipe(target, target.role(), &target.command, &place)
        };
        let container = Container::start(recipe, around).await?;
        let address = container.address().await?;
        let kind = Kind::Container(Box::new(container));
        Self::ready(target, origin(target, address), kind, Some(start)).await
    }

    async fn ready(
        target: &Target,
        origin: Origin,
        kind: Kind,
        start: Option<Instant>,
    ) -> Result<Self, Error> {
        let ended = async || ended(&kind).await;
        let output = async || output(&kind).await;
        answers(target, &target.name, &origin, ended, output).await?;
        Ok(Self {
            name: target.name.clone(),
            origin,
            startup: start.map(|start| start.elapsed()),
            kind,
            proxy: None,
            services: Vec::new(),
            captured: Values::new(),
        })
    }

    /// The same server with a proxy before it, through which it has answered. perfgate speaks
    /// plain HTTP/1.1 with the proxy.
    async fn behind(
        self,
        stack: &Stack,
        target: &Target,
        proxy: &Proxy,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        observe(Stage::Start(&format!(
            "{} before {}",
            proxy.name, self.name
        )));
        let (container, address) = stack.start_proxy(target, proxy, &self.origin).await?;
        let origin = Origin {
            transport: Transport::default(),
            ..origin(target, address)
        };
        let ended = async || container.ended().await;
        let output = async || container.output().await;
        answers(target, &proxy.name, &origin, ended, output).await?;
        Ok(Self {
            origin,
            proxy: Some(container),
            ..self
        })
    }
}

/// Runs a server's own commands, one after the other, as it will run.
pub(super) async fn set_up(
    stack: &Stack,
    target: &Target,
    tenancy: &Tenancy,
    observe: Observer<'_>,
) -> Result<(), Error> {
    if target.setup.is_empty() {
        return Ok(());
    }
    let around = &stack.context;
    let inside = target.source.is_contained();
    let listen = if inside {
        around.listen(target.port)?
    } else {
        free_port()?
    };
    let place = stack.place(listen, tenancy, inside);
    for (number, words) in target.setup.iter().enumerate() {
        let command = words.join(" ");
        observe(Stage::Setup {
            server: &target.name,
            command: &command,
        });
        if inside {
            let role = format!("{}-setup-{number}", target.name);
            let recipe = stack.recipe(target, role, words, &place);
            let container = Container::start(recipe, around).await?;
            finish(container, &target.name, command, stack.deadlines.setup).await?;
        } else {
            let (words, env) = (place.fill_all(words), place.fill_env(&target.env));
            let recipe = stack.process(target, &words, &env);
            process::run_to_end(&recipe, stack.deadlines.setup, observe).await?;
        }
    }
    Ok(())
}

impl Stack {
    /// A container of a server's image.
    fn recipe<'a>(
        &'a self,
        target: &'a Target,
        role: String,
        command: &[String],
        place: &Place,
    ) -> Recipe<'a> {
        Recipe {
            name: &target.name,
            role,
            image: self.images.get(&target.name),
            command: place.fill_all(command),
            env: place.fill_env(&target.env),
            listen: None,
            ports: &[],
            cpus: &self.context.cores.server,
            memory: target.memory,
            settings: target.container.clone(),
        }
    }

    /// A process of a server on this host.
    fn process<'a>(
        &'a self,
        target: &'a Target,
        command: &'a [String],
        env: &'a [(String, String)],
    ) -> process::Recipe<'a> {
        process::Recipe {
            name: &target.name,
            command,
            env,
            folder: &target.root,
            cpus: &self.context.cores.server,
            owner: &self.context.owner,
        }
    }
}

/// Waits until the origin gives a good answer to the target's request of readiness; `name` is who
/// is to give it.
async fn answers(
    target: &Target,
    name: &str,
    origin: &Origin,
    ended: impl AsyncFnMut() -> Result<Option<Error>, Error>,
    output: impl AsyncFnOnce() -> String,
) -> Result<(), Error> {
    let dialer = Dialer::new(origin)?;
    let ready = &target.ready;
    let wait = Wait {
        name,
        what: question(ready, origin),
        timeout: ready.timeout,
        within: ready.within,
    };
    let ask = async || ask(ready, origin, &dialer).await;
    wait.until(ask, ended, output).await
}

/// What is asked, and where.
fn question(ready: &Ready, origin: &Origin) -> String {
    let path = &ready.path;
    let url = match &origin.address {
        Address::Tcp(..) => format!("{}://{}{path}", origin.scheme(), origin.authority),
        Address::Unix(_) => format!("{}:{path}", origin.address),
    };
    match &*ready.method {
        "GET" => url,
        method => format!("{method} {url}"),
    }
}

/// The port that a process always listens on, which nobody else may answer at.
fn own_port(target: &Target) -> Result<SocketAddr, Error> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, target.port));
    match TcpListener::bind(listen) {
        Ok(_) => Ok(listen),
        Err(source) => Err(Error::PortTaken {
            name: target.name.clone(),
            port: target.port,
            source,
        }),
    }
}

/// A server that perfgate started, at the address where it listens.
fn origin(target: &Target, listens: SocketAddr) -> Origin {
    Origin {
        address: Address::Tcp(listens.ip().to_string(), listens.port()),
        authority: listens.to_string(),
        transport: target.transport.clone(),
    }
}

async fn finish(
    container: Container,
    name: &str,
    command: String,
    within: Duration,
) -> Result<(), Error> {
    let ended = tokio::time::timeout(within, container.wait()).await;
    if matches!(ended, Ok(Ok(0))) {
        return container.remove().await;
    }
    let (name, output) = (name.to_owned(), container.output().await);
    container.remove().await?;
    Err(match ended {
        Ok(status) => Error::Command {
            name,
            command,
            status: format!("exit code {}", status?),
            output,
        },
        Err(_) => Error::Overdue {
            name,
            command,
            within,
            output,
        },
    })
}

async fn ended(kind: &Kind) -> Result<Option<Error>, Error> {
    match kind {
        Kind::Container(container) => container.ended().await,
        Kind::Process(group) => {
            let mut group = lock(group);
            Ok(group.ended()?.map(|status| group.ended_error(status)))
        }
        Kind::External => Ok(None),
    }
}

async fn output(kind: &Kind) -> String {
    match kind {
        Kind::Container(container) => container.output().await,
        Kind::Process(group) => lock(group).output(),
        Kind::External => String::new(),
    }
}

fn lock(group: &Mutex<Group>) -> std::sync::MutexGuard<'_, Group> {
    group
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
