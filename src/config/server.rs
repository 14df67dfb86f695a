//! Servers → targets.

use std::ops::Range;
use std::time::Duration;

use indexmap::IndexMap;
use toml::Spanned;

use super::resolve::Resolver;
use super::units::Time;
use super::{Error, file, thresholds};
use crate::model::{Cell, NetworkPath, Ready, Source, Target, Thresholds, Workload};

const READY_WITHIN: Duration = Duration::from_secs(60);
const PORT: u16 = 8000;

impl Resolver<'_> {
    pub(super) fn targets(
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
}
