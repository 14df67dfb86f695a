//! Chromium without a window, driven through the driver that Debian has of it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use url::{ParseError, Url};

use crate::support::require;

/// A driver and the browser it has started; both end with it.
pub(crate) struct Browser {
    driver: Child,
    _turn: MutexGuard<'static, ()>,
    pub(crate) client: Client,
}

/// One browser at a time: they take all the CPUs there are.
static TURN: Mutex<()> = Mutex::const_new(());

/// What only Chromium's driver knows: its log, and the protocol of its developer tools.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let turn = TURN.lock().await;
        require(&["chromium", "chromedriver"]);
        let (driver, address) = driver();
        let mut capabilities = serde_json::Map::new();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ];
        let options = json!({ "args": arguments });
        capabilities.insert("goog:chromeOptions".into(), options);
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await
            .expect("the browser starts");
        Self {
            driver,
            _turn: turn,
            client,
        }
    }

    /// A window of a width in which the page is to be dark or light.
    pub(crate) async fn appear(&self, width: u32, scheme: &str) {
        let metrics =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.tool("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.tool(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// What the console has shown since it was last asked.
    pub(crate) async fn console(&self) -> Vec<Value> {
        let entries = self.own("se/log", json!({ "type": "browser" })).await;
        entries.as_array().expect("a list of entries").clone()
    }

    /// What a script gives back.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .expect("the script runs")
    }

    /// Presses a key wherever the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.expect("a key");
    }

    pub(crate) async fn end(self) {
        let closed = self.client.clone().close().await;
        closed.expect("the browser ends");
    }

    async fn tool(&self, name: &str, parameters: Value) {
        self.own(
            "goog/cdp/execute",
            json!({ "cmd": name, "params": parameters }),
        )
        .await;
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        let command = Own { path, body };
        self.client
            .issue_cmd(command)
            .await
            .expect("the driver knows the command")
    }
}

/// Where a test failed, the driver has not ended, nor has the browser it started.
impl Drop for Browser {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.driver);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.driver.wait();
    }
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A driver on a port of its choice.
fn driver() -> (Child, String) {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the driver starts");
    let stdout = driver.stdout.take().expect("standard output is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let started = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    // What it says later goes nowhere, and must not stop it.
    std::thread::spawn(move || lines.for_each(drop));
    let port = started.expect("the driver prints its port");
    (driver, format!("http://127.0.0.1:{port}"))
}
