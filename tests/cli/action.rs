//! action.yml, run by a runner of workflows: a push, then a pull request that is slower, then one
//! that is not. GitHub's API is a stand-in; the repository, its remote and the servers are real.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::MockServer;

use crate::github::GitHub;
use crate::sample;
use crate::support::{Sandbox, repository, require};

const TOKEN: &str = "plantedTokenOfTheJob";

/// Wide thresholds: this is about the way from a fault to a comment.
const CONFIG: &str = r#"
prepare = [["sh", "-c", "env > SEEN"]]

[server.sample]
run   = ["{sample}", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "20s" }
env   = { FAULT_SLEEP_MS = "40" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[load]
connections = 8
round       = "600ms"
rounds      = 3
warmup      = "200ms"

[thresholds]
throughput      = { max_decrease = "90%" }
latency_p50     = { max_increase = "+50%", floor = "20ms" }
latency_p99     = { floor = "200ms" }
cpu_per_request = { max_increase = "+900%" }
memory_peak     = { max_increase = "+400%", floor = "100MiB" }
"#;

const WORKFLOW: &str = r#"
on: [push, pull_request]
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - id: gate
        uses: ./
        with:
          install: path
          github-token: TOKEN
          baseline-store: git:perfgate-baselines
      - if: always()
        env:
          SAID: ${{ toJSON(steps.gate.outputs) }}
        run: printf '%s' "$SAID" > OUTPUTS
"#;

/// The action without the steps of the cache: a runner fetches their programs although none of them is run.
fn without_cache(text: &str) -> String {
    let steps: Vec<_> = text.split("\n    - ").collect();
    let of_cache = |step: &&str| step.contains("uses: actions/cache/");
    let kept: Vec<_> = steps.iter().copied().filter(|it| !of_cache(it)).collect();
    kept.join("\n    - ")
}

/// A repository with the action in it, and a runner.
struct Stage {
    sandbox: Sandbox,
    remote: PathBuf,
    /// Programs, and what a job leaves.
    beside: TempDir,
    api: String,
}

impl Stage {
    fn set(api: &str) -> Self {
        let beside = TempDir::new().expect("a folder");
        let place = |name: &str| beside.path().join(name).display().to_string();
        let workflow = WORKFLOW.replace("OUTPUTS", &place("outputs"));
        let sandbox = Sandbox::new().config(&CONFIG.replace("SEEN", &place("seen")));
        Self::with_workflow(api, beside, sandbox, &workflow)
    }

    /// A repository with these files and the action, whose workflow is this one.
    fn with_workflow(api: &str, beside: TempDir, sandbox: Sandbox, workflow: &str) -> Self {
        require(&["act"]);
        symlink(
            env!("CARGO_BIN_EXE_perfgate"),
            beside.path().join("perfgate"),
        )
        .expect("linked");
        let workflow = workflow.replace("TOKEN", TOKEN);
        let mut sandbox = sandbox.file(".github/workflows/gate.yml", &workflow);
        for name in [
            "action.yml",
            "action/run.sh",
            "action/version",
            "action/checksums",
        ] {
            let text = fs::read_to_string(repository().join(name)).expect("a file of the action");
            sandbox = sandbox.file(name, &without_cache(&text));
        }
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(sandbox.path("action/run.sh"), executable).expect("executable");
        let sandbox = sandbox.committed();
        let remote = sandbox.pushed();
        Self {
            sandbox,
            remote,
            beside,
            api: api.to_owned(),
        }
    }

    fn commit(&self, message: &str) -> String {
        self.sandbox.git(&["add", "."]);
        self.sandbox
            .git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.sandbox.git(&["rev-parse", "HEAD"])
    }

    /// Runs the workflow on an event; whether the job succeeded, and what was printed.
    fn act(&self, event: &str, payload: &Value) -> (bool, String) {
        let file = self.beside.path().join("event.json");
        fs::write(&file, payload.to_string()).expect("written");
        let inherited = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("act")
            .args([
                event,
                "--platform",
                "ubuntu-latest=-self-hosted",
                "--eventpath",
            ])
            .arg(&file)
            .args(["--env", &format!("GITHUB_API_URL={}", self.api)])
            .args(["--env", "GITHUB_REPOSITORY=octo/app"])
            .current_dir(self.sandbox.path("."))
            .env(
                "PATH",
                format!("{}:{inherited}", self.beside.path().display()),
            )
            .env("XDG_CACHE_HOME", self.beside.path().join("cache"))
            .output()
            .expect("act runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// The outputs of the action in the last job.
    fn outputs(&self) -> Value {
        let text = fs::read(self.beside.path().join("outputs")).expect("the outputs");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn entries(&self) -> usize {
        let git = format!("--git-dir={}", self.remote.display());
        let listed = [
            "ls-tree",
            "-r",
            "--name-only",
            "refs/heads/perfgate-baselines",
        ];
        let listed = self
            .sandbox
            .git(&[&[git.as_str()], listed.as_slice()].concat());
        let documents = listed.lines().filter(|it| !it.ends_with("/badge.json"));
        documents.count()
    }
}

fn push() -> Value {
    json!({ "ref": "refs/heads/main", "repository": { "default_branch": "main" } })
}

fn pull_request(head: &str, base: &str) -> Value {
    let side = |name: &str, sha: &str| json!({ "ref": name, "sha": sha, "repo": { "full_name": "octo/app" } });
    json!({ "repository": { "default_branch": "main" },
        "pull_request": { "number": 7, "head": side("change", head), "base": side("main", base) } })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn a_push_refreshes_and_a_pull_request_learns_what_it_does() {
    let (server, github) = GitHub::start().await;
    let stage = Stage::set(&server.uri());

    let (succeeded, said) = stage.act("push", &push());
    assert!(succeeded, "{said}");
    assert_eq!(stage.outputs()["verdict"], "refreshed", "{said}");
    assert!(said.contains("sample health: stored"), "{said}");
    assert_eq!(stage.entries(), 1);
    let main = stage.sandbox.git(&["rev-parse", "main"]);

    stage.sandbox.git(&["checkout", "--quiet", "-b", "change"]);
    let slower = stage
        .sandbox
        .read("perfgate.toml")
        .replace("\"40\"", "\"120\"");
    let stage = Stage {
        sandbox: stage.sandbox.config(&slower),
        ..stage
    };
    let head = stage.commit("slower");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(!succeeded, "{said}");
    let outputs = stage.outputs();
    assert_eq!(outputs["verdict"], "regression", "{said}");
    assert_eq!(outputs["baseline-sha"], main.as_str(), "{said}");
    assert_eq!(outputs["comment-url"], "https://github.test/c/1", "{said}");
    assert_ne!(outputs["regressions"], "0", "{said}");
    let json = |name: &str| -> Value {
        let text = outputs[name].as_str().expect("a text");
        serde_json::from_str(text).expect("JSON")
    };
    assert_eq!(json("worst")["endpoint"], "health", "{said}");
    assert_eq!(
        json("counts")["regression"].to_string(),
        outputs["regressions"].as_str().expect("a number")
    );
    let seconds = outputs["seconds"].as_str().map(str::parse::<u32>);
    assert!(matches!(seconds, Some(Ok(1..))), "{said}");
    let annotation = "::error title=perfgate::sample health latency_p50: ";
    assert!(
        said.contains(annotation) && said.contains("Summary - ## ❌ perfgate"),
        "{said}"
    );
    {
        let kept = github.state();
        assert_eq!((kept.written, kept.edited), (1, 0));
        let body = kept.comments[0]["body"].as_str().expect("text");
        assert!(
            body.contains("| sample | health | latency\\_p50 |"),
            "{body}"
        );
        assert!(body.contains(&format!("--against {main}")), "{body}");
        assert_eq!(kept.conclusions, ["failure"]);
    }

    let same = slower.replace("\"120\"", "\"40\"");
    let stage = Stage {
        sandbox: stage.sandbox.config(&same),
        ..stage
    };
    let head = stage.commit("as before");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(succeeded, "{said}");
    assert_eq!(stage.outputs()["verdict"], "pass", "{said}");
    let kept = github.state();
    assert_eq!((kept.written, kept.edited), (1, 1));
    let body = kept.comments[0]["body"].as_str().expect("text");
    assert!(body.contains("perfgate: PASSED"), "{body}");
    assert_eq!(kept.conclusions, ["failure", "success"]);
    assert_eq!(stage.entries(), 1, "a pull request stores nothing");
    without_the_token(stage.beside.path());
}

/// A workflow that calls the reusable one.
const CALLER: &str = r"
on: [push, pull_request]
jobs:
  perfgate:
    uses: ./.github/workflows/reusable.yml
    with:
      runs-on: ubuntu-latest
";

/// The reusable workflow for a runner without a network: it takes this action, and a folder stands in for artifacts.
fn reusable(artifacts: &Path) -> String {
    let path = repository().join(".github/workflows/reusable.yml");
    let text = fs::read_to_string(path).expect("the workflow");
    let steps = text.split("\n      - ");
    let steps: Vec<_> = steps.map(|it| without_artifacts(it, artifacts)).collect();
    let text = steps.join("\n      - ");
    assert!(!text.contains("-artifact@"), "{text}");
    let action = "uses: org/perfgate@v1 # zizmor: ignore[unpinned-uses] the release that this workflow is of\n        \
                  with:\n";
    assert_eq!(text.matches(action).count(), 4, "{text}");
    let own = format!(
        "uses: ./\n        with:\n          install: path\n          github-token: {TOKEN}\n"
    );
    // act does not say which job of the matrix one is.
    let place = "shard: auto";
    assert_eq!(text.matches(place).count(), 1, "{text}");
    text.replace(action, &own)
        .replace(place, "shard: ${{ matrix.shard }}/${{ inputs.shards }}")
}

/// A step, and what follows it up to the next one; what it would upload is copied to a folder.
fn without_artifacts(step: &str, artifacts: &Path) -> String {
    let (own, rest) = step.split_once("\n\n").unwrap_or((step, ""));
    let folder = artifacts.display();
    let instead = if own.contains("actions/upload-artifact@") {
        let (condition, _) = own.split_once('\n').expect("a condition and the rest");
        let (_, name) = own.split_once("name: ").expect("a name");
        let (name, _) = name.split_once('\n').expect("a line");
        format!(
            "{condition}\n        run: install -D \"$MEASURED\" \"{folder}/{name}/measurement.json\"\n        \
             env: {{ MEASURED: \"${{{{ steps.perfgate.outputs.measurement }}}}\" }}"
        )
    } else if own.contains("actions/download-artifact@") {
        format!(
            "run: mkdir -p \"$FOLDER\" && cp -r {folder}/perfgate-shard-* \"$FOLDER\"\n        \
             env: {{ FOLDER: \"${{{{ inputs.working-directory }}}}/shards\" }}"
        )
    } else {
        return step.to_owned();
    };
    format!("{instead}\n\n{rest}")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn the_reusable_workflow_refreshes_and_checks() {
    let (server, github) = GitHub::start().await;
    let beside = TempDir::new().expect("a folder");
    let config = CONFIG.replace("SEEN", &beside.path().join("seen").display().to_string());
    let sandbox = Sandbox::new().config(&config);
    let artifacts = beside.path().join("artifacts");
    let sandbox = sandbox.file(".github/workflows/reusable.yml", &reusable(&artifacts));
    let stage = Stage::with_workflow(&server.uri(), beside, sandbox, CALLER);
    let (succeeded, said) = stage.act("push", &push());
    assert!(succeeded, "{said}");
    assert_eq!(stage.entries(), 1, "{said}");
    let main = stage.sandbox.git(&["rev-parse", "main"]);
    stage.sandbox.git(&["checkout", "--quiet", "-b", "change"]);
    let slower = stage
        .sandbox
        .read("perfgate.toml")
        .replace("\"40\"", "\"120\"");
    let stage = Stage {
        sandbox: stage.sandbox.config(&slower),
        ..stage
    };
    let head = stage.commit("slower");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(!succeeded, "{said}");
    assert!(
        said.contains("::error title=perfgate::sample health latency_p50: "),
        "{said}"
    );
    assert_eq!(stage.entries(), 1, "a pull request stores nothing");
    let kept = github.state();
    let checks = kept.named_checks();
    let (name, conclusion) = checks[0];
    assert!(name.ends_with(" / check)"), "{name}");
    assert_eq!((checks.len(), conclusion), (1, "failure"), "{said}");
}

/// What perfgate runs has neither the token nor the header that is made of it.
fn without_the_token(beside: &Path) {
    let seen = fs::read_to_string(beside.join("seen")).expect("what a command saw");
    assert!(seen.contains("GITHUB_SHA="), "{seen}");
    for secret in [TOKEN, "GIT_CONFIG_VALUE", "GITHUB_TOKEN", "GITHUB_OUTPUT"] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn an_event_that_lends_strangers_a_token_measures_nothing() {
    let server = MockServer::start().await;
    let stage = Stage::set(&server.uri());
    let workflow = stage.sandbox.read(".github/workflows/gate.yml");
    let workflow = workflow.replace("[push, pull_request]", "pull_request_target");
    let sandbox = stage.sandbox.file(".github/workflows/gate.yml", &workflow);
    let stage = Stage { sandbox, ..stage };
    let head = stage.commit("on another event");
    let (succeeded, said) = stage.act("pull_request_target", &pull_request(&head, &head));
    assert!(!succeeded, "{said}");
    assert!(
        said.contains("refused to measure in a workflow on `pull_request_target`"),
        "{said}"
    );
    assert!(!stage.beside.path().join("seen").exists(), "{said}");
    assert!(
        server
            .received_requests()
            .await
            .expect("recorded")
            .is_empty()
    );
}

/// Two services of one repository, a leg of a matrix each; the shop becomes wrong.
const MATRIX: &str = r"
name: perfgate
on: pull_request
jobs:
  check:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix: { service: [ORDER] }
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - uses: ./
        with:
          install: path
          github-token: TOKEN
          config: CONFIG
";

/// Of two legs, one with a regression: what the pull request shows, in this order of ending.
async fn legs(order: &str, config: &str, expected: [&str; 2]) {
    let (server, github) = GitHub::start().await;
    let good = sample("0", "0", "0");
    let (shop, blog) = if config.contains("services") {
        ("services/shop/perfgate.toml", "services/blog/perfgate.toml")
    } else {
        ("shop.toml", "blog.toml")
    };
    let sandbox = Sandbox::new().file(shop, &good).file(blog, &good);
    let workflow = MATRIX.replace("ORDER", order).replace("CONFIG", config);
    let beside = TempDir::new().expect("a folder");
    let stage = Stage::with_workflow(&server.uri(), beside, sandbox, &workflow);
    let main = stage.sandbox.git(&["rev-parse", "main"]);
    stage.sandbox.git(&["checkout", "--quiet", "-b", "change"]);
    let sandbox = stage.sandbox.file(shop, &sample("0", "0", "0.2"));
    let stage = Stage { sandbox, ..stage };
    let head = stage.commit("wrong");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(!succeeded, "{said}");
    let kept = github.state();
    assert_eq!((kept.written, kept.comments.len()), (1, 1), "{said}");
    let body = kept.comments[0]["body"].as_str().expect("text");
    let headline = body.lines().nth(1).expect("a headline");
    let is_worst = ["REGRESSED", "FAILED"].map(|it| headline.contains(it));
    assert!(
        headline.starts_with("## ❌ perfgate: ") && is_worst.contains(&true),
        "{body}"
    );
    assert_eq!(body.matches("\n### ").count(), 2, "{body}");
    let mut checks = kept.named_checks();
    checks.sort_unstable();
    let names: Vec<_> = checks.iter().map(|it| it.0).collect();
    assert_eq!(names, expected, "{said}");
    assert_eq!(checks[1].1, "failure", "{said}");
    assert_ne!(checks[0].1, "failure", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn legs_of_a_matrix_share_a_comment_in_both_orders_of_ending() {
    let config = "${{ matrix.service }}.toml";
    let named = ["perfgate (blog.toml, blog)", "perfgate (shop.toml, shop)"];
    for order in ["shop, blog", "blog, shop"] {
        legs(order, config, named).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn services_of_one_repository_share_a_comment_in_both_orders_of_ending() {
    let config = "services/${{ matrix.service }}/perfgate.toml";
    let named = [
        "perfgate (services/blog, blog)",
        "perfgate (services/shop, shop)",
    ];
    for order in ["shop, blog", "blog, shop"] {
        legs(order, config, named).await;
    }
}

/// Three servers with one endpoint each. The job that finds a file of this name is cancelled while it measures: a
/// runner sends its program SIGINT.
fn three(cancelled: &Path) -> String {
    let text = sample("0", "0", "0");
    let (_, one) = text.split_once("[server.sample]").expect("a server");
    let (one, _) = one.split_once("[endpoint").expect("an endpoint");
    let file = cancelled.display();
    let cancel = format!("if rm {file} 2>/dev/null; then kill -s INT $PPID; sleep 20; fi");
    format!(
        "prepare = [[\"sh\", \"-c\", \"{cancel}\"]]\n[server.first]{one}[server.second]{one}{text}"
    )
}

/// What the comment says of each of the three servers: whether its endpoint is in the table, and whether the shard that
/// held it is missing.
fn shown(body: &str) -> [(bool, bool); 3] {
    ["first", "second", "sample"].map(|server| {
        let row = format!("| {server} | health | throughput |");
        // What stands behind the names of its cells is of others, such as the worst finding.
        let missing = body.split("is missing (").skip(1);
        let mut missing = missing.filter_map(|rest| rest.split(')').next());
        let is_missing = missing.any(|cells| cells.contains(&format!("{server} health")));
        (body.contains(&row), is_missing)
    })
}

/// Three jobs that measure a server each. Files in a folder stand in for artifacts.
const SHARDS: &str = r"
name: perfgate
on: pull_request
jobs:
  measure:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix: { shard: [1, 2, 3] }
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - if: ${{ contains('LOST', matrix.shard) }}
        run: touch CANCEL
      - id: gate
        uses: ./
        with:
          install: path
          github-token: TOKEN
          shard: ${{ matrix.shard }}/3
      - if: always() && steps.gate.outputs.measurement != ''
        run: install -D .perfgate/measurement.json FOLDER/${{ matrix.shard }}/measurement.json
  check:
    needs: measure
    if: always()
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - uses: ./
        with:
          install: path
          github-token: TOKEN
          mode: merge
          shards: FOLDER
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn shards_are_one_comment_and_the_cells_of_one_that_is_cancelled_are_named() {
    let (server, github) = GitHub::start().await;
    let beside = TempDir::new().expect("a folder");
    let folder = |name: &str| beside.path().join(name).display().to_string();
    let workflow = |name: &str, lost: &str| {
        SHARDS
            .replace("FOLDER", &folder(name))
            .replace("CANCEL", &folder("cancel"))
            .replace("LOST", lost)
    };
    let (whole, lacking) = (workflow("all", "none"), workflow("some", "2"));
    let sandbox = Sandbox::new().config(&three(&beside.path().join("cancel")));
    let stage = Stage::with_workflow(&server.uri(), beside, sandbox, &whole);
    let main = stage.sandbox.git(&["rev-parse", "main"]);
    stage.sandbox.git(&["checkout", "--quiet", "-b", "change"]);

    let head = stage.commit("nothing");
    let (_, said) = stage.act("pull_request", &pull_request(&head, &main));
    let body = {
        let kept = github.state();
        assert_eq!((kept.written, kept.checks.len()), (1, 1), "{said}");
        kept.comments[0]["body"].as_str().expect("text").to_owned()
    };
    assert_eq!(shown(&body), [(true, false); 3], "{body}");
    assert!(!body.contains("missing"), "{body}");

    let lacking = lacking.replace("TOKEN", TOKEN);
    let sandbox = stage.sandbox.file(".github/workflows/gate.yml", &lacking);
    let stage = Stage { sandbox, ..stage };
    let head = stage.commit("nothing again");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(!succeeded, "{said}");
    assert!(!stage.beside.path().join("cancel").exists(), "{said}");
    let kept = github.state();
    assert_eq!(kept.written, 1, "{said}");
    let body = kept.comments[0]["body"].as_str().expect("text");
    assert!(body.contains("shard 2/3 is missing"), "{body}");
    let mut cells = shown(body);
    cells.sort_unstable();
    // One server is missing and has no row; the others are measured.
    assert_eq!(
        cells,
        [(false, true), (true, false), (true, false)],
        "{body}"
    );
    assert_eq!(kept.checks.len(), 2, "{said}");
    assert_eq!(kept.conclusions.last().map(String::as_str), Some("failure"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs act, a runner of workflows"]
async fn the_reusable_workflow_checks_in_shards() {
    let (server, github) = GitHub::start().await;
    let beside = TempDir::new().expect("a folder");
    let artifacts = beside.path().join("artifacts");
    let sandbox = Sandbox::new().config(&three(&beside.path().join("cancel")));
    let sandbox = sandbox.file(".github/workflows/reusable.yml", &reusable(&artifacts));
    let caller = format!("{CALLER}      shards: \"3\"\n");
    let stage = Stage::with_workflow(&server.uri(), beside, sandbox, &caller);
    let main = stage.sandbox.git(&["rev-parse", "main"]);
    stage.sandbox.git(&["checkout", "--quiet", "-b", "change"]);
    let head = stage.commit("nothing");
    let (_, said) = stage.act("pull_request", &pull_request(&head, &main));
    for shard in 1..=3 {
        let name = format!("perfgate-shard-{shard}/measurement.json");
        assert!(artifacts.join(&name).exists(), "{name}: {said}");
    }
    let first = {
        let kept = github.state();
        assert_eq!((kept.written, kept.checks.len()), (1, 1), "{said}");
        let body = kept.comments[0]["body"].as_str().expect("text");
        assert_eq!(shown(body), [(true, false); 3], "{body}");
        // A required check has one name, whether or not the job is parted: that of the job `check`.
        let name = kept.checks[0]["name"].as_str().expect("a name");
        assert!(name.ends_with(" / check)"), "{name}");
        kept.edited
    };

    // Whichever of the three takes the file is cancelled.
    fs::remove_dir_all(&artifacts).expect("removed");
    fs::write(stage.beside.path().join("cancel"), "").expect("written");
    let head = stage.commit("nothing again");
    let (succeeded, said) = stage.act("pull_request", &pull_request(&head, &main));
    assert!(!succeeded, "{said}");
    let kept = github.state();
    assert_eq!((kept.written, kept.edited), (1, first + 1), "{said}");
    let body = kept.comments[0]["body"].as_str().expect("text");
    let mut cells = shown(body);
    cells.sort_unstable();
    assert_eq!(
        cells,
        [(false, true), (true, false), (true, false)],
        "{body}"
    );
    assert_eq!(kept.conclusions.last().map(String::as_str), Some("failure"));
}
