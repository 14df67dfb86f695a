//! The branch behind a server of git's smart HTTP that fails: real answers are git's own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use super::{KEEP, baseline};
use crate::baseline::{Branch, Error};

const BRANCH: &str = "perfgate-baselines";

/// What a server does with a request, given its line: an answer of its own, or `None` if git is to
/// answer.
type Fault = dyn Fn(&str) -> Option<&'static str> + Send + Sync;

const UNAVAILABLE: &str = "503 Service Unavailable\r\nRetry-After: 1";
const TOO_MANY: &str = "429 Too Many Requests\r\nRetry-After: 1";
const FORBIDDEN: &str = "403 Forbidden";

/// A bare repository behind a server, and a clone that knows nothing of it.
struct Remote {
    folder: TempDir,
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Remote {
    fn new(fault: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        let folder = TempDir::new().expect("a folder");
        for words in [
            ["init", "--bare", "remote.git"],
            ["init", "--quiet", "clone"],
        ] {
            let mut git = Command::new("git");
            let git = git.arg("-C").arg(folder.path()).args(words);
            assert!(git.output().expect("git runs").status.success());
        }
        let config = folder.path().join("remote.git/config");
        let text = fs::read_to_string(&config).expect("read");
        fs::write(&config, text + "[http]\nreceivepack = true\n").expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (root, asked) = (folder.path().to_owned(), Arc::default());
        let (seen, fault): (Arc<Mutex<Vec<String>>>, Arc<Fault>) =
            (Arc::clone(&asked), Arc::new(fault));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, seen, fault) = (root.clone(), Arc::clone(&seen), Arc::clone(&fault));
                thread::spawn(move || serve(stream, &root, &seen, &*fault));
            }
        });
        Self {
            folder,
            url: format!("http://127.0.0.1:{port}/remote.git"),
            asked,
        }
    }

    fn branch(&self) -> Branch {
        Branch::new(&self.clone_folder(), &self.url, BRANCH)
    }

    fn clone_folder(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    /// How many requests had this in their line.
    fn asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().expect("no panic");
        asked.iter().filter(|line| line.contains(what)).count()
    }
}

/// Answers one request and closes.
fn serve(stream: TcpStream, root: &Path, seen: &Mutex<Vec<String>>, fault: &Fault) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
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
    seen.lock().ok()?.push(line.clone());
    let mut stream = stream;
    if let Some(status) = fault(&line) {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return stream.write_all(answer.as_bytes()).ok();
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut git = Command::new("git");
    git.arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", field("content-type").unwrap_or_default())
        .env(
            "HTTP_CONTENT_ENCODING",
            field("content-encoding").unwrap_or_default(),
        )
        .env("GIT_PROTOCOL", field("git-protocol").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut git = git.spawn().ok()?;
    let mut input = git.stdin.take()?;
    thread::spawn(move || input.write_all(&body));
    let output = git.wait_with_output().ok()?.stdout;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        .ok()?;
    stream.write_all(&output).ok()
}

#[test]
fn a_server_in_trouble_is_asked_again_until_it_answers() {
    for status in [UNAVAILABLE, TOO_MANY] {
        // Whatever is asked for fails the first time.
        let known = Mutex::new(BTreeSet::new());
        let remote = Remote::new(move |line| {
            let is_new = known.lock().expect("no panic").insert(line.to_owned());
            is_new.then_some(status)
        });
        let branch = remote.branch();
        branch
            .add(&[baseline("app", "home", 1)], KEEP)
            .expect("added");
        assert_eq!(branch.all().expect("read").baselines.len(), 1, "{status}");
    }
}

#[test]
fn a_right_that_is_missing_is_known_before_anything_is_sent() {
    let remote = Remote::new(|line| line.contains("git-receive-pack").then_some(FORBIDDEN));
    let error = remote.branch().try_adding().expect_err("forbidden");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("403"), "{error}");
    assert_eq!(remote.asked("git-receive-pack"), 1);
    let open = Remote::new(|_| None);
    open.branch().try_adding().expect("allowed");
    assert!(open.branch().all().expect("read").baselines.is_empty());
}
