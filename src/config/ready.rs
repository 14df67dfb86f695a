//! When servers count as started: what `ready` says, and what the first endpoint says beyond it.

use std::time::Duration;

use indexmap::IndexMap;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::units::Time;
use super::{Error, file};
use crate::model::{Placeholder, Ready, Request, Workload};

const WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for one answer, where the endpoint's own answers do not take longer.
const ANSWER: Duration = Duration::from_secs(5);

impl Resolver<'_> {
    /// When a server counts as started. The reference answers a request of its own.
    pub(super) fn ready(
        &self,
        server: &str,
        file: Option<&file::Ready>,
        workloads: &[(String, Workload)],
    ) -> Result<Ready, Error> {
        let usual = match self.reference {
            Some(reference) if reference.server.get_ref() == server => {
                of_request(&Request::get(self.target(&reference.path)?), ANSWER)
            }
            _ => self.of_first(workloads),
        };
        file.map_or(Ok(usual.clone()), |file| self.own_ready(file, usual))
    }

    /// The first request of the first endpoint, as it is configured; of one that takes what a login
    /// captures, the first login.
    fn of_first(&self, workloads: &[(String, Workload)]) -> Ready {
        let (_, workload) = workloads.first().expect("an endpoint is named");
        let mut requests = workload.requests.iter();
        let request = requests.find(|request| request.weight > 0);
        let request = request.expect("one of the requests weighs something");
        match self.logins.first() {
            Some(login) if !request.takes(Placeholder::LOGIN).is_empty() => login.request.clone(),
            _ => of_request(request, workload.timeout.max(ANSWER)),
        }
    }

    fn own_ready(&self, file: &file::Ready, usual: Ready) -> Result<Ready, Error> {
        let is_another = file.path.is_some() || file.method.is_some();
        let mut ready = if is_another {
            request_of_its_own(usual)
        } else {
            usual
        };
        if let Some(path) = &file.path {
            ready.path = self.target(path)?;
        }
        if let Some(method) = &file.method {
            ready.method = self.method(Some(method))?;
        }
        if let Some(body) = &file.body {
            ready.body = body.get_ref().clone().into_bytes();
        }
        self.expect_of_its_own(file, &mut ready)?;
        override_headers(&mut ready.headers, self.own_headers(&file.headers)?);
        ready.within = file.within.map_or(WITHIN, |Time(time)| time);
        Ok(ready)
    }

    /// Another status has another body, and another text says all that is wanted of it.
    fn expect_of_its_own(&self, file: &file::Ready, ready: &mut Ready) -> Result<(), Error> {
        if let Some(status) = &file.status {
            ready.status = Some(self.status(Some(status))?);
        }
        if file.status.is_some() || file.contains.is_some() {
            ready.contains = file.contains.clone().filter(|text| !text.is_empty());
            ready.json.clear();
        }
        Ok(())
    }

    fn own_headers(
        &self,
        headers: &IndexMap<String, Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        self.headers(&headers.iter().collect())
    }
}

pub(super) fn of_request(request: &Request, timeout: Duration) -> Ready {
    let Request {
        method,
        path,
        headers,
        body,
        expect,
        weight: _,
    } = request.clone();
    Ready {
        method,
        path,
        headers,
        body,
        status: Some(expect.status),
        contains: expect.contains,
        json: expect.json,
        timeout,
        within: WITHIN,
    }
}

/// Of the first endpoint it has the path until it gets its own, and the header fields: the host
/// and the login that a server asks for are mostly the same for all of its paths.
fn request_of_its_own(usual: Ready) -> Ready {
    Ready {
        method: "GET".into(),
        body: Vec::new(),
        status: None,
        contains: None,
        json: Vec::new(),
        ..usual
    }
}

/// Names of header fields are the same in every case, RFC 9110, section 5.1.
fn override_headers(headers: &mut Vec<(String, String)>, own: Vec<(String, String)>) {
    let is_own = |name: &str| own.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    headers.retain(|(name, _)| !is_own(name));
    headers.extend(own);
}
