//! The file exactly as written. What stands above a key here is what the reference and the schema
//! say of it.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::copied::CopiedFile;
use super::spanned::Spanned;
use super::units::{Change, PerSecond, Quantity, Size, Time};
use crate::model::{KnownCounters, Metric, NetworkPath};

/// What perfgate measures, and by which rules it judges. Relative paths start at the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(title = "perfgate.toml")]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Versions of perfgate that the file is for, such as `0.3` (this or a later one of the same kind) or
    /// `>=0.3, <0.5`.
    #[expect(dead_code, reason = "`version` reads it before everything else")]
    pub(super) required: Option<Spanned<String>>,
    /// Variables of perfgate's own environment that servers run as processes, and `prepare`, inherit although they
    /// look like secrets.
    #[serde(default)]
    pub(super) inherit: Vec<String>,
    /// Commands run before anything else, in the folder of the file.
    #[serde(default)]
    pub(super) prepare: Vec<Command>,
    /// Compose file, or several that are merged, whose services servers and what they work with are; or a
    /// table that says more. What this file says comes first, key by key.
    pub(super) compose: Option<Spanned<Compose>>,
    /// Configuration to use instead where no container engine answers.
    pub(super) without_docker: Option<Spanned<PathBuf>>,
    /// The way to servers in containers; without it perfgate chooses.
    pub(super) network: Option<Spanned<NetworkPath>>,
    /// Whether containers are kept from everything outside of their network.
    #[serde(default)]
    pub(super) internal: bool,
    /// Whether paths may lead out of the file's folder.
    #[serde(default)]
    pub(super) allow_outside: bool,
    /// The database, where servers need one.
    pub(super) postgres: Option<Spanned<Postgres>>,
    /// Redis, where servers need one.
    pub(super) redis: Option<Spanned<Redis>>,
    /// Other services that servers need, by name.
    #[serde(default)]
    pub(super) service: IndexMap<String, Spanned<Service>>,
    /// Reverse proxies that servers can stand behind, by name.
    #[serde(default)]
    pub(super) proxy: IndexMap<String, Spanned<Proxy>>,
    /// The servers under test, by name.
    #[serde(default)]
    pub(super) server: IndexMap<String, Spanned<Server>>,
    /// A fixed program of the same kind of work, that stored CPU time is compared with.
    pub(super) reference: Option<Reference>,
    /// How data grow while single requests are counted.
    pub(super) growth: Option<Spanned<Growth>>,
    /// Requests between the start of a server and the load, by name and in their order.
    #[serde(default)]
    pub(super) login: IndexMap<String, Spanned<Login>>,
    /// What is measured on every server, by name.
    #[serde(default)]
    pub(super) endpoint: IndexMap<String, Spanned<Endpoint>>,
    /// How servers are loaded, and for how long.
    #[serde(default)]
    pub(super) load: Load,
    /// How long steps before the load may take.
    #[serde(default)]
    pub(super) deadlines: Deadlines,
    /// Rules by metric, for all servers and endpoints.
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    /// Regressions that are accepted until a day.
    #[serde(default)]
    pub(super) accept: Vec<Accept>,
    /// Where stored runs are kept.
    #[serde(default)]
    pub(super) baseline: Baseline,
}

/// Compose files, and what is to be known of them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ComposeTable {
    /// Files, the later ones over the earlier.
    pub(super) files: Vec<PathBuf>,
    /// Profiles that are on.
    #[serde(default)]
    pub(super) profiles: Vec<String>,
    /// Files with the variables of their values; else `.env` beside the first.
    #[serde(default)]
    pub(super) env_file: Vec<PathBuf>,
}

/// A file, a list of files, or a table that says more.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "for the schema")]
enum ComposeForms {
    File(PathBuf),
    Files(Vec<PathBuf>),
    Table(ComposeTable),
}

/// Compose files, however they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Compose(pub(super) ComposeTable);

impl JsonSchema for Compose {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Compose".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ComposeForms::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Compose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ComposeVisitor).map(Self)
    }
}

struct ComposeVisitor;

impl<'de> Visitor<'de> for ComposeVisitor {
    type Value = ComposeTable;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a file, a list of files, or a table with `files`")
    }

    fn visit_str<E: de::Error>(self, file: &str) -> Result<ComposeTable, E> {
        Ok(ComposeTable {
            files: vec![file.into()],
            ..ComposeTable::default()
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ComposeTable, A::Error> {
        let mut files = Vec::new();
        while let Some(file) = list.next_element()? {
            files.push(file);
        }
        Ok(ComposeTable {
            files,
            ..ComposeTable::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ComposeTable, A::Error> {
        ComposeTable::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A command as one word (a program) or as a list of words.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a program or a list of words")]
pub(super) enum Command {
    Program(String),
    Words(Vec<String>),
}

impl Command {
    pub(super) fn words(self) -> Vec<String> {
        match self {
            Self::Program(program) => vec![program],
            Self::Words(words) => words,
        }
    }
}

/// The database: one of `image`, `build` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Postgres {
    /// Service of the compose files that it is; else the first whose image is called like it.
    pub(super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(super) build: Option<Spanned<Build>>,
    /// Connection string of a database that runs already.
    pub(super) url: Option<Spanned<String>>,
    /// Scheme of `{postgres.url}`, such as `postgresql+asyncpg`.
    #[schemars(extend("default" = "postgresql"))]
    pub(super) scheme: Option<Spanned<String>>,
    /// Environment variables of its container.
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    /// Settings of the database server, by name.
    #[serde(default)]
    pub(super) settings: IndexMap<String, String>,
    /// SQL files and dumps (`pg_dump` in any format) loaded once the database is up.
    #[serde(default)]
    pub(super) init: Vec<Spanned<PathBuf>>,
    /// SQL files and dumps loaded after the `setup` of a server, which makes the tables: once for all
    /// servers that are set up alike.
    #[serde(default)]
    pub(super) seed: Vec<Spanned<PathBuf>>,
}

/// Redis: one of `image`, `build` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Redis {
    /// Service of the compose files that it is; else the first whose image is called like it.
    pub(super) service: Option<Spanned<String>>,
    /// Image to run.
    pub(super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(super) build: Option<Spanned<Build>>,
    /// Connection string of one that runs already.
    pub(super) url: Option<Spanned<String>>,
}

/// How an image is built.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildTable {
    /// Folder whose files the builder gets.
    pub(super) context: PathBuf,
    /// The Dockerfile, from the context; else `Dockerfile`.
    pub(super) dockerfile: Option<PathBuf>,
    /// The stage to build; else the last.
    pub(super) target: Option<String>,
    /// Build arguments, by name.
    #[serde(default)]
    pub(super) args: IndexMap<String, String>,
    /// Secrets of `RUN --mount=type=secret`, by id: `{env.NAME}`, or a file.
    #[serde(default)]
    pub(super) secrets: IndexMap<String, String>,
    /// Whether `RUN --mount=type=ssh` may use the keys of the SSH agent.
    #[serde(default)]
    pub(super) ssh: bool,
    /// Platform of the image, such as `linux/amd64`; else the engine's own.
    pub(super) platform: Option<String>,
    /// Where BuildKit finds layers of earlier builds: images, or `type=gha,scope=app` and the like.
    #[serde(default)]
    pub(super) cache_from: Vec<String>,
    /// Where it leaves layers for later ones.
    #[serde(default)]
    pub(super) cache_to: Vec<String>,
}

/// A folder, or a table that says more.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(super) enum Build {
    Folder(PathBuf),
    Table(Box<BuildTable>),
}

impl<'de> Deserialize<'de> for Build {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BuildVisitor)
    }
}

/// An untagged enum would say of a table only that it is no `Build`.
struct BuildVisitor;

impl<'de> Visitor<'de> for BuildVisitor {
    type Value = Build;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a folder, or a table with `context`")
    }

    fn visit_str<E: de::Error>(self, folder: &str) -> Result<Build, E> {
        Ok(Build::Folder(folder.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Build, A::Error> {
        let table = BuildTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Build::Table(Box::new(table)))
    }
}

/// A service in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// Image to run.
    pub(super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(super) entrypoint: Option<Vec<String>>,
    /// Environment variables; `{NAME.env.X}` gives one to a server.
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, as `.env` has them.
    #[serde(default)]
    pub(super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders kept in memory.
    #[serde(default)]
    pub(super) tmpfs: Vec<Spanned<String>>,
    /// Ports it listens on in its container; `{NAME.port}` is the first, `{NAME.port.9000}` that one.
    #[serde(default)]
    pub(super) ports: Vec<Spanned<u16>>,
    /// Memory limit of its container.
    pub(super) memory: Option<Size>,
    /// CPUs that its container may use, such as 0.5.
    pub(super) cpus: Option<Spanned<f64>>,
    /// User in the container, or user and group.
    pub(super) user: Option<String>,
    /// Folder in the container that commands run in, instead of the image's own.
    pub(super) working_dir: Option<Spanned<String>>,
    /// Size of /dev/shm.
    pub(super) shm_size: Option<Size>,
    /// When it counts as ready; else by the health check of its image, or once its ports take
    /// connections.
    pub(super) ready: Option<Spanned<ServiceReady>>,
    /// Commands run in its container once it is ready.
    #[serde(default)]
    pub(super) init: Vec<Vec<Spanned<String>>>,
    /// Commands run in its container after the `setup` of a server, once.
    #[serde(default)]
    pub(super) seed: Vec<Vec<Spanned<String>>>,
    /// Whether it runs to its end, before what comes after it starts; `within` of `ready` is the time it
    /// may take.
    #[serde(default)]
    pub(super) once: bool,
    /// Whether head and base have one each.
    #[schemars(extend("default" = true))]
    pub(super) per_side: Option<bool>,
    /// What is counted of it: SQL statements or published messages; else by the name of its image.
    pub(super) counts: Option<KnownCounters>,
}

/// When a service counts as ready: by one of `log`, `path`, `port` and `command`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceReady {
    /// Text in a line of its output.
    pub(super) log: Option<String>,
    /// Path that a GET answers with a status below 400, at `port` or the first port.
    pub(super) path: Option<String>,
    /// Port that takes connections.
    pub(super) port: Option<u16>,
    /// Command in its container that ends with 0.
    #[serde(default)]
    pub(super) command: Vec<String>,
    /// Longest wait, and time for each command of `init` and `seed`; else 60s.
    pub(super) within: Option<Time>,
}

/// A reverse proxy in a container: `image` or `build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proxy {
    /// Image to run.
    pub(super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(super) build: Option<Spanned<Build>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    /// Port it listens on in its container; else 80.
    pub(super) port: Option<u16>,
    /// Environment variables; `{upstream}` is the server it stands before.
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    /// Files put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
}

/// A server under test: one of `image`, `build`, `run` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Service of the compose files that it is; what is left out here is as there.
    pub(super) service: Option<Spanned<String>>,
    /// How the application is called, such as `WSGI`; shown in rankings.
    pub(super) interface: Option<String>,
    /// Image to run.
    pub(super) image: Option<String>,
    /// Folder with a Dockerfile to build and run; or a table that says more.
    pub(super) build: Option<Spanned<Build>>,
    /// Command to run on this host, without a container.
    pub(super) run: Option<Spanned<Vec<Spanned<String>>>>,
    /// Program of a Rust package that cargo builds, for both builds alike: `{program}` in `run`, which
    /// may be left out.
    pub(super) cargo: Option<Spanned<Cargo>>,
    /// Where it runs already: `http://…`, `https://…` or `unix:/SOCKET`.
    pub(super) url: Option<Spanned<String>>,
    /// Where the build runs that one at `url` is compared with, side by side and at a fixed rate.
    pub(super) base_url: Option<Spanned<String>>,
    /// Command in the container, instead of the image's own.
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    /// Entry point of the container, instead of the image's own; empty for none.
    pub(super) entrypoint: Option<Vec<String>>,
    /// Commands run to their end before the server starts; side by side once for each build, each start
    /// of which gets a copy of what they made.
    #[serde(default)]
    pub(super) setup: Vec<Vec<Spanned<String>>>,
    /// Port it listens on in its container; else 8000.
    pub(super) port: Option<u16>,
    /// Speak HTTP/2: over TLS, or by prior knowledge without it.
    #[serde(default)]
    pub(super) http2: bool,
    /// Speak HTTPS, and whom to trust then.
    pub(super) tls: Option<Spanned<Tls>>,
    /// Environment variables.
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    /// Files with environment variables, as `.env` has them; `env` overrides them.
    #[serde(default)]
    pub(super) env_file: Vec<Spanned<PathBuf>>,
    /// Files and folders put into the container: there = here.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, CopiedFile>")]
    pub(super) files: IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    /// Folders of the container kept in memory.
    #[serde(default)]
    pub(super) tmpfs: Vec<Spanned<String>>,
    /// User in the container, or user and group.
    pub(super) user: Option<String>,
    /// Folder in the container that commands run in, instead of the image's own.
    pub(super) working_dir: Option<Spanned<String>>,
    /// CPUs that the container may use, such as 0.5.
    pub(super) cpus: Option<Spanned<f64>>,
    /// Size of /dev/shm in the container.
    pub(super) shm_size: Option<Size>,
    /// When it counts as started; else once the first endpoint answers as it is expected to.
    pub(super) ready: Option<Ready>,
    /// Memory limit of its container.
    pub(super) memory: Option<Size>,
    /// Name of the proxy that load goes through.
    pub(super) behind: Option<Spanned<String>>,
    /// Processes beside it that take jobs from a queue, by name.
    #[serde(default)]
    pub(super) worker: IndexMap<String, Spanned<Worker>>,
    /// Rules by metric, for this server.
    #[serde(default)]
    pub(super) thresholds: Thresholds,
    /// Settings of single endpoints for this server, by name.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ServerEndpoint>")]
    pub(super) endpoint: IndexMap<Spanned<String>, ServerEndpoint>,
}

/// How cargo builds the program of a server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cargo {
    /// Package, in a workspace with several.
    pub(super) package: Option<String>,
    /// Binary, of a package with several.
    pub(super) bin: Option<String>,
    /// Features to switch on.
    #[serde(default)]
    pub(super) features: Vec<String>,
    /// Switch the default features off.
    #[serde(default)]
    pub(super) no_default_features: bool,
    /// Profile; else `release`.
    pub(super) profile: Option<String>,
    /// Target triple; else the compiler's own.
    pub(super) target: Option<String>,
    /// The manifest, where it is not that of the folder.
    pub(super) manifest: Option<Spanned<PathBuf>>,
}

/// A worker of a server, such as Celery's: another command of the same image, or of the same commit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Worker {
    /// Command to run, in a container where the server runs in one.
    pub(super) command: Vec<Spanned<String>>,
    /// Environment variables, beside those of the server.
    #[serde(default)]
    pub(super) env: IndexMap<String, Spanned<String>>,
    /// Memory limit of its container.
    pub(super) memory: Option<Size>,
    /// Text in a line of its output once it takes jobs; else it counts as started once it rests.
    pub(super) ready: Option<String>,
}

/// The server that stored CPU time is compared with, and what is asked of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    /// Name of a server of the file, which is not measured itself.
    pub(super) server: Spanned<String>,
    /// Path that is asked for, by GET; it counts as started once that is answered with status 200.
    pub(super) path: Spanned<String>,
}

/// How data grow while single requests are counted, so that an endpoint is found that takes more of the
/// database the more there is in it: one of `rows` and `command`. Compared side by side with a base.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Growth {
    /// Tables of Postgres, each with its rows at two sizes or more, ascending. They grow by copies of
    /// their own rows, with new values where they must differ.
    #[serde(default)]
    pub(super) rows: IndexMap<String, Spanned<Vec<u64>>>,
    /// Command of the server that brings its data to a size, for which `{scale}` stands.
    #[serde(default)]
    pub(super) command: Vec<Spanned<String>>,
    /// What `{scale}` stands for, one after the other, ascending.
    pub(super) sizes: Option<Spanned<Vec<u64>>>,
}

/// Settings of one endpoint for one server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerEndpoint {
    /// Rules by metric, for this server and endpoint.
    #[serde(default)]
    pub(super) thresholds: Thresholds,
}

/// When a server counts as started: the request that it must answer. What is left out is as in the
/// first endpoint. With a `path` or a `method` it is a request of its own, a GET without a body;
/// any status below 400 is a good answer to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    /// Request target, a path with its query.
    pub(super) path: Option<Spanned<String>>,
    /// Request method.
    pub(super) method: Option<Spanned<String>>,
    /// Header fields, beside those of the first endpoint.
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(super) body: Option<Spanned<String>>,
    /// Status of a good answer.
    pub(super) status: Option<Spanned<u16>>,
    /// Text the body of a good answer contains.
    pub(super) contains: Option<String>,
    /// Longest wait for a good answer; else 60s. Twice as long where two builds start at once.
    pub(super) within: Option<Time>,
}

/// Whom TLS with a server trusts; the machine's authorities where nothing is said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// Name the certificate must have, instead of the host's.
    pub(super) name: Option<String>,
    /// PEM file with the certificates to trust, and no others.
    pub(super) ca: Option<Spanned<PathBuf>>,
    /// Trust any certificate.
    #[serde(default)]
    pub(super) insecure: bool,
}

/// What is measured: one request, or several that take turns.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    /// Request target, a path with its query.
    pub(super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(super) expect: Expect,
    /// Several requests that take turns, in place of one.
    #[serde(default)]
    pub(super) requests: Vec<Spanned<Request>>,
    /// File of rows (`.csv` with a head, or `.jsonl`), which take turns as `{data.COLUMN}` in path, header
    /// fields and body.
    pub(super) data: Option<Spanned<PathBuf>>,
    /// Connections; else those of `[load]`.
    pub(super) connections: Option<Spanned<usize>>,
    /// Requests per second, sent on time; else as in `[load]`.
    pub(super) rate: Option<Spanned<PerSecond>>,
    /// Longest wait for a response; else that of `[load]`.
    pub(super) timeout: Option<Time>,
}

/// One of several requests; what it leaves out it has from its endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// Request target, a path with its query.
    pub(super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(super) method: Option<Spanned<String>>,
    /// Header fields, beside those of the endpoint.
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(super) expect: Expect,
    /// Turns out of the sum of all weights; else 1.
    pub(super) weight: Option<Spanned<u32>>,
}

/// A request between the start of a server and the load. It sends the cookies that those before it
/// were given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// Request target, a path with its query.
    pub(super) path: Option<Spanned<String>>,
    /// Request method; else GET.
    pub(super) method: Option<Spanned<String>>,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: IndexMap<String, Spanned<String>>,
    /// Body of the request.
    pub(super) body: Option<Spanned<String>>,
    /// File with the body of the request.
    pub(super) body_file: Option<Spanned<PathBuf>>,
    /// What makes a response a success.
    #[serde(default)]
    pub(super) expect: Expect,
    /// What later requests take of its answer, as `{login.NAME}` in paths, header fields and bodies.
    #[serde(default)]
    pub(super) capture: IndexMap<String, Spanned<Capture>>,
    /// Longest wait for its answer; else 10s.
    pub(super) timeout: Option<Time>,
}

/// Where a value stands in an answer: one of the four.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Capture {
    /// JSON pointer into the body.
    pub(super) json: Option<String>,
    /// Name of a header field.
    pub(super) header: Option<String>,
    /// Name of a cookie.
    pub(super) cookie: Option<String>,
    /// Regular expression of which the first group is found in the body.
    pub(super) regex: Option<String>,
}

/// What makes a response a success.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// Status code; else 200.
    pub(super) status: Option<Spanned<u16>>,
    /// Text the body must contain.
    pub(super) contains: Option<String>,
    /// Values the JSON body must have, by JSON pointer.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, serde_json::Value>")]
    pub(super) json: IndexMap<Spanned<String>, Spanned<toml::Value>>,
    /// Largest difference of the body's length from the first one's.
    pub(super) max_size_drift: Option<Spanned<Change>>,
}

/// How servers are loaded, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    /// Connections, each with one request in flight. Without it 50, or beside a base as many of them
    /// as saturate the server.
    pub(super) connections: Option<Spanned<usize>>,
    /// Threads of the load generator.
    #[schemars(extend("default" = 1))]
    pub(super) threads: Option<Spanned<usize>>,
    /// Requests per second, sent on time whether or not earlier ones are answered; without it each
    /// connection sends the next request when the last one is answered.
    pub(super) rate: Option<Spanned<PerSecond>>,
    /// Longest wait for a response.
    #[schemars(extend("default" = "2s"))]
    pub(super) timeout: Option<Time>,
    /// Length of a round.
    #[schemars(extend("default" = "1s"))]
    pub(super) round: Option<Time>,
    /// Rounds of each server and endpoint.
    #[schemars(extend("default" = 10))]
    pub(super) rounds: Option<Spanned<usize>>,
    /// Longest warm-up; it ends when throughput is flat.
    #[schemars(extend("default" = "5s"))]
    pub(super) warmup: Option<Time>,
    /// Most time that one server and endpoint may take. Side by side, twice that where the first four
    /// starts need it; what is decided early leaves its time to the others.
    #[schemars(extend("default" = "60s"))]
    pub(super) budget: Option<Spanned<Time>>,
}

/// How long steps before the load may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deadlines {
    /// Each command of `prepare`.
    pub(super) prepare: Option<Time>,
    /// Pulling or building one image.
    pub(super) image: Option<Time>,
    /// Each command of a server's `setup`.
    pub(super) setup: Option<Time>,
}

pub(super) type Thresholds = IndexMap<Spanned<Metric>, Threshold>;

/// The rules for one metric. Each value that is not set is inherited: from the server, from
/// `[thresholds]`, from the defaults.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Threshold {
    /// Largest relative increase, of metrics that are better lower.
    pub(super) max_increase: Option<Spanned<Change>>,
    /// Largest relative decrease, of metrics that are better higher.
    pub(super) max_decrease: Option<Spanned<Change>>,
    /// Absolute change below which nothing matters, in the metric's unit.
    pub(super) floor: Option<Spanned<Quantity>>,
    /// Upper absolute limit, in the metric's unit.
    pub(super) max: Option<Spanned<Quantity>>,
    /// Lower absolute limit, in the metric's unit.
    pub(super) min: Option<Spanned<Quantity>>,
}

/// A regression that is accepted until a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    /// Name of the server.
    pub(super) server: Spanned<String>,
    /// Name of the endpoint.
    pub(super) endpoint: Spanned<String>,
    /// What became worse.
    pub(super) metric: Metric,
    /// Why, for the readers of every report.
    pub(super) reason: Spanned<String>,
    /// The last day it holds, as `2026-12-31`.
    // As text or as a date of TOML.
    #[schemars(with = "String")]
    pub(super) until: Spanned<toml::Value>,
}

/// Where stored runs are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// `dir:FOLDER`, `git:BRANCH` for a branch of the repository, or `s3://BUCKET/PREFIX` for a bucket of Amazon S3 or of
    /// a compatible store. Its endpoint and credentials are in the variables `AWS_…` of the environment, never here.
    #[schemars(extend("default" = "dir:.perfgate/baselines"))]
    pub(super) store: Option<Spanned<String>>,
    /// Newest runs of each server, endpoint and machine that the store keeps, 60 or more. Older ones are deleted, but for
    /// those that a pin needs: in a folder by the next `baseline refresh`, on a branch or in a bucket when runs are packed.
    #[schemars(extend("default" = 1000))]
    pub(super) keep: Option<Spanned<usize>>,
}
