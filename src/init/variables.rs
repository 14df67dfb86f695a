//! Files of variables of a repository → those that say where databases are, with perfgate's placeholders.
//! There a host is `localhost`, or a service of somebody else's compose file: names of variables say what
//! is meant.

use std::path::{Path, PathBuf};

use super::ask;
use crate::bounded;
use crate::compose::{self, Other, Source, Stack, variables_in};

/// Bytes of a file of variables.
const LARGEST: u64 = 1 << 18;
/// Files that hold variables, or show which there are.
const FILES: [&str; 8] = [
    ".env",
    ".env.example",
    ".env.sample",
    ".env.dist",
    ".env.template",
    "env.example",
    "example.env",
    ".env.local.example",
];
/// Of databases in general.
const DATABASE: [&str; 4] = ["DATABASE", "DATASOURCE", "DB", "SQL"];
const POSTGRES: [&str; 4] = ["PG", "POSTGRES", "POSTGRESQL", "PSQL"];
const REDIS: [&str; 3] = ["KEYDB", "REDIS", "VALKEY"];
/// Other services by a part of their images' names, with the words of their variables.
const OTHERS: [(&str, &[&str]); 12] = [
    ("clickhouse", &["CLICKHOUSE"]),
    ("elasticsearch", &["ELASTIC", "ELASTICSEARCH"]),
    ("mailhog", &["EMAIL", "MAIL", "MAILHOG", "SMTP"]),
    ("mailpit", &["EMAIL", "MAIL", "MAILPIT", "SMTP"]),
    ("mariadb", &["MARIADB", "MYSQL"]),
    ("meilisearch", &["MEILI", "MEILISEARCH"]),
    ("memcached", &["MEMCACHE", "MEMCACHED"]),
    ("minio", &["MINIO", "S3"]),
    ("mongo", &["MONGO", "MONGODB"]),
    ("mysql", &["MARIADB", "MYSQL"]),
    ("opensearch", &["OPENSEARCH"]),
    ("rabbitmq", &["AMQP", "RABBIT", "RABBITMQ"]),
];
/// Images of databases that general words may mean too.
const SQL: [&str; 2] = ["mariadb", "mysql"];
/// What names of variables end with, the longer before what they end with, and what it is of a connection.
const PARTS: [(&str, Part); 25] = [
    ("HOSTNAME", Part::Host),
    ("HOSTS", Part::Host),
    ("HOST", Part::Host),
    ("ENDPOINT_URL", Part::Host),
    ("ENDPOINT", Part::Host),
    ("NODE", Part::Host),
    ("SERVERS", Part::Host),
    ("SERVER", Part::Host),
    ("ADDRESS", Part::Host),
    ("ADDR", Part::Host),
    ("PORT", Part::Port),
    ("USERNAME", Part::User),
    ("USER", Part::User),
    ("PASSWORD", Part::Password),
    ("PASS", Part::Password),
    ("PWD", Part::Password),
    ("DATABASE", Part::Database),
    ("DBNAME", Part::Database),
    ("NAME", Part::Database),
    ("DB", Part::Database),
    ("CONNECTION_STRING", Part::Url),
    ("CONNSTR", Part::Url),
    ("DSN", Part::Url),
    ("URL", Part::Url),
    ("URI", Part::Url),
];
/// What names of variables end with that hold the kind of a database.
const ENGINES: [&str; 8] = [
    "ADAPTER",
    "CLIENT",
    "CONNECTION",
    "DIALECT",
    "DRIVER",
    "ENGINE",
    "PROVIDER",
    "TYPE",
];

/// What a variable says of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Host,
    Port,
    User,
    Password,
    Database,
    Url,
}

/// The variables of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Variables {
    /// From the root on.
    pub(super) path: PathBuf,
    pub(super) pairs: Vec<(String, String)>,
}

impl Variables {
    /// Those of the first such file in the folder of the source or at the root. What git ignores is of this
    /// machine alone.
    pub(super) fn find(root: &Path, source: &Path) -> Option<Self> {
        let source = source.strip_prefix(".").unwrap_or(source);
        let paths = FILES
            .iter()
            .flat_map(|name| [source.join(name), PathBuf::from(name)]);
        let is_ignored = |path: &PathBuf| {
            let path = path.to_string_lossy();
            ask(root, &["check-ignore", "--quiet", "--", &path]).is_some()
        };
        let is_there = |path: &PathBuf| root.join(path).is_file() && !is_ignored(path);
        paths
            .filter(is_there)
            .find_map(|path| Self::read(root, path))
    }

    pub(super) fn read(root: &Path, path: PathBuf) -> Option<Self> {
        let text = bounded::read_text(&root.join(&path), LARGEST).ok()?;
        let pairs = variables_in(&text).ok()?;
        (!pairs.is_empty()).then_some(Self { path, pairs })
    }

    /// Whether a service is meant by a name of its own, or by the scheme of a URL.
    pub(super) fn names_postgres(&self) -> bool {
        self.names(&POSTGRES, compose::is_of_postgres)
    }

    pub(super) fn names_redis(&self) -> bool {
        self.names(&REDIS, is_of_redis)
    }

    /// Whether a URL of Postgres is among the values.
    pub(super) fn has_url_of_postgres(&self) -> bool {
        self.pairs.iter().any(|(_, it)| compose::is_of_postgres(it))
    }

    fn names(&self, words: &[&str], is_url: impl Fn(&str) -> bool) -> bool {
        let is_one = |(name, value): &(String, String)| {
            let host = part(name).filter(|(_, part)| *part == Part::Host);
            is_url(value) || host.is_some_and(|(rest, _)| has_word(rest, words))
        };
        self.pairs.iter().any(is_one)
    }

    /// The port that a server without another one listens at.
    pub(super) fn port(&self) -> Option<u16> {
        let own = self.pairs.iter().find(|(name, _)| name == "PORT");
        own.and_then(|(_, value)| value.parse().ok())
    }

    /// Whether a word of a name means any database.
    pub(super) fn is_general(word: &str) -> bool {
        DATABASE.contains(&word)
    }

    /// Whether these say that the database is of another kind than Postgres.
    pub(super) fn names_another_database(&self) -> bool {
        let kinds = ["mysql", "mariadb", "sqlite", "mongo", "mssql", "oracle"];
        self.pairs.iter().any(|(name, value)| {
            let value = value.to_lowercase();
            let is_url =
                url_scheme(&value).is_some_and(|it| kinds.iter().any(|kind| it.contains(kind)));
            let is_engine = engine(name).is_some() && kinds.iter().any(|it| value.contains(it));
            is_engine || is_url && part(name).is_some_and(|(rest, _)| has_word(rest, &DATABASE))
        })
    }

    /// What says where services of the stack are, as perfgate writes it.
    pub(super) fn connections(&self, stack: &mut Stack) -> Vec<(String, String)> {
        let mut scheme = scheme_of(stack);
        let has_sqlite = self.pairs.iter().any(|(name, value)| {
            name.to_uppercase().ends_with("ENGINE") && value.to_lowercase().contains("sqlite")
        });
        let mut found = Vec::new();
        for (name, value) in &self.pairs {
            let written = written(name, value, stack, &mut scheme);
            if let Some(written) = written.filter(|it| it != value && !has_sqlite) {
                found.push((name.clone(), written));
            }
        }
        set_scheme(stack, scheme);
        found
    }
}

/// The value of a variable that says where a service of the stack is.
pub(super) fn connection(name: &str, stack: &Stack) -> Option<String> {
    written(name, "", stack, &mut scheme_of(stack))
}

/// The scheme of `{postgres.url}`; nothing where no value has that yet.
pub(super) fn scheme_of(stack: &Stack) -> Option<String> {
    let own = stack.postgres.as_ref().and_then(|it| it.scheme.clone());
    let mut values = stack.servers.iter().flat_map(|it| &it.env);
    let is_used = values.any(|(_, value)| value.contains("{postgres.url}"));
    own.or_else(|| is_used.then(|| "postgresql".to_owned()))
}

pub(super) fn set_scheme(stack: &mut Stack, scheme: Option<String>) {
    if let Some(postgres) = &mut stack.postgres {
        postgres.scheme = scheme.filter(|it| it != "postgresql");
    }
}

/// The value of a variable of a service; nothing of one that is of none.
fn written(name: &str, value: &str, stack: &Stack, scheme: &mut Option<String>) -> Option<String> {
    if stack.postgres.is_some()
        && let Some(url) = compose::connection_string(value, scheme)
    {
        return Some(url);
    }
    if stack.redis.is_some() && is_of_redis(value) {
        return Some("{redis.url}".into());
    }
    if let Some(dsn) = dsn(value, stack) {
        return Some(dsn);
    }
    if let Some(own) = url_scheme(value)
        && let Some(other) = stack.others.iter().find(|it| schemes_of(it).contains(&own))
    {
        return of_other(other, Part::Url, value);
    }
    let (rest, part) = part(name)?;
    let is_test = has_word(rest, &["TEST"]);
    if is_test {
        return None;
    }
    // `DB_POOL_NAME` is no name of a database.
    let is_last = |words: &[&str]| {
        rest.split(['_', '.'])
            .rfind(|it| !it.is_empty())
            .is_some_and(|it| words.contains(&it))
    };
    let is_of = |words: &[&str]| match part {
        Part::Database | Part::Url => is_last(words),
        _ => has_word(rest, words),
    };
    if stack.redis.is_some() && is_of(&REDIS) {
        return of_redis(part, value);
    }
    if let Some(other) = stack.others.iter().find(|it| is_of(&words_of(it))) {
        return of_other(other, part, value);
    }
    let is_general = is_of(&DATABASE);
    if stack.postgres.is_some() && (is_of(&POSTGRES) || is_general) {
        return of_postgres(part, value);
    }
    let sql = stack.others.iter().find(|it| is_sql(it));
    sql.filter(|_| is_general)
        .and_then(|it| of_other(it, part, value))
}

/// An address as drivers of Go have it: `user:password@tcp(host:3306)/name`, or pairs of Postgres.
fn dsn(value: &str, stack: &Stack) -> Option<String> {
    if let Some((before, rest)) = value.split_once("@tcp(") {
        let (_, after) = rest.split_once(')')?;
        let other = stack.others.iter().find(|it| is_sql(it))?;
        let (name, port) = (&other.name, other.ports.first()?);
        return Some(format!(
            "{before}@tcp({{{name}.host}}:{{{name}.port.{port}}}){after}"
        ));
    }
    let pairs = || value.split_whitespace().map(|it| it.split_once('='));
    let has = |name: &str| pairs().flatten().any(|(it, _)| it == name);
    let is_one = stack.postgres.is_some() && has("host") && (has("dbname") || has("user"));
    let written = |(name, value): (&str, &str)| {
        let own = match name {
            "host" | "port" | "user" | "password" => name,
            "dbname" => "database",
            _ => return format!("{name}={value}"),
        };
        format!("{name}={{postgres.{own}}}")
    };
    let all: Option<Vec<_>> = pairs().map(|it| it.map(written)).collect();
    let mut all = all.filter(|_| is_one)?;
    if !has("port") {
        all.push("port={postgres.port}".to_owned());
    }
    Some(all.join(" "))
}

fn of_postgres(part: Part, value: &str) -> Option<String> {
    // Another engine says so by the ending of its file, or by the scheme of its URL.
    let is_file = [".db", ".sqlite", ".sqlite3"]
        .iter()
        .any(|it| value.ends_with(it));
    let part = match part {
        Part::Host if is_with_port(value) => "host}:{postgres.port",
        Part::Host if !value.contains("://") => "host",
        Part::Port => "port",
        Part::User => "user",
        Part::Password => "password",
        Part::Database if !is_file => "database",
        Part::Url if value.is_empty() => "url",
        _ => return None,
    };
    Some(format!("{{postgres.{part}}}"))
}

fn of_redis(part: Part, value: &str) -> Option<String> {
    let written = match part {
        Part::Host if is_with_port(value) => "{redis.host}:{redis.port}",
        Part::Host if !value.contains("://") => "{redis.host}",
        Part::Port => "{redis.port}",
        // That of perfgate's asks for none.
        Part::Password => "",
        Part::Url if value.is_empty() => "{redis.url}",
        _ => return None,
    };
    Some(written.into())
}

/// Users and passwords of other services are those of their own variables.
fn of_other(other: &Other, part: Part, value: &str) -> Option<String> {
    let name = &other.name;
    let at = |port: u16| format!("{{{name}.port.{port}}}");
    let has = |number: &str| number.parse().ok().filter(|it| other.ports.contains(it));
    let own = |what: &str| {
        let mut names = other.env.iter().map(|(name, _)| name);
        let name_of = names.find(|it| it.ends_with(what) && !it.contains("ROOT_PASSWORD"))?;
        Some(format!("{{{name}.env.{name_of}}}"))
    };
    match part {
        Part::Url if value.is_empty() => url_of(other),
        Part::Host | Part::Url => {
            let (before, rest) = value
                .split_once("://")
                .map_or(("", value), |(scheme, rest)| {
                    (&value[..scheme.len() + "://".len()], rest)
                });
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let (user, address) = authority
                .rfind('@')
                .map_or(("", authority), |at| authority.split_at(at + 1));
            // A host that is found by its name's records is one of a cluster, spoken with in secret.
            let plain = before.strip_suffix("+srv://").map(|it| format!("{it}://"));
            let (before, path) = match &plain {
                Some(plain) => (plain.as_str(), path.split('?').next().unwrap_or_default()),
                None if before == "amqps://" => ("amqp://", path),
                None => (before, path),
            };
            let only = match other.ports.as_slice() {
                [only] if !before.is_empty() => Some(*only),
                _ => None,
            };
            let suffix = match address.split_once(':') {
                Some((_, number)) => format!(":{}", at(has(number).or(only)?)),
                None => only.map_or_else(String::new, |it| format!(":{}", at(it))),
            };
            let is_address = part == Part::Host || !before.is_empty();
            is_address.then(|| format!("{before}{user}{{{name}.host}}{suffix}{path}"))
        }
        Part::Port => Some(at(has(value)?)),
        Part::User if value.is_empty() => own("USER").or_else(|| own("USERNAME")),
        Part::Password if value.is_empty() => own("PASSWORD").or_else(|| own("PASS")),
        Part::Database if value.is_empty() => own("DATABASE"),
        Part::User | Part::Password | Part::Database => None,
    }
}

/// The address of a service whose variable has none yet.
fn url_of(other: &Other) -> Option<String> {
    let scheme = schemes_of(other).first()?;
    let (name, port) = (&other.name, other.ports.first()?);
    let has = |what: &str| other.env.iter().any(|(it, _)| it == what);
    let login = |user: &str, password: &str| {
        if has(user) && has(password) {
            format!("{{{name}.env.{user}}}:{{{name}.env.{password}}}@")
        } else {
            String::new()
        }
    };
    let (login, path) = match *scheme {
        "mysql" => (
            login("MYSQL_USER", "MYSQL_PASSWORD"),
            format!("/{{{name}.env.MYSQL_DATABASE}}"),
        ),
        "mariadb" => (
            login("MARIADB_USER", "MARIADB_PASSWORD"),
            format!("/{{{name}.env.MARIADB_DATABASE}}"),
        ),
        "amqp" => (
            login("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"),
            "/".to_owned(),
        ),
        "mongodb" => (
            login("MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"),
            "/app".to_owned(),
        ),
        _ => return None,
    };
    Some(format!(
        "{scheme}://{login}{{{name}.host}}:{{{name}.port.{port}}}{path}"
    ))
}

/// The schemes of a service's URLs, the usual one first.
fn schemes_of(other: &Other) -> &'static [&'static str] {
    let image = image_of(other);
    let known: [(&str, &[&str]); 5] = [
        ("mariadb", &["mariadb", "mysql", "mysql2"]),
        ("mongo", &["mongodb"]),
        ("mysql", &["mysql", "mysql2", "mariadb"]),
        ("percona", &["mysql", "mysql2"]),
        ("rabbitmq", &["amqp", "amqps", "pyamqp"]),
    ];
    let found = known.iter().find(|(part, _)| image.contains(part));
    found.map_or(&[], |(_, schemes)| schemes)
}

/// The words that variables of a service have: those of its image, and its own name.
fn words_of(other: &Other) -> Vec<&'static str> {
    let image = image_of(other);
    let known = OTHERS.iter().filter(|(part, _)| image.contains(part));
    known.flat_map(|(_, words)| words.iter().copied()).collect()
}

fn is_sql(other: &Other) -> bool {
    SQL.iter().any(|it| image_of(other).contains(it))
}

fn image_of(other: &Other) -> &str {
    match &other.source {
        Source::Image(image) => image.rsplit('/').next().unwrap_or_default(),
        Source::Build(_) => "",
    }
}

fn is_with_port(value: &str) -> bool {
    let after = value.rsplit_once(':').map(|(_, it)| it);
    !value.contains("://") && after.is_some_and(|it| it.parse::<u16>().is_ok())
}

fn is_of_redis(value: &str) -> bool {
    let schemes = ["redis://", "rediss://", "valkey://"];
    schemes.iter().any(|it| value.starts_with(it))
}

impl Part {
    /// The part that a variable names, with what stands before it in its name.
    pub(super) fn of(name: &str) -> Option<(&str, Self)> {
        part(name)
    }
}

/// What stands before the kind of a database in the name of a variable that says it.
pub(super) fn engine(name: &str) -> Option<&str> {
    let rest = ENGINES.iter().find_map(|it| name.strip_suffix(it))?;
    has_word(rest, &[&DATABASE[..], &["TYPEORM"]].concat()).then_some(rest)
}

/// The scheme of a URL, without the driver that it names.
pub(super) fn url_scheme(value: &str) -> Option<&str> {
    let (scheme, _) = value.split_once("://")?;
    scheme.split('+').next()
}

/// User, password and path of a URL, or of what drivers of Go have for one, where it has them.
pub(super) fn userinfo(url: &str) -> (Option<String>, Option<String>, Option<String>) {
    let url = url.replace("@tcp(", "@").replace(")/", "/");
    let url = url.as_str();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let some = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        Some(text.into_owned()).filter(|it| !it.is_empty())
    };
    (some(user), some(password), some(path.trim_matches('/')))
}

/// Whether an address is of this machine or of a service beside it.
pub(super) fn is_nearby(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, it)| it);
    let host = host.split([':', '/']).next().unwrap_or_default();
    host == "127.0.0.1" || host == "0.0.0.0" || !host.is_empty() && !host.contains('.')
}

/// What stands before the part of a connection that a variable names; nothing where it names none, or
/// nothing is before it.
fn part(name: &str) -> Option<(&str, Part)> {
    let is_upper = name.bytes().all(|it| !it.is_ascii_lowercase());
    let named = |(ending, part): &(&str, Part)| {
        let rest = name.strip_suffix(ending).filter(|it| !it.is_empty());
        Some((rest?, *part))
    };
    PARTS.iter().find_map(named).filter(|_| is_upper)
}

fn has_word(rest: &str, words: &[&str]) -> bool {
    rest.split(['_', '.']).any(|it| words.contains(&it))
}

/// What a variable is that says where the server itself listens, as perfgate writes it.
pub(super) fn own_address(name: &str, value: &str) -> Option<String> {
    const OWN: [&str; 14] = [
        "ACTIX",
        "API",
        "APP",
        "APPLICATION",
        "AXUM",
        "BACKEND",
        "BIND",
        "HTTP",
        "LISTEN",
        "LISTENER",
        "ROCKET",
        "SERVER",
        "SERVICE",
        "WEB",
    ];
    const ADDRESS: [&str; 7] = [
        "ADDR", "ADDRESS", "BIND", "HOST", "HOSTNAME", "IP", "LISTEN",
    ];
    let is_number = |it: &str| it.parse::<u16>().is_ok();
    let is_host = |it: &str| it == "localhost" || it.parse::<std::net::IpAddr>().is_ok();
    let words = name.split(['_', '.']).filter(|it| !it.is_empty());
    let words: Vec<_> = words.collect();
    let (last, rest) = words.split_last()?;
    let is_own = rest.iter().all(|it| OWN.contains(it));
    if !is_own {
        return None;
    }
    if *last == "PORT" && is_number(value) {
        return Some("{port}".into());
    }
    if !ADDRESS.contains(last) {
        return None;
    }
    match value.rsplit_once(':') {
        Some((host, port)) if is_number(port) && (host.is_empty() || is_host(host)) => {
            Some("{host}:{port}".into())
        }
        _ => is_host(value).then(|| "{host}".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Cache, Database};

    #[test]
    fn where_a_server_listens_is_told_from_where_others_do() {
        for (name, value, expected) in [
            ("PORT", "8080", Some("{port}")),
            ("SERVICE_PORT", "8080", Some("{port}")),
            ("APP_APPLICATION__PORT", "8000", Some("{port}")),
            ("SERVER.HOST", "127.0.0.1", Some("{host}")),
            ("SERVICE_HOST", "localhost", Some("{host}")),
            ("BIND_ADDR", "0.0.0.0:3000", Some("{host}:{port}")),
            ("LISTEN", ":3000", Some("{host}:{port}")),
            ("API_HOST", "api.example.org", None),
            ("SMTP_PORT", "25", None),
            ("REDIS_HOST", "127.0.0.1", None),
            ("APP_URL", "http://127.0.0.1", None),
            ("PORT", "http", None),
        ] {
            assert_eq!(own_address(name, value).as_deref(), expected, "{name}");
        }
    }

    fn stack(postgres: bool, redis: bool, others: &[(&str, &str, u16)]) -> Stack {
        let image = |name: &str| Source::Image(name.to_owned());
        let other =
            |(name, source, port): &(&str, &str, u16)| Other::of(name, image(source), *port);
        Stack {
            postgres: postgres.then(|| Database::from_source(image("postgres:17"))),
            redis: redis.then(|| Cache::from_source(image("redis:7"))),
            others: others.iter().map(other).collect(),
            ..Stack::default()
        }
    }

    fn connections(text: &str, mut stack: Stack) -> (Vec<String>, Option<String>) {
        let variables = Variables {
            path: ".env".into(),
            pairs: variables_in(text).expect("variables"),
        };
        let found = variables.connections(&mut stack);
        let found = found.iter().map(|(name, value)| format!("{name}={value}"));
        let scheme = stack.postgres.and_then(|it| it.scheme);
        (found.collect(), scheme)
    }

    #[test]
    fn split_variables_of_postgres_and_redis_are_known_by_their_names() {
        let text = "DEBUG=1\nDB_HOST=localhost\nDB_PORT=5433\nDB_NAME=shop\nDB_USER=me\nDB_PASSWORD=x\n\
                    POSTGRES_HOST=db\nPOSTGRES_DB=shop\nPGHOST=127.0.0.1\nPGUSER=me\nPGDATABASE=shop\n\
                    DATABASE_HOSTNAME=db.example.org\nDB_ADDR=db:5432\nTEST_DB_NAME=test\nDB_POOL_NAME=a\n\
                    DB_ENGINE=django.db.backends.postgresql\nAPP_HOST=localhost\nHOST=localhost\nPORT=80\n\
                    REDIS_HOST=localhost\nREDIS_PORT=6380\nREDIS_PASSWORD=x\nREDIS_DB=0\nAPP_NAME=shop\n";
        let (found, scheme) = connections(text, stack(true, true, &[]));
        assert_eq!(
            found,
            [
                "DB_HOST={postgres.host}",
                "DB_PORT={postgres.port}",
                "DB_NAME={postgres.database}",
                "DB_USER={postgres.user}",
                "DB_PASSWORD={postgres.password}",
                "POSTGRES_HOST={postgres.host}",
                "POSTGRES_DB={postgres.database}",
                "PGHOST={postgres.host}",
                "PGUSER={postgres.user}",
                "PGDATABASE={postgres.database}",
                "DATABASE_HOSTNAME={postgres.host}",
                "DB_ADDR={postgres.host}:{postgres.port}",
                "REDIS_HOST={redis.host}",
                "REDIS_PORT={redis.port}",
                "REDIS_PASSWORD=",
            ]
        );
        assert_eq!(scheme, None);
    }

    #[test]
    fn urls_are_known_by_their_schemes() {
        let text = "DATABASE_URL=postgres://u:p@localhost:5432/shop?sslmode=disable\n\
                    ASYNC_URL=postgresql+asyncpg://u:p@db/shop\nBROKER=redis://localhost:6379/0\n\
                    OTHER_DATABASE_URL=\nSITE_URL=http://localhost\nFALLBACK_DATABASE_URL=sqlite:///x.db\n";
        let (found, scheme) = connections(text, stack(true, true, &[]));
        assert_eq!(
            found,
            [
                "DATABASE_URL={postgres.url}?sslmode=disable",
                "ASYNC_URL=postgresql+asyncpg://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/{postgres.database}",
                "BROKER={redis.url}",
                "OTHER_DATABASE_URL={postgres.url}",
            ]
        );
        assert_eq!(scheme.as_deref(), Some("postgres"));
    }

    #[test]
    fn a_service_of_another_kind_keeps_its_users() {
        let text = "DB_HOST=localhost\nDB_PORT=3306\nDB_USER=me\nMYSQL_HOST=localhost:3306\nRABBITMQ_PORT=1\n\
                    AMQP_URL=amqp://guest:guest@localhost:5672/%2f\nMYSQL_URL=mysql://a:b@127.0.0.1/shop\n";
        let others = [("db", "mysql:8", 3306), ("mq", "rabbitmq:4", 5672)];
        let (found, _) = connections(text, stack(false, false, &others));
        assert_eq!(
            found,
            [
                "DB_HOST={db.host}",
                "DB_PORT={db.port.3306}",
                "MYSQL_HOST={db.host}:{db.port.3306}",
                "AMQP_URL=amqp://guest:guest@{mq.host}:{mq.port.5672}/%2f",
                "MYSQL_URL=mysql://a:b@{db.host}:{db.port.3306}/shop",
            ]
        );
    }

    #[test]
    fn addresses_of_clusters_become_plain_ones() {
        let text = "MONGO_URI=mongodb+srv://a:b@c0.example.net/shop?w=majority\nBROKER=amqps://u:p@mq.example.net/v\n\
                    MONGO_URL=\nDATABASE_URL=mysql://a:b@db:3307/shop\nMYSQL_USER=\nMYSQL_PASSWORD=\n";
        let others = [
            ("mongo", "mongo:7", 27017),
            ("mq", "rabbitmq:4", 5672),
            ("db", "mysql:8", 3306),
        ];
        let mut stack = stack(false, false, &others);
        stack.others[2].env = [
            ("MYSQL_ROOT_PASSWORD", "x"),
            ("MYSQL_USER", "app"),
            ("MYSQL_PASSWORD", "y"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let (found, _) = connections(text, stack);
        assert_eq!(
            found,
            [
                "MONGO_URI=mongodb://a:b@{mongo.host}:{mongo.port.27017}/shop",
                "BROKER=amqp://u:p@{mq.host}:{mq.port.5672}/v",
                "MONGO_URL=mongodb://{mongo.host}:{mongo.port.27017}/app",
                "DATABASE_URL=mysql://a:b@{db.host}:{db.port.3306}/shop",
                "MYSQL_USER={db.env.MYSQL_USER}",
                "MYSQL_PASSWORD={db.env.MYSQL_PASSWORD}",
            ]
        );
    }

    #[test]
    fn addresses_of_drivers_of_go_are_known() {
        let text = "DB_DSN=root:pw@tcp(127.0.0.1:3306)/shop?parseTime=true\nB=a@tcp(x\n";
        let others = [("mysql", "mysql:8", 3306)];
        let (found, _) = connections(text, stack(false, false, &others));
        assert_eq!(
            found,
            ["DB_DSN=root:pw@tcp({mysql.host}:{mysql.port.3306})/shop?parseTime=true"]
        );
        let text = "DSN='host=localhost user=me password=x dbname=shop sslmode=disable'\nHOSTS='host=a b'\n";
        let (found, _) = connections(text, stack(true, false, &[]));
        assert_eq!(
            found,
            [
                "DSN=host={postgres.host} user={postgres.user} password={postgres.password} \
                 dbname={postgres.database} sslmode=disable port={postgres.port}"
            ]
        );
        let parts = userinfo("root:pw@tcp(127.0.0.1:3306)/shop?x=1");
        assert_eq!(
            parts,
            (Some("root".into()), Some("pw".into()), Some("shop".into()))
        );
    }

    #[test]
    fn parts_of_urls_are_told_apart() {
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            userinfo("mysql://a:b%40c@h:1/x/?y=1"),
            (some("a"), some("b@c"), some("x"))
        );
        assert_eq!(userinfo("amqp://h"), (None, None, None));
        assert!(
            is_nearby("http://minio:9000")
                && is_nearby("localhost")
                && !is_nearby("https://s3.x.y/z")
        );
        assert!(!is_nearby(""));
        assert_eq!(engine("DB_CONNECTION"), Some("DB_"));
        assert_eq!(engine("CONTENT_TYPE"), None);
    }

    #[test]
    fn what_is_not_in_the_stack_stays_as_it_is() {
        let text = "DB_HOST=localhost\nREDIS_HOST=localhost\nDATABASE_URL=postgres://db/x\n";
        assert_eq!(connections(text, Stack::default()).0, Vec::<String>::new());
        let sqlite = "DB_ENGINE=django.db.backends.sqlite3\nDB_NAME=x\n";
        assert_eq!(
            connections(sqlite, stack(true, false, &[])).0,
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_says_which_services_there_are() {
        let names = |text: &str| {
            let variables = Variables {
                path: PathBuf::new(),
                pairs: variables_in(text).expect("variables"),
            };
            (variables.names_postgres(), variables.names_redis())
        };
        assert_eq!(names("PGHOST=x\n"), (true, false));
        assert_eq!(names("A=postgis://x/y\nREDIS_HOST=z\n"), (true, true));
        assert_eq!(names("DB_HOST=x\nREDIS_DB=1\n"), (false, false));
    }
}
