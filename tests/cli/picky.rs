//! A server that answers by a rule, and keeps what it was asked first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Sandbox, finding};

pub(crate) const ROUNDS: &str =
    "[load]\nconnections = 2\nround = \"200ms\"\nrounds = 2\nwarmup = \"100ms\"\n";

/// One request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    /// In small letters, as `name: value`.
    pub(crate) fields: Vec<String>,
    pub(crate) body: String,
}

/// What a request is answered with: the status line, fields and an empty line, and the body.
pub(crate) type Rule = fn(&Asked) -> &'static str;

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that answers by a rule and keeps what it was asked first.
pub(crate) struct Picky {
    address: SocketAddr,
    first: Arc<Mutex<Option<Asked>>>,
}

impl Picky {
    pub(crate) fn start(rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let first = Arc::new(Mutex::new(None));
        let asked = Arc::clone(&first);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = Arc::clone(&asked);
                // How a connection ends is for the client to report.
                thread::spawn(move || serve(stream, rule, &asked));
            }
        });
        Self { address, first }
    }

    pub(crate) fn first(&self) -> Asked {
        let first = self.first.lock().expect("no server panicked");
        first.clone().expect("the server was asked")
    }

    /// A configuration of the server, which runs already.
    pub(crate) fn sandbox(&self, ready: &str, endpoint: &str) -> Sandbox {
        let address = self.address;
        Sandbox::new().without_docker().config(&format!(
            "[server.app]\nurl = \"http://{address}\"\n{ready}\n[endpoint.first]\n{endpoint}\n{ROUNDS}"
        ))
    }

    /// Asserts that the server becomes ready and is measured without an error.
    pub(crate) fn is_measured(&self, ready: &str, endpoint: &str) {
        let sandbox = self.sandbox(ready, endpoint);
        sandbox.run(["check", "--json", "out.json"]).exits(0);
        let report = sandbox.json("out.json");
        let errors = finding(&report, "app", "first", "error_rate");
        assert_eq!(errors["head"], 0.0, "{errors}");
    }
}

fn serve(stream: TcpStream, rule: Rule, first: &Mutex<Option<Asked>>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader)? {
        let answer = rule(&asked);
        first
            .lock()
            .expect("no server panicked")
            .get_or_insert(asked);
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// The next request; nothing once the client has gone.
fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let fields: Vec<_> = lines.iter().map(|it| it.to_ascii_lowercase()).collect();
    let mut lengths = fields
        .iter()
        .filter_map(|it| it.strip_prefix("content-length: "));
    let length = lengths.next().map_or(0, |it| it.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked {
        line,
        fields,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

impl Asked {
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|it| it == field)
    }
}
