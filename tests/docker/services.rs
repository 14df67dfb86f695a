//! Services and a server that run already, as in a workflow's `services:`.

use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, finding, repository};
use crate::{QUICK, engine};

/// A container that this test started; removed when the test ends.
struct Running(String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.0])
            .output();
    }
}

/// Standard output of a command that succeeds.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(repository())
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program} runs: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn build(folder: &str) -> String {
    output("docker", &["build", "--quiet", folder])
}

fn start(arguments: &[&str]) -> Running {
    let run = ["run", "--detach", "--network", "host"];
    Running(output("docker", &[&run, arguments].concat()))
}

/// A port of the loopback address on which nothing listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Waits until a command inside the container succeeds.
fn wait(container: &Running, command: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let run = [&["exec", &container.0], command].concat();
    loop {
        let answer = Command::new("docker").args(&run).output();
        let answer = answer.expect("docker runs");
        if answer.status.success() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{command:?} did not succeed: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs Docker"]
fn services_and_a_server_that_run_already_are_measured() {
    let _engine = engine();
    output("fixtures/prepare.sh", &[]);
    let [database, cache, own] = [free_port(), free_port(), free_port()].map(|it| it.to_string());

    let image = build("fixtures/postgres");
    let postgres = start(&[
        "--env=POSTGRES_USER=app",
        "--env=POSTGRES_PASSWORD=secret",
        &format!("--env=PGPORT={database}"),
        &image,
        "postgres",
        "-c",
        "listen_addresses=127.0.0.1",
    ]);
    let image = build("fixtures/redis");
    let on_loopback = ["redis-server", "--bind", "127.0.0.1", "--port", &cache];
    let redis = start(&[&[image.as_str()], &on_loopback[..]].concat());
    wait(
        &postgres,
        &["pg_isready", "--host=127.0.0.1", "--port", &database],
    );
    wait(&redis, &["redis-cli", "-p", &cache, "ping"]);

    let postgres_url = format!("postgres://app:secret@127.0.0.1:{database}/app");
    let redis_url = format!("redis://127.0.0.1:{cache}/0");
    let environment = [
        format!("--env=DATABASE_URL={postgres_url}"),
        format!("--env=REDIS_URL={redis_url}"),
        "--env=HOST=127.0.0.1".to_owned(),
        format!("--env=PORT={own}"),
    ];
    let environment = environment.each_ref().map(String::as_str);
    let django = build("fixtures/django");
    let set_up = "python manage.py migrate && python manage.py seed";
    let once = ["run", "--rm", "--network", "host"];
    let words = [&django, "sh", "-c", set_up];
    output("docker", &[&once[..], &environment, &words].concat());
    let words = [django.as_str(), "gunicorn", "config.wsgi:application"];
    let _server = start(&[&environment[..], &words].concat());

    let folder = repository().join("fixtures/django");
    let sandbox = Sandbox::new().config(&format!(
        r#"
allow_outside = true

[postgres]
url = "{postgres_url}"

[redis]
url = "{redis_url}"

[server.started]
build   = "{folder}"
command = ["gunicorn", "config.wsgi:application"]
env     = {{ DATABASE_URL = "{{postgres.url}}", REDIS_URL = "{{redis.url}}", HOST = "{{host}}", PORT = "{{port}}" }}
ready   = {{ path = "/api/django-starter/monitoring/health", within = "60s" }}

[server.running]
url   = "http://127.0.0.1:{own}"
ready = {{ path = "/api/django-starter/monitoring/health", within = "60s" }}

[endpoint.health-sync]
path   = "/api/django-starter/monitoring/health/sync"
expect = {{ contains = "\"redis\": \"ok\"" }}

[endpoint.movies]
path   = "/api/demo/movie/movie?limit=20"
expect = {{ contains = "\"items\"" }}
{QUICK}"#,
        folder = folder.display(),
    ));
    sandbox.run(["baseline", "refresh", "--quiet"]).exits(0);
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(0)
        .prints("CPU time and memory cannot be read: running health-sync, running movies");
    let report = sandbox.json("out.json");
    for server in ["started", "running"] {
        let of = |endpoint, metric| &finding(&report, server, endpoint, metric)["head"];
        assert_eq!(of("movies", "sql_per_request").as_f64(), Some(2.0));
        let commands = of("health-sync", "redis_commands_per_request").as_f64();
        assert!(commands.is_some_and(|commands| commands >= 1.0));
    }
    let used = |server| &finding(&report, server, "movies", "cpu_per_request")["head"];
    assert!(used("started").as_f64().is_some_and(|used| used > 0.0));
    assert!(used("running").is_null());
}
