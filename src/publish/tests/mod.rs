//! GitHub by a stand-in; the bodies it gets are checked against GitHub's own schemas.

mod fork;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::comment::{self, Marker, Posted, When};
use super::job::Run;
use super::{CheckRun, Conclusion, Error, GitHub, Job, Mode, Policy, Task, Trigger};

const COMMENTS: &str = "/repos/octo/app/issues/7/comments";
const BOT: &str = "github-actions[bot]";

fn quick() -> Policy {
    Policy {
        wait: Duration::from_millis(1),
        limited: Duration::from_millis(2),
        patience: Duration::from_millis(500),
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
        head: "a".repeat(40),
        summary: None,
        outputs: None,
    }
}

fn github(server: &MockServer) -> GitHub {
    GitHub::new(&job(&server.uri()), "planted-token", quick()).expect("a client")
}

fn marker(id: u64) -> Marker {
    Marker::new("abc123", Run { id, attempt: 1 })
}

/// A comment of the API's form.
fn comment_of(id: u64, login: &str, body: &str) -> Value {
    json!({ "id": id, "html_url": format!("https://github.test/c/{id}"), "body": body,
        "user": { "login": login } })
}

fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

async fn post(github: &GitHub, id: u64, when: When) -> Result<Posted, Error> {
    let marker = marker(id);
    let (body, brief) = (
        format!("{}\nlong", marker.line()),
        format!("{}\nbrief", marker.line()),
    );
    comment::post(github, 7, &marker, when, &body, &brief).await
}

async fn with_comments(server: &MockServer, comments: &[Value]) {
    Mock::given(method("GET"))
        .and(path(COMMENTS))
        .respond_with(answer(200, &json!(comments)))
        .mount(server)
        .await;
}

/// The requests of one method, with bodies that GitHub's schema allows.
async fn bodies(server: &MockServer, wanted: &str) -> Vec<Value> {
    let requests = server.received_requests().await.expect("recorded");
    let of_method = requests.iter().filter(|it| it.method.as_str() == wanted);
    of_method.map(checked).collect()
}

/// The body of a request, which GitHub's own description of it must allow.
fn checked(request: &Request) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/github/requests.openapi.json");
    let text = std::fs::read(file).expect("GitHub's description");
    let description: Value = serde_json::from_slice(&text).expect("JSON");
    let route: Vec<_> = request
        .url
        .path()
        .trim_start_matches("/api/v3")
        .split('/')
        .collect();
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
    body
}

#[tokio::test]
async fn a_comment_is_created_once_and_then_edited() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(COMMENTS))
        .and(header("authorization", "Bearer planted-token"))
        .respond_with(answer(201, &comment_of(1, BOT, "")))
        .mount(&server)
        .await;
    with_comments(&server, &[]).await;
    let created = post(&github(&server), 5, When::Always)
        .await
        .expect("created");
    let url = "https://github.test/c/1".to_owned();
    assert_eq!(created, Posted::Created { url: url.clone() });
    let body = bodies(&server, "POST").await[0]["body"].clone();

    let server = MockServer::start().await;
    with_comments(&server, &[comment_of(1, BOT, body.as_str().expect("text"))]).await;
    Mock::given(method("PATCH"))
        .and(path("/repos/octo/app/issues/comments/1"))
        .respond_with(answer(200, &comment_of(1, BOT, "")))
        .expect(1)
        .mount(&server)
        .await;
    let edited = post(&github(&server), 6, When::OnlyIfThere)
        .await
        .expect("edited");
    assert_eq!(edited, Posted::Edited { url });
    let body = &bodies(&server, "PATCH").await[0]["body"];
    assert!(
        body.as_str()
            .expect("text")
            .starts_with("<!-- perfgate abc123 run 6.1 -->")
    );
}

#[tokio::test]
async fn our_comment_is_found_on_the_second_page_and_a_spoofed_one_is_not_ours() {
    let server = MockServer::start().await;
    let spoofed = comment_of(100, "mallory", &marker(4).line());
    let mut first: Vec<_> = (0..34)
        .map(|it| comment_of(it, "somebody", "text"))
        .collect();
    first.push(spoofed);
    let quoted = comment_of(51, BOT, &format!("> {}", marker(4).line()));
    let other = comment_of(
        52,
        BOT,
        &Marker::new("other", Run { id: 4, attempt: 1 }).line(),
    );
    let second = [comment_of(50, BOT, &marker(4).line()), quoted, other];
    let next = format!(
        "<{}{COMMENTS}?per_page=100&page=2>; rel=\"next\"",
        server.uri()
    );
    Mock::given(method("GET"))
        .and(path(COMMENTS))
        .and(query_param("page", "2"))
        .and(header("authorization", "Bearer planted-token"))
        .respond_with(answer(200, &json!(second)))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(COMMENTS))
        .respond_with(answer(200, &json!(first)).insert_header("link", next))
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path("/repos/octo/app/issues/comments/50"))
        .respond_with(answer(200, &second[0]))
        .expect(1)
        .mount(&server)
        .await;
    let edited = post(&github(&server), 5, When::Always)
        .await
        .expect("edited");
    assert!(matches!(edited, Posted::Edited { .. }), "{edited:?}");
}

#[tokio::test]
async fn a_token_of_a_person_finds_its_own_comment() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/user"))
        .respond_with(answer(200, &json!({ "login": "person" })))
        .mount(&server)
        .await;
    let theirs = [BOT, "person"].map(|login| comment_of(1, login, &marker(4).line()));
    with_comments(&server, &theirs).await;
    Mock::given(method("PATCH"))
        .respond_with(answer(200, &theirs[1]))
        .expect(1)
        .mount(&server)
        .await;
    post(&github(&server), 5, When::Always)
        .await
        .expect("edited");
}

#[tokio::test]
async fn a_newer_run_wins_and_none_is_made_when_none_is_wanted() {
    let server = MockServer::start().await;
    with_comments(&server, &[comment_of(1, BOT, &marker(9).line())]).await;
    let left = post(&github(&server), 5, When::Always).await.expect("left");
    assert!(matches!(left, Posted::LeftToNewer { .. }), "{left:?}");
    let server = MockServer::start().await;
    with_comments(&server, &[]).await;
    let nothing = post(&github(&server), 5, When::OnlyIfThere)
        .await
        .expect("nothing");
    assert_eq!(nothing, Posted::Nothing);
}

#[tokio::test]
async fn a_missing_permission_is_named_and_not_asked_for_again() {
    let server = MockServer::start().await;
    with_comments(&server, &[]).await;
    let message = json!({ "message": "Resource not accessible by integration" });
    Mock::given(method("POST"))
        .respond_with(answer(403, &message))
        .expect(1)
        .mount(&server)
        .await;
    let error = post(&github(&server), 5, When::Always)
        .await
        .expect_err("forbidden");
    assert!(error.is_forbidden());
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("pull-requests: write"), "{hint}");
    assert!(
        error.to_string().contains("Resource not accessible"),
        "{error}"
    );
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

#[tokio::test]
async fn a_limited_rate_is_waited_for_with_and_without_headers() {
    let secondary = json!({ "message": "You have exceeded a secondary rate limit." });
    let refusals = [
        answer(403, &secondary),
        answer(429, &json!({ "message": "slow down" })).insert_header("retry-after", "0"),
    ];
    for refusal in refusals {
        let server = MockServer::start().await;
        with_comments(&server, &[]).await;
        let made = answer(201, &comment_of(1, BOT, ""));
        Mock::given(method("POST"))
            .respond_with(InTurn::new([refusal, made]))
            .expect(2)
            .mount(&server)
            .await;
        let created = post(&github(&server), 5, When::Always)
            .await
            .expect("created");
        assert!(matches!(created, Posted::Created { .. }));
        let lists = server.received_requests().await.expect("recorded");
        let lists = lists
            .iter()
            .filter(|it| it.method.as_str() == "GET" && it.url.path() == COMMENTS);
        assert_eq!(lists.count(), 1, "a refused post is not looked for");
    }
}

#[tokio::test]
async fn patience_ends() {
    let server = MockServer::start().await;
    with_comments(&server, &[]).await;
    let wait = answer(429, &json!({ "message": "later" })).insert_header("retry-after", "3600");
    Mock::given(method("POST"))
        .respond_with(wait)
        .expect(1)
        .mount(&server)
        .await;
    let error = post(&github(&server), 5, When::Always)
        .await
        .expect_err("too long");
    assert!(
        matches!(error, Error::Answer { status: 429, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_answer_does_not_make_a_second_comment() {
    let server = MockServer::start().await;
    let stored = [comment_of(1, BOT, &marker(5).line())];
    let lists = InTurn::new([answer(200, &json!([])), answer(200, &json!(stored))]);
    Mock::given(method("GET"))
        .and(path(COMMENTS))
        .respond_with(lists)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(answer(502, &json!({ "message": "Bad Gateway" })))
        .expect(1)
        .mount(&server)
        .await;
    let created = post(&github(&server), 5, When::Always)
        .await
        .expect("found");
    assert_eq!(created.url(), Some("https://github.test/c/1"));
}

#[tokio::test]
async fn a_comment_that_is_too_long_becomes_a_brief_one() {
    let server = MockServer::start().await;
    with_comments(&server, &[]).await;
    let too_long = json!({ "message": "Validation Failed: body is too long" });
    let answers = [answer(422, &too_long), answer(201, &comment_of(1, BOT, ""))];
    Mock::given(method("POST"))
        .respond_with(InTurn::new(answers))
        .mount(&server)
        .await;
    post(&github(&server), 5, When::Always)
        .await
        .expect("created");
    let sent = bodies(&server, "POST").await;
    assert!(
        sent[1]["body"].as_str().expect("text").ends_with("brief"),
        "{sent:?}"
    );
}

#[tokio::test]
async fn the_path_of_an_enterprise_server_is_kept() {
    let server = MockServer::start().await;
    let next = format!("<{}/api/v3{COMMENTS}?page=2>; rel=\"next\"", server.uri());
    let list = |page: &[Value]| answer(200, &json!(page));
    Mock::given(method("GET"))
        .and(path(format!("/api/v3{COMMENTS}")))
        .and(query_param("page", "2"))
        .respond_with(list(&[comment_of(1, BOT, &marker(4).line())]))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("/api/v3{COMMENTS}")))
        .respond_with(list(&[]).insert_header("link", next))
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path("/api/v3/repos/octo/app/issues/comments/1"))
        .respond_with(answer(200, &comment_of(1, BOT, "")))
        .expect(1)
        .mount(&server)
        .await;
    let job = job(&format!("{}/api/v3", server.uri()));
    let github = GitHub::new(&job, "planted-token", quick()).expect("a client");
    post(&github, 5, When::Always).await.expect("edited");
}

#[tokio::test]
async fn a_check_is_open_while_we_measure_and_closed_with_a_conclusion() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/repos/octo/app/check-runs"))
        .respond_with(answer(201, &json!({ "id": 3 })))
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path("/repos/octo/app/check-runs/3"))
        .respond_with(answer(200, &json!({})))
        .mount(&server)
        .await;
    let github = github(&server);
    let link = Some("https://github.test/run");
    let check = CheckRun::open(&github, "perfgate", &"a".repeat(40), link)
        .await
        .expect("opened");
    let long = "ä".repeat(100_000);
    check
        .close(&github, Conclusion::Failure, "REGRESSED", &long)
        .await
        .expect("closed");
    assert_eq!(bodies(&server, "POST").await[0]["status"], "in_progress");
    let closing = &bodies(&server, "PATCH").await[0];
    assert_eq!(closing["conclusion"], "failure");
    let summary = closing["output"]["summary"].as_str().expect("text");
    assert!(summary.len() <= 65_535 && !summary.is_empty());
}

/// A job whose event is one of the stored payloads.
fn found(event: &str, file: &str, reference: &str) -> Result<Job, Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/github/events")
        .join(file);
    Job::find(|name| {
        Some(match name {
            "GITHUB_EVENT_NAME" => event.to_owned(),
            "GITHUB_EVENT_PATH" => path.to_string_lossy().into_owned(),
            "GITHUB_SHA" => "merge".into(),
            "GITHUB_REF" => reference.to_owned(),
            "GITHUB_REPOSITORY" => "Codertocat/Hello-World".into(),
            "GITHUB_RUN_ID" => "12".into(),
            _ => return None,
        })
    })
}

#[test]
fn every_event_has_its_task() {
    let main = "refs/heads/master";
    let cases = [
        ("push", "push.json", main, Task::Refresh),
        ("push", "push.json", "refs/heads/other", Task::Check),
        ("push", "push.json", "refs/tags/master", Task::Check),
        ("schedule", "push.json", main, Task::Refresh),
        (
            "pull_request",
            "pull_request.json",
            "refs/pull/2/merge",
            Task::Check,
        ),
        (
            "merge_group",
            "merge_group.json",
            "refs/heads/gh-readonly-queue/x",
            Task::Check,
        ),
        ("workflow_run", "workflow_run.json", main, Task::Report),
    ];
    for (event, file, reference, task) in cases {
        let job = found(event, file, reference).expect("a job");
        assert_eq!(
            job.task(Mode::Auto).expect("allowed"),
            task,
            "{event} {reference}"
        );
    }
}

#[test]
fn a_pull_request_is_judged_at_its_own_commit() {
    let job = found("pull_request", "pull_request.json", "refs/pull/2/merge").expect("a job");
    assert_eq!(job.head, "ec26c3e57ca3a959ca5aad62de7213c562f8c821");
    let pull_request = job.pull_request().expect("a pull request");
    assert_eq!((pull_request.number, pull_request.is_fork), (2, false));
    assert!(job.link.ends_with("Codertocat/Hello-World/actions/runs/12"));
}

#[test]
fn strangers_code_is_not_measured_with_a_writing_token() {
    for event in ["pull_request_target", "issue_comment"] {
        let job = found(event, "pull_request.json", "refs/heads/master").expect("a job");
        for mode in [Mode::Auto, Mode::Check, Mode::Refresh] {
            let error = job.task(mode).expect_err("refused");
            assert!(error.to_string().contains(event), "{error}");
        }
    }
    let job = found("workflow_run", "workflow_run.json", "refs/heads/master").expect("a job");
    assert!(job.task(Mode::Check).is_err());
    let job = found("pull_request", "pull_request.json", "refs/pull/2/merge").expect("a job");
    assert!(matches!(
        job.task(Mode::Refresh),
        Err(Error::NotTrusted { .. })
    ));
}

#[test]
fn outside_a_workflow_the_missing_variable_is_named() {
    let error = Job::find(|_| None).expect_err("no job");
    assert!(error.to_string().contains("GITHUB_EVENT_NAME"), "{error}");
    assert!(error.hint().expect("a hint").contains("perfgate check"));
}
