//! Endpoints and the load on them → workloads.

use std::time::Duration;

use indexmap::IndexMap;
use toml::Spanned;

use super::resolve::Resolver;
use super::units::Time;
use super::{Error, file};
use crate::model::{Expect, Workload};

const CONNECTIONS: usize = 50;
const TIMEOUT: Duration = Duration::from_secs(2);

impl Resolver<'_> {
    pub(super) fn workloads(
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

    /// A request target: it becomes part of the request line as it stands.
    pub(super) fn target(&self, path: &Spanned<String>) -> Result<String, Error> {
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
}
