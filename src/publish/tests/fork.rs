//! What a run of a fork left, and the pull request it belongs to.

use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{answer, github};
use crate::publish::artifact::{self, tests::archive};
use crate::publish::job::{Finished, Run};
use crate::publish::{Error, pull_request};

const PULLS: &str = "/repos/octo/app/pulls";
const ARTIFACTS: &str = "/repos/octo/app/actions/runs/5/artifacts";
const ENTRY: &str = "measurement.json";

fn finished() -> Finished {
    Finished {
        run: Run { id: 5, attempt: 1 },
        workflow: "perfgate".into(),
        event: "pull_request".into(),
        conclusion: "success".into(),
        head: "b".repeat(40),
        head_branch: "näher & #1".into(),
        head_repository: "mallory/app".into(),
    }
}

/// A pull request of the API's form.
fn pull(number: u64, sha: &str, repository: Option<&str>) -> Value {
    let repository = repository.map(|name| json!({ "full_name": name }));
    json!({ "number": number, "head": { "sha": sha.repeat(40), "repo": repository } })
}

async fn of_pulls(pulls: &[Value]) -> Option<u64> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(PULLS))
        .and(query_param("state", "open"))
        .and(query_param("head", "mallory:näher & #1"))
        .respond_with(answer(200, &json!(pulls)))
        .expect(1)
        .mount(&server)
        .await;
    let found = pull_request::of_run(&github(&server), &finished()).await;
    found.expect("answered")
}

#[tokio::test]
async fn a_run_belongs_to_the_open_pull_request_of_its_repository_and_commit() {
    let ours = pull(9, "b", Some("mallory/app"));
    assert_eq!(
        of_pulls(&[pull(8, "a", Some("mallory/app")), ours.clone()]).await,
        Some(9)
    );
    // Closed pull requests are not among the open ones.
    assert_eq!(of_pulls(&[]).await, None);
    // A newer commit was pushed; another repository holds the same commit; the fork was deleted.
    let others = [
        pull(8, "a", Some("mallory/app")),
        pull(10, "b", Some("octo/app")),
        pull(11, "b", None),
    ];
    assert_eq!(of_pulls(&others).await, None);
}

/// A run with artifacts; the newest lies at `location`.
async fn with_artifact(size: usize, expired: bool, location: &str) -> MockServer {
    let server = MockServer::start().await;
    let listed = |id: u64, name: &str| json!({ "id": id, "name": name, "size_in_bytes": size, "expired": expired });
    let all = [
        listed(2, "perfgate"),
        listed(1, "perfgate"),
        listed(3, "other"),
    ];
    Mock::given(method("GET"))
        .and(path(ARTIFACTS))
        .respond_with(answer(200, &json!({ "artifacts": all })))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/repos/octo/app/actions/artifacts/2/zip"))
        .and(header("authorization", "Bearer planted-token"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", location))
        .mount(&server)
        .await;
    server
}

async fn fetched(server: &MockServer, name: &str) -> Result<Option<Vec<u8>>, Error> {
    artifact::fetch(&github(server), 5, name, ENTRY).await
}

#[tokio::test]
async fn the_newest_artifact_is_fetched_and_its_store_gets_no_token() {
    let store = MockServer::start().await;
    let zip = archive(&[("other", b"x"), (ENTRY, b"{\"schema\": 1}")]);
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(zip))
        .expect(1)
        .mount(&store)
        .await;
    let github = with_artifact(500, false, &format!("{}/blob?signed=1", store.uri())).await;
    let entry = fetched(&github, "perfgate").await.expect("fetched");
    assert_eq!(entry.as_deref(), Some(b"{\"schema\": 1}".as_slice()));
    let asked = store.received_requests().await.expect("recorded");
    assert_eq!(asked[0].url.query(), Some("signed=1"));
    assert!(!asked[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_artifact_that_is_not_ours_to_read_is_an_error_that_says_why() {
    let nowhere = "http://127.0.0.1:9/blob";
    let server = with_artifact(500, false, nowhere).await;
    let absent = fetched(&server, "absent").await.expect("answered");
    assert_eq!(absent, None);
    let cases = [
        (500, true, "perfgate", "has expired"),
        (100 << 20, false, "perfgate", "is larger than"),
        (500, false, "perfgate", "read the artifact"),
    ];
    for (size, expired, name, said) in cases {
        let server = with_artifact(size, expired, nowhere).await;
        let error = fetched(&server, name)
            .await
            .expect_err("unusable")
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}
