//! `perfgate init`, one repository of every kind.

use crate::support::{Sandbox, require};

/// What init writes for a repository, which must pass a dry run that says `expected`.
fn written(repository: &Sandbox, expected: &str) -> String {
    repository
        .run(["init"])
        .exits(0)
        .prints("wrote perfgate.toml");
    let run = repository.run(["check", "--dry-run"]).exits(0);
    run.prints(expected)
        .prints("nothing is started")
        .prints("error_rate: max 0.1% (default)");
    repository.read("perfgate.toml")
}

#[test]
fn a_django_project() {
    let repository = Sandbox::new()
        .file("manage.py", "")
        .file("shop/wsgi.py", "")
        .file(
            "requirements.txt",
            "Django==5.2\ngunicorn\npsycopg[binary]\ndjango-redis\n",
        );
    let text = written(&repository, "runs gunicorn shop.wsgi --bind {host}:{port}");
    assert!(
        text.contains(r#"DATABASE_URL = "{postgres.url}", REDIS_URL = "{redis.url}""#),
        "{text}"
    );
    assert!(
        text.contains(r#"setup = [["python", "manage.py", "migrate""#),
        "{text}"
    );
}

#[test]
fn a_fastapi_service() {
    let repository = Sandbox::new()
        .file(
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"fastapi[standard]>=0.115\"]\n",
        )
        .file(
            "app/main.py",
            "from fastapi import FastAPI\n\napi: FastAPI = FastAPI(title=\"x\")\n",
        );
    let text = written(
        &repository,
        "runs uvicorn app.main:api --host {host} --port {port}",
    );
    assert!(!text.contains("[postgres]"), "{text}");
}

#[test]
fn a_flask_service() {
    let flask = |more: &str| {
        Sandbox::new()
            .file("requirements.txt", &format!("flask\n{more}"))
            .file("app.py", "app = Flask(__name__)\n")
    };
    written(
        &flask(""),
        "runs flask --app app:app run --host {host} --port {port}",
    );
    written(
        &flask("gunicorn\n"),
        "runs gunicorn app:app --bind {host}:{port}",
    );
}

#[test]
fn a_rust_package() {
    let manifest =
        "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\ntokio-postgres = \"0.7\"\n";
    let text = written(
        &Sandbox::new().file("Cargo.toml", manifest),
        "cargo build --profile release --bin shop; runs {program}",
    );
    assert!(text.contains(r#"cargo = { bin = "shop" }"#), "{text}");
    assert!(
        text.contains(r#"HOST = "{host}", PORT = "{port}""#),
        "{text}"
    );
    // What cargo builds is kept from run to run, in both jobs.
    let folder = Sandbox::new()
        .file("service/Cargo.toml", manifest)
        .file("service/src/main.rs", "fn main() {}\n")
        .file("package.json", "{}")
        .committed();
    folder.run(["init"]).exits(0);
    let workflow = folder.read(".github/workflows/perfgate.yml");
    assert_eq!(
        workflow.matches("\n            service/target\n").count(),
        2
    );
    assert_eq!(workflow.matches("~/.cache/perfgate/bases").count(), 2);
}

#[test]
fn a_rust_workspace() {
    let repository = Sandbox::new()
        .file("Cargo.toml", "[workspace]\nmembers = [\"core\", \"server\", \"tool\"]\nresolver = \"3\"\n")
        .file(
            "core/Cargo.toml",
            "[package]\nname = \"core\"\n[dependencies]\nsqlx = { version = \"0.8\", features = [\"postgres\"] }\n",
        )
        .file("core/src/lib.rs", "")
        .file(
            "server/Cargo.toml",
            "[package]\nname = \"shop-server\"\n[[bin]]\nname = \"shop\"\npath = \"src/main.rs\"\n[dependencies]\n\
             core = { path = \"../core\" }\nactix-web = \"4\"\n\
             actix-session = { version = \"0.10\", features = [\"redis-session\"] }\n",
        )
        .file("server/src/main.rs", "fn main() {}\n")
        .file("migrations/0001_movies.sql", "create table movies ();\n")
        .file("tool/Cargo.toml", "[package]\nname = \"tool\"\n")
        .file("tool/src/main.rs", "fn main() {}\n");
    let text = written(
        &repository,
        "cargo build --profile release --package shop-server --bin shop; runs {program}",
    );
    for expected in [
        "cargo = { package = \"shop-server\", bin = \"shop\" }",
        "postgres:17",
        "redis:7",
        "setup = [[\"sh\", \"-c\", \"cat $(ls -v migrations/*.sql) | psql",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    // A program that applies its migrations needs no command for it.
    let repository = repository.file(
        "server/src/main.rs",
        "fn main() { sqlx::migrate!(\"../migrations\"); }\n",
    );
    let run = repository.run(["init", "--force"]).exits(0);
    drop(run);
    assert!(!repository.read("perfgate.toml").contains("setup = "));
}

#[test]
fn what_cargo_builds_may_come_before_a_dockerfile() {
    let repository = Sandbox::new()
        .file(
            "Cargo.toml",
            "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\n",
        )
        .file("src/main.rs", "fn main() {}\n")
        .file("Dockerfile", "FROM rust\nEXPOSE 9000\n");
    repository.run(["init"]).exits(0).prints("Dockerfile");
    let run = repository.run(["init", "--cargo", "--force"]).exits(0);
    run.prints("found Rust");
    let text = repository.read("perfgate.toml");
    assert!(text.contains("cargo = { bin = \"shop\" }"), "{text}");
    assert!(!text.contains("build ="), "{text}");
    let called = repository
        .command(env!("CARGO_BIN_EXE_cargo-perfgate"))
        .args(["perfgate", "init", "--force"])
        .output()
        .expect("it runs");
    assert!(called.status.success(), "{called:?}");
    assert_eq!(repository.read("perfgate.toml"), text);
}

#[test]
fn a_node_package() {
    let package =
        r#"{ "scripts": { "start": "node .", "build": "tsc" }, "dependencies": { "pg": "8" } }"#;
    let repository = Sandbox::new()
        .file("package.json", package)
        .file("package-lock.json", "{}");
    let text = written(&repository, "runs node .");
    assert!(
        text.contains(r#"prepare = [["npm", "ci"], ["npm", "run", "build"]]"#),
        "{text}"
    );
    assert!(text.contains("postgres:17"), "{text}");
}

#[test]
fn a_dockerfile_comes_before_a_framework() {
    let repository = Sandbox::new()
        .file("requirements.txt", "fastapi\n")
        .file("Dockerfile", "FROM python\nEXPOSE 9000/tcp\n");
    let text = written(&repository, "built from");
    assert!(
        text.contains("build = \".\"") && text.contains("port  = 9000"),
        "{text}"
    );
}

#[test]
fn a_compose_file_names_folder_and_services() {
    let compose = "services:\n  web:\n    build:\n      context: ./web\n  db:\n    image: \"postgres:16\"  # old\n  cache:\n    image: registry.example.org/library/redis:8\n  other:\n    build: ../elsewhere\n";
    let repository = Sandbox::new()
        .file("compose.yaml", compose)
        .file("web/Dockerfile", "FROM python\n");
    let text = written(
        &repository,
        "redis: image registry.example.org/library/redis:8",
    );
    assert!(
        text.contains("build = \"web\"") && text.contains("\"postgres:16\""),
        "{text}"
    );
}

/// In the shape of a template for Django that many projects are made from.
#[test]
fn a_django_project_with_compose_files_for_every_environment() {
    let compose = r#"
volumes:
  data: {}
services:
  django: &django
    build:
      context: .
      dockerfile: ./compose/local/django/Dockerfile
    image: shop_local_django
    depends_on: [postgres, redis, mailpit]
    volumes:
      - .:/app:z
    env_file:
      - ./.envs/.local/.django
      - ./.envs/.local/.postgres
    ports:
      - '8000:8000'
    command: /start
  postgres:
    build:
      context: .
      dockerfile: ./compose/production/postgres/Dockerfile
    volumes:
      - data:/var/lib/postgresql/data
    env_file:
      - ./.envs/.local/.postgres
  mailpit:
    image: docker.io/axllent/mailpit:latest
    ports: ["8025:8025"]
  redis:
    image: docker.io/redis:7
  celeryworker:
    <<: *django
    command: /start-celeryworker
  celerybeat:
    <<: *django
    command: /start-celerybeat
"#;
    let repository = Sandbox::new()
        .file("docker-compose.local.yml", compose)
        .file("docker-compose.production.yml", "services: {}\n")
        .file("compose/local/django/Dockerfile", "FROM python\nCOPY ./compose/start /start\n")
        .file("compose/production/postgres/Dockerfile", "FROM docker.io/postgres:16\n")
        .file(".envs/.local/.django", "REDIS_URL=redis://redis:6379/0\nDEBUG=1\n")
        .file(
            ".envs/.local/.postgres",
            "POSTGRES_HOST=postgres\nPOSTGRES_PORT=5432\nPOSTGRES_DB=shop\nPOSTGRES_USER=u\nPOSTGRES_PASSWORD=p\n",
        )
        .file("requirements.txt", "django\n")
        .file("manage.py", "");
    let text = written(&repository, "built from");
    for line in [
        "build = { context = \".\", dockerfile = \"./compose/local/django/Dockerfile\" }",
        "build = { context = \".\", dockerfile = \"./compose/production/postgres/Dockerfile\" }",
        "image = \"docker.io/redis:7\"",
        "[service.mailpit]",
        "command = [\"/start\"]",
        "env_file = [\".envs/.local/.django\", \".envs/.local/.postgres\"]",
        "files = { \"/app\" = \".\" }",
        "POSTGRES_HOST = \"{postgres.host}\"",
        "POSTGRES_PASSWORD = \"{postgres.password}\"",
        "REDIS_URL = \"{redis.url}\"",
        "[server.app.worker.celeryworker]\ncommand = [\"/start-celeryworker\"]\n",
        "# Neither measured nor started: celerybeat.",
        "setup = [[\"python\", \"manage.py\", \"migrate\", \"--noinput\"]]",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_service_in_a_subfolder_with_variables_and_a_health_check() {
    let compose = r#"
services:
  db:
    image: postgres:${POSTGRES_VERSION:-17}
    environment:
      POSTGRES_USER: ${POSTGRES_USER?Variable not set}
  prestart:
    build: {context: ., dockerfile: backend/Dockerfile}
    command: bash scripts/prestart.sh
  backend:
    build:
      context: ./backend
      target: final
      args: [EXTRA=dev]
    depends_on:
      db: {condition: service_healthy}
    environment:
      - POSTGRES_SERVER=db
      - POSTGRES_USER=${POSTGRES_USER?Variable not set}
      - SECRET_KEY=${SECRET_KEY?Variable not set}
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8080/api/v1/utils/health-check/"]
  frontend:
    build: ./frontend
    ports: ["80:80"]
"#;
    let repository = Sandbox::new()
        .file("docker-compose.yml", compose)
        .file(
            "docker-compose.override.yml",
            "services:\n  backend:\n    ports: [\"8000:8080\"]\n",
        )
        .file(".env", "POSTGRES_USER=u\n")
        .file(
            "backend/Dockerfile",
            "FROM python AS final\nCOPY ./app /app\n",
        )
        .file(
            "backend/pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"fastapi\"]\n",
        )
        .file("backend/alembic.ini", "")
        .file("frontend/Dockerfile", "FROM node\n");
    let text = written(&repository, "built from");
    for line in [
        "image = \"postgres:17\"",
        "build = { context = \"backend\", target = \"final\", args = { EXTRA = \"dev\" } }",
        "port  = 8080",
        "setup = [[\"alembic\", \"upgrade\", \"head\"]]",
        "POSTGRES_SERVER = \"{postgres.host}\"",
        "POSTGRES_USER = \"{postgres.user}\"",
        "SECRET_KEY = \"perfgate\"   # the compose file takes it from the environment",
        "[endpoint.health]\npath = \"/api/v1/utils/health-check/\"",
        "# Neither measured nor started: prestart, frontend.",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_message_broker_is_a_service_and_what_cannot_be_read_is_passed_over() {
    let compose = r#"
services:
  api:
    build: ./api
    expose: ["3000"]
    depends_on: [broker, search]
    environment:
      AMQP_URL: amqp://guest:guest@broker:5672/
      SEARCH_HOST: search
  broker:
    image: rabbitmq:4
    ports: ["5672"]
    environment: {RABBITMQ_DEFAULT_USER: guest}
    healthcheck:
      test: rabbitmq-diagnostics -q ping
  search:
    image: elasticsearch:${UNKNOWN}
"#;
    let repository = Sandbox::new()
        .file("compose.yml", "services: [unreadable\n")
        .file("docker/compose.yaml", compose)
        .file("docker/api/Dockerfile", "FROM node\n");
    let text = written(&repository, "built from");
    for line in [
        "build = \"docker/api\"",
        "[service.broker]",
        "env = { RABBITMQ_DEFAULT_USER = \"guest\" }",
        "ports = [5672]",
        "ready = { command = [\"sh\", \"-c\", \"rabbitmq-diagnostics -q ping\"] }",
        "AMQP_URL = \"amqp://guest:guest@{broker.host}:{broker.port.5672}/\"",
        "# Neither measured nor started: search.",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn an_openapi_document_names_the_endpoints_and_the_health_check_stays_first() {
    let document = r"
openapi: 3.0.3
info: {title: shop, version: '1'}
servers: [{url: https://shop.example/api/v1/}]
security: [{bearer: []}]
paths:
  /movies/:
    get: {tags: [movies], security: [], responses: {200: {description: a list}}}
    post: {responses: {'201': {description: made}}}
  /movies/{id}/:
    parameters: [{$ref: '#/components/parameters/Id'}]
    get:
      tags: [movies]
      security: [{bearer: []}, {}]
      parameters:
        - {name: lang, in: query, required: true, schema: {$ref: '#/components/schemas/Language'}}
        - {name: page, in: query, schema: {type: integer, default: 1}}
      responses: {'203': {description: one}, '404': {description: none}}
  /people/{name}/:
    get: {tags: [people], security: [], parameters: [{name: name, in: path, required: true, schema: {type: string}}]}
  /me/:
    get: {tags: [people]}
  /old/:
    get: {deprecated: true, security: []}
components:
  parameters:
    Id: {name: id, in: path, required: true, schema: {type: string}, example: tt 1}
  schemas:
    Language: {type: string, enum: [en, de]}
";
    let dockerfile = "FROM python\nHEALTHCHECK CMD curl -f http://localhost:8000/up\n";
    let repository = Sandbox::new()
        .file("Dockerfile", dockerfile)
        .file("docs/openapi.yml", document)
        .file("swagger.json", "{ \"swagger\": \"2.0\", \"paths\": {} }");
    let text = written(&repository, "built from");
    for part in [
        "of `docs/openapi.yml`",
        "[endpoint.health]\npath = \"/up\"\n\n[endpoint.movies]\npath = \"/api/v1/movies/\"\n",
        "[endpoint.movies-id]\npath   = \"/api/v1/movies/tt%201/?lang=en\"\nexpect = { status = 203 }\n",
        "# [endpoint.me]\n# path = \"/api/v1/me/\"\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let prose = text.replace("\n# ", " ");
    for part in [
        "Left out of it: 1 without an example of a required value, 1 deprecated, 1 of other methods.",
        "These need a login.",
    ] {
        assert!(prose.contains(part), "{part}\n{text}");
    }
    repository
        .run(["init"])
        .exits(0)
        .prints("endpoints: /up of the health check, 2 of `docs/openapi.yml`; 1 behind a login, as comments")
        .prints("note: `swagger.json` is passed over: it has no requests");
}

#[test]
fn a_swagger_document_names_the_endpoints() {
    let document = r##"{
  "swagger": "2.0",
  "basePath": "/v2",
  "paths": {
    "/pets": { "get": {
      "parameters": [ { "$ref": "#/parameters/Limit" }, { "name": "status", "in": "query", "required": true, "type": "string", "enum": ["sold"] } ],
      "responses": { "200": { "description": "some" }, "default": { "description": "else" } }
    } },
    "/pets/{id}": { "get": { "parameters": [ { "name": "id", "in": "path", "required": true, "type": "integer", "x-example": 7 } ] } },
    "/healthz": { "get": { "responses": { "204": { "description": "up" } } } }
  },
  "parameters": { "Limit": { "name": "limit", "in": "query", "required": true, "type": "integer", "default": 20 } }
}"##;
    let repository = Sandbox::new()
        .file("backend/Dockerfile", "FROM node\n")
        .file("backend/swagger.json", document);
    let text = written(&repository, "built from");
    let endpoints = "[endpoint.healthz]\npath   = \"/v2/healthz\"\nexpect = { status = 204 }\n\n\
                     [endpoint.pets]\npath = \"/v2/pets?limit=20&status=sold\"\n\n\
                     [endpoint.pets-id]\npath = \"/v2/pets/7\"\n";
    assert!(text.contains(endpoints), "{text}");
    assert!(!text.contains("[endpoint.home]"), "{text}");
}

#[test]
fn a_recording_names_the_endpoints_without_its_secrets() {
    let recording = r#"{ "log": { "version": "1.2", "entries": [
  { "request": { "method": "GET", "url": "https://cdn.example/app.js", "headers": [] },
    "response": { "status": 200, "content": { "mimeType": "text/javascript" } } },
  { "request": { "method": "GET", "url": "https://shop.example/api/movies?limit=20", "headers": [
      { "name": "Accept", "value": "application/json" }, { "name": "Cookie", "value": "sid=correct-horse" },
      { "name": "Authorization", "value": "Bearer correct-horse" }, { "name": "X-Api-Key", "value": "correct-horse" } ] },
    "response": { "status": 200, "content": { "mimeType": "application/json" } } },
  { "request": { "method": "GET", "url": "https://shop.example/api/movies?limit=20", "headers": [] },
    "response": { "status": 304, "content": { "mimeType": "application/json" } } },
  { "request": { "method": "POST", "url": "https://shop.example/login", "headers": [],
      "postData": { "mimeType": "application/x-www-form-urlencoded", "text": "user=a&password=correct-horse" } },
    "response": { "status": 302, "content": { "mimeType": "text/html" } } },
  { "request": { "method": "POST", "url": "https://shop.example/api/carts", "headers": [],
      "postData": { "mimeType": "application/json", "text": "{\"movie\": \"a \\\"b\\\"\",\n \"count\": 1}" } },
    "response": { "status": 201, "content": { "mimeType": "application/json" } } }
] } }"#;
    let repository = Sandbox::new()
        .file("Dockerfile", "FROM node\n")
        .file("perf/shop.har", &format!("\u{feff}{recording}"));
    let text = written(&repository, "built from");
    for part in [
        "[endpoint.movies]\npath    = \"/api/movies?limit=20\"\nheaders = { accept = \"application/json\" }\n",
        "[endpoint.carts-post]\npath    = \"/api/carts\"\nmethod  = \"POST\"\nheaders = { content-type = \"application/json\" }\nbody    = ",
        "expect  = { status = 201 }\n",
        "# Left out of it: 1 with what may be a secret.\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(text.matches("\n[endpoint.").count(), 2, "{text}");
    assert!(!text.contains("horse"), "{text}");
    repository
        .run(["init"])
        .exits(0)
        .prints("endpoints: 2 of `perf/shop.har`; left out: 1 with what may be a secret");
}

#[test]
fn a_document_that_cannot_be_read_is_passed_over_with_the_reason() {
    let repository = Sandbox::new()
        .file("Dockerfile", "FROM node\n")
        .file("openapi.yaml", "openapi: [unreadable\n")
        .file("openapi.json", "[]")
        .file("swagger.json", "{ \"swagger\": \"1.2\" }")
        .file("schema.json", "{ \"type\": \"object\" }")
        .file("tests/broken.har", "{ \"log\": ");
    let text = written(&repository, "built from");
    assert!(text.contains("[endpoint.home]\npath = \"/\"\n"), "{text}");
    let run = repository.run(["init"]).exits(0);
    let run = run
        .prints("endpoints: / alone, with no OpenAPI document, HAR file or route")
        .prints("note: `openapi.yaml` is passed over: line 1")
        .prints("note: `openapi.json` is passed over: it is no OpenAPI document")
        .prints("note: `swagger.json` is passed over: it is of version 1.2")
        .prints("note: `tests/broken.har` is passed over: EOF");
    assert!(!run.stdout.contains("schema.json"), "{}", run.stdout);
    // One that can be read is taken in their place.
    let repository = repository.file(
        "api/openapi.json",
        r#"{ "openapi": "3.1.0", "paths": { "/x": { "get": {} } } }"#,
    );
    repository
        .run(["init", "--force"])
        .exits(0)
        .prints("endpoints: 1 of `api/openapi.json`\n")
        .prints("note: `tests/broken.har` is passed over: the requests of another file are taken");
    assert!(repository.read("perfgate.toml").contains("[endpoint.x]"));
}

#[test]
fn of_an_unknown_repository_it_says_what_to_change() {
    let repository = Sandbox::new();
    repository
        .run(["init"])
        .exits(0)
        .prints("nothing that says how the server starts");
    assert!(repository.read("perfgate.toml").contains("CHANGE THIS"));
    repository.run(["check", "--dry-run"]).exits(0);
}

#[test]
fn nothing_is_overwritten_unless_it_must_be() {
    let repository = Sandbox::new()
        .config("mine")
        .file(".gitignore", ".perfgate/\n")
        .committed();
    let run = repository.run(["init"]).exits(0);
    let run = run
        .prints("kept  perfgate.toml")
        .prints("wrote .github/workflows/perfgate.yml");
    assert!(!run.stdout.contains(".gitignore"), "{}", run.stdout);
    assert_eq!(repository.read("perfgate.toml"), "mine");
    repository
        .run(["init", "--force"])
        .exits(0)
        .prints("wrote perfgate.toml");
    assert!(repository.read("perfgate.toml").contains("[server.app]"));
}

#[test]
fn workflows_lie_at_the_top_and_ask_for_little() {
    let repository = Sandbox::new()
        .file("services/api/Dockerfile", "FROM x\n")
        .committed();
    repository.git(&["branch", "--move", "trunk"]);
    let below = repository.path("services/api");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .arg("init")
        .current_dir(below)
        .output()
        .expect("perfgate runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let check = repository.read(".github/workflows/perfgate.yml");
    assert!(check.contains("branches: [trunk]"), "{check}");
    assert_eq!(
        check.matches("working-directory: services/api\n").count(),
        2,
        "{check}"
    );
    for name in ["perfgate.yml", "perfgate-report.yml"] {
        let text = repository.read(&format!(".github/workflows/{name}"));
        assert!(
            text.contains("\npermissions: {}\n"),
            "{name} grants something to every job"
        );
        assert!(!text.contains("DEFAULT_BRANCH"), "{text}");
        // A rule that requires the check `perfgate` means the check alone.
        assert!(!text.contains("\n  perfgate:\n"), "{text}");
    }
}

#[test]
fn jobs_that_measure_parts_are_written_for_each_service() {
    let repository = Sandbox::new()
        .file("services/api/Dockerfile", "FROM x\n")
        .file("services/web/Dockerfile", "FROM x\n")
        .committed();
    init_in(&repository, "services/api", &["--shards", "3"]);
    init_in(&repository, "services/web", &["--shards", "2"]);
    let text = repository.read(".github/workflows/perfgate.yml");
    let mut ids = [
        "measure-api",
        "check-api",
        "refresh-api",
        "measure-web",
        "check-web",
        "refresh-web",
    ];
    ids.sort_unstable();
    assert_eq!(jobs(&text), ids);
    let workflow: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let jobs = &workflow["jobs"];
    for (name, shards) in [
        ("api", serde_json::json!([1, 2, 3])),
        ("web", serde_json::json!([1, 2])),
    ] {
        let (measure, check) = (
            &jobs[format!("measure-{name}")],
            &jobs[format!("check-{name}")],
        );
        assert_eq!(measure["strategy"]["matrix"]["shard"], shards);
        assert_eq!(
            measure["permissions"],
            serde_json::json!({ "contents": "read" })
        );
        assert_eq!(check["needs"], format!("measure-{name}"));
        let uploaded = &measure["steps"][2]["with"]["name"];
        assert_eq!(
            *uploaded,
            format!("perfgate-{name}-shard-${{{{ matrix.shard }}}}")
        );
        let found = &check["steps"][1]["with"]["pattern"];
        assert_eq!(*found, format!("perfgate-{name}-shard-*"));
        let judged = &check["steps"][2]["with"];
        assert_eq!(judged["mode"], "merge");
        assert_eq!(judged["working-directory"], format!("services/{name}"));
        assert_eq!(judged["shards"], check["steps"][1]["with"]["path"]);
    }
}

/// What `init` says in a folder of a repository.
fn init_in(repository: &Sandbox, folder: &str, words: &[&str]) -> String {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .arg("init")
        .args(words)
        .current_dir(repository.path(folder))
        .output()
        .expect("perfgate runs");
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{complaint}");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// The jobs of a workflow, in their order.
fn jobs(workflow: &str) -> Vec<String> {
    let whole: serde_json::Value = serde_saphyr::from_str(workflow).expect("YAML");
    let jobs = whole["jobs"].as_object().expect("jobs");
    jobs.keys().cloned().collect()
}

#[test]
fn each_service_of_a_repository_has_a_name_and_jobs_of_its_own() {
    let repository = Sandbox::new()
        .file("services/api/Dockerfile", "FROM x\n")
        .file("services/Web Shop/Dockerfile", "FROM x\n")
        .file("tools/api/Dockerfile", "FROM x\n")
        .committed();
    let read = |name: &str| repository.read(&format!(".github/workflows/{name}.yml"));
    let first = init_in(&repository, "services/api", &[]);
    assert!(
        first.contains("wrote ../../.github/workflows/perfgate.yml"),
        "{first}"
    );
    let second = init_in(&repository, "services/Web Shop", &[]);
    assert!(
        second.contains("added jobs to ../../.github/workflows/perfgate.yml"),
        "{second}"
    );
    init_in(&repository, "tools/api", &[]);
    let both = read("perfgate");
    let report = read("perfgate-report");
    let mut expected = ["api", "web-shop", "tools-api"]
        .map(|it| format!("check-{it}"))
        .to_vec();
    expected.extend(["api", "web-shop", "tools-api"].map(|it| format!("refresh-{it}")));
    expected.sort();
    let mut found = jobs(&both);
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(jobs(&report).len(), 3);
    for text in [
        "group: perfgate-web-shop-${{",
        "name: perfgate-web-shop\n",
        "working-directory: \"services/Web Shop\"\n",
        "working-directory: tools/api\n",
    ] {
        assert!(both.contains(text), "{text}\n{both}");
    }
    for text in ["job: check-web-shop\n", "artifact: perfgate-web-shop\n"] {
        assert!(report.contains(text), "{text}\n{report}");
    }
    let configuration = repository.read("services/Web Shop/perfgate.toml");
    assert!(
        configuration.contains("[server.web-shop]"),
        "{configuration}"
    );
    // Once more nothing changes, and what is there of others is not overwritten.
    let again = init_in(&repository, "services/api", &[]);
    assert!(
        again.contains("kept  ../../.github/workflows/perfgate.yml"),
        "{again}"
    );
    let forced = init_in(&repository, "services/api", &["--force"]);
    assert!(forced.contains("it has jobs of other services"), "{forced}");
    assert_eq!((read("perfgate"), read("perfgate-report")), (both, report));
    // The service at the top comes beside them, too.
    let of_all = init_in(&repository, ".", &["--force"]);
    assert!(of_all.contains("added jobs to"), "{of_all}");
    assert_eq!(jobs(&read("perfgate")).len(), 8);
}

#[test]
fn the_jobs_of_the_service_at_the_top_stay_beside_those_of_another() {
    let repository = Sandbox::new()
        .file("Dockerfile", "FROM x\n")
        .file("api/Dockerfile", "FROM x\n")
        .committed();
    init_in(&repository, ".", &[]);
    init_in(&repository, "api", &["--force"]);
    let workflow = repository.read(".github/workflows/perfgate.yml");
    let mut found = jobs(&workflow);
    found.sort();
    assert_eq!(found, ["check", "check-api", "refresh", "refresh-api"]);
    // Alone it may be written anew.
    let alone = Sandbox::new()
        .file("api/Dockerfile", "FROM x\n")
        .committed();
    init_in(&alone, "api", &[]);
    let again = init_in(&alone, "api", &["--force"]);
    assert!(
        again.contains("wrote ../.github/workflows/perfgate.yml"),
        "{again}"
    );
}

#[test]
fn a_workflow_that_goes_on_after_its_jobs_is_left_alone() {
    let mine = "name: mine\non: push\njobs:\n  test:\n    runs-on: x\n\ndefaults: {}\n";
    let repository = Sandbox::new()
        .file("api/Dockerfile", "FROM x\n")
        .file(".github/workflows/perfgate.yml", mine)
        .committed();
    let said = init_in(&repository, "api", &[]);
    assert!(
        said.contains("no job can be added: write one for api"),
        "{said}"
    );
    assert_eq!(repository.read(".github/workflows/perfgate.yml"), mine);
}

fn sample(path: &str) -> Sandbox {
    Sandbox::new().config(&format!(
        r#"
[server.sample]
run = ["{{sample}}", "--listen", "{{host}}:{{port}}"]

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[endpoint.other]
path = "{path}"
"#
    ))
}

#[test]
fn a_check_calls_every_endpoint_once() {
    let words = ["init", "--check", "--no-workflows", "--quiet"];
    let run = sample("/api/demo/movie/movie?limit=20").run(words).exits(0);
    run.prints("kept  perfgate.toml")
        .prints("sample: answers ")
        .prints("  health: as expected, in ")
        .prints("  other: as expected, in ")
        .prints("every endpoint answers as expected");
    let run = sample("/nothing/here").run(words).exits(4);
    let run = run
        .prints("  health: as expected, in ")
        .prints("  other: FAILS: ")
        .prints("404");
    assert!(!run.stdout.contains("every endpoint"), "{}", run.stdout);
}

#[test]
fn a_first_endpoint_that_answers_otherwise_keeps_nothing_from_being_tried() {
    let sandbox = Sandbox::new().config(
        r#"
[server.sample]
run = ["{sample}", "--listen", "{host}:{port}"]
ready = { within = "20s" }

[endpoint.missing]
path = "/nothing/here"

[endpoint.health]
path = "/api/django-starter/monitoring/health"
"#,
    );
    sandbox
        .run(["init", "--check", "--no-workflows", "--quiet"])
        .exits(4)
        .prints("sample: answers ")
        .prints("  missing: FAILS: ")
        .prints("  health: as expected, in ");
}

/// A project of Django as far as `init` sees; what stands for it answers some paths.
fn django(urls: &str) -> Sandbox {
    let manage = r#"
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if sys.argv[1] != "runserver":
    sys.exit(0)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answers = {"/": 302, "/broken/": 500, "/items/": 200, "/login?next=/": 200}
        self.send_response(answers.get(self.path, 404))
        if self.path == "/":
            self.send_header("Location", "/login?next=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

host, port = sys.argv[-1].split(":")
ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"#;
    require(&["python3"]);
    let sandbox = Sandbox::new().program("bin/python", "exec python3 \"$@\"");
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", sandbox.path("bin").display());
    sandbox
        .env("PATH", &path)
        .file("manage.py", manage)
        .file("shop/wsgi.py", "")
        .file("shop/urls.py", urls)
        .file("requirements.txt", "Django\n")
}

#[test]
fn what_answers_otherwise_becomes_a_comment_of_a_file_that_nobody_has_changed() {
    let urls =
        "urlpatterns = [path(\"\", home), path(\"items/\", items), path(\"broken/\", broken)]\n";
    let repository = django(urls);
    repository
        .run(["init", "--no-workflows"])
        .exits(0)
        .prints("3 of `shop/urls.py`");
    let words = ["init", "--check", "--no-workflows", "--quiet"];
    repository
        .run(words)
        .exits(0)
        .prints("  broken: FAILS: ")
        .prints("made comments of what answers otherwise: `home`, `broken`");
    let text = repository.read("perfgate.toml");
    for line in [
        "\n[endpoint.items]\n",
        "(status 302)",
        "\n# [endpoint.home]\n# path = \"/\"\n",
        "\n# [endpoint.broken]\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let again = repository.run(words).exits(0);
    again.prints("every endpoint answers as expected");
    // What somebody has written is theirs.
    let repository = django(urls);
    drop(repository.run(["init", "--no-workflows"]).exits(0));
    let mine = repository.read("perfgate.toml") + "# mine\n";
    let repository = repository.file("perfgate.toml", &mine);
    drop(repository.run(words).exits(4));
    assert_eq!(repository.read("perfgate.toml"), mine);
}

#[test]
fn an_only_endpoint_that_leads_elsewhere_is_measured_there() {
    let repository = django("urlpatterns = [path(\"\", home)]\n");
    repository
        .run(["init", "--check", "--no-workflows", "--quiet"])
        .exits(0)
        .prints("moved `home` to /login?next=/, where it leads to")
        .prints("every endpoint answers as expected");
    let text = repository.read("perfgate.toml");
    assert!(text.contains("path = \"/login?next=/\"\n"), "{text}");
}

#[test]
fn a_host_that_is_not_known_here_is_explained() {
    let sandbox = Sandbox::new().config(
        r#"
[server.app]
run = ["sh", "-c", "echo 'could not translate host name \"db\" to address' {host}:{port}; exit 1"]

[endpoint.home]
path = "/"
"#,
    );
    sandbox
        .run(["init", "--check", "--no-workflows", "--quiet"])
        .exits(4)
        .prints("hint: it looks for a host that is not known here");
}

#[test]
fn commands_of_development_are_measured_without_their_options_and_said() {
    let compose = "services:\n  web:\n    build: .\n    \
                   command: uvicorn app.main:app --reload --host 0.0.0.0 --port 8000\n    \
                   ports: [\"8000:8000\"]\n    environment: { DEBUG: \"1\" }\n";
    let sandbox = Sandbox::new()
        .file("compose.yaml", compose)
        .file("Dockerfile", "FROM python:3.12-slim\n")
        .file("requirements.txt", "fastapi\nsqlmodel\npsycopg2-binary\n");
    let run = sandbox.run(["init", "--no-workflows"]).exits(0);
    run.prints("note: DEBUG is on: measure what production runs");
    let written = sandbox.read("perfgate.toml");
    assert!(
        written.contains("\"uvicorn\", \"app.main:app\", \"--host\""),
        "{written}"
    );
    assert!(
        written.contains("scheme = \"postgresql+psycopg2\""),
        "{written}"
    );
}

#[test]
fn a_check_shows_why_a_server_does_not_start_and_no_secret() {
    let sandbox = Sandbox::new()
        .config(
            r#"
[server.app]
run = ["sh", "-c", "echo no login with $TOKEN at {host}:{port}; exit 3"]
env = { TOKEN = "{env.TOKEN}" }

[endpoint.home]
path = "/"
"#,
        )
        .env("TOKEN", "correct horse");
    let tried = sandbox
        .run(["init", "--check", "--no-workflows", "--quiet"])
        .exits(4)
        .prints("app: FAILS: ")
        .prints("no login with (hidden) at ");
    // The same of what ends a check.
    let checked = sandbox
        .run(["check"])
        .exits(4)
        .complains("no login with (hidden) at ");
    for run in [tried, checked] {
        let all = run.stdout + &run.stderr;
        assert!(!all.contains("correct horse"), "{all}");
    }
}
