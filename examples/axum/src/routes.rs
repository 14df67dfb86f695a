//! The endpoints: what is asked and what is answered.

use std::hint::black_box;
use std::num::NonZeroU32;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::primes;

/// Keeps one request from taking all memory: the sieve needs a byte per number.
const HIGHEST_LIMIT: usize = 10_000_000;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Deserialize)]
struct Limit {
    below: usize,
}

#[derive(Serialize)]
struct Primes {
    below: usize,
    count: usize,
}

#[derive(Serialize)]
struct Refusal {
    error: String,
}

type Refused = (StatusCode, Json<Refusal>);

/// The service; each answer is computed `work_factor` times.
pub fn router(work_factor: NonZeroU32) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/primes", get(count_primes))
        .with_state(work_factor)
}

async fn health() -> Json<Health> {
    Json(Health { status: "healthy" })
}

async fn count_primes(
    State(work_factor): State<NonZeroU32>,
    limit: Result<Query<Limit>, QueryRejection>,
) -> Result<Json<Primes>, Refused> {
    let below = match limit {
        Ok(Query(Limit { below })) if below <= HIGHEST_LIMIT => below,
        _ => return Err(bad_limit()),
    };
    // A long sieve must not keep the thread that speaks HTTP.
    let sieve =
        spawn_blocking(move || repeat(work_factor, || primes::count_below(black_box(below))));
    let count = sieve.await.expect("the sieve does not panic");
    Ok(Json(Primes { below, count }))
}

/// What the last of so many calls returns; the compiler must not leave out the others.
fn repeat<T>(times: NonZeroU32, work: impl Fn() -> T) -> T {
    for _ in 1..times.get() {
        black_box(work());
    }
    work()
}

fn bad_limit() -> Refused {
    let error = format!("`below` must be a whole number from 0 to {HIGHEST_LIMIT}");
    (StatusCode::BAD_REQUEST, Json(Refusal { error }))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::router;

    async fn answer(path: &str, work_factor: u32) -> (StatusCode, Value) {
        let request = Request::get(path)
            .body(Body::empty())
            .expect("a valid request");
        let router = router(NonZeroU32::new(work_factor).expect("at least once"));
        let response = router.oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1024)
            .await
            .expect("a short body");
        (
            status,
            serde_json::from_slice(&body).expect("a body of JSON"),
        )
    }

    #[tokio::test]
    async fn says_that_it_is_healthy() {
        let expected = (StatusCode::OK, json!({ "status": "healthy" }));
        assert_eq!(answer("/health", 1).await, expected);
    }

    #[tokio::test]
    async fn counts_primes_however_often_it_computes_them() {
        let expected = (StatusCode::OK, json!({ "below": 10_000, "count": 1_229 }));
        assert_eq!(answer("/primes?below=10000", 1).await, expected);
        assert_eq!(answer("/primes?below=10000", 3).await, expected);
    }

    #[tokio::test]
    async fn accepts_the_highest_limit() {
        let (status, _) = answer("/primes?below=10000000", 1).await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn refuses_a_bad_limit_and_says_what_is_allowed() {
        let error = json!({ "error": "`below` must be a whole number from 0 to 10000000" });
        for query in ["", "?below=", "?below=ten", "?below=-1", "?below=10000001"] {
            let expected = (StatusCode::BAD_REQUEST, error.clone());
            assert_eq!(
                answer(&format!("/primes{query}"), 1).await,
                expected,
                "{query}"
            );
        }
    }
}
