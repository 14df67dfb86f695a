use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{
    Build, CargoBuild, ContainerSettings, Growth, Identity, Login, Origin, Placeholder, Thresholds,
    Transport, Workload,
};

/// Version of what makes two servers the same.
const IDENTITY: u32 = 1;

/// A server under test: how it is brought up and what is measured on it.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    /// Whether it runs beside another server of this name, so that its containers need names of their
    /// own.
    pub is_twin: bool,
    /// How the application is called, such as `WSGI`; for readers of a ranking.
    pub interface: Option<String>,
    pub source: Source,
    /// How the program of `{program}` is built, for a process of this host.
    pub cargo: Option<CargoBuild>,
    /// Where another build of it runs already, for one that runs already too.
    pub base: Option<Origin>,
    /// The folder that processes of this host run in.
    pub root: PathBuf,
    /// Command in the container; empty for the image's own.
    pub command: Vec<String>,
    /// Commands run once before the server starts, each with the server's environment.
    pub setup: Vec<Vec<String>>,
    /// Port the server listens on inside its container; that of a process which perfgate does not
    /// say where to listen.
    pub port: u16,
    pub env: Vec<(String, String)>,
    /// How HTTP is spoken with it.
    pub transport: Transport,
    pub ready: Ready,
    /// Requests between its start and the load, in their order.
    pub logins: Vec<Login>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    pub container: ContainerSettings,
    /// Processes beside it that take jobs from a queue.
    pub workers: Vec<Worker>,
    /// The proxy that requests go through.
    pub behind: Option<String>,
    /// How its data grow while single requests are counted, beside a base.
    pub growth: Option<Growth>,
    pub cells: Vec<Cell>,
}

/// Another command of a server's image or commit, which runs as long as the server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub name: String,
    pub command: Vec<String>,
    /// Beside the variables of the server, in place of those of the same name.
    pub env: Vec<(String, String)>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// Text in a line of its output once it takes jobs.
    pub ready: Option<String>,
}

/// Where a server comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Image(String),
    Build(Build),
    /// A process on this host.
    Run(Vec<String>),
    /// Already running.
    Url(Origin),
}

/// When a server counts as started: once it gives one request a good answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    pub method: String,
    /// Request target in origin form, with its query.
    pub path: String,
    /// Header fields added to `Host`, in order; one named `Host` replaces it.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Status of a good answer; nothing for any below 400.
    pub status: Option<u16>,
    /// Text the body must contain.
    pub contains: Option<String>,
    /// Values the JSON body must have, by JSON pointer (RFC 6901).
    pub json: Vec<(String, Value)>,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Longest wait for a good one.
    pub within: Duration,
}

/// One endpoint of one server.
#[derive(Debug, Clone)]
pub struct Cell {
    pub endpoint: String,
    pub workload: Workload,
    pub thresholds: Thresholds,
}

impl Target {
    /// The variables of a worker.
    pub fn env_of(&self, worker: &Worker) -> Vec<(String, String)> {
        let is_own = |name: &String| worker.env.iter().any(|(own, _)| own == name);
        let inherited = self.env.iter().filter(|(name, _)| !is_own(name));
        inherited.chain(&worker.env).cloned().collect()
    }

    /// What its containers are named by.
    pub fn role(&self) -> String {
        let twin = if self.is_twin { ".twin" } else { "" };
        format!("{}{twin}", self.name)
    }

    /// Whether the server learns from perfgate on which address and port to listen.
    pub fn gets_its_address(&self) -> bool {
        Placeholder::give_address(&self.command, &self.env)
    }

    /// Whether a process of this host learns from perfgate on which port to listen; one that does
    /// not always listens on the same.
    pub fn gets_its_port(&self) -> bool {
        let words = match &self.source {
            Source::Run(words) => words.as_slice(),
            _ => &self.command,
        };
        let env = self.env.iter().map(|(_, value)| value);
        let mut texts = words.iter().chain(env);
        texts.any(|text| text.contains(Placeholder::Port.text()))
    }

    /// Digest of everything but the image that a container of it is made with.
    pub fn configuration(&self) -> String {
        let workers: Vec<_> = self.workers.iter().map(Worker::identity).collect();
        let own = Identity::new(IDENTITY)
            .with("command", &self.command)
            .with("setup", &self.setup)
            .always("port", &self.port)
            .with("env", &self.env)
            .with("memory", &self.memory)
            .with("workers", &workers)
            .with("cargo", &self.cargo.as_ref().map(CargoBuild::identity));
        self.container.identify(own, &self.root).digest()
    }

    /// Whether two of it can be up at the same time.
    pub fn can_be_up_twice(&self) -> bool {
        let is_running = matches!(self.source, Source::Url(_));
        is_running || self.source.is_contained() || self.gets_its_port()
    }
}

impl Ready {
    /// A GET of a path that is answered with a status below 400.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: "GET".into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            status: None,
            contains: None,
            json: Vec::new(),
            timeout: Duration::from_secs(5),
            within: Duration::from_secs(60),
        }
    }

    /// Whether a status is that of a good answer.
    pub fn takes(&self, status: u16) -> bool {
        self.status
            .map_or((200..400).contains(&status), |it| it == status)
    }

    /// Whether the body itself is looked into.
    pub fn reads_bodies(&self) -> bool {
        self.contains.is_some() || !self.json.is_empty()
    }
}

impl Source {
    /// What keys of stored runs are made of. Where a folder lies says nothing about what is in it.
    pub fn identity(&self) -> Identity {
        let of = Identity::new(IDENTITY);
        match self {
            Self::Image(image) => of.always("image", image),
            Self::Build(build) => of.always("build", &build.identity()),
            Self::Run(words) => of.always("run", words),
            Self::Url(origin) => of.always("url", &origin.address),
        }
    }

    pub const fn is_contained(&self) -> bool {
        matches!(self, Self::Image(_) | Self::Build(_))
    }
}

impl Worker {
    fn identity(&self) -> Identity {
        Identity::new(IDENTITY)
            .always("name", &self.name)
            .with("command", &self.command)
            .with("env", &self.env)
            .with("memory", &self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &Source) -> String {
        serde_json::to_string(&source.identity()).expect("JSON")
    }

    #[test]
    fn what_keys_are_made_of_stays_as_it_was() {
        let build = |folder: &str| Build::of_folder(folder.into());
        let staged = Build {
            dockerfile: Some("here/a/b/docker/app".into()),
            target: Some("web".into()),
            args: vec![("A".into(), "1".into())],
            ..build("here/a/b")
        };
        for (source, expected) in [
            (
                Source::Image("app:1".into()),
                r#"{"image":"app:1","version":1}"#,
            ),
            (
                Source::Build(build("here/a/b")),
                r#"{"build":{"folder":"b","version":1},"version":1}"#,
            ),
            (
                Source::Build(staged),
                r#"{"build":{"args":[["A","1"]],"dockerfile":"docker/app","folder":"b","target":"web","version":1},"version":1}"#,
            ),
            (
                Source::Run(vec!["app".into()]),
                r#"{"run":["app"],"version":1}"#,
            ),
        ] {
            assert_eq!(text(&source), expected);
        }
    }

    #[test]
    fn another_place_of_the_same_folder_is_the_same() {
        let of = |context: &str| Source::Build(Build::of_folder(context.into())).identity();
        assert_eq!(of("/here/app"), of("/there/app"));
        assert_ne!(of("/here/app"), of("/here/other"));
    }
}
