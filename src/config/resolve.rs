//! File → plan: defaults, inheritance, checks.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::IntoConnectionInfo as _;

use super::place::Places;
use super::spanned::Spanned;
use super::units::Time;
use super::{Error, accept, file, thresholds};
use crate::model::{
    Deadlines, NetworkPath, Pacing, Placeholder, Plan, Postgres, Redis, ServiceSource,
};

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 10;
const WARMUP: Duration = Duration::from_secs(5);
const BUDGET: Duration = Duration::from_secs(60);
const PREPARE: Duration = Duration::from_secs(30 * 60);
const IMAGE: Duration = Duration::from_secs(30 * 60);
const SETUP: Duration = Duration::from_secs(10 * 60);

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
        proxies: file.proxy.keys().cloned().collect(),
        network: network(file.network.as_ref(), file.internal, places)?,
        allow_outside: file.allow_outside,
        reference: file.reference.as_ref(),
    };
    resolver.names(&file)?;
    let workloads = resolver.workloads(&file.endpoint, &file.load)?;
    let base = thresholds::inherit(&thresholds::defaults(), &file.thresholds, places)?;
    let mut targets = resolver.targets(file.server, &workloads, &base)?;
    let reference = resolver.reference(&mut targets)?;
    Ok(Plan {
        file: path.to_owned(),
        prepare: file.prepare.into_iter().map(file::Command::words).collect(),
        without_docker: file
            .without_docker
            .map(|path| resolver.inside(&path))
            .transpose()?,
        network: resolver.network,
        postgres: file
            .postgres
            .map(|postgres| resolver.postgres(postgres))
            .transpose()?,
        redis: file.redis.map(|redis| resolver.redis(redis)).transpose()?,
        proxies: resolver.proxies(file.proxy)?,
        pacing: resolver.pacing(&file.load)?,
        deadlines: deadlines(&file.deadlines),
        accepted: accept::resolve(&file.accept, &file.endpoint, &targets, places)?,
        targets,
        reference,
        baselines: resolver.store(file.baseline.store.as_ref())?,
        root,
    })
}

/// The way to contained servers that was asked for; one without outside access is a network of
/// the run's own.
fn network(
    path: Option<&Spanned<NetworkPath>>,
    internal: bool,
    places: &Places<'_>,
) -> Result<Option<NetworkPath>, Error> {
    match path {
        Some(path) if internal && *path.get_ref() == NetworkPath::Host => Err(places.invalid(
            &path.span(),
            "the host's network has a way to the outside, and `internal` wants none",
            Some("leave one of them out".into()),
        )),
        _ if internal => Ok(Some(NetworkPath::Internal)),
        path => Ok(path.map(|path| *path.get_ref())),
    }
}

fn deadlines(file: &file::Deadlines) -> Deadlines {
    let time = |time: Option<Time>, default| time.map_or(default, |Time(time)| time);
    Deadlines {
        prepare: time(file.prepare, PREPARE),
        image: time(file.image, IMAGE),
        setup: time(file.setup, SETUP),
    }
}

/// What the checks of all parts of the file need to know of the rest of it.
pub(super) struct Resolver<'a> {
    pub(super) places: &'a Places<'a>,
    pub(super) root: &'a Path,
    pub(super) has_postgres: bool,
    pub(super) has_redis: bool,
    pub(super) proxies: Vec<String>,
    pub(super) network: Option<NetworkPath>,
    /// Whether paths may leave the folder of the file.
    pub(super) allow_outside: bool,
    pub(super) reference: Option<&'a file::Reference>,
}

impl Resolver<'_> {
    pub(super) fn at_least_one(
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

    fn pacing(&self, load: &file::Load) -> Result<Pacing, Error> {
        let time = |time: Option<Time>, default| time.map_or(default, |Time(time)| time);
        let (round, warmup) = (time(load.round, ROUND), time(load.warmup, WARMUP));
        let rounds = self.at_least_one(load.rounds.as_ref(), "rounds", ROUNDS)?;
        let pacing = Pacing {
            round,
            rounds,
            warmup,
            budget: BUDGET,
        };
        let Some(budget) = &load.budget else {
            return Ok(pacing);
        };
        pacing.within(budget.get_ref().0).map_err(|few| {
            let hint = "give it more time, or shorten `warmup` or `round`".to_owned();
            self.places
                .invalid(&budget.span(), few.to_string(), Some(hint))
        })
    }

    pub(super) fn words(&self, words: &[Spanned<String>]) -> Result<Vec<String>, Error> {
        words.iter().map(|word| self.filled_later(word)).collect()
    }

    /// A text whose placeholders will have values once the stack is up.
    pub(super) fn filled_later(&self, text: &Spanned<String>) -> Result<String, Error> {
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
            source: self.service(&POSTGRES, &span, image, build, url)?,
            settings: settings.into_iter().collect(),
            init: init
                .iter()
                .map(|path| self.inside(path))
                .collect::<Result<_, _>>()?,
        })
    }

    fn redis(&self, redis: Spanned<file::Redis>) -> Result<Redis, Error> {
        let span = redis.span();
        let file::Redis { image, build, url } = redis.into_inner();
        Ok(Redis {
            source: self.service(&REDIS, &span, image, build, url)?,
        })
    }

    fn service(
        &self,
        service: &Service,
        span: &Range<usize>,
        image: Option<String>,
        build: Option<Spanned<PathBuf>>,
        url: Option<Spanned<String>>,
    ) -> Result<ServiceSource, Error> {
        let name = service.name;
        match (image, build, url) {
            (Some(image), None, None) => Ok(ServiceSource::Image(image)),
            (None, Some(folder), None) => Ok(ServiceSource::Build(self.inside(&folder)?)),
            (None, None, Some(url)) => self.service_url(service, url).map(ServiceSource::Url),
            _ => Err(self.places.invalid(
                span,
                format!("[{name}] needs exactly one of `image`, `build`, `url`"),
                None,
            )),
        }
    }

    /// Where a service runs already. It may hold a password, which no error repeats.
    fn service_url(&self, service: &Service, url: Spanned<String>) -> Result<String, Error> {
        if (service.is_url)(url.get_ref()) {
            return Ok(url.into_inner());
        }
        let message = format!("`url` of [{}] is not a URL of it", service.name);
        let hint = format!("write {}", service.form);
        Err(self.places.invalid(&url.span(), message, Some(hint)))
    }
}

/// A service that may run already.
struct Service {
    name: &'static str,
    /// How its URLs are written.
    form: &'static str,
    is_url: fn(&str) -> bool,
}

const POSTGRES: Service = Service {
    name: "postgres",
    form: "postgres://USER:PASSWORD@HOST:PORT/DATABASE; a list of `host=… dbname=…` is none, as \
           the name of the database is replaced in it",
    is_url: |text| {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        is_url && text.parse::<tokio_postgres::Config>().is_ok()
    },
};
const REDIS: Service = Service {
    name: "redis",
    form: "redis://HOST:PORT/NUMBER; it is spoken with in plain text, not over TLS",
    is_url: |text| text.into_connection_info().is_ok(),
};
