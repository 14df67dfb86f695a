use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use testcontainers::TestcontainersError;

use super::Answer;
use crate::dial;

/// Why the stack cannot be brought up, watched or taken down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot reach the container engine at `{socket}`: {reason}")]
    Unreachable { socket: String, reason: String },
    #[error(
        "cannot use the container engine at `{socket}`: its API {found} is older than {needed}"
    )]
    TooOld {
        socket: String,
        found: String,
        needed: &'static str,
    },
    #[error("cannot use the container engine at `{socket}`: it runs on another machine")]
    Remote { socket: String },
    #[error("cannot use `{wanted}`: the container engine runs under another kernel")]
    OtherKernel { wanted: &'static str },
    #[error("cannot {action}")]
    Engine { action: String, source: EngineError },
    #[error("cannot start `{name}`")]
    Container {
        name: String,
        source: Box<TestcontainersError>,
    },
    #[error("cannot pull `{image}`")]
    Pull { image: String, source: EngineError },
    #[error("cannot use `{image}`: it is built for {found} and the engine runs {wanted}")]
    Architecture {
        image: String,
        found: String,
        wanted: String,
    },
    #[error("cannot read the build folder `{}`", folder.display())]
    Context { folder: PathBuf, source: io::Error },
    #[error("cannot build `{name}` from `{}`: {message}", folder.display())]
    Build {
        name: String,
        folder: PathBuf,
        message: String,
        output: String,
    },
    #[error(
        "cannot use `{}` of `{server}`: it lies in `{}`, and `prepare` builds into the target directory of \
         each tree",
        program.display(),
        folder.display()
    )]
    SharedProgram {
        server: String,
        program: PathBuf,
        folder: PathBuf,
    },
    #[error("the program of `{server}` is the same file on both sides: `{}`", program.display())]
    SameProgram { server: String, program: PathBuf },
    #[error("cannot find the program of `{name}` that cargo built: {reason}")]
    NoProgram { name: String, reason: String },
    #[error("cannot run `{command}`")]
    Spawn { command: String, source: io::Error },
    #[error("`{command}` of `{name}` ended with {status}")]
    Command {
        name: String,
        command: String,
        status: String,
        output: String,
    },
    #[error("`{command}` of `{name}` did not end within {within:?}")]
    Overdue {
        name: String,
        command: String,
        within: Duration,
        output: String,
    },
    #[error("lost the container engine at `{socket}`: {reason}")]
    Lost { socket: String, reason: String },
    #[error("lost `{name}`, which the servers need: it {status}")]
    Service {
        name: String,
        status: String,
        output: String,
    },
    #[error("cannot start `{name}`: it ended with {status} before it answered")]
    Ended {
        name: String,
        status: String,
        output: String,
    },
    #[error("`{name}` died under load: it ended with {status}")]
    Died {
        name: String,
        status: String,
        output: String,
    },
    #[error(
        "cannot put a proxy before `{name}`: it listens on {address}, where no proxy reaches it"
    )]
    Upstream { name: String, address: String },
    #[error("cannot reach {what} from a container on a network of its own")]
    Unreached { what: String },
    #[error("cannot start `{name}`: waited {within:?} for {what}: {last}")]
    NotReady {
        name: String,
        what: String,
        within: Duration,
        last: String,
        output: String,
    },
    #[error("cannot start `{name}`: after {waited:?} {what} still answers with {answer}")]
    WrongAnswer {
        name: String,
        what: String,
        /// Since its start.
        waited: Duration,
        answer: Box<Answer>,
        output: String,
    },
    #[error("cannot log in to `{name}` by [login.{login}], {request}: {why}")]
    Login {
        name: String,
        login: String,
        request: String,
        why: String,
        output: String,
    },
    #[error("cannot start `{name}`: port {port}, where it always listens, is not free")]
    PortTaken {
        name: String,
        port: u16,
        source: io::Error,
    },
    #[error("cannot read `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}` has no text `{text}`, which is to be replaced", path.display())]
    NotInFile { path: PathBuf, text: String },
    #[error("cannot run `{}` in Postgres", path.display())]
    Sql {
        path: PathBuf,
        source: tokio_postgres::Error,
    },
    #[error("cannot load `{}` into Postgres: {program} ended with exit code {code}", path.display())]
    Load {
        path: PathBuf,
        program: &'static str,
        code: i64,
        output: String,
    },
    #[error("cannot load `{}` into Postgres: it is a dump for pg_restore, and `url` names a database that perfgate has no container of", path.display())]
    Dump { path: PathBuf },
    #[error("cannot make database `{name}`")]
    Database {
        name: String,
        source: tokio_postgres::Error,
    },
    #[error("cannot vacuum a database that was set up")]
    Vacuum { source: tokio_postgres::Error },
    #[error("cannot grow the table `{table}`: {reason}")]
    Growth { table: String, reason: String },
    #[error("cannot use a logical database of Redis")]
    Redis { source: redis::RedisError },
    #[error("cannot find an empty logical database in Redis for each build")]
    RedisFull,
    #[error("cannot find the address of `{address}`")]
    Address { address: String, source: io::Error },
    #[error(transparent)]
    Dial(#[from] dial::Error),
    #[error("cannot pin to CPUs {cpus:?}")]
    Pin { cpus: Vec<usize>, source: io::Error },
    #[error("cannot find the address of `{name}` on the network of the run")]
    NoAddress { name: String },
    #[error("cannot read the resources of `{name}`: {reason}")]
    Usage { name: String, reason: String },
    #[error("cannot remove what is left of run {run}: {left}")]
    Left { run: String, left: String },
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Dial(error) => return error.hint(),
            Self::WrongAnswer { answer, .. } => return Some(answer.hint()),
            Self::Unreachable { .. } => {
                "start Docker, set DOCKER_HOST to its socket, or name a configuration to use without it: `without_docker = \"FILE\"`"
            }
            Self::TooOld { .. } => "update Docker Engine to 20.10 or newer",
            Self::Remote { .. } => {
                "run perfgate on the engine's machine: load goes to loopback addresses only"
            }
            Self::Unreached { .. } => {
                "write `network = \"host\"`, and pass every server and proxy its address by {host} and {port}"
            }
            Self::Upstream { .. } => "let it listen on a TCP port",
            Self::OtherKernel { .. } => "write `network = \"published\"`",
            Self::Pull { .. } => {
                "check the image's name and the registry's login, or build it from a folder: `build = \"FOLDER\"`"
            }
            Self::Architecture { .. } => "name an image of the engine's architecture",
            Self::NotReady { .. } => {
                "it is asked at its `port` or `url`: let it listen on 0.0.0.0 there, or on {host}:{port}, and speak HTTP, or HTTPS with `tls`; `ready.within` gives it longer"
            }
            Self::Login { .. } => {
                "try the request with curl; `setup` must leave the user that it logs in"
            }
            Self::PortTaken { .. } => {
                "end what listens there, or let perfgate choose: use {host} and {port} in `run` or `env`"
            }
            Self::Database { .. } => {
                "let the connection's role create databases, or compare with `--strategy stored`"
            }
            Self::Growth { .. } => "[growth] in the configuration names the tables and their rows",
            Self::Vacuum { .. } => "the log of Postgres says more; look at its memory and its disk",
            Self::NoAddress { .. } => "leave `internal = true` out",
            Self::RedisFull => "empty two of them, or compare with `--strategy stored`",
            Self::Left { .. } => "`perfgate cleanup` tries again",
            Self::Lost { .. } => {
                "its own log says why; `perfgate doctor` says whether it can be used again"
            }
            Self::Overdue { .. } => {
                "its last lines are above; `[deadlines]`, or `ready.within` of a service, gives it longer"
            }
            Self::Service { .. } => "its last lines are above; look at its memory and its disk",
            // As both a process and a container are said to have ended.
            Self::Ended { status, .. } if status.ends_with(" 0") => {
                "a server must stay in the foreground: leave out the option that sends it into the background"
            }
            Self::Ended { output, .. } | Self::Died { output, .. } if output.is_empty() => {
                "it printed nothing: run its command by hand, with the same `env`; `perfgate doctor` checks the machine"
            }
            Self::Ended { .. } | Self::Died { .. } | Self::Command { .. } | Self::Build { .. } => {
                "its last lines are above; `perfgate doctor` checks the machine"
            }
            Self::Engine { .. } => "`perfgate doctor` says whether the engine can be used",
            Self::Container { .. } => "check its `image`, `command` and `port`",
            Self::Context { .. } => "name a folder that can be read: `build = \"FOLDER\"`",
            Self::NoProgram { .. } => {
                "name the package and its binary: `cargo = { package = \"PACKAGE\", bin = \"BINARY\" }`"
            }
            Self::SameProgram { .. } => {
                "build into the tree, and name the program as it lies there, such as `run = [\"target/release/app\"]`"
            }
            Self::SharedProgram { .. } => {
                "name it as it lies in the tree, such as `run = [\"target/release/app\"]`: with one target directory for both, head and base would be the same program"
            }
            Self::Spawn { .. } => {
                "check that the program is installed; it is looked for in PATH and in the folder of perfgate.toml"
            }
            Self::File { .. } => "name a file that can be read, relative to perfgate.toml",
            Self::NotInFile { .. } => {
                "write the text under `replace` as the file has it; both builds need it, each in its own file"
            }
            Self::Sql { .. } => {
                "each file of `init` runs once, on an empty database: try it with psql"
            }
            Self::Load { .. } => {
                "its last lines are above; `init` is loaded into an empty database, `seed` after `setup`"
            }
            Self::Dump { .. } => {
                "restore it yourself, or let perfgate start Postgres: `image` or `build`"
            }
            Self::Redis { .. } => "check `url` in [redis], or let perfgate start one: `image`",
            Self::Address { .. } => "check the host's name in `url`",
            Self::Pin { .. } => {
                "let the process use these CPUs: `taskset` and its cgroup's cpuset decide"
            }
            Self::Usage { .. } => {
                "/proc and the cgroups of its processes must be readable: run as the same user or as root"
            }
        };
        Some(hint.into())
    }

    /// The same end, of something that had answered before.
    pub(super) fn under_load(self) -> Self {
        match self {
            Self::Ended {
                name,
                status,
                output,
            } => Self::Died {
                name,
                status,
                output,
            },
            other => other,
        }
    }

    /// The same with the last lines of the server, where it has room for them.
    pub(super) fn with_output(mut self, lines: String) -> Self {
        if let Self::Login { output, .. } = &mut self {
            *output = lines;
        }
        self
    }

    /// Whether the engine or the machine failed, and not one server.
    pub const fn is_of_everything(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TooOld { .. }
                | Self::Remote { .. }
                | Self::OtherKernel { .. }
                | Self::Unreached { .. }
                | Self::Pin { .. }
                | Self::Lost { .. }
                | Self::Service { .. }
                | Self::Left { .. }
                | Self::Database { .. }
                | Self::Vacuum { .. }
                | Self::Redis { .. }
                | Self::RedisFull
        )
    }

    /// The last lines of what failed, for printing above the error.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Build { output, .. }
            | Self::Command { output, .. }
            | Self::Overdue { output, .. }
            | Self::Load { output, .. }
            | Self::Service { output, .. }
            | Self::Ended { output, .. }
            | Self::Died { output, .. }
            | Self::NotReady { output, .. }
            | Self::Login { output, .. }
            | Self::WrongAnswer { output, .. } => Some(output)
                .filter(|text| !text.is_empty())
                .map(String::as_str),
            _ => None,
        }
    }
}
