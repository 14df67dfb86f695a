//! Files of variables of a repository → those that say where databases are, with perfgate's placeholders.
//! There a host is `localhost`, or a service of somebody else's compose file: names of variables say what
//! is meant.

use std::path::{Path, PathBuf};

use super::ask;
use crate::bounded;
use crate::compose::{self, Other, Source, Stack, variables_in};
use crate::report::printable;

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
const PARTS: [(&str, Part); 17] = [
    ("HOSTNAME", Part::Host),
    ("HOST", Part::Host),
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
    ("URL", Part::Url),
    ("URI", Part::Url),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
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

    /// That a variable names a service which nothing describes.
    pub(super) fn without_service(&self, stack: &Stack) -> Option<String> {
        let is_there = |words: &[&str]| {
            let mut others = stack.others.iter();
            others.any(|it| words_of(it).iter().any(|word| words.contains(word)))
        };
        // Mail goes nowhere without harm.
        let needed = ["mysql", "mongo", "rabbitmq", "elasticsearch", "memcached"];
        let known = OTHERS.iter().filter(|(image, _)| needed.contains(image));
        let missing: Vec<_> = known.filter(|(_, words)| !is_there(words)).collect();
        let (name, _) = self.pairs.iter().find(|(name, value)| {
            let host = part(name).filter(|(_, part)| matches!(part, Part::Host | Part::Url));
            let rest = host.map_or("", |(rest, _)| rest);
            !value.is_empty() && missing.iter().any(|(_, words)| has_word(rest, words))
        })?;
        let path = self.path.display();
        Some(printable(&format!(
            "`{name}` of `{path}` names a service that no compose file describes: add it as [service.NAME]"
        )))
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
    let (rest, part) = part(name)?;
    let is_test = has_word(rest, &["TEST"]);
    if is_test {
        return None;
    }
    // `DB_POOL_NAME` is no name of a database.
    let is_last = |words: &[&str]| {
        rest.split('_')
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
    let is_sql = |it: &&Other| SQL.iter().any(|image| image_of(it).contains(image));
    let sql = stack.others.iter().find(is_sql);
    sql.filter(|_| is_general)
        .and_then(|it| of_other(it, part, value))
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
    match part {
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
            let suffix = match address.split_once(':') {
                Some((_, number)) => format!(":{}", at(has(number)?)),
                None => String::new(),
            };
            let is_address = part == Part::Host || !before.is_empty();
            is_address.then(|| format!("{before}{user}{{{name}.host}}{suffix}{path}"))
        }
        Part::Port => Some(at(has(value)?)),
        Part::User | Part::Password | Part::Database => None,
    }
}

/// The words that variables of a service have: those of its image, and its own name.
fn words_of(other: &Other) -> Vec<&'static str> {
    let image = image_of(other);
    let known = OTHERS.iter().filter(|(part, _)| image.contains(part));
    known.flat_map(|(_, words)| words.iter().copied()).collect()
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
    rest.split('_').any(|it| words.contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Cache, Database, Settings};

    fn stack(postgres: bool, redis: bool, others: &[(&str, &str, u16)]) -> Stack {
        let image = |name: &str| Source::Image(name.to_owned());
        let other = |(name, source, port): &(&str, &str, u16)| Other {
            name: (*name).to_owned(),
            source: image(source),
            env: Vec::new(),
            env_files: Vec::new(),
            ports: vec![*port],
            container: Settings::default(),
            ready: Vec::new(),
            within: None,
            is_once: false,
            is_shared: false,
        };
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
                "MYSQL_URL=mysql://a:b@{db.host}/shop",
            ]
        );
    }

    #[test]
    fn a_service_that_nothing_describes_is_said() {
        let note = |text: &str, stack: &Stack| {
            let variables = Variables {
                path: ".env.example".into(),
                pairs: variables_in(text).expect("variables"),
            };
            variables.without_service(stack)
        };
        let text = "MAIL_HOST=x\nMONGO_URL=mongodb://localhost/x\n";
        let said = note(text, &stack(true, true, &[])).expect("a note");
        assert!(said.contains("`MONGO_URL` of `.env.example`"), "{said}");
        let mongo = stack(false, false, &[("db", "mongo:7", 27017)]);
        assert_eq!(note(text, &mongo), None);
        assert_eq!(note("DB_HOST=x\nREDIS_HOST=y\n", &mongo), None);
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
