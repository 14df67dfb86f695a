//! Requests to answers: which path is which endpoint, and what each of them says.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde::Serialize;

use super::database::Database;
use super::faults::Faults;
use super::health::{CONSTANT, Machine};
use super::injector::Injector;
use super::movies::{Fetch, Movies};
use super::pagination::Page;

type Answer = Response<Full<Bytes>>;

/// Everything an answer needs, shared by all connections.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) database: Arc<Database>,
    /// Nothing when no fault is on, so that a healthy service does not pay for the others.
    pub(super) injector: Option<Injector>,
    fetch: Fetch,
    machine: Machine,
}

#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Health,
    HealthSync,
    HealthAsync,
    Movies,
}

#[derive(Serialize)]
struct Detail {
    detail: &'static str,
}

impl Service {
    /// A service on a database, with these faults.
    pub(super) fn new(database: Arc<Database>, faults: &Faults) -> Self {
        Self {
            database,
            injector: Injector::new(faults),
            fetch: faults.fetch(),
            machine: Machine::read(),
        }
    }

    /// Answers one request; whatever goes wrong is an answer too.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Result<Answer, Infallible> {
        if let Some(injector) = &self.injector
            && let Err(failure) = injector.inject(&self.database).await
        {
            return Ok(refused(StatusCode::INTERNAL_SERVER_ERROR, failure));
        }
        Ok(self.route(request.method(), request.uri()).await)
    }

    async fn route(&self, method: &Method, uri: &Uri) -> Answer {
        let Some(endpoint) = Endpoint::at(uri.path()) else {
            return refused(StatusCode::NOT_FOUND, "Not Found");
        };
        if method != Method::GET && method != Method::HEAD {
            return method_not_allowed();
        }
        match endpoint {
            Endpoint::Health => json(StatusCode::OK, Bytes::from_static(CONSTANT)),
            Endpoint::HealthSync => self.health(&self.database.check()),
            Endpoint::HealthAsync => self.health_async().await,
            Endpoint::Movies => self.movies(uri.query().unwrap_or_default()),
        }
    }

    async fn health_async(&self) -> Answer {
        let database = Arc::clone(&self.database);
        match tokio::task::spawn_blocking(move || database.check()).await {
            Ok(check) => self.health(&check),
            Err(_) => broken(),
        }
    }

    fn health(&self, check: &rusqlite::Result<()>) -> Answer {
        let (status, health) = self.machine.health(check);
        written(status, &health)
    }

    fn movies(&self, query: &str) -> Answer {
        let page = match Page::parse(query) {
            Ok(page) => page,
            Err(refusal) => return written(StatusCode::UNPROCESSABLE_ENTITY, &refusal),
        };
        let movies = self
            .database
            .with(|session| Movies::read(session, page, self.fetch));
        movies.map_or_else(|_| broken(), |movies| written(StatusCode::OK, &movies))
    }
}

impl Endpoint {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/api/django-starter/monitoring/health" => Some(Self::Health),
            "/api/django-starter/monitoring/health/sync" => Some(Self::HealthSync),
            "/api/django-starter/monitoring/health/async" => Some(Self::HealthAsync),
            "/api/demo/movie/movie" => Some(Self::Movies),
            _ => None,
        }
    }
}

fn method_not_allowed() -> Answer {
    let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let allowed = HeaderValue::from_static("GET, HEAD");
    answer.headers_mut().insert(ALLOW, allowed);
    answer
}

fn broken() -> Answer {
    refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn refused(status: StatusCode, detail: &'static str) -> Answer {
    written(status, &Detail { detail })
}

fn written(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).expect("every answer has string keys");
    json(status, Bytes::from(body))
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
