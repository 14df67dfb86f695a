//! A Rust package or workspace → the program that serves, what it works with, and its migrations; by
//! what cargo says of it, else by the manifest alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

use crate::bounded;

/// Crates that serve HTTP.
const SERVERS: [&str; 13] = [
    "actix-web",
    "axum",
    "gotham",
    "hyper",
    "loco-rs",
    "ntex",
    "poem",
    "rocket",
    "salvo",
    "tide",
    "tonic",
    "viz",
    "warp",
];
/// Crates that speak with a database of the kind that one of their features names.
const BY_FEATURE: [&str; 6] = [
    "diesel",
    "diesel-async",
    "rbatis",
    "sea-orm",
    "sqlx",
    "welds",
];
const POSTGRES: [&str; 4] = [
    "bb8-postgres",
    "deadpool-postgres",
    "postgres",
    "tokio-postgres",
];
const REDIS: [&str; 6] = [
    "bb8-redis",
    "deadpool-redis",
    "fred",
    "redis",
    "rustis",
    "redis-async",
];

/// Bytes of a source file.
const LARGEST: u64 = 1 << 20;
/// What applies migrations in a program: sqlx, diesel, refinery.
const MIGRATES: [&str; 5] = [
    "Migrator::new",
    "embed_migrations!",
    "migrate!",
    "refinery::",
    "run_pending_migrations",
];
/// Macros of sqlx that ask a database as they are compiled.
const SQLX_MACROS: [&str; 4] = ["query!(", "query_as!(", "query_scalar!(", "query_file!("];
const UNPREPARED: &str = "macros of sqlx ask a database as cargo builds: `cargo sqlx prepare` keeps the answers in \
                          files, to be committed; or name a database by `env` of `cargo`";

/// The program of a Rust repository that serves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RustServer {
    /// `None` if there is one package alone.
    pub(super) package: Option<String>,
    pub(super) bin: String,
    /// The folder of its package.
    pub(super) folder: PathBuf,
    pub(super) uses_postgres: bool,
    pub(super) uses_redis: bool,
    /// Commands that bring the database to its form.
    pub(super) setup: Vec<Vec<String>>,
    /// Variables of the build.
    pub(super) build_env: Vec<(&'static str, &'static str)>,
    /// What the reader must see to before cargo builds it.
    pub(super) note: Option<String>,
    /// Other programs that may be meant.
    pub(super) others: Vec<String>,
}

impl RustServer {
    pub(super) fn find(root: &Path) -> Option<Self> {
        if !root.join("Cargo.toml").is_file() {
            return None;
        }
        let metadata = MetadataCommand::new()
            .current_dir(root)
            .no_deps()
            .other_options(vec!["--offline".to_owned()])
            .exec();
        metadata
            .ok()
            .and_then(|it| Self::from_metadata(root, &it))
            .or_else(|| Self::of_manifest(root))
    }

    fn from_metadata(root: &Path, metadata: &Metadata) -> Option<Self> {
        let packages = metadata.workspace_packages();
        let mut candidates: Vec<&Package> = packages.clone();
        candidates.retain(|it| binaries(it).next().is_some());
        // Those that serve come first, then that of the folder.
        // What cargo says is absolute.
        let folder = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let manifest = folder.join("Cargo.toml");
        candidates.sort_by_key(|it| (!serves(it), it.manifest_path != manifest));
        let (server, others) = candidates.split_first()?;
        let others = others.iter().filter(|it| serves(it));
        let (members, used) = all_dependencies(server, &packages);
        let source = Source::new(root, &members);
        let has_macros = used.iter().any(|it| it.name == "sqlx") && source.has(&SQLX_MACROS);
        let is_prepared = source.finds(&[".sqlx", "sqlx-data.json"]).is_some();
        let uses_postgres = used.iter().any(|it| is_of(it, &POSTGRES, "postgres"));
        Some(Self {
            package: (packages.len() > 1).then(|| server.name.to_string()),
            bin: binary(server)?,
            folder: server.manifest_path.with_file_name("").into(),
            uses_postgres,
            uses_redis: used.iter().any(|it| is_of(it, &REDIS, "redis")),
            setup: setup(&source, &packages, &used, uses_postgres),
            build_env: is_prepared
                .then_some(("SQLX_OFFLINE", "true"))
                .into_iter()
                .collect(),
            note: (has_macros && !is_prepared).then(|| UNPREPARED.to_owned()),
            others: others.map(|it| it.name.to_string()).collect(),
        })
    }

    /// What the manifest says where cargo cannot be asked.
    fn of_manifest(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().ok()?;
        let name = |table: &toml::Value| Some(table.get("name")?.as_str()?.to_owned());
        let package = manifest.get("package")?;
        let default = package.get("default-run").and_then(toml::Value::as_str);
        let listed = manifest.get("bin").and_then(toml::Value::as_array);
        let listed = || listed.and_then(|it| name(it.first()?));
        let bin = default.map(str::to_owned).or_else(listed);
        let names = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names: Vec<_> = names.into_iter().flat_map(toml::Table::keys).collect();
        let uses = |known: &[&str]| names.iter().any(|it| known.contains(&it.as_str()));
        Some(Self {
            bin: bin.or_else(|| name(package))?,
            folder: root.to_owned(),
            uses_postgres: uses(&POSTGRES),
            uses_redis: uses(&REDIS),
            ..Self::default()
        })
    }
}

fn binaries(package: &Package) -> impl Iterator<Item = &str> {
    let targets = package.targets.iter();
    let binaries = targets.filter(|it| it.kind.contains(&TargetKind::Bin));
    binaries.map(|it| it.name.as_str())
}

/// The program that `cargo run` runs, else the one of the package's name, else the first.
fn binary(package: &Package) -> Option<String> {
    let named = |name: &str| binaries(package).find(|it| *it == name);
    let usual = || named(package.name.as_str());
    let found = package.default_run.as_deref().or_else(usual);
    Some(found.or_else(|| binaries(package).next())?.to_owned())
}

/// Dependencies of the program, not those of its tests.
fn dependencies(package: &Package) -> impl Iterator<Item = &Dependency> {
    let all = package.dependencies.iter();
    all.filter(|it| it.kind == DependencyKind::Normal)
}

fn serves(package: &Package) -> bool {
    dependencies(package).any(|it| SERVERS.contains(&it.name.as_str()))
}

/// A package and those of the workspace that it uses, with the dependencies of all of them.
fn all_dependencies<'a>(
    server: &'a Package,
    packages: &[&'a Package],
) -> (Vec<&'a Package>, Vec<&'a Dependency>) {
    let mut seen = BTreeSet::from([server.name.as_str()]);
    let mut open = vec![server];
    let (mut members, mut all) = (Vec::new(), Vec::new());
    while let Some(package) = open.pop() {
        members.push(package);
        for dependency in dependencies(package) {
            all.push(dependency);
            let mut packages = packages.iter();
            let own = packages.find(|it| it.name.as_str() == dependency.name);
            if let Some(own) = own.filter(|it| seen.insert(it.name.as_str())) {
                open.push(own);
            }
        }
    }
    (members, all)
}

/// Whether a dependency is a client of a service: by its name, or by a feature of a crate for several.
fn is_of(dependency: &Dependency, clients: &[&str], service: &str) -> bool {
    let name = dependency.name.as_str();
    let mut features = dependency.features.iter();
    let has_feature = features.any(|it| it.contains(service));
    let is_for_several = BY_FEATURE.contains(&name) || name.contains("session");
    clients.contains(&name)
        || is_for_several && has_feature
        || name.contains(&format!("-{service}-"))
}

/// Where the source of a server lies.
struct Source {
    root: PathBuf,
    /// The folders of the server's package and of those that it uses.
    folders: Vec<PathBuf>,
}

impl Source {
    fn new(root: &Path, members: &[&Package]) -> Self {
        let folder = |it: &&Package| it.manifest_path.with_file_name("").into_std_path_buf();
        Self {
            // What cargo says is absolute.
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            folders: members.iter().map(folder).collect(),
        }
    }

    /// The first of these names that is there, at the root or in the folder of a package.
    fn finds(&self, names: &[&str]) -> Option<PathBuf> {
        let folders = std::iter::once(&self.root).chain(&self.folders);
        let mut paths = folders.flat_map(|folder| names.iter().map(|it| folder.join(it)));
        paths.find(|it| it.exists())
    }

    /// Whether a source file of the program has one of these words.
    fn has(&self, words: &[&str]) -> bool {
        let mut open: Vec<_> = self.folders.iter().map(|it| it.join("src")).collect();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if bounded::read_text(&path, LARGEST)
                    .is_ok_and(|it| words.iter().any(|word| it.contains(word)))
                {
                    return true;
                }
            }
        }
        false
    }
}

/// How migrations are applied, unless the program does it when it starts: by psql, as the tools of sqlx and diesel
/// come with no project.
fn setup(
    source: &Source,
    packages: &[&Package],
    used: &[&Dependency],
    uses_postgres: bool,
) -> Vec<Vec<String>> {
    let depends_on = |name: &str| used.iter().any(|it| it.name == name);
    if depends_on("sea-orm") && packages.iter().any(|it| it.name.as_str() == "migration") {
        let words = "cargo run --release --package migration -- up";
        return vec![words.split(' ').map(str::to_owned).collect()];
    }
    if !uses_postgres || source.has(&MIGRATES) {
        return Vec::new();
    }
    let Some(folder) = source.finds(&["migrations"]) else {
        return Vec::new();
    };
    let names = files_in(&folder);
    let has = |ending: &str| names.iter().any(|it| it.ends_with(ending));
    let is_of_diesel = names
        .iter()
        .any(|it| folder.join(it).join("up.sql").is_file());
    let which = match () {
        () if is_of_diesel => "*/up.sql",
        () if has(".up.sql") => "*.up.sql",
        () if has(".sql") => "*.sql",
        () => return Vec::new(),
    };
    let folder = folder.strip_prefix(&source.root).unwrap_or(&folder);
    let folder = folder.to_string_lossy();
    let Ok(folder) = shlex::try_quote(&folder) else {
        return Vec::new();
    };
    // By their numbers: a tenth comes after the ninth.
    let line = format!(
        "cat $(ls -v {folder}/{which}) | psql --quiet --set ON_ERROR_STOP=1 '{{postgres.url}}'"
    );
    vec![vec!["sh".into(), "-c".into(), line]]
}

fn files_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
    names.filter(|it| !it.starts_with('.')).collect()
}
