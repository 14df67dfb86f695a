//! A GitHub that keeps what it is sent, forgets answers, and lets other jobs write in between.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(super) const BOT: &str = "github-actions[bot]";

/// What another job does right after a request of ours.
type Sibling = Box<dyn FnOnce(&mut State) + Send>;

/// What becomes of a request before it is looked at.
pub(super) struct Fault {
    pub(super) method: &'static str,
    pub(super) status: u16,
    pub(super) message: &'static str,
    /// Whether it is done all the same.
    pub(super) is_done: bool,
}

pub(super) struct State {
    pub(super) comments: Vec<Value>,
    pub(super) checks: Vec<Value>,
    pub(super) next: u64,
    /// Whom the token writes as, by REST, and whom GraphQL and `/user` name.
    pub(super) login: String,
    pub(super) viewer: Option<String>,
    pub(super) user: Option<String>,
    /// The newest commit of the pull request.
    pub(super) head: Option<String>,
    pub(super) faults: VecDeque<Fault>,
    /// One after each comment that is written or edited.
    pub(super) siblings: VecDeque<Sibling>,
    /// Lists of comments that lack the newest.
    pub(super) late_lists: usize,
    /// `METHOD route` of every request.
    pub(super) asked: Vec<String>,
}

#[derive(Clone)]
pub(super) struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    pub(super) async fn start() -> (MockServer, Self) {
        let state = State {
            comments: Vec::new(),
            checks: Vec::new(),
            next: 1,
            login: BOT.into(),
            viewer: Some(BOT.into()),
            user: None,
            head: None,
            faults: VecDeque::new(),
            siblings: VecDeque::new(),
            late_lists: 0,
            asked: Vec::new(),
        };
        let stand_in = Self(Arc::new(Mutex::new(state)));
        let server = MockServer::start().await;
        let mock = Mock::given(any()).respond_with(stand_in.clone());
        mock.mount(&server).await;
        (server, stand_in)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is held")
    }

    /// The one comment that there is.
    pub(super) fn comment(&self) -> String {
        let state = self.state();
        assert_eq!(state.comments.len(), 1, "{:#?}", state.comments);
        state.comments[0]["body"].as_str().expect("text").to_owned()
    }

    pub(super) fn count(&self, request: &str) -> usize {
        let state = self.state();
        state.asked.iter().filter(|it| *it == request).count()
    }
}

impl Respond for StandIn {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let path = request.url.path().trim_start_matches("/api/v3").to_owned();
        let method = request.method.as_str();
        let (status, answer) = self.state().answer(method, &path, &body);
        ResponseTemplate::new(status).set_body_json(answer)
    }
}

impl State {
    /// A comment of somebody, as the API shows it.
    pub(super) fn comment_of(&mut self, login: &str, body: &str) {
        let id = self.next;
        self.next += 1;
        let kind = if login.ends_with("[bot]") {
            "Bot"
        } else {
            "User"
        };
        self.comments.push(json!({ "id": id, "body": body,
            "html_url": format!("https://github.test/c/{id}"),
            "user": { "login": login, "type": kind } }));
    }

    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let route = path.trim_start_matches("/repos/octo/app/");
        self.asked.push(format!("{method} {route}"));
        let fault = match self.faults.front() {
            Some(fault) if fault.method == method && route != "/graphql" => self.faults.pop_front(),
            _ => None,
        };
        match fault {
            Some(fault) => {
                if fault.is_done {
                    self.done(method, route, body);
                }
                (fault.status, json!({ "message": fault.message }))
            }
            None => self.done(method, route, body),
        }
    }

    fn done(&mut self, method: &str, route: &str, body: &Value) -> (u16, Value) {
        let none = || (404, json!({ "message": "Not Found" }));
        let named = |login: &Option<String>| login.as_ref().map(|it| json!({ "login": it }));
        match (method, route.split('/').collect::<Vec<_>>().as_slice()) {
            ("POST", ["", "graphql"] | ["", "api", "graphql"]) => {
                (200, json!({ "data": { "viewer": named(&self.viewer) } }))
            }
            ("GET", ["", "user"]) => named(&self.user).map_or_else(none, |it| (200, it)),
            ("GET", ["pulls", "7"]) => match &self.head {
                Some(sha) => (
                    200,
                    json!({ "number": 7, "head": { "sha": sha, "repo": null } }),
                ),
                None => none(),
            },
            ("GET", ["issues", "7", "comments"]) => {
                let mut shown = self.comments.clone();
                if self.late_lists > 0 {
                    self.late_lists -= 1;
                    shown.pop();
                }
                (200, json!(shown))
            }
            ("POST", ["issues", "7", "comments"]) => {
                self.comment_of(&self.login.clone(), body["body"].as_str().expect("text"));
                let made = self.comments.last().cloned();
                self.sibling();
                (201, json!(made))
            }
            (_, ["issues", "comments", id]) => {
                let is_it = |it: &Value| it["id"].as_u64() == id.parse().ok();
                let Some(at) = self.comments.iter().position(is_it) else {
                    return none();
                };
                match method {
                    "DELETE" => drop(self.comments.remove(at)),
                    "PATCH" => {
                        self.comments[at]["body"] = body["body"].clone();
                        let edited = self.comments[at].clone();
                        self.sibling();
                        return (200, edited);
                    }
                    _ => return (200, self.comments[at].clone()),
                }
                (204, Value::Null)
            }
            ("GET", ["commits", _, "check-runs"]) => (
                200,
                json!({ "total_count": self.checks.len(), "check_runs": self.checks }),
            ),
            ("POST", ["check-runs"]) => {
                let mut check = body.clone();
                check["id"] = self.next.into();
                self.next += 1;
                check["app"] = json!({ "slug": self.login.strip_suffix("[bot]") });
                self.checks.push(check.clone());
                (201, check)
            }
            ("PATCH", ["check-runs", id]) => {
                let mut checks = self.checks.iter_mut();
                let Some(check) = checks.find(|it| it["id"].as_u64() == id.parse().ok()) else {
                    return none();
                };
                for (name, value) in body.as_object().expect("an object") {
                    check[name] = value.clone();
                }
                (200, check.clone())
            }
            _ => none(),
        }
    }

    fn sibling(&mut self) {
        if let Some(sibling) = self.siblings.pop_front() {
            sibling(self);
        }
    }
}
