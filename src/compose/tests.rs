//! Projects as a whole.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::node::{Kind, Node};
use super::project::{Project, Refused, Request};
use super::reading::Wanted;
use super::service::Contents;
use super::stack::Stack;
use super::{Folder, Source};

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

/// What a project of these files is asked.
fn with<T>(root: &Path, paths: &[&str], ask: impl FnOnce(Result<Project<'_>, Refused>) -> T) -> T {
    let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
    let files = Folder::at(root);
    let request = Request {
        paths: &paths,
        env_files: &[],
        profiles: &[],
        files: &files,
        process: &|_| None,
        is_lenient: false,
    };
    ask(Project::load(&request))
}

fn refused(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    with(folder.path(), &[files[0].0], |project| {
        let refused = project.err().expect("refused");
        let location = refused
            .location
            .map(|it| format!("{}:{}: ", it.path.display(), it.line));
        location.unwrap_or_default() + &refused.problem.message
    })
}

fn json(node: &Node) -> Json {
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Text(text) => text.as_str().into(),
        Kind::Lacking(problem) => panic!("{problem:?}"),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(map) => map
            .iter()
            .map(|(key, it)| (key.clone(), json(it)))
            .collect(),
    }
}

#[test]
fn services_extend_others_of_this_file_and_of_another() {
    let folder = folder(&[
        (
            "compose.yaml",
            "services:\n  web:\n    extends: base\n    environment: {A: own}\n  base:\n    extends: {file: lib/common.yaml, service: deep}\n    command: [serve]\n",
        ),
        (
            "lib/common.yaml",
            "services:\n  deep:\n    extends: deeper\n    build: ./app\n  deeper:\n    environment: [A=deep, B=deep]\n    env_file: common.env\n    command: [none]\n",
        ),
    ]);
    with(folder.path(), &["compose.yaml"], |project| {
        let project = project.expect("a project");
        let web = project.top.get("services").and_then(|it| it.get("web"));
        let expected = serde_json::json!({
            "environment": {"A": "own", "B": "deep"},
            "env_file": [{"path": "lib/common.env"}],
            "command": ["serve"],
            "build": {"context": "lib/app"},
        });
        assert_eq!(json(web.expect("web")), expected);
    });
}

#[test]
fn circles_and_endless_chains_are_refused() {
    let files = [(
        "a.yaml",
        "services:\n  x: {extends: y}\n  y: {extends: x}\n",
    )];
    assert_eq!(refused(&files), "a.yaml:2: service `x` extends itself");
    let other = "services:\n  x: {extends: {file: a.yaml, service: x}}\n";
    let files = [
        (
            "a.yaml",
            "services:\n  x: {extends: {file: b.yaml, service: x}}\n",
        ),
        ("b.yaml", other),
    ];
    assert!(refused(&files).contains("service `x` extends itself"));
    let files = [
        ("a.yaml", "include: [b.yaml]\n"),
        ("b.yaml", "include: [a.yaml]\n"),
    ];
    assert!(refused(&files).contains("`a.yaml` includes itself"));
    let mut wide = "include:\n".to_owned();
    for number in 0..200 {
        wide.push_str(&format!("  - b.yaml # {number}\n"));
    }
    let files = [("a.yaml", wide.as_str()), ("b.yaml", "services: {}\n")];
    assert!(refused(&files).contains("made of more than 100 files"));
    let deep = "[x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]";
    let base: String = (0..2000)
        .map(|it| format!("    x-{it}: {deep}\n"))
        .collect();
    let many: String = (0..100)
        .map(|it| format!("  s{it}: {{extends: base}}\n"))
        .collect();
    let many = format!("services:\n{many}  base:\n{base}");
    assert!(refused(&[("a.yaml", &many)]).contains("too many values together"));
    let chain: String = (0..100)
        .map(|it| format!("  s{it}: {{extends: s{}}}\n", it + 1))
        .collect();
    let chain = format!("services:\n{chain}  s100: {{image: x}}\n");
    assert!(refused(&[("a.yaml", &chain)]).contains("extends itself"));
}

#[test]
fn files_that_are_no_text_or_too_large_are_refused() {
    let location = folder(&[("a.yaml", "")]);
    fs::write(location.path().join("a.yaml"), [0xff, 0xfe, 0xfd]).expect("written");
    let said = |root: &Path| {
        with(root, &["a.yaml"], |project| {
            project.err().expect("refused").problem.message
        })
    };
    assert!(said(location.path()).contains("it is not UTF-8"));
    let large = "#".repeat(5 << 20);
    let location = folder(&[("a.yaml", large.as_str())]);
    assert!(said(location.path()).contains("it is larger than 4 MiB"));
    assert!(
        refused(&[("a.yaml", "- a\n")]).contains("a compose file is a mapping, and this is a list")
    );
    assert!(refused(&[("a.yaml", "services: {web: x}\n")]).contains("service `web` is no mapping"));
}

#[test]
fn many_services_take_no_long_time_and_too_many_are_refused() {
    let services = |count: usize| {
        let service =
            |number: usize| format!("  s{number}: {{image: x, depends_on: [s{}]}}\n", number + 1);
        let all: String = (0..count).map(service).collect();
        format!("services:\n{all}  s{count}: {{image: x}}\n")
    };
    let stack = |count: usize| {
        let text = services(count);
        let folder = folder(&[("a.yaml", text.as_str())]);
        with(folder.path(), &["a.yaml"], |project| {
            let project = project.expect("a project");
            let wanted = Wanted {
                servers: vec!["s0".into()],
                taken: vec!["app".into()],
                ..Wanted::default()
            };
            Stack::from_project(&project, &wanted)
        })
    };
    let deep = stack(200).expect("a stack");
    assert_eq!(deep.others.len(), 200);
    assert_eq!(deep.others[0].name, "s200", "what is needed starts first");
    let problem = stack(1000).expect_err("refused");
    assert!(problem.message.contains("more than 500 services"));
}

#[test]
fn one_shot_services_run_first_by_their_image() {
    let text = r#"
services:
  web:
    build: .
    entrypoint: [/entry]
    environment: {DATABASE_URL: "postgres://u:p@db/x", S3: "http://store:9000"}
    depends_on:
      migrate: {condition: service_completed_successfully}
      buckets: {condition: service_completed_successfully}
  migrate:
    build: .
    entrypoint: [/entry]
    command: [migrate]
    environment: {DATABASE_URL: "postgres://u:p@db/x", MODE: once}
    depends_on: [db]
  buckets:
    image: minio/mc
    command: mc mb store:9000
    depends_on: [store]
  store: {image: minio/minio}
  db: {image: postgres}
"#;
    let folder = folder(&[("a.yaml", text)]);
    let stack = with(folder.path(), &["a.yaml"], |project| {
        let wanted = Wanted {
            servers: vec!["web".into()],
            taken: vec!["store".into()],
            ..Wanted::default()
        };
        Stack::from_project(&project.expect("a project"), &wanted)
    });
    let stack = stack.expect("a stack");
    assert_eq!(stack.servers[0].setup, [["env", "MODE=once", "migrate"]]);
    let others: Vec<_> = stack
        .others
        .iter()
        .map(|it| (it.name.as_str(), it.is_once, it.is_shared))
        .collect();
    assert_eq!(
        others,
        [("store-service", false, true), ("buckets", true, true)],
        "no service is called like a server"
    );
    assert_eq!(
        stack.others[1].container.command.join(" "),
        "mc mb {store-service.host}:{store-service.port.9000}"
    );
    assert_eq!(stack.others[0].source, Source::Image("minio/minio".into()));
    assert!(stack.left_out.is_empty(), "{:?}", stack.left_out);
}

#[test]
fn a_service_with_the_image_that_another_builds_is_built_the_same_way() {
    let text = r#"
services:
  consumer:
    image: shop
    build: {context: shop}
    depends_on: [db]
    entrypoint: [python, consume.py]
  api:
    image: shop
    depends_on: [consumer]
    ports: ["80:80"]
    volumes: ["data:/data", "kept:/srv/kept"]
  db: {image: postgres}
volumes: {data: {}, kept: {}}
"#;
    let dockerfile = "FROM python\nWORKDIR /srv\nCOPY . .\n";
    let cache = "import redis\nstore = redis.Redis(host=\"db\")\n";
    let files = [
        ("a.yaml", text),
        ("shop/Dockerfile", dockerfile),
        ("shop/cache.py", cache),
    ];
    let folder = folder(&files);
    let stack = with(folder.path(), &["a.yaml"], |project| {
        Stack::from_project(&project.expect("a project"), &Wanted::default())
    });
    let stack = stack.expect("a stack");
    let server = &stack.servers[0];
    assert_eq!(server.name, "api");
    assert!(
        matches!(&server.source, Source::Build(build) if build.context == "shop"),
        "{server:?}"
    );
    // A folder that the image does not have is made, and a source leads to the database of perfgate.
    assert_eq!(server.container.tmpfs, ["/data"]);
    let [copied] = &server.container.files[..] else {
        panic!("{server:?}");
    };
    assert_eq!(copied.there, "/srv/cache.py");
    assert_eq!(
        copied.replace,
        [(
            "host=\"db\"".to_owned(),
            "host=\"{postgres.host}\"".to_owned()
        )]
    );
}

#[test]
fn configs_and_secrets_may_be_written_out_or_variables() {
    let text = r#"
services:
  web:
    build: .
    environment: {CACHE: cache}
    configs: [{source: settings, target: /etc/settings.json}]
    secrets: [key]
    depends_on: [cache]
  cache: {image: redis}
configs: {settings: {content: "{\"cache\": \"redis://cache:6379/1\"}"}}
secrets: {key: {environment: API_KEY}}
"#;
    let folder = folder(&[("a.yaml", text)]);
    let stack = with(folder.path(), &["a.yaml"], |project| {
        let wanted = Wanted {
            servers: vec!["web".into()],
            ..Wanted::default()
        };
        Stack::from_project(&project.expect("a project"), &wanted)
    });
    let stack = stack.expect("a stack");
    let files: Vec<_> = stack.servers[0]
        .container
        .files
        .iter()
        .map(|it| (it.there.as_str(), it.here.clone()))
        .collect();
    let text = |text: &str| Contents::Text(text.to_owned());
    assert_eq!(
        files,
        [
            ("/run/secrets/key", text("{env.API_KEY}")),
            ("/etc/settings.json", text("{\"cache\": \"{redis.url}\"}")),
        ]
    );
}

#[test]
fn what_a_worker_has_for_itself_and_is_not_used_is_said() {
    let text = r"
services:
  web: {build: ., command: serve, working_dir: /app, user: app}
  jobs: {build: ., command: work, working_dir: /jobs, user: app, cpus: 0.5, mem_limit: 1g}
";
    let folder = folder(&[("a.yaml", text)]);
    let notes = with(folder.path(), &["a.yaml"], |project| {
        let wanted = Wanted {
            servers: vec!["web".into()],
            workers: vec![("web".into(), "jobs".into())],
            ..Wanted::default()
        };
        Stack::from_project(&project.expect("a project"), &wanted).map(|it| it.notes)
    });
    let expected = "jobs: has cpus, working_dir of `web`, whose worker it is";
    assert_eq!(notes.expect("notes"), [expected]);
}

/// The program that compose files were first written for, where it is installed: its old version in
/// Python, as Debian has it.
#[test]
fn docker_compose_merges_and_resolves_the_same() {
    let is_there = Command::new("docker-compose").arg("version").output();
    if !is_there.is_ok_and(|it| it.status.success()) {
        return;
    }
    let folder = folder(&[
        (
            "a.yaml",
            r#"
version: "3.8"
x-env: &env {SHARED: "1", TAG: "${TAG}"}
services:
  web:
    image: shop:${TAG:-none}
    environment:
      <<: *env
      A: ${EMPTY:-x}${EMPTY-y}
      B: $$HOME ${UNSET:-fallback}
      C: ${TAG:?is needed}
      N: 5
    command: gunicorn --bind "0.0.0.0:8000" app
    entrypoint: [a, b]
    expose: ["1", "2"]
    dns: 1.1.1.1
    env_file: web.env
    healthcheck: {test: [CMD, "true"], retries: 2}
"#,
        ),
        (
            "b.yaml",
            r#"
version: "3.8"
services:
  web:
    environment: ["A=later", "D=a=b"]
    command: [serve]
    expose: ["3"]
    dns: [8.8.8.8]
    healthcheck: {test: "exit 0"}
"#,
        ),
        ("web.env", "# variables\nE=from file\nA=file\n"),
        (".env", "TAG=16\nEMPTY=\n"),
    ]);
    for paths in [&["a.yaml"][..], &["a.yaml", "b.yaml"]] {
        let named = paths.iter().flat_map(|it| ["-f", it]);
        let output = Command::new("docker-compose")
            .args(named)
            .arg("config")
            .current_dir(folder.path())
            .env_remove("TAG")
            .output();
        let output = output.expect("docker-compose runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = Node::parse(&text, 0).expect("YAML");
        let theirs = json(
            theirs
                .get("services")
                .and_then(|it| it.get("web"))
                .expect("web"),
        );
        let stack = with(folder.path(), paths, |project| {
            let wanted = Wanted {
                servers: vec!["web".into()],
                taken: vec!["web".into()],
                ..Wanted::default()
            };
            Stack::from_project(&project.expect("a project"), &wanted).expect("a stack")
        });
        let ours = &stack.servers[0];
        assert_eq!(
            Json::from(ours.container.command.clone()),
            words(&theirs["command"])
        );
        assert_eq!(
            Json::from(ours.container.entrypoint.clone()),
            words(&theirs["entrypoint"])
        );
        assert_eq!(
            ours.source,
            Source::Image(theirs["image"].as_str().expect("an image").into())
        );
        // Theirs has those of files as well; what it writes out it escapes.
        let mut env: BTreeMap<String, Json> =
            BTreeMap::from([("E".to_owned(), "from file".into())]);
        env.extend(
            ours.env
                .iter()
                .map(|(key, it)| (key.clone(), it.replace('$', "$$").into())),
        );
        let expected = theirs["environment"].as_object().expect("variables");
        let expected: BTreeMap<_, _> = expected.clone().into_iter().collect();
        assert_eq!(env, expected, "{paths:?}");
    }
}

fn words(command: &Json) -> Json {
    match command.as_str() {
        Some(line) => shlex::split(line).expect("words").into(),
        None => command.clone(),
    }
}

#[test]
fn an_unset_variable_and_an_example_are_told() {
    let folder = folder(&[
        ("a.yaml", "services:\n  web: {image: \"x:${TAG}${NONE}\"}\n"),
        (".env.example", "TAG=1\n"),
    ]);
    let notes = with(folder.path(), &["a.yaml"], |project| {
        project.expect("a project").notes
    });
    assert_eq!(
        notes,
        [
            "there is no `.env`: variables are those of `.env.example`",
            "not set, and empty: NONE"
        ]
    );
    let used: RefCell<Vec<String>> = RefCell::default();
    let files = Folder::at(folder.path());
    let process = |name: &str| {
        used.borrow_mut().push(name.to_owned());
        (name == "TAG").then(|| "2".to_owned())
    };
    let request = Request {
        paths: &["a.yaml".into()],
        env_files: &[],
        profiles: &[],
        files: &files,
        process: &process,
        is_lenient: false,
    };
    let project = Project::load(&request)
        .map_err(|it| it.problem)
        .expect("a project");
    assert_eq!(project.notes[0], "of the environment: TAG");
}

/// The stack that `init` proposes of a compose file.
fn proposed(compose: &str) -> Stack {
    let folder = folder(&[("compose.yaml", compose), ("Dockerfile", "FROM python\n")]);
    let files = Folder::at(folder.path());
    let request = Request {
        paths: &["compose.yaml".into()],
        env_files: &[],
        profiles: &[],
        files: &files,
        process: &|_| None,
        is_lenient: true,
    };
    let project = Project::load(&request).expect("it is read");
    Stack::from_project(&project, &Wanted::default()).expect("it is a stack")
}

#[test]
fn what_is_needed_of_profiles_that_are_off_is_proposed() {
    let stack = proposed(
        "services:\n  web:\n    build: .\n    depends_on: [search]\n    environment: { MAIL: 'smtp://mail:1025' }\n  \
         test-db: { image: 'postgres:13', profiles: [test] }\n  \
         db: { image: 'postgres:15', profiles: [db] }\n  cache: { image: 'redis:6', profiles: [full] }\n  \
         search: { image: 'opensearch:2', profiles: [full] }\n  mail: { image: mailpit, profiles: [tools] }\n  \
         adminer: { image: adminer, profiles: [tools] }\n",
    );
    let image = |name: &str| Source::Image(name.to_owned());
    let postgres = stack.postgres.map(|it| it.source);
    let redis = stack.redis.map(|it| it.source);
    assert_eq!(
        (postgres, redis),
        (Some(image("postgres:15")), Some(image("redis:6")))
    );
    let others: Vec<_> = stack.others.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(others, ["search", "mail"]);
    assert_eq!(
        stack.servers[0].env[0].1,
        "smtp://{mail.host}:{mail.port.1025}"
    );
    // Where every service has a profile, the server has one too.
    let stack = proposed(
        "services:\n  web: { build: ., profiles: [app] }\n  db: { image: 'postgres:14', profiles: [app] }\n",
    );
    assert_eq!(stack.servers[0].name, "web");
    assert_eq!(
        stack.postgres.map(|it| it.source),
        Some(image("postgres:14"))
    );
}

#[test]
fn a_database_is_no_server_and_is_there_for_one_of_another_file() {
    let stack = proposed(
        "services:\n  db: { image: 'mysql:8', ports: ['3306:3306'] }\n  \
         ui: { image: adminer, ports: ['8080:8080'] }\n",
    );
    assert!(stack.servers.is_empty());
    let others: Vec<_> = stack.others.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        (others, stack.left_out),
        (vec!["db"], vec!["ui".to_owned()])
    );
}
