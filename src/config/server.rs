//! Servers → targets.

use std::ops::Range;

use indexmap::IndexMap;

use super::resolve::Resolver;
use super::service::Container;
use super::spanned::Spanned;
use super::url::Url;
use super::{Error, file, thresholds};
use crate::model::{
    CargoBuild, Cell, Growth, NetworkPath, Origin, Placeholder, Rate, Source, Target, Thresholds,
    Tls, Transport, Trust, Worker, Workload,
};

const PORT: u16 = 8000;
const PROGRAM: &str = Placeholder::Program.text();
/// Requests a second to each of two servers that run already, where the file says no other rate: others may
/// use them too.
const BESIDE_RUNNING: Rate = Rate {
    from: 20.0,
    to: 20.0,
};

impl Resolver<'_> {
    pub(super) fn targets(
        &self,
        servers: IndexMap<String, Spanned<file::Server>>,
        workloads: &[(String, Workload)],
        base: &Thresholds,
        growth: Option<&Growth>,
    ) -> Result<Vec<Target>, Error> {
        if servers.is_empty() {
            return Err(self.spans.invalid(
                &(0..0),
                "no server is named",
                Some("add one: [server.app] with `image`, `build`, `run` or `url`".into()),
            ));
        }
        servers
            .into_iter()
            .map(|(name, server)| self.server(name, server, workloads, base, growth))
            .collect()
    }

    fn server(
        &self,
        name: String,
        server: Spanned<file::Server>,
        workloads: &[(String, Workload)],
        base: &Thresholds,
        growth: Option<&Growth>,
    ) -> Result<Target, Error> {
        let span = server.span();
        let server = server.into_inner();
        let transport = self.transport(&server)?;
        let source = self.source(&name, &span, &server, &transport)?;
        let cargo = self.cargo(&name, &source, &server)?;
        if !source.is_contained() {
            self.is_without_container(&name, &span, &server)?;
        }
        let target = Target {
            is_twin: false,
            growth: growth.cloned(),
            base: self.base(&name, &source, &server, &transport)?,
            cells: self.cells(&name, &server, workloads, base)?,
            behind: self.behind(&server)?,
            interface: server.interface,
            command: self.fill_all(&server.command)?,
            setup: server
                .setup
                .iter()
                .map(|words| self.fill_all(words))
                .collect::<Result<_, _>>()?,
            port: server.port.unwrap_or(PORT),
            env: self.env_and_files(&server.env, &server.env_file)?,
            container: self.container(&Container {
                entrypoint: server.entrypoint.as_deref(),
                files: &server.files,
                tmpfs: &server.tmpfs,
                user: server.user.as_ref(),
                working_dir: server.working_dir.as_ref(),
                cpus: server.cpus.as_ref(),
                shm_size: server.shm_size.map(|it| it.0),
                allow: &server.allow,
            })?,
            transport,
            ready: self.ready(&name, server.ready.as_ref(), workloads)?,
            logins: self.logins.clone(),
            workers: self.workers(&name, &source, &server.worker)?,
            memory: server.memory.map(|size| size.0),
            root: self.root.to_owned(),
            cargo,
            name,
            source,
        };
        self.can_listen(&target, &span)?;
        Ok(target)
    }

    /// How the program of a server is built.
    fn cargo(
        &self,
        name: &str,
        source: &Source,
        server: &file::Server,
    ) -> Result<Option<CargoBuild>, Error> {
        let is_used = |it: &String| it.contains(PROGRAM);
        let runs_it = matches!(source, Source::Run(words) if words.iter().any(is_used));
        let Some(cargo) = &server.cargo else {
            let run = server.run.as_ref().filter(|_| runs_it);
            return match run {
                Some(run) => Err(self.spans.invalid(
                    &run.span(),
                    format!("server `{name}` runs {PROGRAM}, and nothing says how it is built"),
                    Some(
                        "add `cargo = {}`, with `package` and `bin` where there are several".into(),
                    ),
                )),
                None => Ok(None),
            };
        };
        if !runs_it {
            return Err(self.spans.invalid(
                &cargo.span(),
                format!("`run` of server `{name}` does not use what `cargo` builds"),
                Some(format!("write {PROGRAM} in `run`, or leave `run` out")),
            ));
        }
        let cargo = cargo.get_ref();
        let manifest = cargo.manifest.as_ref();
        let manifest = manifest.map(|path| {
            self.inside(path)?;
            Ok(path.get_ref().clone())
        });
        Ok(Some(CargoBuild {
            package: cargo.package.clone(),
            bin: cargo.bin.clone(),
            features: cargo.features.clone(),
            no_default_features: cargo.no_default_features,
            profile: cargo.profile.clone(),
            target: cargo.target.clone(),
            manifest: manifest.transpose()?,
            env: self.build_env(&cargo.env)?,
        }))
    }

    /// Variables of a build, which is over before a service is up.
    fn build_env(
        &self,
        env: &IndexMap<String, Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        for value in env.values() {
            let mut fields = Placeholder::fields_in(value.get_ref());
            if let Some((name, field)) = fields.find(|(name, _)| *name != Placeholder::ENV) {
                let message = format!("`{{{name}.{field}}}` has no value yet when cargo builds");
                let hint = "name a database that runs already, or let macros of sqlx work without one: \
                            `cargo sqlx prepare`, and SQLX_OFFLINE = \"true\"";
                return Err(self
                    .spans
                    .invalid(&value.span(), message, Some(hint.into())));
            }
        }
        self.env(env)
    }

    /// Where the base of a server runs already.
    fn base(
        &self,
        name: &str,
        source: &Source,
        server: &file::Server,
        transport: &Transport,
    ) -> Result<Option<Origin>, Error> {
        let Some(url) = &server.base_url else {
            return Ok(None);
        };
        let refuse = |message: String, hint: &str| {
            Err(self.spans.invalid(&url.span(), message, Some(hint.into())))
        };
        let Source::Url(head) = source else {
            let message = format!("server `{name}` has a `base_url` and no `url`");
            return refuse(
                message,
                "leave it out: perfgate builds and starts the base itself",
            );
        };
        let base = self.origin(url, transport)?;
        if base.address == head.address {
            let message = format!("`base_url` of server `{name}` is its `url`");
            return refuse(message, "name the server that the base runs on");
        }
        Ok(Some(base))
    }

    fn workers(
        &self,
        server: &str,
        source: &Source,
        workers: &IndexMap<String, Spanned<file::Worker>>,
    ) -> Result<Vec<Worker>, Error> {
        let worker = |(name, spanned): (&String, &Spanned<file::Worker>)| {
            let worker = spanned.get_ref();
            let refuse = |message: String, hint: &str| {
                Err(self
                    .spans
                    .invalid(&spanned.span(), message, Some(hint.into())))
            };
            if matches!(source, Source::Url(_)) {
                let message = format!("server `{server}` runs already, and so do its workers");
                return refuse(message, "leave out `worker`, which perfgate would start");
            }
            if worker.command.is_empty() {
                let message = format!("worker `{name}` of server `{server}` runs no program");
                return refuse(message, "write the program and its words in `command`");
            }
            if worker.memory.is_some() && !source.is_contained() {
                let message = format!(
                    "`memory` is for containers, and worker `{name}` of server `{server}` runs in none"
                );
                return refuse(
                    message,
                    "leave it out, or give the server an `image` or a `build`",
                );
            }
            Ok(Worker {
                name: name.clone(),
                command: self.fill_all(&worker.command)?,
                env: self.env(&worker.env)?,
                memory: worker.memory.map(|size| size.0),
                ready: worker.ready.clone().filter(|text| !text.is_empty()),
            })
        };
        workers.iter().map(worker).collect()
    }

    /// What a container would be given means nothing to a process of this host.
    fn is_without_container(
        &self,
        name: &str,
        span: &Range<usize>,
        server: &file::Server,
    ) -> Result<(), Error> {
        let keys = [
            ("entrypoint", server.entrypoint.is_some()),
            ("files", !server.files.is_empty()),
            ("tmpfs", !server.tmpfs.is_empty()),
            ("user", server.user.is_some()),
            ("working_dir", server.working_dir.is_some()),
            ("cpus", server.cpus.is_some()),
            ("shm_size", server.shm_size.is_some()),
            ("allow", !server.allow.is_empty()),
            ("memory", server.memory.is_some()),
        ];
        let mut given = keys.into_iter().filter(|(_, is_given)| *is_given);
        let Some((key, _)) = given.next() else {
            return Ok(());
        };
        let message = format!("`{key}` is for containers, and server `{name}` runs in none");
        let hint = "leave it out, or give the server an `image` or a `build`";
        Err(self.spans.invalid(span, message, Some(hint.into())))
    }

    fn behind(&self, server: &file::Server) -> Result<Option<String>, Error> {
        let Some(behind) = &server.behind else {
            return Ok(None);
        };
        let name = behind.get_ref();
        if self.proxies.contains(name) {
            return Ok(Some(name.clone()));
        }
        let hint = match self.proxies.as_slice() {
            [] => format!("add it: [proxy.{name}] with `image` or `build`"),
            known => format!("known: {}", known.join(", ")),
        };
        let message = format!("the file has no [proxy.{name}]");
        Err(self.spans.invalid(&behind.span(), message, Some(hint)))
    }

    /// On the host's network every server must take its own loopback port.
    fn can_listen(&self, target: &Target, span: &Range<usize>) -> Result<(), Error> {
        let on_host = self.network == Some(NetworkPath::Host) && target.source.is_contained();
        if !on_host || target.gets_its_address() {
            return Ok(());
        }
        let name = &target.name;
        Err(self.spans.invalid(
            span,
            format!("server `{name}` does not get its address on the host's network"),
            Some("use {host} and {port} in its `command` or `env`".into()),
        ))
    }

    fn source(
        &self,
        name: &str,
        span: &Range<usize>,
        server: &file::Server,
        transport: &Transport,
    ) -> Result<Source, Error> {
        let choices = [
            server.image.clone().map(Source::Image),
            server
                .build
                .as_ref()
                .map(|build| self.build(build))
                .transpose()?
                .map(Source::Build),
            server
                .run
                .as_ref()
                .map(|run| self.fill_all(run.get_ref()))
                .transpose()?
                .or_else(|| server.cargo.as_ref().map(|_| vec![PROGRAM.to_owned()]))
                .map(Source::Run),
            server
                .url
                .as_ref()
                .map(|url| self.origin(url, transport))
                .transpose()?
                .map(Source::Url),
        ];
        let mut given = choices.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(Source::Run(words)), None) if words.is_empty() => Err(self.spans.invalid(
                span,
                format!("server `{name}` runs no program"),
                Some(
                    "write the program and its words: run = [\"./app\", \"--port\", \"{port}\"]"
                        .into(),
                ),
            )),
            (Some(source), None) => Ok(source),
            _ => Err(self.spans.invalid(
                span,
                format!("server `{name}` needs exactly one of `image`, `build`, `run`, `url`"),
                server.cargo.as_ref().map(|_| {
                    "`cargo` builds what `run` runs: leave it out, or what names another source"
                        .into()
                }),
            )),
        }
    }

    /// Where a server listens that is already running.
    fn origin(&self, url: &Spanned<String>, transport: &Transport) -> Result<Origin, Error> {
        let invalid = |hint: &str| {
            let message = format!("`{}` is not the URL of a server", url.get_ref());
            self.spans.invalid(&url.span(), message, Some(hint.into()))
        };
        let Url {
            address,
            authority,
            is_https,
            target,
        } = Url::parse(url.get_ref()).map_err(|hint| invalid(&hint))?;
        if target != "/" {
            return Err(invalid("leave the path out; paths belong to endpoints"));
        }
        if !is_https && transport.tls.is_some() {
            return Err(invalid("leave out `tls`, which is for https://"));
        }
        let tls = transport.tls.clone();
        Ok(Origin {
            address,
            authority,
            transport: Transport {
                http2: transport.http2,
                tls: tls.or_else(|| is_https.then(Tls::default)),
            },
        })
    }

    fn transport(&self, server: &file::Server) -> Result<Transport, Error> {
        let tls = server.tls.as_ref().map(|tls| self.tls(tls)).transpose()?;
        Ok(Transport {
            http2: server.http2,
            tls,
        })
    }

    fn tls(&self, tls: &Spanned<file::Tls>) -> Result<Tls, Error> {
        let file::Tls { name, ca, insecure } = tls.get_ref();
        let trust = match (ca, insecure) {
            (None, false) => Trust::System,
            (Some(path), false) => Trust::File(self.inside(path)?),
            (None, true) => Trust::Anyone,
            (Some(_), true) => {
                return Err(self.spans.invalid(
                    &tls.span(),
                    "`tls` has both `ca` and `insecure`",
                    Some("leave one of them out".into()),
                ));
            }
        };
        Ok(Tls {
            name: name.clone(),
            trust,
        })
    }

    fn cells(
        &self,
        name: &str,
        server: &file::Server,
        workloads: &[(String, Workload)],
        base: &Thresholds,
    ) -> Result<Vec<Cell>, Error> {
        let endpoint_names: Vec<_> = workloads.iter().map(|(name, _)| name.as_str()).collect();
        for endpoint in server.endpoint.keys() {
            if !endpoint_names.contains(&endpoint.get_ref().as_str()) {
                let near = super::error::nearest(endpoint.get_ref(), &endpoint_names);
                return Err(self.spans.invalid(
                    &endpoint.span(),
                    format!(
                        "server `{name}` names an endpoint `{}` that is not there",
                        endpoint.get_ref()
                    ),
                    Some(near.map_or_else(
                        || format!("known: {}", endpoint_names.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    )),
                ));
            }
        }
        let of_server = thresholds::inherit(base, &server.thresholds, self.spans)?;
        let cell = |(endpoint, workload): &(String, Workload)| {
            let own = server
                .endpoint
                .iter()
                .find(|(name, _)| name.get_ref() == endpoint);
            let thresholds = match own {
                Some((_, own)) => thresholds::inherit(&of_server, &own.thresholds, self.spans)?,
                None => of_server.clone(),
            };
            let mut workload = workload.clone();
            if server.base_url.is_some() {
                workload.rate.get_or_insert(BESIDE_RUNNING);
            }
            Ok(Cell {
                endpoint: endpoint.clone(),
                workload,
                thresholds,
            })
        };
        workloads.iter().map(cell).collect()
    }

    pub(super) fn env(
        &self,
        env: &IndexMap<String, Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        env.iter()
            .map(|(name, value)| Ok((name.clone(), self.filled_later(value)?)))
            .collect()
    }
}
