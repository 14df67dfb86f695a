//! One server under test, up and answering.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::allocations::{self, Allocated, Allocations};
use super::container::Container;
use super::crowd::Crowd;
use super::injection::Injection;
use super::kernel_counts::KernelCounts;
use super::login::log_in;
use super::process::{self, Group};
use super::program::Program;
use super::ready::{Wait, ask};
use super::recipe::Recipe;
use super::resources::Resources;
use super::roll::Roll;
use super::run_to_end::run_to_end;
use super::stack_context::free_port;
use super::substitutions::{Substitutions, variables};
use super::worker::Workers;
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
    /// Nothing for one that ran already.
    program: Option<Program>,
    workers: Workers,
    proxy: Option<Container>,
    /// Where the processes of the services beside it are found.
    services: Vec<Option<Crowd>>,
    /// What its logins captured.
    captured: Values,
    /// What its allocator counts; nothing for one that is no process of this host.
    allocations: Option<Allocations>,
    /// What is used beside it on purpose.
    injection: Option<Injection>,
}

/// Where processes are found: nothing for those that perfgate did not start.
pub(super) struct Crowds {
    pub(super) server: Option<Crowd>,
    /// Its proxy among them.
    pub(super) services: Vec<Option<Crowd>>,
}

impl Server {
    pub(super) async fn start(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let server = match &target.source {
            Source::Url(origin) => Self::ready(target, origin.clone(), None).await,
            Source::Run(command) => Self::process(stack, target, tenancy, command, observe).await,
            Source::Image(_) | Source::Build(_) => {
                Self::container(stack, target, tenancy, observe).await
            }
        }?;
        let substitutions = stack.substitutions_of_command(target, tenancy)?;
        let server = Self {
            services: stack.crowds().await,
            workers: Workers::start(stack, target, &substitutions, observe).await?,
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

    /// What the server uses now, without its workers; nothing for one that perfgate did not start.
    pub async fn resources(&self) -> Result<Option<Resources>, Error> {
        let Some(program) = &self.program else {
            return Ok(None);
        };
        let mut resources = program.resources().await?;
        if let Some(injection) = &self.injection {
            resources.cpu += injection.spent().await;
        }
        Ok(Some(resources))
    }

    /// Uses a share of the CPU time that the server uses from now on beside it, on its CPUs; what is used
    /// counts as the server's.
    pub async fn inject(&mut self, share: f64, stack: &Stack) -> Result<(), Error> {
        let crowd = match &self.program {
            Some(program) => program.crowd().await,
            None => None,
        };
        let cpus = &stack.cores().server;
        self.injection = Some(Injection::begin(&self.name, crowd, cpus, share)?);
        Ok(())
    }

    /// Bytes of the program's file, of a process of this host that is named by its path.
    pub fn program_size(&self) -> Option<u64> {
        self.program.as_ref()?.size()
    }

    pub const fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    /// What each of its workers uses now.
    pub async fn workers(&self) -> Result<BTreeMap<String, Resources>, Error> {
        self.workers.resources().await
    }

    /// Waits until its workers have done the jobs of single requests.
    pub async fn finish_jobs(&self) -> Result<(), Error> {
        self.workers.finish_jobs().await
    }

    /// What the kernel has counted of its processes and its workers'; nothing of those of one that
    /// perfgate did not start, or whose engine has another kernel.
    pub async fn kernel_counts(&self) -> KernelCounts {
        let own = match &self.program {
            Some(program) => program.crowd().await,
            None => None,
        };
        let crowds: Vec<_> = std::iter::once(own)
            .chain(self.workers.crowds().await)
            .flatten()
            .collect();
        let roll = Roll::call();
        KernelCounts::from_processes(crowds.iter().flat_map(|it| it.processes(&roll)))
    }

    /// Has its allocator count from now on, where it can.
    pub fn start_counting_allocations(&self) {
        self.allocations.iter().for_each(Allocations::start);
    }

    /// Under load counting would cost time.
    pub fn stop_counting_allocations(&self) {
        self.allocations.iter().for_each(Allocations::stop);
    }

    /// What its allocator has counted; `None` if that does not count.
    pub fn allocated(&self) -> Option<Allocated> {
        self.allocations.as_ref()?.read()
    }

    /// Its processes, without its workers'; none of one that perfgate did not start, or whose engine has
    /// another kernel.
    pub async fn processes(&self) -> Vec<i32> {
        let own = match &self.program {
            Some(program) => program.crowd().await,
            None => None,
        };
        own.map_or_else(Vec::new, |it| it.processes(&Roll::call()))
    }

    /// The working set in bytes, where it is read in an instant and without disturbing the server.
    pub async fn working_set(&self) -> Option<u64> {
        self.program.as_ref()?.working_set().await
    }

    /// Where its processes, and those of what it works with, are found.
    pub(super) async fn crowds(&self) -> Crowds {
        let mut services = self.services.clone();
        services.extend(self.workers.crowds().await);
        if let Some(proxy) = &self.proxy {
            services.push(proxy.crowd().await);
        }
        let server = match &self.program {
            Some(program) => program.crowd().await,
            None => None,
        };
        Crowds { server, services }
    }

    /// The last lines of its output.
    pub async fn output(&self) -> String {
        match &self.program {
            Some(program) => program.output().await,
            None => String::new(),
        }
    }

    /// An error when the server, a worker of it, or the proxy before it is no longer there.
    pub async fn check(&self) -> Result<(), Error> {
        let of_proxy = match &self.proxy {
            Some(proxy) => proxy.ended().await?,
            None => None,
        };
        let of_workers = self.workers.ended().await?;
        match ended(self.program.as_ref())
            .await?
            .or(of_workers)
            .or(of_proxy)
        {
            Some(error) => Err(error.under_load()),
            None => Ok(()),
        }
    }

    /// Ends the server with its workers, if perfgate started it.
    pub async fn stop(self) -> Result<(), Error> {
        if let Some(proxy) = self.proxy {
            proxy.remove().await?;
        }
        self.workers.stop().await?;
        match self.program {
            Some(program) => program.stop().await,
            None => Ok(()),
        }
    }

    async fn process(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        command: &[String],
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let listen = if target.gets_its_port() {
            free_port()?
        } else {
            own_port(target)?
        };
        let substitutions = stack.substitutions_of_process(target, listen, tenancy);
        observe(Stage::Start(&target.name));
        let start = Instant::now();
        let (command, mut env) = (
            substitutions.fill_all(command),
            substitutions.fill_env(&target.env),
        );
        // Without the file its allocations are not counted, and nothing else.
        let allocations = Allocations::new().ok();
        let named = allocations.as_ref().map(|it| {
            let path = it.path().display().to_string();
            (allocations::VARIABLE.to_owned(), path)
        });
        env.extend(named);
        let group = Group::start(&stack.process(target, &command, &env))?;
        let started = Some((Program::process(group), start));
        let origin = origin(target, substitutions.listen);
        let server = Self::ready(target, origin, started).await?;
        Ok(Self {
            allocations,
            ..server
        })
    }

    async fn container(
        stack: &Stack,
        target: &Target,
        tenancy: &Tenancy,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let around = &stack.context;
        let substitutions = stack.substitutions(around.listen(target.port)?, tenancy, true);
        observe(Stage::Start(&target.name));
        let start = Instant::now();
        let recipe = Recipe {
            listen: Some(substitutions.listen),
            ..stack.recipe(target, target.role(), &target.command, &substitutions)
        };
        let container = Container::start(recipe, around).await?;
        let address = container.address().await?;
        let started = Some((Program::container(container), start));
        Self::ready(target, origin(target, address), started).await
    }

    async fn ready(
        target: &Target,
        origin: Origin,
        started: Option<(Program, Instant)>,
    ) -> Result<Self, Error> {
        let (program, start) = started.unzip();
        let running = program.as_ref();
        let output = async || match running {
            Some(program) => program.output().await,
            None => String::new(),
        };
        answers(
            target,
            &target.name,
            &origin,
            async || ended(running).await,
            output,
        )
        .await?;
        Ok(Self {
            name: target.name.clone(),
            origin,
            startup: start.map(|start| start.elapsed()),
            program,
            workers: Workers::default(),
            proxy: None,
            services: Vec::new(),
            captured: Values::new(),
            allocations: None,
            injection: None,
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
    let substitutions = stack.substitutions_of_command(target, tenancy)?;
    for (number, words) in target.setup.iter().enumerate() {
        let command = words.join(" ");
        observe(Stage::Setup {
            server: &target.name,
            command: &command,
        });
        if inside {
            let role = format!("{}-setup-{number}", target.name);
            let recipe = stack.recipe(target, role, words, &substitutions);
            let container = Container::start(recipe, around).await?;
            run_to_end(container, &target.name, command, stack.deadlines.setup).await?;
        } else {
            let (words, env) = (
                substitutions.fill_all(words),
                substitutions.fill_env(&target.env),
            );
            let recipe = stack.process(target, &words, &env);
            process::run_to_end(&recipe, stack.deadlines.setup, observe).await?;
        }
    }
    Ok(())
}

impl Stack {
    /// What placeholders stand for to a command of a server that does not serve.
    fn substitutions_of_command(
        &self,
        target: &Target,
        tenancy: &Tenancy,
    ) -> Result<Substitutions, Error> {
        let inside = target.source.is_contained();
        if inside {
            let listen = self.context.listen(target.port)?;
            return Ok(self.substitutions(listen, tenancy, true));
        }
        Ok(self.substitutions_of_process(target, free_port()?, tenancy))
    }

    fn substitutions_of_process(
        &self,
        target: &Target,
        listen: SocketAddr,
        tenancy: &Tenancy,
    ) -> Substitutions {
        let mut substitutions = self.substitutions(listen, tenancy, false);
        if let Some(program) = self.programs.path(target) {
            substitutions.set(Placeholder::Program, program.display().to_string());
        }
        substitutions
    }

    /// A container of a server's image.
    pub(super) fn recipe<'a>(
        &'a self,
        target: &'a Target,
        role: String,
        command: &[String],
        substitutions: &Substitutions,
    ) -> Recipe<'a> {
        Recipe {
            name: &target.name,
            role,
            image: self.images.get(&target.name),
            command: substitutions.fill_all(command),
            env: substitutions.fill_env(&target.env),
            listen: None,
            ports: &[],
            cpus: &self.context.cores.server,
            memory: target.memory,
            settings: substitutions.fill_settings(&target.container),
        }
    }

    /// A process of a server on this host.
    pub(super) fn process<'a>(
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

async fn ended(program: Option<&Program>) -> Result<Option<Error>, Error> {
    match program {
        Some(program) => program.ended().await,
        None => Ok(None),
    }
}
