//! File → plan: defaults, inheritance, checks.

use std::path::Path;
use std::time::Duration;

use super::spanned::Spanned;
use super::spans::Spans;
use super::units::Time;
use super::{Error, accept, file, thresholds};
use crate::model::{CargoBuild, Deadlines, Login, NetworkPath, Pacing, Plan, Service};

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 10;
const WARMUP: Duration = Duration::from_secs(5);
const BUDGET: Duration = Duration::from_secs(60);
const PREPARE: Duration = Duration::from_secs(30 * 60);
const IMAGE: Duration = Duration::from_secs(30 * 60);
const SETUP: Duration = Duration::from_secs(10 * 60);

/// `beside` is where the head lies of which the file is the base.
pub(super) fn resolve(
    path: &Path,
    mut file: file::File,
    spans: &Spans<'_>,
    beside: Option<&Path>,
) -> Result<Plan, Error> {
    let root = spans.root();
    let reference = file.reference.take();
    if file.compose.is_none() {
        has_no_service(&file, spans)?;
    }
    let mut resolver = Resolver {
        spans,
        root: &root,
        beside,
        services: Vec::new(),
        logins: Vec::new(),
        proxies: file.proxy.keys().cloned().collect(),
        network: network(file.network.as_ref(), file.internal, spans)?,
        allow_outside: file.allow_outside,
        reference: reference.as_ref(),
    };
    resolver.names(&file)?;
    resolver.services(&mut file)?;
    resolver.logins(&file.login)?;
    let resolver = resolver;
    let workloads = resolver.workloads(&file.endpoint, &file.load)?;
    let growth = resolver.growth(file.growth.as_ref())?;
    let mut usual = thresholds::defaults();
    usual.retain(|metric, _| growth.is_some() || !metric.is_order_of_growth());
    let base = thresholds::inherit(&usual, &file.thresholds, spans)?;
    let mut targets = resolver.targets(file.server, &workloads, &base, growth.as_ref())?;
    let reference = resolver.reference(&mut targets)?;
    Ok(Plan {
        shard: None,
        file: path.to_owned(),
        inherit: file.inherit,
        prepare: file
            .prepare
            .into_iter()
            .map(file::Command::arguments)
            .collect(),
        without_docker: file
            .without_docker
            .map(|path| resolver.inside(&path))
            .transpose()?,
        network: resolver.network,
        services: resolver.services.clone(),
        proxies: resolver.proxies(file.proxy)?,
        pacing: resolver.pacing(&file.load)?,
        deadlines: deadlines(&file.deadlines),
        accepted: accept::resolve(&file.accept, &file.endpoint, &targets, spans)?,
        targets,
        reference,
        baselines: resolver.store(file.baseline.store.as_ref())?,
        keep: resolver.keep(file.baseline.keep.as_ref())?,
        cargo: CargoBuild::default(),
        root,
        notes: Vec::new(),
    })
}

/// Without compose files nothing is a service of them.
fn has_no_service(file: &file::File, spans: &Spans<'_>) -> Result<(), Error> {
    let mut servers = file.server.values();
    let of_server = servers.find_map(|it| it.get_ref().service.as_ref());
    let postgres = file.postgres.as_ref();
    let of_postgres = postgres.and_then(|it| it.get_ref().service.as_ref());
    let of_redis = file
        .redis
        .as_ref()
        .and_then(|it| it.get_ref().service.as_ref());
    let Some(service) = of_server.or(of_postgres).or(of_redis) else {
        return Ok(());
    };
    let message = "`service` names one of a compose file, and the file names none";
    let hint = "add compose = \"compose.yaml\" at the top of the file";
    Err(spans.invalid(&service.span(), message, Some(hint.into())))
}

/// The way to contained servers that was asked for; one without outside access is a network of
/// the run's own.
fn network(
    path: Option<&Spanned<NetworkPath>>,
    internal: bool,
    spans: &Spans<'_>,
) -> Result<Option<NetworkPath>, Error> {
    match path {
        Some(path) if internal && *path.get_ref() == NetworkPath::Host => Err(spans.invalid(
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
    pub(super) spans: &'a Spans<'a>,
    pub(super) root: &'a Path,
    /// Where the head lies, of which this is the base.
    pub(super) beside: Option<&'a Path>,
    pub(super) services: Vec<Service>,
    pub(super) logins: Vec<Login>,
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
            Some(value) if *value.get_ref() == 0 => Err(self.spans.invalid(
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
            self.spans
                .invalid(&budget.span(), few.to_string(), Some(hint))
        })
    }

    pub(super) fn fill_all(&self, words: &[Spanned<String>]) -> Result<Vec<String>, Error> {
        words.iter().map(|word| self.filled_later(word)).collect()
    }
}
