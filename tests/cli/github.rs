//! A stand-in for GitHub's API that keeps what it receives.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// What GitHub keeps of our pull request: its comments and the check.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) comments: Vec<Value>,
    /// Conclusions of checks, in their order.
    pub(crate) conclusions: Vec<String>,
    /// The checks, as they are now.
    pub(crate) checks: Vec<Value>,
    /// The commit that the last check is of.
    pub(crate) checked: Value,
    /// Whether the measuring run left no artifact of ours.
    pub(crate) left_nothing: bool,
    /// The archive that another run left, and the head of the pull request that it is of.
    pub(crate) artifact: Option<(Vec<u8>, String)>,
    /// Where the branch of the pull request left its base; GitHub does not say where there is none.
    pub(crate) merge_base: Option<String>,
    /// Comments written, and comments edited.
    pub(crate) written: usize,
    pub(crate) edited: usize,
}

#[derive(Clone, Default)]
pub(crate) struct GitHub(Arc<Mutex<State>>);

impl GitHub {
    pub(crate) async fn start() -> (MockServer, Self) {
        let (server, github) = (MockServer::start().await, Self::default());
        let mock = Mock::given(any()).respond_with(github.clone());
        mock.mount(&server).await;
        (server, github)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is held")
    }
}

impl Respond for GitHub {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut kept = self.state();
        let path = request.url.path();
        if path.ends_with("/actions/artifacts/4/zip") {
            let place = format!(
                "http://{}/blob",
                request.headers["host"].to_str().expect("text")
            );
            return ResponseTemplate::new(302).insert_header("location", place);
        }
        if let ("/blob", Some((archive, _))) = (path, &kept.artifact) {
            return ResponseTemplate::new(200).set_body_bytes(archive.clone());
        }
        let (status, answer) = kept.answer(request.method.as_str(), path, &body);
        ResponseTemplate::new(status).set_body_json(answer)
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        match (method, path) {
            ("GET", path) if path.starts_with("/repos/octo/app/compare/") => {
                match &self.merge_base {
                    Some(sha) => (200, json!({ "merge_base_commit": { "sha": sha } })),
                    None => (404, json!({ "message": "Not Found" })),
                }
            }
            ("GET", "/repos/octo/app/issues/7/comments") => (200, json!(self.comments)),
            ("POST", "/repos/octo/app/issues/7/comments") => {
                self.written += 1;
                let comment = json!({ "id": self.written, "body": body["body"],
                    "html_url": format!("https://github.test/c/{}", self.written),
                    "user": { "login": "github-actions[bot]" } });
                self.comments.push(comment.clone());
                (201, comment)
            }
            ("PATCH", path) if path.starts_with("/repos/octo/app/issues/comments/") => {
                self.edited += 1;
                let id = path.rsplit('/').next().unwrap_or_default();
                let mut comments = self.comments.iter_mut();
                let comment = comments.find(|it| is_named(it, id));
                let comment = comment.expect("a comment that is there");
                comment["body"] = body["body"].clone();
                (200, comment.clone())
            }
            ("POST", "/graphql") => {
                let viewer = json!({ "login": "github-actions[bot]" });
                (200, json!({ "data": { "viewer": viewer } }))
            }
            ("GET", path) if path.ends_with("/check-runs") => {
                (200, json!({ "check_runs": self.checks }))
            }
            ("POST", "/repos/octo/app/check-runs") => {
                self.checked = body["head_sha"].clone();
                let mut check = body.clone();
                check["id"] = (self.checks.len() + 1).into();
                self.checks.push(check.clone());
                (201, check)
            }
            ("GET", "/repos/octo/app/actions/runs/5/artifacts") => {
                let name = if self.left_nothing {
                    "other"
                } else {
                    "perfgate"
                };
                let artifact =
                    json!({ "id": 4, "name": name, "size_in_bytes": 9, "expired": false });
                (200, json!({ "artifacts": [artifact] }))
            }
            ("GET", "/repos/octo/app/pulls") => {
                let head = self.artifact.iter().map(|(_, head)| head);
                let pull = |head| json!({ "number": 7, "head": { "sha": head, "repo": { "full_name": "mallory/app" } } });
                (200, head.map(pull).collect())
            }
            ("PATCH", path) if path.starts_with("/repos/octo/app/check-runs/") => {
                let id = path.rsplit('/').next().unwrap_or_default();
                let mut checks = self.checks.iter_mut();
                let check = checks.find(|it| is_named(it, id));
                let check = check.expect("a check that is there");
                check["status"] = body["status"].clone();
                check["conclusion"] = body["conclusion"].clone();
                self.conclusions
                    .extend(body["conclusion"].as_str().map(str::to_owned));
                (200, check.clone())
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }
}

/// Whether something has the id that ends a route.
fn is_named(it: &Value, id: &str) -> bool {
    it["id"].as_u64() == id.parse().ok()
}

impl State {
    /// Name and conclusion of each check.
    pub(crate) fn named_checks(&self) -> Vec<(&str, &str)> {
        fn text(it: &Value) -> &str {
            it.as_str().unwrap_or("none")
        }
        let checks = self.checks.iter();
        checks
            .map(|it| (text(&it["name"]), text(&it["conclusion"])))
            .collect()
    }
}
