//! File → plan: defaults, inheritance, checks.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use toml::Spanned;

use super::place::Places;
use super::units::Time;
use super::{Error, file, thresholds};
use crate::model::{
    Cell, Expect, NetworkPath, Pacing, Placeholder, Plan, Postgres, Ready, Redis, ServiceSource,
    Source, Target, Thresholds, Workload,
};

const CONNECTIONS: usize = 50;
const TIMEOUT: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 10;
const WARMUP: Duration = Duration::from_secs(5);
const READY_WITHIN: Duration = Duration::from_secs(60);
const PORT: u16 = 8000;
const BASELINES: &str = ".perfgate/baselines";
/// Rounds below which a median says little about a server.
const FEWEST_ROUNDS: usize = 3;

pub(super) fn resolve(path: &Path, file: file::File, places: &Places<'_>) -> Result<Plan, Error> {
    let root = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let root = root.unwrap_or(Path::new(".")).to_owned();
    let resolver = Resolver {
        places,
        root: &root,
        has_postgres: file.postgres.is_some(),
        has_redis: file.redis.is_some(),
        network: file.network,
    };
    let workloads = resolver.workloads(&file.endpoint, &file.load)?;
    let base = thresholds::inherit(&thresholds::defaults(), &file.thresholds, places)?;
    let targets = resolver.targets(file.server, &workloads, &base)?;
    Ok(Plan {
        file: path.to_owned(),
        prepare: file.prepare.into_iter().map(file::Command::words).collect(),
        without_docker: file.without_docker.map(|path| root.join(path)),
        network: file.network,
        postgres: file
            .postgres
            .map(|postgres| resolver.postgres(postgres))
            .transpose()?,
        redis: file.redis.map(|redis| resolver.redis(redis)).transpose()?,
        targets,
        pacing: resolver.pacing(&file.load)?,
        baselines: resolver.baselines(file.baseline.store)?,
        root,
    })
}

struct Resolver<'a> {
    places: &'a Places<'a>,
    root: &'a Path,
    has_postgres: bool,
    has_redis: bool,
    network: Option<NetworkPath>,
}

impl Resolver<'_> {
    fn workloads(
        &self,
        endpoints: &IndexMap<String, file::Endpoint>,
        load: &file::Load,
    ) -> Result<Vec<(String, Workload)>, Error> {
        if endpoints.is_empty() {
            return Err(self.places.invalid(
                &(0..0),
                "no endpoint is named",
                Some("add one: [endpoint.health] with path = \"/health\"".into()),
            ));
        }
        let connections =
            self.at_least_one(load.connections.as_ref(), "connections", CONNECTIONS)?;
        let threads = self.at_least_one(load.threads.as_ref(), "threads", 1)?;
        let workload = |endpoint: &file::Endpoint| {
            Ok(Workload {
                path: self.target(&endpoint.path)?,
                headers: self.headers(&endpoint.headers)?,
                expect: self.expect(&endpoint.expect)?,
                connections,
                threads: threads.min(connections),
                timeout: load.timeout.map_or(TIMEOUT, |Time(time)| time),
            })
        };
        endpoints
            .iter()
            .map(|(name, endpoint)| Ok((name.clone(), workload(endpoint)?)))
            .collect()
    }

    fn at_least_one(
        &self,
        value: Option<&Spanned<usize>>,
        name: &str,
        default: usize,
    ) -> Result<usize, Error> {
        match value {
            None => Ok(default),
            Some(value) if *value.get_ref() == 0 => Err(self.places.invalid(
                &value.span(),
                format!("`{name}` is 0"),
                Some("write 1 or more".into()),
            )),
            Some(value) => Ok(*value.get_ref()),
        }
    }

    /// A request target: it becomes part of the request line as it stands.
    fn target(&self, path: &Spanned<String>) -> Result<String, Error> {
        let text = path.get_ref();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.starts_with('/') && printable && !text.contains('#') {
            return Ok(text.clone());
        }
        Err(self.places.invalid(
            &path.span(),
            format!("`{}` is not a request target", text.escape_debug()),
            Some(
                "write a path that begins with / and has blanks and other letters percent-encoded"
                    .into(),
            ),
        ))
    }

    fn headers(
        &self,
        headers: &IndexMap<String, Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let value_byte = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        let check = |(name, value): (&String, &Spanned<String>)| {
            let valid = !name.is_empty()
                && name.bytes().all(token)
                && value.get_ref().bytes().all(value_byte);
            if valid {
                return Ok((name.clone(), value.get_ref().clone()));
            }
            Err(self.places.invalid(
                &value.span(),
                format!("`{}` is not a header field", name.escape_debug()),
                Some("names are tokens, values are printable ASCII".into()),
            ))
        };
        headers.iter().map(check).collect()
    }

    fn expect(&self, expect: &file::Expect) -> Result<Expect, Error> {
        let status = match &expect.status {
            None => Expect::default().status,
            Some(status) if (200..600).contains(status.get_ref()) => *status.get_ref(),
            Some(status) => {
                return Err(self.places.invalid(
                    &status.span(),
                    format!(
                        "`{}` is not the status of a final response",
                        status.get_ref()
                    ),
                    Some("write a status from 200 to 599".into()),
                ));
            }
        };
        Ok(Expect {
            status,
            contains: expect.contains.clone().filter(|text| !text.is_empty()),
        })
    }

    fn pacing(&self, load: &file::Load) -> Result<Pacing, Error> {
        let time = |time: Option<Time>, default| time.map_or(default, |Time(time)| time);
        let (round, warmup) = (time(load.round, ROUND), time(load.warmup, WARMUP));
        let rounds = self.at_least_one(load.rounds.as_ref(), "rounds", ROUNDS)?;
        let Some(budget) = &load.budget else {
            return Ok(Pacing {
                round,
                rounds,
                warmup,
            });
        };
        let left = budget.get_ref().0.saturating_sub(warmup);
        let affordable = usize::try_from(left.as_nanos() / round.as_nanos()).unwrap_or(usize::MAX);
        if affordable < FEWEST_ROUNDS {
            return Err(self.places.invalid(
                &budget.span(),
                format!("the budget pays for {affordable} rounds after a warm-up of {warmup:?}"),
                Some(format!(
                    "give it time for at least {FEWEST_ROUNDS}, or shorten `warmup` or `round`"
                )),
            ));
        }
        Ok(Pacing {
            round,
            rounds: rounds.min(affordable),
            warmup,
        })
    }

    fn targets(
        &self,
        servers: IndexMap<String, Spanned<file::Server>>,
        workloads: &[(String, Workload)],
        base: &Thresholds,
    ) -> Result<Vec<Target>, Error> {
        if servers.is_empty() {
            return Err(self.places.invalid(
                &(0..0),
                "no server is named",
                Some("add one: [server.app] with `image`, `build`, `run` or `url`".into()),
            ));
        }
        servers
            .into_iter()
            .map(|(name, server)| self.server(name, server, workloads, base))
            .collect()
    }

    fn server(
        &self,
        name: String,
        server: Spanned<file::Server>,
        workloads: &[(String, Workload)],
        base: &Thresholds,
    ) -> Result<Target, Error> {
        let span = server.span();
        let server = server.into_inner();
        let source = self.source(&name, &span, &server)?;
        let (ready_path, within) = match &server.ready {
            Some(ready) => (self.target(&ready.path)?, ready.within),
            None => (workloads[0].1.path.clone(), None),
        };
        let target = Target {
            cells: self.cells(&name, &server, workloads, base)?,
            command: self.words(&server.command)?,
            setup: server
                .setup
                .iter()
                .map(|words| self.words(words))
                .collect::<Result<_, _>>()?,
            port: server.port.unwrap_or(PORT),
            env: self.env(&server.env)?,
            ready: Ready {
                path: ready_path,
                within: within.map_or(READY_WITHIN, |Time(time)| time),
            },
            memory: server.memory.map(|size| size.0),
            name,
            source,
        };
        self.can_listen(&target, &span)?;
        Ok(target)
    }

    /// On the host's network every server must be told its own loopback port.
    fn can_listen(&self, target: &Target, span: &Range<usize>) -> Result<(), Error> {
        let on_host = self.network == Some(NetworkPath::Host) && target.source.is_contained();
        if !on_host || target.is_told_where_to_listen() {
            return Ok(());
        }
        let name = &target.name;
        Err(self.places.invalid(
            span,
            format!("server `{name}` is not told where to listen on the host's network"),
            Some("use {host} and {port} in its `command` or `env`".into()),
        ))
    }

    fn source(
        &self,
        name: &str,
        span: &Range<usize>,
        server: &file::Server,
    ) -> Result<Source, Error> {
        let choices = [
            server.image.clone().map(Source::Image),
            server
                .build
                .as_ref()
                .map(|folder| Source::Build(self.root.join(folder))),
            server
                .run
                .as_ref()
                .map(|run| self.words(run.get_ref()))
                .transpose()?
                .map(Source::Run),
            server
                .url
                .as_ref()
                .map(|url| self.address(url))
                .transpose()?
                .map(Source::Url),
        ];
        let mut given = choices.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(Source::Run(words)), None) if words.is_empty() => Err(self.places.invalid(
                span,
                format!("server `{name}` runs no program"),
                Some(
                    "write the program and its words: run = [\"./app\", \"--port\", \"{port}\"]"
                        .into(),
                ),
            )),
            (Some(source), None) => Ok(source),
            _ => Err(self.places.invalid(
                span,
                format!("server `{name}` needs exactly one of `image`, `build`, `run`, `url`"),
                None,
            )),
        }
    }

    /// `host:port` of a plain HTTP URL.
    fn address(&self, url: &Spanned<String>) -> Result<String, Error> {
        let authority = url
            .get_ref()
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'));
        match authority.filter(|rest| !rest.is_empty() && !rest.contains(['/', '@', '?'])) {
            Some(authority)
                if authority
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok()) =>
            {
                Ok(authority.to_owned())
            }
            Some(authority) => Ok(format!("{authority}:80")),
            None => Err(self.places.invalid(
                &url.span(),
                format!("`{}` is not the URL of a server", url.get_ref()),
                Some("write http://HOST:PORT; paths belong to endpoints".into()),
            )),
        }
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
                return Err(self.places.invalid(
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
        let of_server = thresholds::inherit(base, &server.thresholds, self.places)?;
        let cell = |(endpoint, workload): &(String, Workload)| {
            let own = server
                .endpoint
                .iter()
                .find(|(name, _)| name.get_ref() == endpoint);
            let thresholds = match own {
                Some((_, own)) => thresholds::inherit(&of_server, &own.thresholds, self.places)?,
                None => of_server.clone(),
            };
            Ok(Cell {
                endpoint: endpoint.clone(),
                workload: workload.clone(),
                thresholds,
            })
        };
        workloads.iter().map(cell).collect()
    }

    fn env(&self, env: &IndexMap<String, Spanned<String>>) -> Result<Vec<(String, String)>, Error> {
        env.iter()
            .map(|(name, value)| Ok((name.clone(), self.filled_later(value)?)))
            .collect()
    }

    fn words(&self, words: &[Spanned<String>]) -> Result<Vec<String>, Error> {
        words.iter().map(|word| self.filled_later(word)).collect()
    }

    /// A text whose placeholders will have values once the stack is up.
    fn filled_later(&self, text: &Spanned<String>) -> Result<String, Error> {
        let value = text.get_ref();
        if let Some(unknown) = Placeholder::unknown_in(value) {
            return Err(self.places.invalid(
                &text.span(),
                format!("`{unknown}` stands for nothing"),
                Some(format!(
                    "known: {}",
                    Placeholder::ALL.map(Placeholder::text).join(", ")
                )),
            ));
        }
        let services = [
            (Placeholder::PostgresUrl, "postgres", self.has_postgres),
            (Placeholder::RedisUrl, "redis", self.has_redis),
        ];
        for (placeholder, service, exists) in services {
            let name = placeholder.text();
            if value.contains(name) && !exists {
                return Err(self.places.invalid(
                    &text.span(),
                    format!("`{name}` is used and the file has no [{service}]"),
                    Some(format!("add [{service}] with `image`, `build` or `url`")),
                ));
            }
        }
        Ok(value.clone())
    }

    fn postgres(&self, postgres: Spanned<file::Postgres>) -> Result<Postgres, Error> {
        let span = postgres.span();
        let file::Postgres {
            image,
            build,
            url,
            settings,
            init,
        } = postgres.into_inner();
        Ok(Postgres {
            source: self.service("postgres", &span, image, build, url)?,
            settings: settings.into_iter().collect(),
            init: init.into_iter().map(|path| self.root.join(path)).collect(),
        })
    }

    fn redis(&self, redis: Spanned<file::Redis>) -> Result<Redis, Error> {
        let span = redis.span();
        let file::Redis { image, build, url } = redis.into_inner();
        Ok(Redis {
            source: self.service("redis", &span, image, build, url)?,
        })
    }

    fn service(
        &self,
        name: &str,
        span: &Range<usize>,
        image: Option<String>,
        build: Option<PathBuf>,
        url: Option<String>,
    ) -> Result<ServiceSource, Error> {
        match (image, build, url) {
            (Some(image), None, None) => Ok(ServiceSource::Image(image)),
            (None, Some(folder), None) => Ok(ServiceSource::Build(self.root.join(folder))),
            (None, None, Some(url)) => Ok(ServiceSource::Url(url)),
            _ => Err(self.places.invalid(
                span,
                format!("[{name}] needs exactly one of `image`, `build`, `url`"),
                None,
            )),
        }
    }

    fn baselines(&self, store: Option<Spanned<String>>) -> Result<PathBuf, Error> {
        let Some(store) = store else {
            return Ok(self.root.join(BASELINES));
        };
        match store
            .get_ref()
            .strip_prefix("dir:")
            .filter(|folder| !folder.is_empty())
        {
            Some(folder) => Ok(self.root.join(folder)),
            None => Err(self.places.invalid(
                &store.span(),
                format!("`{}` is not a baseline store", store.get_ref()),
                Some("write \"dir:FOLDER\"".into()),
            )),
        }
    }
}
