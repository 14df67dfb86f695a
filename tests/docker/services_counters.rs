//! Exact counters of services that perfgate asks in their containers: MariaDB and RabbitMQ as Debian
//! has them.

use crate::support::{Sandbox, finding, repository};
use crate::{QUICK, engine};

const DOCKERFILE: &str = r"
FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends {packages} \
    && rm -rf /var/lib/apt/lists/*
RUN install -d -o {user} -g {user} {folder}

FROM base
COPY server.py /app/server.py
";

/// Answers every request with `ok`, after some work of which one is done at a time.
const SERVER: &str = r#"
import os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
{connect}
lock = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            {work}
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"#;

const MARIADB: &str = r#"
[service.db]
build   = { context = "image", target = "base" }
command = ["mariadbd", "--user=mysql", "--bind-address={host}", "--port={port}"]
env     = { MARIADB_ROOT_PASSWORD = "secret" }
ports   = [3306]
ready   = { command = ["mariadb-admin", "ping"] }
init    = [["mariadb", "--execute", """
    create database shop;
    create table shop.items (id int primary key);
    insert into shop.items values (1), (2), (3);
    create user app@'%' identified by 'app';
    grant all on shop.* to app@'%';
    alter user root@localhost identified by 'secret';
"""]]
counts  = "mysql"
"#;

const RABBITMQ: &str = r#"
[service.mq]
build   = { context = "image", target = "base" }
command = ["rabbitmq-server"]
ports   = [5672]
ready   = { command = ["rabbitmq-diagnostics", "check_port_connectivity"], within = "120s" }
init    = [
    ["rabbitmqctl", "add_user", "app", "app"],
    ["rabbitmqctl", "set_permissions", "app", ".*", ".*", ".*"],
]
counts  = "rabbitmq"
"#;

/// A server in a container that knows where the service is.
fn config(service: &str, name: &str) -> String {
    let fixtures = repository().join("fixtures").display().to_string();
    format!(
        r#"
prepare = ["{fixtures}/prepare.sh"]
{service}
[server.web]
build   = "image"
command = ["python3", "/app/server.py", "{{host}}", "{{port}}"]
env     = {{ SERVICE_HOST = "{{{name}.host}}", SERVICE_PORT = "{{{name}.port}}" }}

[endpoint.home]
path   = "/"
expect = {{ contains = "ok" }}
{QUICK}"#
    )
}

/// Makes two statements for a request, which give back four rows, and others beside them.
fn of_mariadb(others: &str) -> String {
    let connect = r#"
import pymysql

connection = pymysql.connect(
    host=os.environ["SERVICE_HOST"], port=int(os.environ["SERVICE_PORT"]),
    user="app", password="app", database="shop", autocommit=True,
)
cursor = connection.cursor()
"#;
    let work = format!(
        r#"cursor.execute("select id from items")
            cursor.execute("select count(*) from items")
            {others}"#
    );
    server(connect, &work)
}

/// Publishes so many messages for a request.
fn of_rabbitmq(messages: usize) -> String {
    let connect = r#"
import pika

connection = pika.BlockingConnection(pika.ConnectionParameters(
    host=os.environ["SERVICE_HOST"], port=int(os.environ["SERVICE_PORT"]), heartbeat=0,
    credentials=pika.PlainCredentials("app", "app"),
))
channel = connection.channel()
channel.queue_declare("jobs")
"#;
    let work = format!(
        "for _ in range({messages}):\n                \
         channel.basic_publish(exchange=\"\", routing_key=\"jobs\", body=b\"job\")"
    );
    server(connect, &work)
}

fn server(connect: &str, work: &str) -> String {
    SERVER.replace("{connect}", connect).replace("{work}", work)
}

fn image(packages: &str, user: &str, folder: &str) -> String {
    DOCKERFILE
        .replace("{packages}", packages)
        .replace("{user}", user)
        .replace("{folder}", folder)
}

fn mariadb(service: &str) -> Sandbox {
    let dockerfile = image(
        "mariadb-server python3 python3-pymysql",
        "mysql",
        "/run/mysqld",
    );
    Sandbox::new()
        .config(&config(service, "db"))
        .file("image/Dockerfile", &dockerfile)
        .file("image/server.py", &of_mariadb(""))
}

const ONE_MORE: &str = r#"cursor.execute("select id from items where id = 2")"#;

fn values(finding: &serde_json::Value) -> (Option<f64>, Option<f64>) {
    (finding["base"].as_f64(), finding["head"].as_f64())
}

#[test]
#[ignore = "needs Docker"]
fn a_statement_more_to_mariadb_is_caught_side_by_side_with_its_text() {
    let _engine = engine();
    let on = MARIADB.replace("{port}\"]", "{port}\", \"--performance-schema=ON\"]");
    let sandbox = mariadb(&on).committed();
    let sandbox = sandbox.file("image/server.py", &of_mariadb(ONE_MORE));
    sandbox
        .run(["check", "--quiet", "--json", "out.json"])
        .exits(1)
        .prints("duet strategy against")
        .prints("REGRESSED");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "web", "home", metric);
    let sql = of("sql_per_request");
    assert_eq!(values(sql), (Some(2.0), Some(3.0)), "{sql}");
    assert_eq!(sql["verdict"], "regression");
    let statement = &sql["statements"][0];
    let text = statement["text"].as_str().expect("a statement");
    assert!(text.contains("FROM `items` WHERE ID = ?"), "{text}");
    assert_eq!(values(statement), (Some(0.0), Some(1.0)), "{statement}");
    let rows = of("rows_per_request");
    assert_eq!(values(rows), (Some(4.0), Some(5.0)), "{rows}");
}

#[test]
#[ignore = "needs Docker"]
fn without_the_performance_schema_statements_are_counted_and_the_rest_is_said_to_be_missing() {
    let _engine = engine();
    let sandbox = mariadb(MARIADB);
    sandbox.run(["baseline", "refresh", "--quiet"]).exits(0);
    let sandbox = sandbox.file("image/server.py", &of_mariadb(ONE_MORE));
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(1)
        .prints("neither rows nor texts of SQL statements are counted")
        .prints("--performance-schema=ON");
    let report = sandbox.json("out.json");
    let sql = finding(&report, "web", "home", "sql_per_request");
    assert_eq!(values(sql), (Some(2.0), Some(3.0)), "{sql}");
    assert_eq!(sql["verdict"], "regression");
    let rows = finding(&report, "web", "home", "rows_per_request");
    assert!(rows["head"].is_null(), "{rows}");
}

#[test]
#[ignore = "needs Docker"]
fn nothing_of_a_service_that_both_sides_share_is_counted() {
    let _engine = engine();
    let shared = format!("{MARIADB}per_side = false\n");
    let sandbox = mariadb(&shared).committed();
    sandbox
        .run(["check", "--against", "HEAD", "--json", "out.json"])
        .exits(0)
        .prints("nothing is counted of `db`, which both sides share");
    let report = sandbox.json("out.json");
    let sql = finding(&report, "web", "home", "sql_per_request");
    assert!(sql["head"].is_null(), "{sql}");
}

#[test]
#[ignore = "needs Docker"]
fn a_message_more_to_rabbitmq_is_caught() {
    let _engine = engine();
    let dockerfile = image(
        "rabbitmq-server python3 python3-pika",
        "rabbitmq",
        "/var/lib/rabbitmq",
    );
    let sandbox = Sandbox::new()
        .config(&config(RABBITMQ, "mq"))
        .file("image/Dockerfile", &dockerfile)
        .file("image/server.py", &of_rabbitmq(1));
    sandbox.run(["baseline", "refresh", "--quiet"]).exits(0);
    let sandbox = sandbox.file("image/server.py", &of_rabbitmq(2));
    sandbox
        .run(["check", "--quiet", "--json", "out.json"])
        .exits(1)
        .prints("REGRESSED");
    let report = sandbox.json("out.json");
    let messages = finding(&report, "web", "home", "messages_per_request");
    assert_eq!(values(messages), (Some(1.0), Some(2.0)), "{messages}");
    assert_eq!(messages["verdict"], "regression");
}
