//! Baselines in a bucket of S3, which moto serves. A pass-through before it counts what is asked for, and refuses where a
//! test wants that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::large_store::{MOST_BYTES, REFRESH, document, documents, measured, name};
use crate::sample;
use crate::support::{Run, Sandbox, require};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const CHECK: [&str; 3] = ["check", "--measurement", "new.json"];
const SHOW: [&str; 2] = ["baseline", "show"];
/// What moto takes for a signature, where it does not look at who asks.
const UNCHECKED: &str = "Authorization: AWS4-HMAC-SHA256 \
    Credential=test/20261001/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
/// A port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:9";

/// What becomes of a request in place of the answer of moto.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    /// Moto never sees it.
    Status(&'static str),
    /// Moto does what it says, and nobody hears of it.
    LostAnswer,
}

/// By the line of a request.
type Fault = dyn Fn(&str) -> Option<Trouble> + Send + Sync;

/// The port of a server that all tests share: it takes seconds to start.
pub(super) static MOTO: LazyLock<u16> = LazyLock::new(|| moto(&[]));

/// Starts a server that ends with this process, and waits until it listens.
fn moto(variables: &[(&str, &str)]) -> u16 {
    require(&["moto_server"]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    // It is killed when the thread that started it ends: one that does not.
    let (started, is_started) = mpsc::channel();
    let mut server = Command::new("setpriv");
    server
        .args([
            "--pdeathsig",
            "KILL",
            "moto_server",
            "-H",
            "127.0.0.1",
            "-p",
        ])
        .arg(port.to_string())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    thread::spawn(move || {
        let mut server = server.spawn().expect("moto starts");
        started.send(()).expect("somebody waits");
        server.wait().expect("moto ends")
    });
    is_started.recv().expect("a thread");
    let patience = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "moto does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    port
}

/// A bucket behind a pass-through.
pub(super) struct Bucket {
    pub(super) name: String,
    moto: u16,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request that went through.
#[derive(Debug, Clone)]
struct Asked {
    line: String,
    status: u16,
    /// Of the answer.
    bytes: usize,
}

impl Bucket {
    pub(super) fn new(name: &str) -> Self {
        Self::with(*MOTO, name, |_| None)
    }

    pub(super) fn with(
        moto: u16,
        name: &str,
        fault: impl Fn(&str) -> Option<Trouble> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, fault): (_, Arc<Fault>) = (Arc::clone(&asked), Arc::new(fault));
        // Of two writes under one condition, S3 does one after the other; moto may do both at once.
        let one_write = Arc::new(Mutex::new(()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, fault) = (Arc::clone(&seen), Arc::clone(&fault));
                let one_write = Arc::clone(&one_write);
                thread::spawn(move || pass(&stream, moto, &seen, &*fault, &one_write));
            }
        });
        let bucket = Self {
            name: name.to_owned(),
            moto,
            port,
            asked,
        };
        bucket.directly("PUT", "", b"");
        bucket
    }

    fn store(&self) -> String {
        format!("s3://{}/shop", self.name)
    }

    fn config(&self) -> String {
        format!("\n[baseline]\nstore = \"{}\"\n", self.store())
    }

    /// The sandbox with the way to the bucket.
    pub(super) fn used_by(&self, sandbox: Sandbox) -> Sandbox {
        sandbox
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_ENDPOINT_URL", &self.endpoint())
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A sandbox with a measurement of one endpoint, and the bucket.
    fn sandbox(&self) -> Sandbox {
        self.used_by(measured(1, &self.config()))
    }

    /// One in which nothing was measured.
    fn empty_sandbox(&self) -> Sandbox {
        let config = sample("0", "0", "0") + &self.config();
        let sandbox = Sandbox::new().without_docker().config(&config);
        self.used_by(sandbox.committed())
    }

    /// Asks moto itself; the body of its answer.
    pub(super) fn directly(&self, method: &str, key: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.moto)).expect("moto listens");
        let head = format!(
            "{method} /{}{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{UNCHECKED}\r\n\
             Content-Length: {}\r\n\r\n",
            self.name,
            body.len()
        );
        let message = [head.as_bytes(), body].concat();
        stream.write_all(&message).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n");
        answer.split_off(end.expect("a head") + 4)
    }

    fn put(&self, key: &str, body: &[u8]) {
        self.directly("PUT", &format!("/shop/{key}"), body);
    }

    fn get(&self, key: &str) -> Vec<u8> {
        self.directly("GET", &format!("/shop/{key}"), b"")
    }

    fn delete(&self, key: &str) {
        self.directly("DELETE", &format!("/shop/{key}"), b"");
    }

    fn keys(&self) -> Vec<String> {
        let listed = self.directly("GET", "?list-type=2", b"");
        let listed = String::from_utf8(listed).expect("text");
        let keys = listed.split("<Key>shop/").skip(1);
        let key = |it: &str| it.split('<').next().expect("a key").to_owned();
        keys.map(key).collect()
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&self.get("index.json")).expect("JSON")
    }

    /// The objects of the files whose paths contain this.
    fn objects(&self, part: &str) -> Vec<String> {
        let index = self.index();
        let files = index["files"].as_object().expect("files").iter();
        let files = files.filter(|(path, _)| path.contains(part));
        let object = |place: &Value| format!("objects/{}", name(&place["object"]));
        files.map(|(_, place)| object(place)).collect()
    }

    /// What a command asks for.
    fn asked_by(&self, sandbox: &Sandbox, words: &[&str]) -> (Run, Vec<Asked>) {
        self.asked.lock().expect("no panic").clear();
        let run = sandbox.run(words.iter().copied());
        (run, self.asked.lock().expect("no panic").clone())
    }
}

fn bytes(asked: &[Asked]) -> usize {
    asked.iter().map(|it| it.bytes).sum()
}

/// Passes one request on, with an answer that ends the connection.
fn pass(
    stream: &TcpStream,
    moto: u16,
    seen: &Mutex<Vec<Asked>>,
    fault: &Fault,
    one_write: &Mutex<()>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    for line in reader.by_ref().lines() {
        match line.ok()? {
            line if line.is_empty() => break,
            line => head.push(line),
        }
    }
    let field = |name: &str| {
        let mut fields = head.iter().filter_map(|line| line.split_once(": "));
        fields.find_map(|(it, value)| it.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let length = field("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = head.first()?.clone();
    let trouble = fault(&line);
    let answer = match trouble {
        Some(Trouble::Status(status)) => {
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .into_bytes()
        }
        Some(Trouble::LostAnswer) | None => {
            head.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
            let head = format!("{}\r\nConnection: close\r\n\r\n", head.join("\r\n"));
            let is_write = line.starts_with("PUT");
            let _one = is_write.then(|| one_write.lock().expect("no panic"));
            let mut server = TcpStream::connect(("127.0.0.1", moto)).ok()?;
            server.write_all(&[head.as_bytes(), &body].concat()).ok()?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).ok()?;
            answer
        }
    };
    let status = String::from_utf8_lossy(answer.get(9..12)?).parse().ok()?;
    seen.lock().ok()?.push(Asked {
        line,
        status,
        bytes: answer.len(),
    });
    if matches!(trouble, Some(Trouble::LostAnswer)) {
        return None;
    }
    let mut stream = stream;
    stream.write_all(&answer).ok()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn baselines_in_a_bucket_are_stored_checked_shown_pinned_and_pruned() {
    let bucket = Bucket::new("lifecycle");
    let sandbox = bucket.sandbox();
    sandbox
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("bucket s3://lifecycle/shop");
    sandbox.run(SHOW).exits(0).prints("nothing is stored");
    for _ in 0..20 {
        sandbox
            .run(REFRESH)
            .exits(0)
            .prints("sample health: stored");
    }
    sandbox.run(SHOW).exits(0).prints("20 in all");
    assert_eq!(bucket.objects("/archive/").len(), 1, "{:#}", bucket.index());
    assert_eq!(bucket.objects("/recent/").len(), 1);
    let files = bucket.index()["files"].as_object().expect("files").len();
    assert_eq!(
        bucket.keys().len(),
        files + 1,
        "what is packed is gone: {:?}",
        bucket.keys()
    );
    let (check, _) = bucket.asked_by(&sandbox, &[&CHECK[..], &["--json", "out.json"]].concat());
    check.exits(0);
    assert_eq!(sandbox.json("out.json")["outcome"], "pass");

    let commit = sandbox.git(&["rev-parse", "HEAD"]);
    let pin = ["baseline", "pin", "--commit", &commit];
    sandbox.run(pin).exits(0).prints("20 good runs");
    sandbox.run(["baseline", "unpin"]).exits(0);
    // Somebody's upload that never became a version, of today: it may still become one.
    bucket.put("objects/left-behind.gz", b"x");
    sandbox
        .run(["baseline", "prune", "--keep", "5"])
        .exits(0)
        .prints("15");
    sandbox.run(SHOW).exits(0).prints("5 in all");
    assert!(bucket.keys().contains(&"objects/left-behind.gz".to_owned()));
    sandbox
        .run(["baseline", "history", "--json", "out.json"])
        .exits(0);
    // By a flag as well as by the configuration.
    let elsewhere = ["baseline", "show", "--store", "s3://lifecycle/elsewhere"];
    sandbox.run(elsewhere).exits(0).prints("nothing is stored");
}

#[test]
fn of_writers_at_once_none_loses_a_run() {
    const WRITERS: usize = 6;
    let bucket = Bucket::new("writers");
    let sandbox = bucket.sandbox();
    // So many that the writers pack, too.
    for _ in 0..13 {
        sandbox.run(REFRESH).exits(0);
    }
    bucket.asked.lock().expect("no panic").clear();
    let running = (0..WRITERS).map(|number| {
        // A run that is the same to the last digit would be one that has arrived already.
        let mut measurement = sandbox.json("new.json");
        let started = format!("2026-10-01T12:00:0{number}Z");
        measurement["provenance"]["started"] = started.into();
        let file = format!("out-{number}.json");
        fs::write(sandbox.path(&file), measurement.to_string()).expect("written");
        sandbox.start(["baseline", "refresh", "--measurement", &file])
    });
    let running: Vec<_> = running.collect();
    for writer in running {
        writer.end().exits(0);
    }
    let asked = bucket.asked.lock().expect("no panic").clone();
    let refused = asked
        .iter()
        .filter(|it| it.status == 412 && it.line.contains("/index.json"));
    assert!(refused.count() > 0, "they were never in each other's way");
    sandbox
        .run(SHOW)
        .exits(0)
        .prints(&format!("{} in all", 13 + WRITERS));
    let used = bucket.index()["files"].as_object().expect("files").len();
    let objects = bucket
        .keys()
        .into_iter()
        .filter(|it| it.starts_with("objects/"));
    assert_eq!(
        objects.count(),
        used,
        "those that lost a race write what they have again"
    );
}

/// Does something to the first request of a kind alone.
fn once(kind: &'static str, trouble: Trouble) -> impl Fn(&str) -> Option<Trouble> + Send + Sync {
    let is_done = AtomicBool::new(false);
    move |line| (line.contains(kind) && !is_done.swap(true, Ordering::Relaxed)).then_some(trouble)
}

#[test]
fn an_index_whose_answer_was_lost_has_every_run_once() {
    let fault = once("index.json HTTP", Trouble::LostAnswer);
    let is_write = |line: &str| line.starts_with("PUT");
    let bucket = Bucket::with(*MOTO, "lost-answer", move |line| {
        is_write(line).then(|| fault(line)).flatten()
    });
    let sandbox = bucket.sandbox();
    let (run, asked) = bucket.asked_by(&sandbox, &REFRESH);
    run.exits(0);
    let writes = asked
        .iter()
        .filter(|it| it.line.starts_with("PUT /lost-answer/shop/index.json"));
    assert_eq!(writes.count(), 2, "{asked:?}");
    sandbox.run(SHOW).exits(0).prints("1 in all");
}

#[test]
fn a_bucket_in_trouble_is_asked_again_until_it_answers() {
    for (name, status) in [
        ("slow-down", "503 Slow Down"),
        ("too-many", "429 Too Many Requests"),
        ("internal", "500 Internal Server Error"),
    ] {
        // Whatever is asked for fails the first time.
        let known = Mutex::new(BTreeSet::new());
        let bucket = Bucket::with(*MOTO, name, move |line| {
            let is_new = known.lock().expect("no panic").insert(line.to_owned());
            is_new.then_some(Trouble::Status(status))
        });
        let sandbox = bucket.sandbox();
        sandbox.run(REFRESH).exits(0);
        sandbox.run(SHOW).exits(0).prints("1 in all");
        let asked = bucket.asked.lock().expect("no panic").clone();
        assert!(asked.iter().any(|it| it.status >= 429), "{asked:?}");
    }
}

#[test]
fn what_is_damaged_or_gone_is_named_and_the_rest_is_used() {
    let bucket = Bucket::new("damaged");
    let sandbox = bucket.sandbox();
    for _ in 0..19 {
        sandbox.run(REFRESH).exits(0);
    }
    let own = bucket.objects("Z-");
    assert_eq!(own.len(), 2, "{:#}", bucket.index());
    bucket.put(&own[0], b"no gzip at all");
    bucket.delete(&own[1]);
    let recent = bucket.objects("/recent/");
    bucket.put(&recent[0], &gzip("{\"schema\": 2, "));
    let check = [&CHECK[..], &["--json", "out.json"]].concat();
    let run = sandbox.run(check.iter().copied());
    for path in ["s3://damaged/shop/sample/health/", "/recent/"] {
        assert!(run.stderr.contains(path), "{}", run.stderr);
    }
    for why in [
        "it is damaged: ",
        "it is gone",
        "as a document of recent runs",
    ] {
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    }
    // All of them are in the archive still.
    sandbox.run(SHOW).exits(0).prints("17 in all");
    let archive = bucket.objects("/archive/");
    let whole = bucket.get(&archive[0]);
    bucket.put(&archive[0], &whole[..whole.len() / 2]);
    // What cannot be made out is not thrown away, and runs are added beside it.
    sandbox
        .run(["baseline", "prune", "--keep", "3"])
        .exits(4)
        .complains("/archive/");
    sandbox.run(REFRESH).exits(0);
    bucket.put(&archive[0], &whole);
    sandbox.run(["baseline", "pin"]).exits(0);
    let run = sandbox.run(SHOW).exits(0).prints("18 in all");
    assert!(
        !run.stderr.contains("/recent/"),
        "it was made anew: {}",
        run.stderr
    );

    bucket.put("index.json", b"{\"schema\": 1, \"files\"");
    let run = sandbox.run(SHOW);
    assert_ne!(run.code, Some(0));
    run.complains("cannot read `s3://damaged/shop/index.json` as a bucket's index");
    bucket.put("index.json", b"{\"schema\": 2, \"folders\": []}");
    let run = sandbox.run(SHOW);
    assert_ne!(run.code, Some(0));
    run.complains("its schema is 2")
        .complains("update perfgate");
}

#[test]
fn a_bucket_that_cannot_be_used_says_why_and_what_to_do() {
    let bucket = Bucket::new("errors");
    let sandbox = bucket.empty_sandbox();
    let config = sandbox.read("perfgate.toml");
    let line = config
        .lines()
        .position(|it| it.starts_with("store"))
        .expect("a line")
        + 1;
    let place = format!("cannot use `s3://errors/shop` (perfgate.toml:{line}): ");
    let fails = |sandbox: &Sandbox, words: &[&str], what: &str, remedy: &str| {
        let run = sandbox.run(words.iter().copied()).exits(4);
        assert!(
            !run.stderr.contains("round"),
            "nothing is measured: {}",
            run.stderr
        );
        assert!(
            !run.stderr.contains(SECRET) && !run.stderr.contains(KEY),
            "{}",
            run.stderr
        );
        run.complains(&place).complains(what).complains(remedy);
    };
    let sandbox = sandbox.env("AWS_SECRET_ACCESS_KEY", "");
    fails(
        &sandbox,
        &SHOW,
        "`AWS_SECRET_ACCESS_KEY` is not set",
        "configure-aws-credentials",
    );
    let plain = "http://192.0.2.1:9000";
    let sandbox = sandbox
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL", plain);
    fails(
        &sandbox,
        &SHOW,
        "plain HTTP to another machine",
        "AWS_ALLOW_HTTP=true",
    );
    let sandbox = sandbox.env("AWS_ENDPOINT_URL", NOBODY);
    fails(&sandbox, &SHOW, "cannot be reached", "AWS_ENDPOINT_URL");
    // Before a measurement begins, not after it.
    fails(
        &sandbox,
        &["baseline", "refresh"],
        "cannot be reached",
        "AWS_ENDPOINT_URL",
    );

    let sandbox = sandbox.env("AWS_ENDPOINT_URL", &bucket.endpoint());
    bucket.directly("DELETE", "", b"");
    fails(
        &sandbox,
        &SHOW,
        "there is no such bucket at `http://127.0.0.1:",
        "create it",
    );
    fails(
        &sandbox,
        &["baseline", "refresh"],
        "there is no such bucket",
        "create it",
    );

    let by_flag = ["baseline", "show", "--store", "s3://errors/other"];
    let run = sandbox.run(by_flag).exits(4);
    run.complains("cannot use `s3://errors/other` (--baseline): there is no such bucket");
    for (store, why) in [
        ("s3://Errors", "no name of a bucket"),
        ("s3://", "the bucket is missing"),
    ] {
        let run = sandbox.run(["baseline", "show", "--store", store]).exits(2);
        run.complains(&format!("cannot read `--baseline {store}`"))
            .complains(why);
    }
}

#[test]
fn answers_of_a_server_that_refuses_say_what_is_wrong() {
    for (name, status, what, remedy) in [
        (
            "denied",
            "403 Forbidden",
            "refuses access",
            "`s3:ListBucket`",
        ),
        (
            "elsewhere",
            "301 Moved Permanently",
            "not in region `us-east-1`",
            "AWS_REGION",
        ),
        ("broken", "400 Bad Request", "answered 400", "run it again"),
    ] {
        let bucket = Bucket::with(*MOTO, name, move |_| Some(Trouble::Status(status)));
        let run = bucket.empty_sandbox().run(SHOW).exits(4);
        run.complains(what).complains(remedy);
    }
}

#[test]
fn credentials_that_are_wrong_are_named_and_never_shown() {
    // From the first request on, it looks at who asks.
    let moto = moto(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")]);
    let bucket = Bucket::with(moto, "private", |_| None);
    let sandbox = bucket.empty_sandbox();
    for words in [&SHOW[..], &["baseline", "refresh"]] {
        let run = sandbox.run(words.iter().copied()).exits(4);
        assert!(
            !run.stderr.contains(KEY) && !run.stderr.contains(SECRET),
            "{}",
            run.stderr
        );
        run.complains("refuses access: InvalidAccessKeyId")
            .complains("check `AWS_ACCESS_KEY_ID`");
    }
}

#[test]
fn a_store_that_ignores_conditions_is_refused_before_anything_is_measured() {
    // Whatever the condition: as written.
    let bucket = Bucket::with(*MOTO, "unconditional", |line| {
        let is_write = line.starts_with("PUT") && line.contains("/shop/");
        is_write.then_some(Trouble::Status("200 OK\r\nETag: \"x\""))
    });
    let run = bucket.empty_sandbox().run(["baseline", "refresh"]).exits(4);
    run.complains("ignores conditional writes")
        .complains("\"git:BRANCH\"");
}

/// Writes the runs of cells, two hours apart, as versions before had packed them.
fn import(bucket: &Bucket, cells: &[Value], runs: usize) {
    let mut archives: BTreeMap<String, String> = BTreeMap::new();
    let newest = Timestamp::now() - 24.hours();
    for run in 0..runs {
        let hours = 2 * i64::try_from(runs - run).expect("few");
        let time = newest - hours.hours();
        for cell in cells {
            let (server, endpoint) = (&cell["key"]["server"], &cell["key"]["endpoint"]);
            let month = time.strftime("%Y-%m");
            let path = format!("{}/{}/archive/{month}.jsonl", name(server), name(endpoint));
            let document: Value = serde_json::from_str(&document(cell, run, time)).expect("JSON");
            let mut document = document.as_object().expect("a document").clone();
            document.insert("rounds".to_owned(), json!({}));
            let archive = archives.entry(path).or_default();
            *archive += &(Value::from(document).to_string() + "\n");
        }
    }
    let mut files = serde_json::Map::new();
    for (number, (path, text)) in archives.into_iter().enumerate() {
        let object = format!("imported-{number}.gz");
        bucket.put(&format!("objects/{object}"), &gzip(&text));
        let place = json!({"object": object, "digest": "imported", "size": text.len()});
        files.insert(path, place);
    }
    let index = json!({"schema": 1, "files": files});
    bucket.put("index.json", index.to_string().as_bytes());
}

#[test]
#[ignore = "writes a bucket of 20,000 runs"]
fn a_check_reads_little_of_five_thousand_runs_of_four_endpoints() {
    let sandbox = measured(4, "\n[baseline]\nkeep = 6000\n");
    sandbox.run(REFRESH).exits(0);
    let cells = documents(&sandbox.path(".perfgate/baselines"));
    assert_eq!(cells.len(), 4);
    let bucket = Bucket::new("large");
    let config = sandbox.read("perfgate.toml");
    let store = format!("[baseline]\nstore = \"{}\"\n", bucket.store());
    let sandbox = bucket.used_by(sandbox.config(&config.replace("[baseline]\n", &store)));
    import(&bucket, &cells, 5000);
    sandbox.run(SHOW).exits(0).prints("5000 in all");
    // What checks read is made when runs are packed.
    sandbox.run(["baseline", "pin"]).exits(0);
    sandbox.run(["baseline", "unpin"]).exits(0);
    let (check, few) = bucket.asked_by(&sandbox, &CHECK);
    assert_ne!(check.code, Some(4), "{}", check.stderr);
    let objects = |part| bucket.objects(part).len();
    assert_eq!((objects("/recent/"), objects("Z-")), (4, 2), "{few:?}");
    // The index, the recent runs and the two pins.
    assert_eq!(few.len(), 1 + 4 + 2, "{few:?}");
    assert!(bytes(&few) < MOST_BYTES, "{few:?}");
    // As many as there can be beside what is packed.
    for _ in 0..16 {
        sandbox.run(REFRESH).exits(0);
    }
    let (check, most) = bucket.asked_by(&sandbox, &CHECK);
    assert_ne!(check.code, Some(4), "{}", check.stderr);
    assert_eq!(most.len(), few.len() + 16 * 4, "{most:?}");
    assert!(bytes(&most) < MOST_BYTES, "{} bytes", bytes(&most));
    sandbox.run(SHOW).exits(0).prints("5016 in all");
}
