//! Faults of the real stack, and how containers are confined. docs/robustness.md lists them.

use std::collections::BTreeSet;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::support::{Sandbox, eventually, finding, repository};
use crate::{QUICK, configuration, docker, engine, engine_alone, left, left_at, published};

/// The containers of a run of this process, as the engine describes them.
fn containers(pid: u32) -> Vec<Value> {
    let label = format!("label=dev.perfgate.pid={pid}");
    let ids = docker(&["ps", "--quiet", "--filter", &label]);
    let ids: Vec<_> = ids.lines().collect();
    let text = docker(&[["inspect"].as_slice(), &ids].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// The name of the run's container that plays a part.
fn container(pid: u32, role: &str) -> String {
    let all = containers(pid);
    let names = all.iter().filter_map(|it| it["Name"].as_str());
    let mut names = names.map(|name| name.trim_start_matches('/').to_owned());
    let found = names.find(|name| name.ends_with(&format!("-{role}")));
    found.unwrap_or_else(|| panic!("no container of {role}"))
}

const CHECK: [&str; 10] = [
    "check",
    "--strategy",
    "stored",
    "--server",
    "gunicorn",
    "uvicorn",
    "--endpoint",
    "health",
    "--json",
    "out.json",
];

/// Two servers one after the other, and the moment when the first is measured.
const SECOND: &str = "uvicorn: health, round 1 of ";

fn long(config: &str) -> Sandbox {
    let config = crate::at_length(config, 40);
    Sandbox::new().config(&config.replace("\"500ms\"", "\"300ms\""))
}

/// What was measured before the fault is in the report, which names who failed.
#[track_caller]
fn is_partial(sandbox: &Sandbox, who: &str) {
    let report = sandbox.json("out.json");
    assert_eq!(report["exit_code"], 4);
    let partial = &report["provenance"]["partial"];
    let why = partial["reason"].as_str().expect("a reason");
    assert!(why.contains(who), "{why}");
    assert_eq!(partial["unfinished"][0]["server"], "uvicorn");
    let measured = finding(&report, "gunicorn", "health", "throughput");
    assert!(measured["head"].as_f64().is_some_and(|value| value > 0.0));
}

#[test]
#[ignore = "needs Docker"]
fn containers_are_confined() {
    let _engine = engine();
    let sandbox = long(&published());
    let mut running = sandbox.start(["check", "--server", "gunicorn", "--behind", "caddy"]);
    let pid = running.pid();
    running.until("round 1 of");
    let containers = containers(pid);
    assert_eq!(
        containers.len(),
        4,
        "Postgres, Redis, the server, the proxy"
    );
    let mut passwords = BTreeSet::new();
    for container in &containers {
        let host = &container["HostConfig"];
        assert_eq!(host["Privileged"], false);
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
        let added = host["CapAdd"].to_string();
        for capability in ["NET_RAW", "SYS_", "MKNOD", "SETFCAP"] {
            assert!(!added.contains(capability), "{added}");
        }
        let security = host["SecurityOpt"].to_string();
        assert!(security.contains("no-new-privileges"), "{security}");
        assert!(host["Memory"].as_u64().is_some_and(|memory| memory > 0));
        assert_eq!(host["MemorySwap"], host["Memory"]);
        assert!(host["PidsLimit"].as_u64().is_some_and(|pids| pids > 0));
        assert_eq!(container["Mounts"].as_array().map(Vec::len), Some(0));
        let network = host["NetworkMode"].as_str().expect("a network");
        assert!(network.starts_with("perfgate-"), "{network}");
        for (_, bindings) in host["PortBindings"].as_object().into_iter().flatten() {
            assert_eq!(bindings[0]["HostIp"], "127.0.0.1");
        }
        let env = container["Config"]["Env"].as_array().expect("variables");
        let env = env.iter().filter_map(Value::as_str);
        passwords.extend(env.filter_map(|it| it.strip_prefix("POSTGRES_PASSWORD=")));
    }
    let [password] = Vec::from_iter(passwords)[..] else {
        panic!("one password");
    };
    assert!(password.len() == 32 && password.bytes().all(|it| it.is_ascii_hexdigit()));
    running.signal("INT");
    running.end().exits(130);
    assert_eq!(left(pid), [] as [&str; 0]);
}

#[test]
#[ignore = "needs Docker"]
fn a_network_has_no_way_to_the_outside() {
    let _engine = engine();
    let config = format!("internal = true\n{}", configuration());
    let sandbox = Sandbox::new().config(&config);
    let words = ["check", "--server", "gunicorn", "--endpoint", "health-sync"];
    let mut running = sandbox.start(words.into_iter().chain(["--json", "out.json"]));
    let pid = running.pid();
    running.until("round 1 of");
    let server = container(pid, "gunicorn");
    let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    let networks = docker(&["inspect", "--format", networks, &server]);
    // One network, which the engine lets nothing out of.
    let is_internal = docker(&["network", "inspect", "--format", "{{.Internal}}", &networks]);
    assert_eq!(is_internal, "true", "{networks}");
    assert_eq!(docker(&["port", &server]), "");
    running
        .end()
        .exits(0)
        .prints("network without outside access");
    let report = sandbox.json("out.json");
    let errors = finding(&report, "gunicorn", "health-sync", "error_rate");
    assert_eq!(errors["verdict"], "pass", "{errors}");
    assert_eq!(left(pid), [] as [&str; 0]);
}

#[test]
#[ignore = "needs Docker"]
fn postgres_is_killed_in_a_round() {
    let _engine = engine();
    let sandbox = long(&published());
    let mut running = sandbox.start(CHECK);
    let pid = running.pid();
    running.until(SECOND);
    docker(&["kill", &container(pid, "postgres")]);
    let run = running.end().exits(4);
    run.complains("lost `postgres`, which the servers need: it ended with exit code 137");
    is_partial(&sandbox, "lost `postgres`");
    assert_eq!(left(pid), [] as [&str; 0]);
}

#[test]
#[ignore = "needs Docker"]
fn redis_is_paused_in_a_round() {
    let _engine = engine();
    let sandbox = long(&published());
    let mut running = sandbox.start(CHECK);
    let pid = running.pid();
    running.until(SECOND);
    docker(&["pause", &container(pid, "redis")]);
    let run = running.end().exits(4);
    run.complains("lost `redis`, which the servers need: it is paused");
    is_partial(&sandbox, "lost `redis`");
    assert_eq!(left(pid), [] as [&str; 0]);
}

#[test]
#[ignore = "needs Docker"]
fn a_proxy_loses_the_server_behind_it() {
    let _engine = engine();
    let sandbox = long(&published());
    let words = [CHECK.as_slice(), &["--behind", "caddy"]].concat();
    let mut running = sandbox.start(words);
    let pid = running.pid();
    running.until(SECOND);
    docker(&["kill", &container(pid, "uvicorn")]);
    let run = running.end().exits(4);
    run.prints("NOT MEASURED: uvicorn")
        .prints("`uvicorn` died under load: it ended with exit code 137");
    let report = sandbox.json("out.json");
    let measured = finding(&report, "gunicorn", "health", "throughput");
    assert!(measured["head"].as_f64().is_some_and(|value| value > 0.0));
    assert_eq!(left(pid), [] as [&str; 0]);
}

/// A way to the engine that can be cut.
struct Socket {
    open: Arc<Mutex<Vec<UnixStream>>>,
    path: std::path::PathBuf,
}

impl Socket {
    fn new(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let open = Arc::new(Mutex::new(Vec::new()));
        let streams = Arc::clone(&open);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Once it is cut, nobody gets through.
                let _ = join(&client, &streams);
            }
        });
        let path = path.to_owned();
        Self { open, path }
    }

    fn cut(&self) {
        std::fs::remove_file(&self.path).expect("the socket is there");
        let streams = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in &*streams {
            // One that is closed already needs no cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Carries bytes between a client and the engine.
fn join(client: &UnixStream, open: &Mutex<Vec<UnixStream>>) -> io::Result<()> {
    let engine = UnixStream::connect("/var/run/docker.sock")?;
    for (from, to) in [(client, &engine), (&engine, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.push(client.try_clone()?);
    Ok(())
}

#[test]
#[ignore = "needs Docker"]
fn the_socket_of_the_engine_disappears() {
    let _engine = engine_alone();
    let sandbox = long(&published());
    let socket = sandbox.path("engine.sock");
    let host = format!("unix://{}", socket.display());
    let sandbox = sandbox.env("DOCKER_HOST", &host);
    let socket = Socket::new(&socket);
    let mut running = sandbox.start(CHECK);
    let pid = running.pid();
    running.until(SECOND);
    socket.cut();
    let run = running.end().exits(4);
    run.complains("lost the container engine at `unix:")
        .complains("the container engine did not come back within 30s")
        .complains("`perfgate cleanup` tries again");
    is_partial(&sandbox, "lost the container engine");
    // Nobody could remove it; now somebody can.
    assert!(!left(pid).is_empty());
    Sandbox::new().run(["cleanup"]).exits(0);
    eventually("nothing is left", Duration::from_secs(10), || {
        left(pid).is_empty()
    });
}

/// An image that has Perl, and a server in it: a process for each connection.
const IMAGE: &str = "debian:bookworm-slim";
const SERVER: &str = r#"
$SIG{TERM} = sub { exit };
$SIG{CHLD} = "IGNORE";
my $door = IO::Socket::INET->new(LocalAddr => "{host}:{port}", Listen => 50) or die $!;
while (my $client = $door->accept) {
    next if fork;
    while (<$client>) { print $client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if /^\r$/ }
    exit;
}
"#;

#[test]
#[ignore = "needs Docker and root"]
fn the_engine_restarts() {
    let _engine = engine();
    let prepared = Command::new(repository().join("fixtures/prepare.sh")).status();
    assert!(prepared.expect("it runs").success());
    let mut daemon = Daemon::start();
    daemon.load(IMAGE);
    let server = |name: &str| {
        format!(
            "[server.{name}]\nimage = \"{IMAGE}\"\nready = {{ path = \"/\" }}\n\
             command = [\"perl\", \"-MIO::Socket::INET\", \"-e\", '''{SERVER}''']\n"
        )
    };
    let servers = server("gunicorn") + &server("uvicorn");
    let sandbox = long(&format!(
        "{servers}[endpoint.health]\npath = \"/\"\n{QUICK}"
    ));
    let sandbox = sandbox.env("DOCKER_HOST", &daemon.host());
    let program = daemon.inside(env!("CARGO_BIN_EXE_perfgate"));
    let mut running = sandbox.start_by(&program.each_ref().map(String::as_str), CHECK);
    let pid = running.pid();
    running.until(SECOND);
    daemon.end();
    daemon.start_again();
    let run = running.end().exits(4);
    run.complains("lost the container engine at `unix:")
        .complains("waiting for the container engine");
    is_partial(&sandbox, "lost the container engine");
    // It knows the containers that it had, and they are removed.
    assert_eq!(left_at(&["--host", &daemon.host()], pid), [] as [&str; 0]);
}

/// A configuration with one server, built from this Dockerfile.
fn built(dockerfile: &str, more: &str) -> Sandbox {
    let config = format!("{more}\n[server.app]\nbuild = \"app\"\n[endpoint.home]\npath = \"/\"\n");
    let dockerfile = format!("FROM debian:bookworm-slim\n{dockerfile}\n");
    let sandbox = Sandbox::new().config(&config);
    sandbox.file("app/Dockerfile", &dockerfile)
}

#[test]
#[ignore = "needs Docker"]
fn the_build_of_an_image_fails() {
    let _engine = engine();
    let sandbox = built("RUN echo no such package && exit 3", "");
    let running = sandbox.start(["check"]);
    let pid = running.pid();
    let run = running.end().exits(4);
    run.complains("| no such package")
        .complains("cannot build `app` from");
    assert_eq!(left(pid), [] as [&str; 0]);
}

#[test]
#[ignore = "needs Docker"]
fn the_build_of_an_image_hangs() {
    let _engine = engine();
    let sandbox = built(
        "RUN echo waiting && sleep 86397",
        "[deadlines]\nimage = \"8s\"",
    );
    let running = sandbox.start(["check"]);
    let pid = running.pid();
    let run = running.end().exits(4);
    run.complains("of `app` did not end within 8s");
    assert_eq!(left(pid), [] as [&str; 0]);
    // The engine ends a build whose client has gone.
    eventually("the build has ended", Duration::from_secs(30), || {
        let all = docker(&["ps", "--all", "--no-trunc", "--format", "{{.Command}}"]);
        !all.contains("86397")
    });
}

#[test]
#[ignore = "needs Docker"]
fn a_build_folder_is_larger_than_memory() {
    let _engine = engine();
    let sandbox = built("COPY holes /holes", "");
    let holes = std::fs::File::create(sandbox.path("app/holes")).expect("created");
    holes.set_len(1 << 42).expect("a hole");
    let run = sandbox.run(["check"]).exits(4);
    run.complains("cannot read the build folder")
        .complains(".dockerignore");
}

#[test]
#[ignore = "needs Docker"]
fn two_stacks_at_once_leave_each_other_alone() {
    let _engine = engine();
    let words = ["check", "--server", "gunicorn", "--endpoint", "health"];
    let (one, other) = (
        Sandbox::new().config(&published()),
        Sandbox::new().config(&published()),
    );
    let (first, second) = (one.start(words), other.start(words));
    let pids = [first.pid(), second.pid()];
    first.end().exits(0);
    second.end().exits(0);
    for pid in pids {
        assert_eq!(left(pid), [] as [&str; 0]);
    }
}

#[test]
#[ignore = "needs Docker"]
fn the_disk_is_full() {
    // A disk of its own needs the same rights as the engine.
    let sandbox = Sandbox::new()
        .file("old.json", "the last report")
        .file("out/note.txt", "");
    let config = "[server.app]\nrun = [\"{sample}\", \"--listen\", \"{host}:{port}\"]\n\
                  ready = { path = \"/api/django-starter/monitoring/health\" }\n\
                  [endpoint.home]\npath = \"/api/django-starter/monitoring/health\"\n\
                  [load]\nround = \"200ms\"\nrounds = 2\nwarmup = \"100ms\"\n";
    let sandbox = sandbox.config(config);
    let script = format!(
        "mount -t tmpfs -o size=4k tmpfs out && cp old.json out/ && {} check --save out/old.json; \
         code=$?; ls -A out; cat out/old.json; exit $code",
        env!("CARGO_BIN_EXE_perfgate")
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .current_dir(sandbox.path(""))
        .output()
        .expect("unshare runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("cannot write `out/old.json`: No space left"),
        "{stderr}"
    );
    // The old one is whole, and nothing is beside it.
    assert_eq!(stdout, "old.json\nthe last report");
}
