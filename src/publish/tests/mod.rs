//! GitHub by a stand-in; the bodies it gets are checked against GitHub's own schemas.

mod checks;
mod comments;
mod events;
mod fork;
mod stand_in;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::Provider;
use super::connection::Deed;
use super::job::Run;
use super::{Error, GitHub, Job, Policy, Trigger};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "try something",
    permission: "issues: write",
};
const LABELS: &str = "/repos/octo/app/labels";

fn quick() -> Policy {
    Policy {
        wait: Duration::from_millis(1),
        limited: Duration::from_millis(2),
        patience: Duration::from_millis(500),
        settle: Duration::from_millis(1),
        ..Policy::default()
    }
}

fn job(api: &str) -> Job {
    Job {
        trigger: Trigger::Elsewhere,
        repository: "octo/app".into(),
        api: api.into(),
        link: "https://github.test/octo/app/actions/runs/5".into(),
        run: Run { id: 5, attempt: 1 },
        workflow: "perfgate".into(),
        id: "check".into(),
        default_branch: None,
        head: "a".repeat(40),
        summary: None,
        outputs: None,
    }
}

fn github(server: &MockServer) -> GitHub {
    client(&server.uri())
}

fn client(api: &str) -> GitHub {
    GitHub::new(&job(api), "planted-token", quick()).expect("a client")
}

fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// Asserts that GitHub's own description allows every body that was sent.
async fn valid(server: &MockServer) {
    let requests = server.received_requests().await.expect("recorded");
    let bodies = requests.iter().filter(|it| !it.body.is_empty());
    bodies
        .filter(|it| !it.url.path().ends_with("/graphql"))
        .for_each(checked);
}

fn checked(request: &Request) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/github/requests.openapi.json");
    let text = std::fs::read(file).expect("GitHub's description");
    let description: Value = serde_json::from_slice(&text).expect("JSON");
    let route: Vec<_> = request.url.path().split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        let fits = |(part, found): (&&str, &&str)| part.starts_with('{') || part == found;
        parts.len() == route.len() && parts.iter().zip(&route).all(fits)
    };
    let paths = description["paths"].as_object().expect("paths");
    let (_, operations) = paths
        .iter()
        .find(|(template, _)| fits(template))
        .expect("a known route");
    let method = request.method.as_str().to_lowercase();
    let schema = &operations[&method]["requestBody"]["content"]["application/json"]["schema"];
    let body: Value = serde_json::from_slice(&request.body).expect("a JSON body");
    jsonschema::validate(schema, &body).unwrap_or_else(|error| panic!("{error}: {body}"));
}

/// Answers each request with the next of its answers, and then with the last.
struct InTurn(Vec<ResponseTemplate>, AtomicU64);

impl InTurn {
    fn new(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        Self(answers.into_iter().collect(), AtomicU64::new(0))
    }
}

impl Respond for InTurn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let turn = usize::try_from(self.1.fetch_add(1, Ordering::SeqCst)).expect("few");
        self.0[turn.min(self.0.len() - 1)].clone()
    }
}

/// Makes something that is not to be looked for.
async fn make(github: &GitHub) -> Result<Value, Error> {
    let never = async || -> Result<Option<Value>, Error> { panic!("a refused post is certain") };
    let route = github.route("labels");
    let body = json!({ "name": "slow" });
    github.post(DEED, &route, &body, never).await
}

#[tokio::test]
async fn a_limited_rate_is_waited_for_with_and_without_headers() {
    let secondary = json!({ "message": "You have exceeded a secondary rate limit." });
    let refusals = [
        answer(403, &secondary),
        answer(429, &json!({ "message": "slow down" })).insert_header("retry-after", "0"),
    ];
    for refusal in refusals {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(InTurn::new([refusal, answer(201, &json!({ "id": 1 }))]))
            .expect(2)
            .mount(&server)
            .await;
        let made = make(&github(&server)).await.expect("made");
        assert_eq!(made["id"], 1);
    }
}

#[tokio::test]
async fn patience_ends() {
    let server = MockServer::start().await;
    let wait = answer(429, &json!({ "message": "later" })).insert_header("retry-after", "3600");
    Mock::given(method("POST"))
        .respond_with(wait)
        .expect(1)
        .mount(&server)
        .await;
    let error = make(&github(&server)).await.expect_err("too long");
    assert!(
        matches!(error, Error::Answer { status: 429, .. }),
        "{error}"
    );
}

/// A list of two pages at a server's path.
async fn two_pages(server: &MockServer, prefix: &str) {
    let next = format!("<{}{prefix}{LABELS}?page=2>; rel=\"next\"", server.uri());
    Mock::given(method("GET"))
        .and(path(format!("{prefix}{LABELS}")))
        .and(query_param("page", "2"))
        .and(header("authorization", "Bearer planted-token"))
        .respond_with(answer(200, &json!([3])))
        .mount(server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("{prefix}{LABELS}")))
        .and(header("authorization", "Bearer planted-token"))
        .respond_with(answer(200, &json!([1, 2])).insert_header("link", next))
        .mount(server)
        .await;
}

#[tokio::test]
async fn lists_are_read_to_their_end_also_below_the_path_of_an_enterprise_server() {
    for prefix in ["", "/api/v3"] {
        let server = MockServer::start().await;
        two_pages(&server, prefix).await;
        let github = client(&format!("{}{prefix}", server.uri()));
        let route = github.route("labels");
        let list = github.list::<u64>(DEED, &route, "").await;
        assert_eq!(list.expect("a list"), [1, 2, 3]);
    }
}

#[tokio::test]
async fn graphql_lies_beside_the_routes() {
    let data = json!({ "data": { "viewer": { "login": "me" } } });
    for (prefix, address) in [("", "/graphql"), ("/api/v3", "/api/graphql")] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path(address))
            .and(header("authorization", "Bearer planted-token"))
            .respond_with(answer(200, &data))
            .mount(&server)
            .await;
        let github = client(&format!("{}{prefix}", server.uri()));
        let found = github.graphql(DEED, "query { viewer { login } }").await;
        assert_eq!(found.expect("answered"), data["data"]);
    }
}

#[tokio::test]
async fn a_renamed_repository_is_asked_again_where_it_is_now() {
    for status in [301, 307, 308] {
        let server = MockServer::start().await;
        let moved = format!("{}/repositories/42/labels", server.uri());
        Mock::given(path(LABELS))
            .respond_with(
                answer(status, &json!({ "message": "Moved Permanently" }))
                    .insert_header("location", moved),
            )
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .and(path("/repositories/42/labels"))
            .and(header("authorization", "Bearer planted-token"))
            .and(wiremock::matchers::body_json(json!({ "name": "slow" })))
            .respond_with(answer(201, &json!({ "id": 1 })))
            .mount(&server)
            .await;
        assert_eq!(make(&github(&server)).await.expect("made")["id"], 1);
    }
}

#[tokio::test]
async fn the_token_follows_a_redirection_to_no_other_server_and_in_no_circle() {
    let elsewhere = MockServer::start().await;
    let there = Mock::given(any()).respond_with(answer(201, &json!({})));
    there.expect(0).mount(&elsewhere).await;
    let server = MockServer::start().await;
    for location in [format!("{}/x", elsewhere.uri()), LABELS.to_owned()] {
        server.reset().await;
        let moved = answer(301, &json!({ "message": "Moved Permanently" }));
        let moved = moved.insert_header("location", location);
        Mock::given(any()).respond_with(moved).mount(&server).await;
        let error = make(&github(&server)).await.expect_err("not followed");
        assert!(
            matches!(error, Error::Answer { status: 301, .. }),
            "{error}"
        );
    }
}
