//! Stacks that are not like the fixture: services of any kind, images built as compose files say.

use std::fs;
use std::process::Command;

use crate::support::{Sandbox, finding, repository};
use crate::{QUICK, docker, engine};

/// Two images from one folder: a cache, and a web server that needs every part of its container.
const DOCKERFILE: &str = r#"
ARG BASE=nowhere
FROM ${BASE} AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends memcached python3 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS web
COPY server.py /app/server.py
ENTRYPOINT ["false"]

FROM base AS never
RUN false
"#;

const SERVER: &str = r#"
import os, pwd, socket, sys, tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def ask(host, port, text):
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(text)
        return connection.recv(100)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        cache = ask(os.environ["CACHE_HOST"], os.environ["CACHE_PORT"], b"get a\r\n")
        other = ask(os.environ["OTHER_HOST"], os.environ["OTHER_PORT"], b"x")
        with tempfile.NamedTemporaryFile(dir="/scratch"):
            pass
        parts = [cache.decode().strip(), other.decode(), os.environ["FROM_FILE"]]
        parts += [os.environ["TOKEN"], open("/etc/app/app.conf").read().strip()]
        parts += [pwd.getpwuid(os.getuid()).pw_name, *sys.argv[2:]]
        body = " ".join(parts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"#;

/// Answers at two ports, at the second with its number; open after a while.
const TWO_PORTS: &str = r#"
import socketserver, threading, time

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1)
        self.request.sendall(str(self.server.server_address[1]).encode())

time.sleep(1)
servers = [socketserver.ThreadingTCPServer(("0.0.0.0", port), Handler) for port in (7000, 7001)]
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
print("both are open", flush=True)
"#;

const CONFIG: &str = r#"
prepare = ["{fixtures}/prepare.sh"]

[service.cache]
build   = { context = "image", target = "base", args = { BASE = "debian:bookworm-slim" } }
command = ["memcached", "-u", "nobody"]
ports   = [11211]

[service.other]
build      = { context = "image", target = "base", args = { BASE = "debian:bookworm-slim" } }
entrypoint = ["python3", "/two/ports.py"]
files      = { "/two" = "two" }
ports      = [7000, 7001]
memory     = "64MiB"
ready      = { log = "both are open" }
init       = [["sh", "-c", "echo once >> /tmp/init && test $(wc -l < /tmp/init) = 1"]]
seed       = [["sh", "-c", "echo once >> /tmp/init && test $(wc -l < /tmp/init) = 2"]]
per_side   = false
"#;

fn config() -> String {
    let fixtures = repository().join("fixtures").display().to_string();
    CONFIG.replace("{fixtures}", &fixtures)
}

fn sandbox(config: &str) -> Sandbox {
    let sandbox = Sandbox::new()
        .config(config)
        .file("image/Dockerfile", DOCKERFILE)
        .file("image/server.py", SERVER);
    sandbox.file("two/ports.py", TWO_PORTS)
}

#[test]
#[ignore = "needs Docker"]
fn a_container_is_made_as_the_file_says() {
    let _engine = engine();
    let text = format!(
        r#"{}
[server.web]
build      = {{ context = "image", target = "web", args = {{ BASE = "debian:bookworm-slim" }} }}
entrypoint = ["python3", "-u"]
command    = ["/app/server.py", "8000", "{{other.port.7000}}"]
env_file   = ["web.env"]
env        = {{ CACHE_HOST = "{{cache.host}}", CACHE_PORT = "{{cache.port}}", OTHER_HOST = "{{other.host}}", OTHER_PORT = "{{other.port.7001}}", TOKEN = "{{env.PERFGATE_TEST_TOKEN}}" }}
files      = {{ "/etc/app/app.conf" = "app.conf" }}
tmpfs      = ["/scratch"]
user       = "nobody"
cpus       = 0.8
shm_size   = "8MiB"

[endpoint.home]
path   = "/"
expect = {{ contains = "END 7001 from the file scrubbed configured nobody 7000" }}
{QUICK}"#,
        config()
    );
    let sandbox = sandbox(&text)
        .file("web.env", "FROM_FILE='from the file'\n")
        .file("app.conf", "configured\n")
        .env("PERFGATE_TEST_TOKEN", "scrubbed");
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(0)
        .prints("NO BASELINE");
    let report = sandbox.json("out.json");
    let served = finding(&report, "web", "home", "throughput");
    assert!(
        served["head"].as_f64().is_some_and(|it| it > 0.0),
        "{served}"
    );
}

#[test]
#[ignore = "needs Docker"]
fn each_side_has_a_service_of_its_own_unless_both_share_it() {
    let _engine = engine();
    let text = format!(
        r#"{}
[server.sample]
run   = ["{{sample}}", "--fault-sleep-ms", "40", "--listen", "{{host}}:{{port}}"]
setup = [["sh", "-c", "echo {{cache.host}}:{{cache.port}} {{other.port}} >> \"$PORTS\""]]
env   = {{ PORTS = "{{env.PORTS}}" }}

[endpoint.health]
path = "/api/django-starter/monitoring/health"
{QUICK}"#,
        config()
    );
    let sandbox = sandbox(&text).committed();
    let ports = sandbox.path(".git/ports").display().to_string();
    let sandbox = sandbox.env("PORTS", &ports);
    sandbox
        .run(["check", "--against", "HEAD", "--quiet"])
        .exits(0)
        .prints("duet strategy against");
    let ports = fs::read_to_string(ports).expect("written by both");
    let sides: Vec<Vec<_>> = ports.lines().map(|it| it.split(' ').collect()).collect();
    let [head, base] = sides.as_slice() else {
        panic!("{ports}");
    };
    assert!(head[0].starts_with("127.0.0.1:"), "{ports}");
    assert_ne!(head[0], base[0], "the cache is not shared");
    assert_eq!(head[1], base[1], "the other is");
}

#[test]
#[ignore = "needs Docker"]
fn a_service_that_does_not_become_ready_is_named() {
    let _engine = engine();
    let text = format!(
        r#"{}
[server.sample]
run = ["{{sample}}", "--listen", "{{host}}:{{port}}"]

[endpoint.health]
path = "/api/django-starter/monitoring/health"
{QUICK}"#,
        config()
    );
    let silent = text.replace("\"both are open\"", "\"never said\", within = \"3s\"");
    sandbox(&silent)
        .run(["check", "--quiet"])
        .exits(4)
        .complains("`other`")
        .complains("a line with `never said` in its output")
        .complains("both are open");
    let failing = text.replace("\"echo once", "\"exit 3; echo once");
    sandbox(&failing)
        .run(["check", "--quiet"])
        .exits(4)
        .complains("`other`")
        .complains("exit code 3");
}

#[test]
#[ignore = "needs Docker"]
fn what_buildkit_alone_takes_is_built() {
    let _engine = engine();
    let dockerfile = "FROM debian:bookworm-slim\n\
                      RUN --mount=type=cache,target=/cache echo built > /cache/x && cp /cache/x /built\n\
                      COPY --chmod=755 start /start\n\
                      CMD [\"/start\"]\n";
    let fixtures = repository().join("fixtures").display().to_string();
    let text = format!(
        r#"
prepare = ["{fixtures}/prepare.sh"]

[service.idle]
build = "idle"
ready = {{ command = ["grep", "built", "/built"] }}

[server.sample]
run = ["{{sample}}", "--listen", "{{host}}:{{port}}"]

[endpoint.health]
path = "/api/django-starter/monitoring/health"
{QUICK}"#
    );
    let sandbox = Sandbox::new()
        .config(&text)
        .file("idle/Dockerfile", dockerfile)
        .file("idle/start", "#!/bin/sh\nexec sleep infinity\n");
    sandbox
        .run(["check"])
        .exits(0)
        .complains("RUN --mount=type=cache")
        .prints("NO BASELINE");
    let failing = dockerfile.replace("echo built", "echo said; exit 3");
    sandbox
        .file("idle/Dockerfile", &failing)
        .run(["check", "--quiet"])
        .exits(4)
        .complains("cannot build `idle`")
        .complains("said")
        .complains("exit code: 3");
}

#[test]
#[ignore = "needs Docker"]
fn a_build_sees_its_secrets_and_the_image_has_none() {
    let _engine = engine();
    let dockerfile = "FROM debian:bookworm-slim\n\
                      RUN --mount=type=secret,id=token,required=true \\\n    \
                      --mount=type=secret,id=conf,target=/etc/conf,required=true \\\n    \
                      test \"$(wc -c < /run/secrets/token)\" = 13 && \\\n    \
                      cat /etc/conf | tr a-z b-za > /turned\n\
                      CMD [\"sleep\", \"infinity\"]\n";
    let fixtures = repository().join("fixtures").display().to_string();
    let text = format!(
        r#"
prepare = ["{fixtures}/prepare.sh"]

[service.idle]
build = {{ context = "idle", secrets = {{ token = "{{env.PERFGATE_TEST_TOKEN}}", conf = "own.conf" }} }}
ready = {{ command = ["grep", "cbuufsz-tubqmf", "/turned"] }}

[server.sample]
run = ["{{sample}}", "--listen", "{{host}}:{{port}}"]

[endpoint.health]
path = "/api/django-starter/monitoring/health"
{QUICK}"#
    );
    let sandbox = Sandbox::new()
        .config(&text)
        .env("PERFGATE_TEST_TOKEN", "correct-horse")
        .file("own.conf", "battery-staple\n")
        .file("idle/Dockerfile", dockerfile);
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(0)
        .prints("NO BASELINE");
    let report = sandbox.json("out.json");
    let image = report["provenance"]["images"]["idle"].as_str();
    let image = image.expect("an image");
    let format = "{{.CreatedBy}}";
    let history = docker(&["history", "--no-trunc", "--format", format, image]);
    let details = docker(&["image", "inspect", image]);
    for secret in ["correct-horse", "battery"] {
        assert!(!details.contains(secret), "{details}");
        assert!(!history.contains(secret), "{history}");
    }
    let everything = [
        "run",
        "--rm",
        image,
        "grep",
        "-rs",
        "battery-staple",
        "/etc",
        "/run",
        "/tmp",
    ];
    let found = Command::new("docker").args(everything).output();
    assert_eq!(found.expect("grep runs").stdout, b"");
    // Another value builds nothing anew, as nothing in the image may depend on it.
    let sandbox = sandbox.env("PERFGATE_TEST_TOKEN", "another-horse");
    let run = sandbox.run(["check"]).exits(0);
    assert!(!run.stderr.contains("build the image"), "{}", run.stderr);
    let failing = dockerfile.replace("tr a-z", "false; exit 3; tr a-z");
    sandbox
        .file("idle/Dockerfile", &failing)
        .run(["check", "--quiet"])
        .exits(4)
        .complains("cannot build `idle`")
        .complains("exit code: 3");
}

/// Begins with what `set_up.py` left in Redis and nothing else, and leaves something of its own there.
const KEEPER: &str = r#"
import os, socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def ask(*lines):
    host, port, database = os.environ["REDIS"].split()
    with socket.create_connection((host, int(port))) as connection:
        answers = connection.makefile("rb")
        for line in (f"select {database}", *lines):
            connection.sendall(line.encode() + b"\r\n")
            answer = answers.readline().strip().decode()
    return answer

if len(sys.argv) == 1:
    ask("rpush list a b", "set short x", "pexpire short 600000")
    sys.exit()

found = ask("llen list"), ask("exists short"), ask("pttl short")
if found[:2] != (":2", ":1") or not 0 < int(found[2][1:]) <= 600000:
    sys.exit(f"found {found}")
ask("rpush list c")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"#;

#[test]
#[ignore = "needs Docker"]
fn what_is_set_up_alike_is_set_up_once_and_every_start_has_a_copy() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    let server = |name: &str| {
        format!(
            r#"
[server.{name}]
build   = "image"
command = ["python3", "/app/keeper.py", "{{host}}", "{{port}}"]
setup   = [["python3", "/app/keeper.py"]]
env     = {{ REDIS = "{{redis.host}} {{redis.port}} {{redis.database}}", ADDRESS = "{{host}}:{{port}}" }}
"#
        )
    };
    let text = format!(
        r#"
allow_outside = true
prepare       = ["{fixtures}/prepare.sh"]

[redis]
build = "{fixtures}/redis"
{}{}
[endpoint.home]
path = "/"
{QUICK}"#,
        server("one"),
        server("two")
    );
    let dockerfile = "FROM debian:bookworm-slim\n\
                      RUN apt-get update && apt-get install --yes --no-install-recommends python3\n\
                      COPY keeper.py /app/keeper.py\n";
    let run = Sandbox::new()
        .config(&text)
        .file("image/Dockerfile", dockerfile)
        .file("image/keeper.py", KEEPER)
        .committed()
        .run(["check", "--against", "HEAD"])
        .exits(0)
        .prints("PASSED")
        .complains("comparing 2 endpoints of 2 servers: about")
        .complains("1 of 2 servers compared, about");
    let set_ups = run.stderr.matches(": python3 /app/keeper.py\n").count();
    assert_eq!(set_ups, 1, "{}", run.stderr);
}

/// Makes a table as a migration does; else serves how many rows the tables have.
const COUNTER: &str = r#"
import os, sys
import psycopg2
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

connection = psycopg2.connect(os.environ["DATABASE_URL"])
connection.autocommit = True

def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None

if len(sys.argv) == 1:
    run("create table if not exists item (id int primary key, name text)")
    sys.exit()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        tables = ["country", "item", "dumped"]
        counts = ", ".join(f"(select count(*) from {table})" for table in tables)
        body = f"rows: {list(run(f'select {counts}'))}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"#;

/// As `pg_dump` writes it: rows after their statement, and commands for psql alone.
const PLAIN_DUMP: &str = "\\set ON_ERROR_STOP on\n\
    create table country (code text primary key);\n\
    copy country (code) from stdin;\nat\nfr\nse\n\\.\n";

#[test]
#[ignore = "needs Docker"]
fn dumps_are_loaded_before_and_after_the_set_up() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    let text = format!(
        r#"
allow_outside = true
prepare       = ["{fixtures}/prepare.sh"]

[postgres]
build = "{fixtures}/postgres"
init  = ["country.sql", "{fixtures}/dumps/five-rows.dump"]
seed  = ["items.sql"]

[server.one]
build   = "image"
command = ["python3", "/app/counter.py", "{{host}}", "{{port}}"]
setup   = [["python3", "/app/counter.py"]]
env     = {{ DATABASE_URL = "{{postgres.url}}" }}

[endpoint.home]
path   = "/"
expect = {{ contains = "rows: [3, 2, 5]" }}
{QUICK}"#
    );
    let dockerfile = "FROM debian:bookworm-slim\n\
                      RUN apt-get update && apt-get install --yes --no-install-recommends python3-psycopg2\n\
                      COPY counter.py /app/counter.py\n";
    let sandbox = Sandbox::new()
        .config(&text)
        .file("image/Dockerfile", dockerfile)
        .file("image/counter.py", COUNTER)
        .file("country.sql", PLAIN_DUMP)
        .file("items.sql", "insert into item values (1, 'a'), (2, 'b');\n")
        .committed();
    // Twice into one database would be a double key.
    sandbox.run(["run"]).exits(0);
    sandbox
        .run(["check", "--against", "HEAD"])
        .exits(0)
        .prints("PASSED");
    let broken = sandbox.file("items.sql", "select 1;\nselect nothing;\n");
    let run = broken.run(["run"]).exits(4);
    run.complains("items.sql` into Postgres: psql ended with exit code 3")
        .complains("column \"nothing\" does not exist");
}
