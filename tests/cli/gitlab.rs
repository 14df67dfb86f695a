//! `perfgate ci` as a job of GitLab runs it, with a stand-in for its API.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard};

use clap::Parser;
use perfgate::cli::Cli;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::healthy;
use crate::support::{Sandbox, repository};

const NOTES: &str = "/api/v4/projects/42/merge_requests/7/notes";

/// What GitLab keeps of a merge request.
#[derive(Debug, Default)]
struct State {
    notes: Vec<Value>,
    written: usize,
    edited: usize,
    /// How often a note is kept and the answer lost.
    loses: usize,
    /// Status that every request is answered with.
    refuses: Option<u16>,
    /// Whether a request came without the token.
    without_token: bool,
}

#[derive(Clone, Default)]
struct GitLab(Arc<Mutex<State>>);

impl GitLab {
    async fn start() -> (MockServer, Self) {
        let (server, gitlab) = (MockServer::start().await, Self::default());
        let mock = Mock::given(any()).respond_with(gitlab.clone());
        mock.mount(&server).await;
        (server, gitlab)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is held")
    }
}

/// What GitLab says of an operation, by the method and the path of a request.
fn operation(request: &Request) -> Value {
    let text = repository().join("fixtures/gitlab/notes.openapi.json");
    let text = fs::read(text).expect("the description");
    let mut description: Value = serde_json::from_slice(&text).expect("JSON");
    let path = request.url.path();
    let path = path.strip_prefix("/api/v4").expect("a route of the API");
    let route: Vec<_> = path.split('/').collect();
    let fits = |template: &String| {
        let parts: Vec<_> = template.split('/').collect();
        let fits = |(part, found): (&&str, &&str)| part.starts_with('{') || part == found;
        parts.len() == route.len() && parts.iter().zip(&route).all(fits)
    };
    let paths = description["paths"].as_object().expect("paths");
    let template = paths.keys().find(|it| fits(it));
    let template = template
        .unwrap_or_else(|| panic!("GitLab has no {path}"))
        .clone();
    let method = request.method.as_str().to_lowercase();
    let operation = description["paths"][&template][&method].take();
    assert!(!operation.is_null(), "GitLab has no {method} of {template}");
    operation
}

/// Asserts that GitLab takes the parameters and the body of a request.
fn takes(operation: &Value, request: &Request) {
    for (name, value) in request.url.query_pairs() {
        let parameters = operation["parameters"].as_array().expect("parameters");
        let parameter = parameters.iter().find(|it| it["name"] == name.as_ref());
        let parameter = parameter.unwrap_or_else(|| panic!("GitLab knows no `{name}`"));
        let value = value
            .parse::<u64>()
            .map_or_else(|_| json!(value), Value::from);
        valid(&parameter["schema"], &value);
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if schema.is_null() {
        return assert!(request.body.is_empty(), "GitLab takes no body here");
    }
    let kind = request.headers.get("content-type");
    assert!(kind.is_some_and(|it| it == "application/json"));
    let body = serde_json::from_slice(&request.body).expect("a JSON body");
    valid(schema, &body);
}

fn valid(schema: &Value, value: &Value) {
    jsonschema::validate(schema, value).unwrap_or_else(|error| panic!("{error}: {value}"));
}

fn user(id: u64) -> Value {
    let name = format!("project_42_bot_{id}");
    json!({ "id": id, "username": name, "name": name, "state": "active", "avatar_url": null,
        "web_url": format!("https://gitlab.test/{name}") })
}

/// A note as GitLab shows it.
fn note(id: usize, body: &Value) -> Value {
    let time = "2026-10-01T12:00:00.000Z";
    json!({ "id": id, "type": null, "body": body, "attachment": null, "author": user(3),
        "created_at": time, "updated_at": time, "system": false, "noteable_id": 1007,
        "noteable_type": "MergeRequest", "noteable_iid": 7, "resolvable": false,
        "confidential": false, "commands_changes": {} })
}

impl Respond for GitLab {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let operation = operation(request);
        takes(&operation, request);
        let mut kept = self.state();
        let token = request.headers.get("authorization");
        kept.without_token |= token.is_none_or(|it| it != "Bearer planted");
        if let Some(status) = kept.refuses {
            let answer = json!({ "message": "403 Forbidden" });
            return ResponseTemplate::new(status).set_body_json(answer);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (status, answer) = kept.answer(request.method.as_str(), request.url.path(), &body);
        if status < 500 {
            let answers = &operation["responses"][status.to_string()];
            valid(&answers["content"]["application/json"]["schema"], &answer);
        }
        ResponseTemplate::new(status).set_body_json(answer)
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        match (method, path) {
            ("GET", "/api/v4/user") => (200, user(3)),
            ("GET", NOTES) => (200, json!(self.notes)),
            ("POST", NOTES) => {
                self.written += 1;
                let note = note(100 + self.written, &body["body"]);
                self.notes.push(note.clone());
                if self.loses > 0 {
                    self.loses -= 1;
                    return (502, json!({ "message": "Bad Gateway" }));
                }
                (201, note)
            }
            ("PUT", path) if path.starts_with(NOTES) => {
                self.edited += 1;
                let id = path.rsplit('/').next().unwrap_or_default();
                let mut notes = self.notes.iter_mut();
                let note = notes.find(|it| it["id"].as_u64() == id.parse().ok());
                let note = note.expect("a note that is there");
                note["body"] = body["body"].clone();
                (200, note.clone())
            }
            other => panic!("nobody asks for {other:?}"),
        }
    }
}

/// The environment of a job in a pipeline.
fn job(sandbox: Sandbox, server: &MockServer, pipeline: &str, source: &str) -> Sandbox {
    sandbox
        .env("GITLAB_CI", "true")
        .env("CI_API_V4_URL", &format!("{}/api/v4", server.uri()))
        .env("CI_PROJECT_ID", "42")
        .env("CI_COMMIT_SHA", &"c".repeat(40))
        .env("CI_DEFAULT_BRANCH", "main")
        .env("CI_PIPELINE_ID", pipeline)
        .env("CI_JOB_ID", "1")
        .env("CI_JOB_NAME", "performance")
        .env("CI_JOB_URL", "https://gitlab.test/shop/-/jobs/1")
        .env("CI_MERGE_REQUEST_IID", "7")
        .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", source)
        .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", &"b".repeat(40))
        .env("GITLAB_TOKEN", "planted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_request_has_one_note_for_each_key() {
    let (server, gitlab) = GitLab::start().await;
    // Somebody else has copied the marker of a note that is not theirs.
    let sandbox = job(healthy(), &server, "9", "42");
    sandbox.run(["ci"]).exits(0);
    let copied = gitlab.state().notes[0]["body"].clone();
    gitlab.state().notes[0]["author"]["id"] = 4.into();
    gitlab.state().loses = 1;
    sandbox.run(["ci"]).exits(0);
    {
        let kept = gitlab.state();
        assert_eq!((kept.written, kept.edited), (2, 0), "{:?}", kept.notes);
        assert_eq!(kept.notes[0]["body"], copied);
        assert!(!kept.without_token);
    }
    // What an answer was lost of is not written twice, and the next pipeline edits it.
    let sandbox = sandbox.env("CI_PIPELINE_ID", "10");
    sandbox.run(["ci"]).exits(0);
    sandbox.run(["ci", "--key", "large"]).exits(0);
    let sandbox = sandbox.env("CI_PIPELINE_ID", "8");
    sandbox
        .run(["ci"])
        .exits(0)
        .complains("no note: a later pipeline has written it");
    let kept = gitlab.state();
    assert_eq!((kept.written, kept.edited), (3, 1), "{:?}", kept.notes);
    let body = kept.notes[1]["body"].as_str().expect("text");
    assert!(body.contains("perfgate"), "{body}");
    assert!(
        body.contains("[job](https://gitlab.test/shop/-/jobs/1)"),
        "{body}"
    );
    let other = kept.notes[2]["body"].as_str().expect("text");
    assert!(
        other.contains("**perfgate / performance, large**"),
        "{other}"
    );
    for file in ["report.json", "report.md", "junit.xml", "metrics.txt"] {
        let text = sandbox.read(&format!(".perfgate/{file}"));
        assert!(!text.is_empty() && !text.contains("planted"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gitlab_refuses_is_a_warning_with_the_remedy() {
    let (server, gitlab) = GitLab::start().await;
    gitlab.state().refuses = Some(403);
    let sandbox = job(healthy(), &server, "9", "42");
    sandbox.run(["ci"]).exits(0).complains(
        "GitLab answered 403: 403 Forbidden; the token of GITLAB_TOKEN needs the scope `api`",
    );
    let sandbox = sandbox.env("GITLAB_TOKEN", "");
    sandbox
        .run(["ci"])
        .exits(0)
        .complains("no note on the merge request: GITLAB_TOKEN is not set");
    let fork = job(healthy(), &server, "9", "43");
    fork.run(["ci"])
        .exits(0)
        .complains("no note: a pipeline of a fork has no token of this project");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_measure_says_so_in_the_note_that_is_there() {
    let (server, gitlab) = GitLab::start().await;
    let fails = "[server.a]\nrun = [\"sh\", \"-c\", \"exit 3\"]\n[endpoint.e]\npath = \"/\"\n";
    let sandbox = job(healthy(), &server, "9", "42").config(fails);
    sandbox.run(["ci"]).exits(4);
    assert_eq!(gitlab.state().written, 0, "there is no note to correct");
    gitlab.state().notes = Vec::new();
    let sandbox = job(healthy(), &server, "9", "42");
    sandbox.run(["ci"]).exits(0);
    let sandbox = sandbox.config(fails);
    sandbox.run(["ci"]).exits(4).complains("cannot start `a`");
    let kept = gitlab.state();
    assert_eq!((kept.written, kept.edited), (1, 1));
    let body = kept.notes[0]["body"].as_str().expect("text");
    assert!(body.contains("could not measure"), "{body}");
}

#[test]
fn the_default_branch_is_stored() {
    let sandbox = healthy()
        .file(".gitignore", ".perfgate\n")
        .committed()
        .env("GITLAB_CI", "true")
        .env("CI_API_V4_URL", "http://127.0.0.1:9/api/v4")
        .env("CI_PROJECT_ID", "42")
        .env("CI_DEFAULT_BRANCH", "main")
        .env("CI_COMMIT_BRANCH", "main");
    let head = sandbox.git(&["rev-parse", "HEAD"]);
    let sandbox = sandbox.env("CI_COMMIT_SHA", &head);
    sandbox.run(["ci"]).exits(0).prints("stored");
    let sandbox = sandbox.env("CI_COMMIT_BRANCH", "topic");
    sandbox
        .run(["ci", "--mode", "refresh"])
        .exits(2)
        .complains("this pipeline is not of the default branch");
}

#[test]
fn the_example_has_the_files_that_a_job_leaves() {
    let example = repository().join("examples/gitlab/.gitlab-ci.yml");
    let example = fs::read_to_string(example).expect("the example");
    let page = fs::read_to_string(repository().join("docs/gitlab.md")).expect("the page");
    for line in [
        "perfgate ci",
        "junit: .perfgate/junit.xml",
        "metrics: .perfgate/metrics.txt",
        "paths: [.perfgate]",
    ] {
        assert!(page.contains(line) && example.contains(line), "{line}");
    }
    let stores = example
        .lines()
        .filter(|line| line.contains("- perfgate ci --baseline git:"));
    assert_eq!(stores.count(), 2, "a check and a refresh: {example}");
}

/// The lines of perfgate in the scripts of a pipeline, as a shell splits them.
fn commands(pipeline: &Value) -> Vec<Vec<String>> {
    let jobs = pipeline.as_object().expect("jobs").values();
    let scripts = jobs.flat_map(|job| [&job["script"], &job["after_script"]]);
    let lines = scripts.filter_map(Value::as_array).flatten();
    let lines = lines.filter_map(Value::as_str);
    let own = lines.filter(|line| line.starts_with("perfgate "));
    own.map(|line| shlex::split(line).expect("words of a shell"))
        .collect()
}

#[test]
fn every_command_line_of_the_examples_is_one_that_perfgate_takes() {
    for (name, lines) in [(".gitlab-ci.yml", 3), ("shards.gitlab-ci.yml", 2)] {
        let path = repository().join("examples/gitlab").join(name);
        let text = fs::read_to_string(path).expect("an example");
        let pipeline: Value = serde_saphyr::from_str(&text).expect("YAML");
        let commands = commands(&pipeline);
        assert_eq!(commands.len(), lines, "{name}: {commands:?}");
        for mut words in commands {
            // Which shard a job is, it alone knows.
            for word in words.iter_mut().filter(|it| *it == "auto") {
                *word = "1/2".into();
            }
            let taken = Cli::try_parse_from(&words).map(drop);
            assert!(taken.is_ok(), "{name}: {words:?}: {taken:?}");
        }
    }
}
