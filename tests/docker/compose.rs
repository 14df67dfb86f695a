//! A stack that a compose file describes, on real Postgres and Redis.

use crate::support::{Sandbox, repository};
use crate::{QUICK, engine};

/// With a word it makes the table or takes jobs; without one it serves a row of it.
const APP: &str = r#"
import os, sys, time
import psycopg2
import redis
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

store = redis.Redis.from_url(os.environ["REDIS_URL"])

def connect():
    return psycopg2.connect(host=os.environ["POSTGRES_HOST"], port=os.environ["POSTGRES_PORT"],
                            user=os.environ["POSTGRES_USER"], password=os.environ["POSTGRES_PASSWORD"],
                            dbname=os.environ["POSTGRES_DB"])

word = sys.argv[1] if len(sys.argv) > 1 else ""
if word == "migrate":
    with connect() as database, database.cursor() as cursor:
        cursor.execute("create table said (words text)")
        cursor.execute("insert into said values (%s)", [os.environ["WORDS"]])
    sys.exit(0)
if word == "work":
    print("takes jobs", flush=True)
    while True:
        store.brpop(["jobs"], timeout=1)

assert os.getcwd() == "/srv", os.getcwd()
assert open("/etc/app.conf").read() == "mounted\n"
assert open("/run/secrets/key").read() == "a secret\n"
assert open("/etc/where").read().startswith("cache at perfgate-"), open("/etc/where").read()
assert os.environ["FROM_FILE"] == "with blanks"
local = {}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"ok"
        if self.path != "/health":
            database = local.setdefault("database", None) or connect()
            local["database"] = database
            with database.cursor() as cursor:
                cursor.execute("select words from said")
                body = cursor.fetchone()[0].encode()
            store.lpush("jobs", "1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"#;

const COMPOSE: &str = r#"
x-app: &app
  build:
    context: ./app
    args: {PACKAGES: python3-redis python3-psycopg2}
  working_dir: /srv
  env_file: [db.env, {path: missing.env, required: false}]
  environment: &env
    REDIS_URL: redis://cache:6379/0
services:
  web:
    <<: *app
    command: python3 /app/app.py
    ports: ["127.0.0.1:80:8080"]
    container_name: web
    configs: [{source: app, target: /etc/app.conf}, {source: where, target: /etc/where}]
    secrets: [key]
    depends_on:
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started}
    healthcheck: {test: [CMD, curl, "http://localhost:8080/health"]}
    mem_limit: 256m
  migrate:
    <<: *app
    command: [python3, /app/app.py, migrate]
    environment: {<<: *env, WORDS: "${WORDS:-hello}"}
    depends_on: {db: {condition: service_healthy}}
  worker:
    <<: *app
    command: python3 /app/app.py work
  db:
    build: FIXTURES/postgres
    env_file: db.env
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: {test: pg_isready}
  cache:
    build: FIXTURES/redis
volumes: {data: {}}
configs: {app: {file: app.conf}, where: {content: "cache at cache:6379"}}
secrets: {key: {file: key.txt}}
"#;

#[test]
#[ignore = "needs Docker"]
fn a_stack_of_a_compose_file_is_measured_on_both_sides() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    // It waits for two services: half a second holds few answers on a busy machine.
    let load = QUICK.replace("round       = \"500ms\"", "round       = \"2s\"");
    let text = format!(
        r#"
compose       = "deploy/compose.yaml"
allow_outside = true
prepare       = ["{fixtures}/prepare.sh"]

[postgres]
service = "db"

[redis]
service = "cache"

[server.app]
service = "web"

[server.app.worker.worker]
ready = "takes jobs"

[endpoint.words]
path   = "/words"
expect = {{ status = 200, contains = "hello" }}
{load}"#
    );
    let dockerfile = "FROM debian:bookworm-slim\n\
                      ARG PACKAGES\n\
                      RUN apt-get update && apt-get install --yes --no-install-recommends python3 $PACKAGES\n\
                      COPY app.py /app/app.py\n";
    let sandbox = Sandbox::new()
        .config(&text)
        .file("deploy/compose.yaml", &COMPOSE.replace("FIXTURES", &fixtures))
        .file("deploy/app/Dockerfile", dockerfile)
        .file("deploy/app/app.py", APP)
        .file("deploy/app.conf", "mounted\n")
        .file(
            "deploy/db.env",
            "POSTGRES_HOST=db\nPOSTGRES_PORT=5432\nPOSTGRES_USER=shop\nPOSTGRES_PASSWORD=p\nPOSTGRES_DB=shop\nFROM_FILE=with blanks\n",
        )
        .file(".gitignore", "key.txt\n")
        .file("deploy/key.txt", "a secret\n")
        .committed();
    sandbox
        .run(["check", "--dry-run", "--against", "HEAD"])
        .exits(0)
        .prints("`web` is server app")
        .prints("`worker` is its worker worker")
        .prints("before it starts: env WORDS=hello python3 /app/app.py migrate");
    let run = ["check", "--against", "HEAD", "--save", "m.json"];
    sandbox
        .run(run)
        .exits(0)
        .prints("note: workers, app words: worker ");
    let measurement = sandbox.json("m.json");
    let pair = &measurement["pairs"][0]["starts"][0]["pairs"][0];
    for side in ["head", "base"] {
        // How fast it answers is the machine's; that it answers rightly is not.
        let tally = &pair["closed"][side]["tally"];
        let succeeded = tally["succeeded"].as_u64();
        assert!(succeeded.is_some_and(|it| it > 0), "{side}: {tally}");
        assert_eq!(tally["errors"], serde_json::json!({}), "{side}: {tally}");
    }
}

/// The body of the answer says what the container may do.
const PRIVILEGES: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        names = [open(f"/proc/{it}/comm").read().strip() for it in os.listdir("/proc") if it.isdigit()]
        says = [
            "socket" if os.path.exists("/var/run/docker.sock") else "no socket",
            "host's processes" if "perfgate" in names else "own processes",
            "host's memory" if os.readlink("/proc/self/ns/ipc") == os.environ["IPC"] else "own memory",
        ]
        body = ", ".join(says).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"#;

/// `allow` gives a container what it names, and nothing else. Of `privileged` only the request to the engine is tested:
/// an engine that lacks a capability itself, as one within a container does, starts no such container.
#[test]
#[ignore = "needs Docker"]
fn a_container_may_do_what_is_allowed_and_no_more() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    let ipc = std::fs::read_link("/proc/self/ns/ipc").expect("a namespace");
    let compose = "services:\n  web:\n    build: app\n    command: [python3, /app/app.py]\n    \
                   pid: host\n    ipc: host\n    volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]\n    \
                   ports: [\"8000\"]\n";
    let dockerfile = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install --yes --no-install-recommends python3\n\
                      COPY app.py /app/app.py\n";
    let tried = |compose: &str, allow: &str, says: &str| {
        let text = format!(
            "compose = \"compose.yaml\"\nallow_outside = true\nprepare = [\"{fixtures}/prepare.sh\"]\n\
             [server.web]\nservice = \"web\"\n{allow}\nenv = {{ IPC = \"{}\" }}\n\
             [endpoint.home]\npath = \"/\"\nexpect = {{ contains = \"{says}\" }}\n",
            ipc.display()
        );
        Sandbox::new()
            .config(&text)
            .file("compose.yaml", compose)
            .file("app/Dockerfile", dockerfile)
            .file("app/app.py", PRIVILEGES)
            .run(["init", "--check", "--no-workflows"])
            .exits(0)
            .prints("home: as expected");
    };
    tried(
        compose,
        "allow = [\"docker-socket\", \"host-pid\", \"host-ipc\"]",
        "socket, host's processes, host's memory",
    );
    let plain = compose.replace("    pid: host\n    ipc: host\n", "");
    tried(
        &plain,
        "allow = [\"docker-socket\"]",
        "socket, own processes, own memory",
    );
}

/// A service of another image runs to its end before the server starts.
#[test]
#[ignore = "needs Docker"]
fn a_service_of_another_image_ends_before_the_server_starts() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    let compose = r#"
services:
  web:
    build: app
    command: [sh, -c, "exec python3 -m http.server 8000 --bind 0.0.0.0"]
    depends_on:
      fill: {condition: service_completed_successfully}
  fill:
    build: FIXTURES/redis
    entrypoint: []
    command: [redis-cli, -h, cache, set, key, value]
    depends_on: [cache]
  cache:
    build: FIXTURES/redis
"#;
    let text = format!(
        "compose = \"compose.yaml\"\nallow_outside = true\nprepare = [\"{fixtures}/prepare.sh\"]\n\
         [redis]\nservice = \"cache\"\n[server.web]\n[endpoint.home]\npath = \"/\"\n{QUICK}"
    );
    let sandbox = Sandbox::new()
        .config(&text)
        .file("compose.yaml", &compose.replace("FIXTURES", &fixtures))
        .file(
            "app/Dockerfile",
            "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install --yes --no-install-recommends python3\n",
        );
    let run = ["check", "--strategy", "stored"];
    sandbox.run(run).exits(0);
    let broken = compose.replace("redis-cli, -h", "redis-cli, --nothing, -h");
    sandbox
        .file("compose.yaml", &broken.replace("FIXTURES", &fixtures))
        .run(run)
        .exits(4)
        .complains("`redis-cli --nothing");
}
