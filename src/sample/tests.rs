use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::Connection;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::routes::Service;
use super::{Error, Faults, Options, Sample};

const HEALTH: &str = "/api/django-starter/monitoring/health";
const SYNC: &str = "/api/django-starter/monitoring/health/sync";
const ASYNC: &str = "/api/django-starter/monitoring/health/async";
const MOVIES: &str = "/api/demo/movie/movie";

const MIB: usize = 1024 * 1024;

struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(options: Options) -> Self {
        let sample = Sample::bind(options).await.expect("port 0 is always free");
        let (address, service) = (sample.address(), Arc::clone(&sample.service));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample.serve(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            service,
            stop,
            task,
        }
    }

    async fn healthy() -> Self {
        Self::start(options(None, Faults::default())).await
    }

    async fn faulty(faults: Faults) -> Self {
        Self::start(options(None, faults)).await
    }

    async fn on(file: &Path) -> Self {
        Self::start(options(Some(file), Faults::default())).await
    }

    async fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).await;
        Client(BufReader::new(stream.expect("the sample listens")))
    }

    async fn get(&self, path: &str) -> Answer {
        self.client().await.get(path).await
    }

    fn statements(&self) -> u64 {
        self.service.database.statements.load(Ordering::Relaxed)
    }

    fn connections_left_open(&self) -> usize {
        let injector = self.service.injector.as_ref().expect("a fault is on");
        injector.connections.lock().expect("no test panics").len()
    }

    fn memory(&self) -> usize {
        let injector = self.service.injector.as_ref().expect("a fault is on");
        injector.memory.lock().expect("no test panics").len()
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path).await;
        let mut answer = self.head().await;
        let length = answer.header("content-length").expect("a length is given");
        let mut body = vec![0; length.parse().expect("the length is a number")];
        self.0.read_exact(&mut body).await.expect("a whole body");
        answer.body = serde_json::from_slice(&body).expect("the body is JSON");
        answer
    }

    async fn send(&mut self, method: &str, path: &str) {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: sample\r\n\r\n");
        let sent = self.0.write_all(request.as_bytes()).await;
        sent.expect("the connection is open");
    }

    async fn head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).await.expect("a head in UTF-8");
            assert_ne!(read, 0, "closed after {head:?}");
        }
        let status = head[9..12].parse().expect("the status is a number");
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: Value::Null,
        }
    }

    async fn is_closed(&mut self) -> bool {
        matches!(self.0.read_u8().await, Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof)
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn ids(&self) -> Vec<u64> {
        let items = self.body["items"].as_array().expect("items is a list");
        items
            .iter()
            .filter_map(|item| item["id"].as_u64())
            .collect()
    }
}

fn options(file: Option<&Path>, faults: Faults) -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: file.map(Path::to_owned),
        faults,
    }
}

/// User and system time of this thread, which is also the one that serves, in hundredths of a second.
fn thread_cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").expect("Linux tells it");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn health_is_constant() {
    let answer = Running::healthy().await.get(HEALTH).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let constant = serde_json::json!({"status": "healthy", "status_code": 200});
    assert_eq!(answer.body, constant);
}

#[tokio::test]
async fn checked_health_describes_database_and_system() {
    let sample = Running::healthy().await;
    for path in [SYNC, ASYNC] {
        let answer = sample.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["status"], "healthy");
        assert_eq!(answer.body["status_code"], 200);
        assert_eq!(answer.body["checks"], serde_json::json!({"database": "ok"}));
        for text in ["timestamp", "hostname", "environment", "os"] {
            assert!(answer.body["system"][text].is_string(), "{text}");
        }
        assert!(answer.body["system"]["uptime"].is_number());
    }
    assert_eq!(sample.statements(), 2);
}

#[tokio::test]
async fn checked_health_is_503_while_another_process_locks_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("movies.sqlite");
    let sample = Running::on(&file).await;
    let other = Connection::open(&file).expect("the file is there");
    for path in [SYNC, ASYNC] {
        other.execute_batch("begin exclusive").expect("a lock");
        let answer = sample.get(path).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body["status"], "unhealthy");
        assert_eq!(answer.body["status_code"], 503);
        assert_eq!(answer.body["checks"]["database"], "error");
        other.execute_batch("rollback").expect("the lock is ours");
        assert_eq!(sample.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn checked_health_is_503_and_movies_500_on_a_spoilt_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("movies.sqlite");
    let sample = Running::on(&file).await;
    assert_eq!(sample.get(SYNC).await.status, 200);
    fs::write(&file, vec![0xA5; 4096]).expect("the file is writable");
    assert_eq!(sample.get(SYNC).await.status, 503);
    assert_eq!(sample.get(ASYNC).await.status, 503);
    assert_eq!(sample.get(MOVIES).await.status, 500);
    assert_eq!(sample.get(HEALTH).await.status, 200);
}

#[tokio::test]
async fn movies_come_in_pages_with_their_directors() {
    let sample = Running::healthy().await;
    let answer = sample.get(MOVIES).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["count"], 500);
    assert_eq!(answer.ids(), (1..=100).collect::<Vec<_>>());
    let first = serde_json::json!({
        "id": 1, "title": "Amber Anchor", "year": 1957, "runtime_minutes": 93,
        "director": "Director 12",
    });
    assert_eq!(answer.body["items"][0], first);
    assert_eq!(sample.statements(), 2);
}

#[tokio::test]
async fn pages_end_with_the_last_movie() {
    let sample = Running::healthy().await;
    let cases = [
        ("limit=1", vec![1]),
        ("limit=2&offset=10", vec![11, 12]),
        ("limit=5&offset=498", vec![499, 500]),
        ("offset=500", vec![]),
        ("offset=9223372036854775807", vec![]),
        ("limit=500", (1..=500).collect()),
        ("limit=7&limit=1&order=title", vec![1]),
    ];
    for (query, ids) in cases {
        let answer = sample.get(&format!("{MOVIES}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(answer.ids(), ids, "{query}");
        assert_eq!(answer.body["count"], 500, "{query}");
    }
}

#[tokio::test]
async fn bad_pages_are_422_with_the_parameter_named() {
    let sample = Running::healthy().await;
    let cases = [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=501", "limit", "less_than_equal"),
        ("limit=ten", "limit", "int_parsing"),
        ("limit=", "limit", "int_parsing"),
        ("offset=-1", "offset", "greater_than_equal"),
        ("offset=9223372036854775808", "offset", "int_parsing"),
    ];
    for (query, name, kind) in cases {
        let answer = sample.get(&format!("{MOVIES}?{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
        let problem = &answer.body["detail"][0];
        assert_eq!(problem["loc"], serde_json::json!(["query", name]));
        assert_eq!(problem["type"], kind, "{query}");
    }
    let both = sample.get(&format!("{MOVIES}?limit=0&offset=-1")).await;
    assert_eq!(both.body["detail"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let sample = Running::healthy().await;
    assert_eq!(sample.get("/api/demo/movie").await.status, 404);
    let mut client = sample.client().await;
    client.send("DELETE", MOVIES).await;
    let answer = client.head().await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("get, head"));
}

#[tokio::test]
async fn head_has_the_length_of_get_and_no_body() {
    let sample = Running::healthy().await;
    let mut client = sample.client().await;
    client.send("HEAD", HEALTH).await;
    assert_eq!(client.head().await.header("content-length"), Some("41"));
    assert_eq!(client.get(HEALTH).await.status, 200);
}

#[tokio::test]
async fn a_file_is_filled_once_and_has_the_rows_of_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("movies.sqlite");
    let path = format!("{MOVIES}?limit=500");
    let first = Running::on(&file).await.get(&path).await;
    let second = Running::on(&file).await.get(&path).await;
    assert_eq!(first.body, second.body);
    assert_eq!(first.body, Running::healthy().await.get(&path).await.body);
}

#[tokio::test]
async fn bind_names_the_address_and_the_file_it_cannot_have() {
    let taken = Running::healthy().await.address;
    let mut wanted = options(None, Faults::default());
    wanted.listen = taken;
    let error = Sample::bind(wanted)
        .await
        .expect_err("the address is taken");
    assert_eq!(error.to_string(), format!("cannot listen on `{taken}`"));
    let missing = options(Some(Path::new("/nowhere/movies")), Faults::default());
    let error = Sample::bind(missing).await.expect_err("no such folder");
    assert_eq!(error.to_string(), "cannot open database `/nowhere/movies`");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "not a database, and dear to somebody").expect("written");
    let options = options(Some(file.path()), Faults::default());
    let error = Sample::bind(options).await.expect_err("no database");
    assert!(matches!(error, Error::Seed { .. }), "{error}");
    let text = fs::read_to_string(file.path()).expect("still there");
    assert_eq!(text, "not a database, and dear to somebody");
}

#[tokio::test]
async fn shutdown_closes_idle_connections_at_once() {
    let sample = Running::healthy().await;
    let mut client = sample.client().await;
    client.get(HEALTH).await;
    let start = Instant::now();
    let _ = sample.stop.send(());
    sample.task.await.expect("serving does not panic");
    assert!(start.elapsed() < super::GRACE);
    assert!(client.is_closed().await);
    assert!(TcpStream::connect(sample.address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_off_what_takes_longer_than_a_second() {
    let sample = Running::faulty(Faults {
        sleep: Duration::from_secs(30),
        ..Faults::default()
    })
    .await;
    let mut client = sample.client().await;
    client.send("GET", HEALTH).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    let _ = sample.stop.send(());
    sample.task.await.expect("serving does not panic");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn no_fault_is_on_by_default() {
    assert!(Running::healthy().await.service.injector.is_none());
}

#[tokio::test]
async fn cpu_fault_burns_time_of_the_serving_thread() {
    let sample = Running::faulty(Faults {
        cpu: Duration::from_millis(40),
        ..Faults::default()
    })
    .await;
    let before = thread_cpu_ticks();
    for _ in 0..5 {
        sample.get(HEALTH).await;
    }
    assert!(thread_cpu_ticks() - before >= 10);
}

#[tokio::test]
async fn sleep_fault_delays_each_request_and_holds_up_no_other() {
    let sleep = Duration::from_millis(500);
    let sample = Running::faulty(Faults {
        sleep,
        ..Faults::default()
    })
    .await;
    let start = Instant::now();
    let (mut first, mut second) = (sample.client().await, sample.client().await);
    let answers = tokio::join!(first.get(HEALTH), second.get(HEALTH));
    assert_eq!((answers.0.status, answers.1.status), (200, 200));
    assert!(start.elapsed() >= sleep);
    assert!(start.elapsed() < 2 * sleep);
}

#[tokio::test]
async fn n_plus_one_fault_runs_one_statement_more_per_movie() {
    let sample = Running::faulty(Faults {
        n_plus_one: true,
        ..Faults::default()
    })
    .await;
    let path = format!("{MOVIES}?limit=25&offset=3");
    let answer = sample.get(&path).await;
    assert_eq!(sample.statements(), 2 + 25);
    assert_eq!(answer.body, Running::healthy().await.get(&path).await.body);
}

#[tokio::test]
async fn connection_leak_fault_stops_at_a_thousand() {
    let sample = Running::faulty(Faults {
        connection_leak: true,
        ..Faults::default()
    })
    .await;
    let mut client = sample.client().await;
    for number in 1..=1005 {
        assert_eq!(client.get(HEALTH).await.status, 200);
        assert_eq!(sample.connections_left_open(), number.min(1000));
    }
}

#[tokio::test]
async fn error_rate_fault_is_exact_and_evenly_spread() {
    for (error_rate, errors) in [(0.25, 25), (0.29, 29), (0.01, 1), (1.0, 100)] {
        let sample = Running::faulty(Faults {
            error_rate,
            ..Faults::default()
        })
        .await;
        let mut client = sample.client().await;
        let mut failed = Vec::new();
        for number in 0..100 {
            match client.get(HEALTH).await.status {
                500 => failed.push(number),
                status => assert_eq!(status, 200),
            }
        }
        assert_eq!(failed.len(), errors);
        let gap = 100 / errors..=100_usize.div_ceil(errors);
        assert!(
            failed
                .windows(2)
                .all(|two| gap.contains(&(two[1] - two[0])))
        );
    }
}

#[tokio::test]
async fn memory_fault_grows_by_the_request_and_is_bounded() {
    let sample = Running::faulty(Faults {
        memory_kib: 200 * 1024,
        ..Faults::default()
    })
    .await;
    for bytes in [200 * MIB, 400 * MIB, 512 * MIB, 512 * MIB] {
        assert_eq!(sample.get(HEALTH).await.status, 200);
        assert_eq!(sample.memory(), bytes);
    }
}

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

#[test]
fn fault_flags_take_only_what_makes_sense() {
    let parse = |flag: &str| Command::try_parse_from(["sample", flag]);
    for flag in [
        "--fault-cpu-ms=-1",
        "--fault-cpu-ms=NaN",
        "--fault-sleep-ms=inf",
        "--fault-error-rate=1.01",
        "--fault-error-rate=half",
        "--fault-memory-kib=524289",
        "--listen=nowhere",
    ] {
        assert!(parse(flag).is_err(), "{flag}");
    }
    let parsed = parse("--fault-cpu-ms=2.5").expect("a number of milliseconds");
    assert_eq!(parsed.options.faults.cpu, Duration::from_micros(2500));
    let parsed = parse("--fault-n-plus-one").expect("a flag");
    assert!(parsed.options.faults.n_plus_one);
    assert!(!parsed.options.faults.connection_leak);
}
