//! What servers work with, and what containers of all kinds have in common: how their images are
//! built, their files and their environment.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use redis::IntoConnectionInfo as _;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::copied::CopiedFile;
use super::resolve::Resolver;
use super::spanned::Spanned;
use super::{Error, file};
use crate::model::{
    Build, BuildKit, ContainerSettings, KnownCounters, NetworkPath, OtherService, Placeholder,
    Postgres, SecretSource, Service, ServiceKind, ServiceReady, ServiceSource, known_fields,
};
use crate::{bounded, compose, secrets};

const WITHIN: Duration = Duration::from_secs(60);
/// For one that runs to its end.
const ONCE: Duration = Duration::from_secs(10 * 60);
const SCHEME: &str = "postgresql";
const LARGEST_ENV_FILE: u64 = 1 << 20;
/// Names that placeholders have for something else.
const RESERVED: [&str; 5] = ["postgres", "redis", "env", "login", "data"];

/// A service that may run already.
struct Known {
    name: &'static str,
    /// How its URLs are written.
    form: &'static str,
    is_url: fn(&str) -> bool,
}

const POSTGRES: Known = Known {
    name: "postgres",
    // With a password in it, masks would hide it in the hint.
    form: "postgres://USER@HOST:PORT/DATABASE, where a password follows the user after a colon; it is spoken \
           with in plain text, not over TLS; a list of `host=… dbname=…` is none, as the name of the database is \
           replaced in it",
    is_url: |text| {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let config = text.parse::<tokio_postgres::Config>();
        let can_connect =
            |it: &Config| !it.get_hosts().is_empty() && it.get_ssl_mode() != SslMode::Require;
        is_url && config.is_ok_and(|it| can_connect(&it))
    },
};
const REDIS: Known = Known {
    name: "redis",
    form: "redis://HOST:PORT/NUMBER; it is spoken with in plain text, not over TLS",
    is_url: |text| text.into_connection_info().is_ok(),
};

/// What a file says of a container, beside its command.
pub(super) struct Container<'a> {
    pub(super) entrypoint: Option<&'a [String]>,
    pub(super) files: &'a IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    pub(super) tmpfs: &'a [Spanned<String>],
    pub(super) user: Option<&'a String>,
    pub(super) working_dir: Option<&'a Spanned<String>>,
    pub(super) cpus: Option<&'a Spanned<f64>>,
    pub(super) shm_size: Option<u64>,
    pub(super) allow: &'a [Spanned<String>],
}

impl Resolver<'_> {
    /// Adds all services in the order in which they start; each may use those before it.
    pub(super) fn services(&mut self, file: &mut file::File) -> Result<(), Error> {
        if let Some(postgres) = file.postgres.take() {
            let service = self.postgres(postgres)?;
            self.services.push(service);
        }
        if let Some(redis) = file.redis.take() {
            let service = self.redis(redis)?;
            self.services.push(service);
        }
        for (name, service) in std::mem::take(&mut file.service) {
            let service = self.other(name, service)?;
            self.services.push(service);
        }
        Ok(())
    }

    fn postgres(&self, postgres: Spanned<file::Postgres>) -> Result<Service, Error> {
        let span = postgres.span();
        let file::Postgres {
            service: _,
            image,
            build,
            url,
            scheme,
            env,
            settings,
            init,
            seed,
        } = postgres.into_inner();
        let files = |paths: &[Spanned<PathBuf>]| {
            let paths = paths.iter().map(|path| self.inside(path));
            paths.collect::<Result<Vec<_>, _>>()
        };
        let kind = ServiceKind::Postgres(Postgres {
            scheme: self.scheme(scheme.as_ref())?,
            settings: settings.into_iter().collect(),
            init: files(&init)?,
            seed: files(&seed)?,
        });
        let env = self.env(&env)?;
        let source = self.known(&POSTGRES, &span, image, build, url)?;
        Ok(Service {
            env,
            ..plain(POSTGRES.name, source, kind)
        })
    }

    /// What stands before `://`.
    fn scheme(&self, scheme: Option<&Spanned<String>>) -> Result<String, Error> {
        let Some(scheme) = scheme else {
            return Ok(SCHEME.to_owned());
        };
        let text = scheme.get_ref();
        let is_letter = |it: char| it.is_ascii_alphanumeric() || "+-._".contains(it);
        if text.starts_with(|it: char| it.is_ascii_alphabetic()) && text.chars().all(is_letter) {
            return Ok(text.clone());
        }
        let message = format!("`{text}` is not the scheme of a URL");
        let hint = "write what stands before `://`, such as \"postgresql+asyncpg\"";
        Err(self
            .spans
            .invalid(&scheme.span(), message, Some(hint.into())))
    }

    fn redis(&self, redis: Spanned<file::Redis>) -> Result<Service, Error> {
        let span = redis.span();
        let file::Redis {
            service: _,
            image,
            build,
            url,
        } = redis.into_inner();
        let source = self.known(&REDIS, &span, image, build, url)?;
        Ok(plain(REDIS.name, source, ServiceKind::Redis))
    }

    fn known(
        &self,
        known: &Known,
        span: &Range<usize>,
        image: Option<String>,
        build: Option<Spanned<file::Build>>,
        url: Option<Spanned<String>>,
    ) -> Result<ServiceSource, Error> {
        let name = known.name;
        match (image, build, url) {
            (Some(image), None, None) => Ok(ServiceSource::Image(image)),
            (None, Some(build), None) => Ok(ServiceSource::Build(self.build(&build)?)),
            (None, None, Some(url)) => self.service_url(known, url).map(ServiceSource::Url),
            _ => Err(self.spans.invalid(
                span,
                format!("[{name}] needs exactly one of `image`, `build`, `url`"),
                None,
            )),
        }
    }

    /// Where a service runs already. It may hold a password, which no error repeats.
    fn service_url(&self, known: &Known, url: Spanned<String>) -> Result<String, Error> {
        if (known.is_url)(url.get_ref()) {
            return Ok(url.into_inner());
        }
        let message = format!("`url` of [{}] is not a URL of it", known.name);
        let hint = format!("write {}", known.form);
        Err(self.spans.invalid(&url.span(), message, Some(hint)))
    }

    fn other(&self, name: String, service: Spanned<file::Service>) -> Result<Service, Error> {
        let span = service.span();
        let service = service.into_inner();
        if RESERVED.contains(&name.as_str()) {
            let message = format!("a service cannot be called `{name}`");
            let hint = format!(
                "placeholders have these names for others: {}",
                RESERVED.join(", ")
            );
            return Err(self.spans.invalid(&span, message, Some(hint)));
        }
        let source = self.image(
            &format!("service.{name}"),
            &span,
            service.image,
            service.build.as_ref(),
        )?;
        let ports: Vec<_> = service.ports.iter().map(|it| *it.get_ref()).collect();
        let commands = |lists: &[Vec<Spanned<String>>]| {
            let lists = lists.iter().map(|words| self.fill_all(words));
            lists.collect::<Result<Vec<_>, _>>()
        };
        let other = OtherService {
            ready: self.service_ready(service.ready.as_ref(), &ports)?,
            within: service
                .ready
                .as_ref()
                .and_then(|it| it.get_ref().within)
                .map_or(if service.once { ONCE } else { WITHIN }, |within| within.0),
            init: commands(&service.init)?,
            seed: commands(&service.seed)?,
            is_per_side: service.per_side.unwrap_or(!service.once),
            is_once: service.once,
            counters: service
                .counts
                .or_else(|| KnownCounters::from_source(&source)),
            ports,
        };
        let container = self.container(&Container {
            entrypoint: service.entrypoint.as_deref(),
            files: &service.files,
            tmpfs: &service.tmpfs,
            user: service.user.as_ref(),
            working_dir: service.working_dir.as_ref(),
            cpus: service.cpus.as_ref(),
            shm_size: service.shm_size.map(|it| it.0),
            allow: &service.allow,
        })?;
        let service = Service {
            source,
            command: self.fill_all(&service.command)?,
            env: self.env_and_files(&service.env, &service.env_file)?,
            memory: service.memory.map(|it| it.0),
            container,
            kind: ServiceKind::Other(other),
            name,
        };
        self.can_service_listen(&service, &span)?;
        Ok(service)
    }

    /// On the host's network a service must take its loopback port.
    fn can_service_listen(&self, service: &Service, span: &Range<usize>) -> Result<(), Error> {
        if self.network != Some(NetworkPath::Host) || service.gets_its_address() {
            return Ok(());
        }
        let name = &service.name;
        Err(self.spans.invalid(
            span,
            format!("service `{name}` does not get its address on the host's network"),
            Some("use {host} and {port} in its `command` or `env`, or leave out `network`".into()),
        ))
    }

    fn service_ready(
        &self,
        ready: Option<&Spanned<file::ServiceReady>>,
        ports: &[u16],
    ) -> Result<ServiceReady, Error> {
        let Some(spanned) = ready else {
            return Ok(ServiceReady::Usual);
        };
        let ready = spanned.get_ref().clone();
        let refuse = |message: &str, hint: &str| {
            let (span, hint) = (spanned.span(), Some(hint.to_owned()));
            Err(self.spans.invalid(&span, message, hint))
        };
        let is_command = !ready.command.is_empty();
        match (ready.log, ready.path, ready.port, is_command) {
            (None, None, None, false) => Ok(ServiceReady::Usual),
            (Some(text), None, None, false) if !text.is_empty() => Ok(ServiceReady::Log(text)),
            (None, None, None, true) => Ok(ServiceReady::Command(ready.command)),
            (None, None, Some(port), false) if ports.contains(&port) => {
                Ok(ServiceReady::Port(port))
            }
            (None, Some(path), port, false) if path.starts_with('/') => {
                match port
                    .or(ports.first().copied())
                    .filter(|it| ports.contains(it))
                {
                    Some(port) => Ok(ServiceReady::Http { port, path }),
                    None => refuse(
                        "`ready` asks a port that `ports` does not have",
                        "add it to `ports`",
                    ),
                }
            }
            (None, Some(_), _, false) => {
                refuse("`path` of `ready` is no path", "begin it with `/`")
            }
            (None, None, Some(_), false) => refuse(
                "`ready` asks a port that `ports` does not have",
                "add it to `ports`",
            ),
            _ => refuse(
                "`ready` needs one of `log`, `path`, `port` and `command`",
                "leave the others out",
            ),
        }
    }

    /// Where an image comes from that perfgate runs itself.
    pub(super) fn image(
        &self,
        table: &str,
        span: &Range<usize>,
        image: Option<String>,
        build: Option<&Spanned<file::Build>>,
    ) -> Result<ServiceSource, Error> {
        match (image, build) {
            (Some(image), None) => Ok(ServiceSource::Image(image)),
            (None, Some(build)) => Ok(ServiceSource::Build(self.build(build)?)),
            _ => {
                let message = format!("[{table}] needs exactly one of `image`, `build`");
                Err(self.spans.invalid(span, message, None))
            }
        }
    }

    pub(super) fn build(&self, build: &Spanned<file::Build>) -> Result<Build, Error> {
        let span = build.span();
        let table = match build.get_ref() {
            file::Build::Folder(folder) => {
                return Ok(Build::of_folder(self.inside_of(folder, &span)?));
            }
            file::Build::Table(table) => table,
        };
        let dockerfile = table.dockerfile.as_ref();
        let dockerfile = dockerfile.map(|it| self.inside_of(&table.context.join(it), &span));
        let arg = |(name, value): (&String, &String)| {
            self.has_environment(value, &span)?;
            Ok((name.clone(), value.clone()))
        };
        Ok(Build {
            context: self.inside_of(&table.context, &span)?,
            dockerfile: dockerfile.transpose()?,
            target: table.target.clone(),
            args: table.args.iter().map(arg).collect::<Result<_, _>>()?,
            buildkit: self.buildkit(table, &span)?,
        })
    }

    fn buildkit(&self, table: &file::BuildTable, span: &Range<usize>) -> Result<BuildKit, Error> {
        let secret = |(id, value): (&String, &String)| {
            let mut fields = Placeholder::fields_in(value);
            let variable = fields.next().filter(|(space, name)| {
                *space == Placeholder::ENV && *value == format!("{{{space}.{name}}}")
            });
            let source = match variable {
                Some((_, name)) => {
                    self.has_variable(name, span)?;
                    SecretSource::Variable(name.to_owned())
                }
                None => self.secret_file(id, Path::new(value), span)?,
            };
            Ok((id.clone(), source))
        };
        let platform = table.platform.clone();
        let is_platform = |it: &String| {
            let parts: Vec<_> = it.split('/').collect();
            (2..=3).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty())
        };
        if let Some(wrong) = platform.as_ref().filter(|it| !is_platform(it)) {
            let message = format!("`{wrong}` is no platform");
            let hint = "write system and architecture, such as \"linux/amd64\"";
            return Err(self.spans.invalid(span, message, Some(hint.into())));
        }
        Ok(BuildKit {
            secrets: table.secrets.iter().map(secret).collect::<Result<_, _>>()?,
            ssh: table.ssh,
            platform,
            cache_from: table.cache_from.clone(),
            cache_to: table.cache_to.clone(),
        })
    }

    fn secret_file(
        &self,
        id: &str,
        path: &Path,
        span: &Range<usize>,
    ) -> Result<SecretSource, Error> {
        let file = self.or_beside(self.inside_of(path, span)?, path);
        if file.is_file() {
            return Ok(SecretSource::File(file));
        }
        let message = format!("secret `{id}` has no file `{}`", path.display());
        let hint = "name a file, or a variable of the environment: \"{env.NAME}\"";
        Err(self.spans.invalid(span, message, Some(hint.into())))
    }

    pub(super) fn container(&self, container: &Container<'_>) -> Result<ContainerSettings, Error> {
        let tmpfs = container.tmpfs.iter();
        let tmpfs = tmpfs.map(|folder| self.is_inside_a_container(folder));
        let working_dir = container
            .working_dir
            .map(|it| self.is_inside_a_container(it));
        Ok(ContainerSettings {
            entrypoint: match container.entrypoint {
                // An engine takes an empty word for none, and an empty list for that of the image.
                Some([]) => vec![String::new()],
                given => given.unwrap_or_default().to_vec(),
            },
            files: self.files(container.files)?,
            tmpfs: tmpfs.collect::<Result<_, _>>()?,
            user: container.user.cloned(),
            working_dir: working_dir.transpose()?,
            nano_cpus: container.cpus.map(|it| self.nano_cpus(it)).transpose()?,
            shm_size: container.shm_size,
            allow: self.privileges(container.allow)?,
        })
    }

    pub(super) fn is_inside_a_container(&self, path: &Spanned<String>) -> Result<String, Error> {
        if path.get_ref().starts_with('/') {
            return Ok(path.get_ref().clone());
        }
        let message = format!("`{}` is no place in a container", path.get_ref());
        let hint = "write an absolute path, such as \"/etc/caddy/Caddyfile\"";
        Err(self.spans.invalid(&path.span(), message, Some(hint.into())))
    }

    fn nano_cpus(&self, cpus: &Spanned<f64>) -> Result<i64, Error> {
        let nano = cpus.get_ref() * 1e9;
        if (1e6..1e15).contains(&nano) {
            #[expect(clippy::cast_possible_truncation, reason = "within the range above")]
            return Ok(nano as i64);
        }
        let message = format!("`{}` is no number of CPUs", cpus.get_ref());
        let hint = "write how many CPUs the container may use, such as 0.5 or 2";
        Err(self.spans.invalid(&cpus.span(), message, Some(hint.into())))
    }

    /// Environment variables, those of a later file in place of an earlier one's, and those that
    /// are written out in place of both.
    pub(super) fn env_and_files(
        &self,
        env: &IndexMap<String, Spanned<String>>,
        files: &[Spanned<PathBuf>],
    ) -> Result<Vec<(String, String)>, Error> {
        let mut all = IndexMap::new();
        for file in files {
            all.extend(self.env_file(file)?);
        }
        all.extend(self.env(env)?);
        Ok(all.into_iter().collect())
    }

    fn env_file(&self, file: &Spanned<PathBuf>) -> Result<Vec<(String, String)>, Error> {
        let path = self.inside(file)?;
        let name = file.get_ref().display();
        let invalid = |message: String, hint: &str| {
            self.spans
                .invalid(&file.span(), message, Some(hint.to_owned()))
        };
        let text = bounded::read_text(&self.or_beside(path, file.get_ref()), LARGEST_ENV_FILE);
        let text = text.map_err(|error| {
            let hint = "name a file that is in the repository, such as `.env.example`";
            invalid(format!("`{name}` cannot be read: {error}"), hint)
        })?;
        let variables = compose::variables_in(&text).map_err(|error| {
            let hint = "each line is NAME=VALUE";
            invalid(format!("`{name}` is no file of variables: {error}"), hint)
        })?;
        for (name, value) in &variables {
            secrets::know(name, value);
        }
        Ok(variables)
    }

    /// A file as the head has it, where the base's tree lacks it: files that git ignores.
    pub(super) fn or_beside(&self, path: PathBuf, relative: &Path) -> PathBuf {
        match self.beside {
            Some(head) if !path.exists() => head.join(relative),
            _ => path,
        }
    }

    /// A text whose placeholders will have values once the stack is up.
    pub(super) fn filled_later(&self, text: &Spanned<String>) -> Result<String, Error> {
        let span = text.span();
        let value = text.get_ref();
        self.has_environment(value, &span)?;
        for (name, field) in Placeholder::fields_in(value) {
            let service = self.services.iter().find(|it| it.name == name);
            let fields = service.map(Service::fields).unwrap_or_default();
            if fields.iter().any(|it| it == field) {
                continue;
            }
            let written = format!("`{{{name}.{field}}}`");
            if service.is_none() && known_fields(name).contains(&field) {
                let message = format!("{written} is used and the file has no [{name}]");
                let hint = format!("add [{name}] with `image`, `build` or `url`");
                return Err(self.spans.invalid(&span, message, Some(hint)));
            }
            if service.is_some() || !known_fields(name).is_empty() {
                let message = format!("{written} stands for nothing");
                let hint = format!("known: {}", self.known_placeholders(name));
                return Err(self.spans.invalid(&span, message, Some(hint)));
            }
        }
        Ok(value.clone())
    }

    /// All placeholders, those of a service that the file lacks among them.
    fn known_placeholders(&self, service: &str) -> String {
        let own = Placeholder::ALL.iter().map(|it| it.text().to_owned());
        let written = |service: &str, field: &str| format!("{{{service}.{field}}}");
        let is_there = self.services.iter().any(|it| it.name == service);
        let lacking = known_fields(service).iter().filter(|_| !is_there);
        let lacking = lacking.map(|field| written(service, field));
        let of_service = |it: &Service| {
            let fields = it.fields().into_iter();
            fields
                .map(|field| written(&it.name, &field))
                .collect::<Vec<_>>()
        };
        let of_services = self.services.iter().flat_map(of_service);
        let all: Vec<_> = of_services.chain(lacking).chain(own).collect();
        all.join(", ")
    }

    /// Checks that variables of this process are there, which `{env.NAME}` stands for.
    fn has_environment(&self, text: &str, span: &Range<usize>) -> Result<(), Error> {
        let names = Placeholder::fields_in(text).filter(|(space, _)| *space == Placeholder::ENV);
        let mut names = names.map(|(_, name)| name);
        names.try_for_each(|name| self.has_variable(name, span))
    }

    pub(super) fn has_variable(&self, name: &str, span: &Range<usize>) -> Result<(), Error> {
        if std::env::var(name).is_ok() {
            return Ok(());
        }
        let message = format!("`{{env.{name}}}` is used and the environment has no {name}");
        let hint = format!("set {name}, in a workflow under `env:` of the step");
        Err(self.spans.invalid(span, message, Some(hint)))
    }
}

fn plain(name: &str, source: ServiceSource, kind: ServiceKind) -> Service {
    Service {
        name: name.to_owned(),
        source,
        kind,
        command: Vec::new(),
        env: Vec::new(),
        memory: None,
        container: ContainerSettings::default(),
    }
}
