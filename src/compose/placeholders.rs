//! Values of a compose file that name other services → the same with perfgate's placeholders.

use super::service::Service;

/// What variables end with whose values name a kind of service, not where one is.
const KINDS: [&str; 9] = [
    "ADAPTER",
    "BACKEND",
    "CONNECTION",
    "DATABASE",
    "DIALECT",
    "DRIVER",
    "ENGINE",
    "STORE",
    "TYPE",
];
const POSTGRES_PORT: u16 = 5432;
const REDIS_PORT: u16 = 6379;
/// What comes before the name of a host in a command line.
const OPTIONS: [&str; 4] = ["-h ", "--host ", "--host=", "-h="];

/// A service that values name.
#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    /// Its name in the compose file, and others that it has there.
    pub(super) names: Vec<String>,
    /// What placeholders call it.
    pub(super) table: String,
    pub(super) ports: Vec<u16>,
}

/// Values of the environment that name other services → placeholders.
#[derive(Default)]
pub(super) struct Placeholders<'a> {
    pub(super) postgres: Option<(Host, &'a Service)>,
    pub(super) redis: Option<Host>,
    pub(super) others: Vec<Host>,
    /// That of the first connection string of Postgres.
    pub(super) scheme: Option<String>,
}

impl Host {
    pub(super) fn of_postgres(names: Vec<String>) -> Self {
        Self {
            names,
            table: "postgres".into(),
            ports: vec![POSTGRES_PORT],
        }
    }

    pub(super) fn of_redis(names: Vec<String>) -> Self {
        Self {
            names,
            table: "redis".into(),
            ports: vec![REDIS_PORT],
        }
    }

    fn host(&self) -> String {
        format!("{{{}.host}}", self.table)
    }

    /// A port of it; of services that perfgate knows it has no number.
    fn port(&self, port: u16) -> Option<String> {
        let table = &self.table;
        if table == "postgres" || table == "redis" {
            return self
                .ports
                .contains(&port)
                .then(|| format!("{{{table}.port}}"));
        }
        self.ports
            .contains(&port)
            .then(|| format!("{{{table}.port.{port}}}"))
    }

    fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }
}

impl Placeholders<'_> {
    /// The value of a variable.
    pub(super) fn written(&mut self, key: &str, value: &str) -> String {
        if let Some((host, service)) = &self.postgres {
            if let Some(url) = postgres_url(host, &mut self.scheme, value) {
                return url;
            }
            if let Some(part) = part_of_postgres(key, value, host, service) {
                return part;
            }
        }
        if let Some(host) = &self.redis {
            if let Some(url) = redis_url(host, value) {
                return url;
            }
            // That of perfgate's asks for none.
            let key = key.to_uppercase();
            if key.contains("REDIS") && key.contains("PASS") {
                return String::new();
            }
        }
        let names_a_kind = KINDS.iter().any(|it| key.to_uppercase().ends_with(it));
        for host in self.hosts() {
            if host.is_called(value) && !names_a_kind {
                return host.host();
            }
            let port = value.parse().ok().and_then(|it| host.port(it));
            if let Some(port) = port.filter(|_| host.names.iter().any(|it| is_port(key, it))) {
                return port;
            }
        }
        self.with_addresses(value, false)
    }

    /// A text with placeholders in place of addresses: `db:5432`, `//db/`, and in a command line `db/5432` and
    /// `-h db`.
    pub(super) fn with_addresses(&self, text: &str, is_command: bool) -> String {
        self.hosts().fold(text.to_owned(), |text, host| {
            let names = host.names.iter();
            names.fold(text, |text, name| {
                in_place_of(&text, name, host, is_command)
            })
        })
    }

    /// The placeholder of the host that is called so.
    pub(super) fn host_of(&self, name: &str) -> Option<String> {
        self.hosts().find(|it| it.is_called(name)).map(Host::host)
    }

    /// Words of a command, of which one after `-h` or `--host` is a host.
    pub(super) fn command(&self, words: &[String]) -> Vec<String> {
        let is_option = |word: &String| word == "-h" || word == "--host";
        let word = |(at, word): (usize, &String)| {
            let follows = at.checked_sub(1).is_some_and(|it| is_option(&words[it]));
            let named = self.hosts().find(|host| follows && host.is_called(word));
            named.map_or_else(|| self.with_addresses(word, true), Host::host)
        };
        words.iter().enumerate().map(word).collect()
    }

    /// Whether a value can be a service's: it has its name, is a port of it, or is a variable of Postgres.
    pub(super) fn is_of_service(&self, value: &str) -> bool {
        let services = self.postgres.iter().map(|(_, service)| service);
        let mut variables = services.flat_map(|it| it.env.values().chain(it.file_env.values()));
        let is_of = |host: &Host| {
            let is_port = value.parse().is_ok_and(|it| host.ports.contains(&it));
            is_port || host.names.iter().any(|name| value.contains(name.as_str()))
        };
        self.hosts().any(is_of) || variables.any(|it| it == value)
    }

    fn hosts(&self) -> impl Iterator<Item = &Host> {
        let postgres = self.postgres.iter().map(|(host, _)| host);
        postgres.chain(&self.redis).chain(&self.others)
    }
}

/// A connection string whose host is the service of Postgres.
fn postgres_url(host: &Host, first: &mut Option<String>, value: &str) -> Option<String> {
    let (scheme, rest) = url_of(host, value)?;
    Some(url_with(scheme, rest, first))
}

/// What a connection string of Postgres becomes, whatever its host is; the first one's scheme is that of
/// `{postgres.url}`. Nothing of other texts.
pub fn connection_string(value: &str, first: &mut Option<String>) -> Option<String> {
    let (scheme, rest) = value.split_once("://")?;
    // A scheme alone begins an address that is put together elsewhere.
    (is_of_postgres(value) && !rest.is_empty()).then(|| url_with(scheme, rest, first))
}

/// Whether a value is a URL of a database of Postgres.
pub fn is_of_postgres(value: &str) -> bool {
    let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
    let database = scheme.split('+').next().unwrap_or_default();
    matches!(database, "postgres" | "postgresql" | "postgis" | "pgsql")
}

/// A connection string; from its parts where its scheme is another than that of the first.
fn url_with(scheme: &str, rest: &str, first: &mut Option<String>) -> String {
    let query = rest.find('?').map_or("", |at| &rest[at..]);
    if scheme.starts_with("jdbc:") {
        return format!(
            "{scheme}://{{postgres.host}}:{{postgres.port}}/{{postgres.database}}{query}"
        );
    }
    if first.get_or_insert_with(|| scheme.to_owned()) == scheme {
        return format!("{{postgres.url}}{query}");
    }
    format!(
        "{scheme}://{{postgres.user}}:{{postgres.password}}@{{postgres.host}}:{{postgres.port}}/\
         {{postgres.database}}{query}"
    )
}

fn redis_url(host: &Host, value: &str) -> Option<String> {
    let (scheme, _) = url_of(host, value)?;
    matches!(scheme, "redis" | "valkey").then(|| "{redis.url}".to_owned())
}

/// Scheme and rest of a URL whose host is a service.
fn url_of<'a>(host: &Host, value: &'a str) -> Option<(&'a str, &'a str)> {
    let (scheme, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let named = authority.rsplit('@').next().unwrap_or(authority);
    host.is_called(named.split(':').next()?)
        .then_some((scheme, rest))
}

/// Adds where Postgres is to variables that say who connects to it, where the application has that for a
/// default: `POSTGRES_HOST` beside `POSTGRES_USER`.
pub(super) fn with_host(env: &mut Vec<(String, String)>) {
    let has = |what: &str| env.iter().any(|(_, value)| value.contains(what));
    if has("{postgres.host}") || has("{postgres.url}") {
        return;
    }
    let user = env.iter().find(|(_, value)| value == "{postgres.user}");
    let prefix = user.and_then(|(name, _)| name.strip_suffix("USER"));
    let Some(prefix) = prefix.filter(|it| !it.is_empty()).map(str::to_owned) else {
        return;
    };
    for (ending, part) in [("HOST", "host"), ("PORT", "port"), ("DB", "database")] {
        let name = format!("{prefix}{ending}");
        if !env.iter().any(|(known, _)| *known == name) {
            env.push((name, format!("{{postgres.{part}}}")));
        }
    }
}

/// A part of the connection to Postgres, by the name of the variable; where it is, by the value too.
fn part_of_postgres(key: &str, value: &str, host: &Host, service: &Service) -> Option<String> {
    let key = key.to_uppercase();
    let of_database = ["POSTGRES", "PG", "DB", "DATABASE", "SQL"];
    let is_of_database = of_database.iter().any(|it| key.contains(it));
    let own = |variable: &str| service.env.get(variable).is_some_and(|it| it == value);
    let ends = |endings: &[&str]| endings.iter().any(|it| key.ends_with(it));
    let is_database = ends(&["_DB", "_DATABASE", "NAME", "PGDATABASE"]);
    // Another database server, which no service of this name is, has parts of its own.
    let is_of_this = is_of_database && !ends(&["MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DATABASE"]);
    // The same word may be the password of somebody else.
    let others = ["ADMIN", "EMAIL", "FIRST", "REDIS", "SMTP", "SUPERUSER"];
    let is_of_another = others.iter().any(|it| key.contains(it));
    let part = if is_of_this && ends(&["PASSWORD", "PASS"])
        || own("POSTGRES_PASSWORD") && key.contains("PASS") && !is_of_another
    {
        "password"
    } else if is_of_this && ends(&["USER", "USERNAME"]) {
        "user"
    } else if is_of_this && is_database && !(host.is_called(value) && ends(&["HOSTNAME"])) {
        "database"
    } else if is_of_this && ends(&["PORT"]) {
        "port"
    } else if host.is_called(value) && !ends(&KINDS) {
        "host"
    } else {
        return None;
    };
    Some(format!("{{postgres.{part}}}"))
}

/// Whether a variable names the port of a service.
fn is_port(key: &str, name: &str) -> bool {
    let key = key.to_uppercase();
    key.ends_with("PORT") && key.contains(&name.to_uppercase().replace('-', "_"))
}

/// A text with placeholders in place of a service's name and ports, where they stand as an address.
fn in_place_of(text: &str, name: &str, host: &Host, is_command: bool) -> String {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        written.push_str(before);
        rest = after;
        let is_whole = !written.ends_with(is_of_name) && !after.starts_with(is_of_name);
        let is_inside = written.rfind('{') > written.rfind('}');
        let port = port_after(after, host, is_command).filter(|_| is_whole && !is_inside);
        if let Some((port, length)) = port {
            written.push_str(&host.host());
            written.push_str(&port);
            rest = &after[length..];
        } else if is_whole && !is_inside && stands_alone(&written, after, is_command) {
            written.push_str(&host.host());
        } else {
            written.push_str(name);
        }
    }
    written + rest
}

/// A sign and a port after a name, with their placeholder and their length.
fn port_after(after: &str, host: &Host, is_command: bool) -> Option<(String, usize)> {
    let sign = after.chars().next()?;
    // A shell opens /dev/tcp/db/5432, and `nc` takes two words.
    let is_sign = sign == ':' || sign == '/' || is_command && sign == ' ';
    let digits = &after[sign.len_utf8()..];
    let end = digits
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(digits.len());
    let port = digits[..end].parse().ok().filter(|_| is_sign)?;
    Some((format!("{sign}{}", host.port(port)?), sign.len_utf8() + end))
}

/// Whether a name without a port is that of a host: in a URL, or after an option.
fn stands_alone(before: &str, after: &str, is_command: bool) -> bool {
    let ends = after.is_empty() || after.starts_with(['/', '?', ',', '"', '\'', ' ', ';']);
    let in_url = before.ends_with("//") || before.ends_with('@');
    let after_option = is_command && OPTIONS.iter().any(|it| before.ends_with(it));
    ends && (in_url || after_option)
}

/// Ports that texts name beside a host: 1025 of `mail:1025`.
pub(super) fn ports_named<'a>(texts: impl Iterator<Item = &'a str>, name: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for text in texts {
        for (at, _) in text.match_indices(&format!("{name}:")) {
            let is_of_name = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
            let digits = &text[at + name.len() + 1..];
            let end = digits
                .find(|it: char| !it.is_ascii_digit())
                .unwrap_or(digits.len());
            let port = digits[..end].parse::<u16>();
            let is_whole = !text[..at].ends_with(is_of_name);
            if let Some(port) = port
                .ok()
                .filter(|it| is_whole && *it > 0 && !ports.contains(it))
            {
                ports.push(port);
            }
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(env: &[(&str, &str)]) -> Service {
        let owned = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Service {
            image: Some("postgres:16".into()),
            env: owned.collect(),
            ..Service::default()
        }
    }

    fn rabbitmq() -> Host {
        Host {
            names: vec!["rabbitmq".into(), "broker".into()],
            table: "rabbitmq".into(),
            ports: vec![5672],
        }
    }

    #[test]
    fn a_host_that_is_the_default_of_the_application_is_written_out() {
        let env = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            owned.collect()
        };
        let mut known = env(&[("POSTGRES_USER", "{postgres.user}"), ("POSTGRES_DB", "x")]);
        with_host(&mut known);
        let host = ("POSTGRES_HOST", "{postgres.host}");
        let port = ("POSTGRES_PORT", "{postgres.port}");
        let before = [("POSTGRES_USER", "{postgres.user}"), ("POSTGRES_DB", "x")];
        assert_eq!(known, env(&[before[0], before[1], host, port]));
        let mut url = env(&[("U", "{postgres.url}"), ("DB_USER", "{postgres.user}")]);
        with_host(&mut url);
        assert_eq!(url.len(), 2);
    }

    #[test]
    fn values_that_name_a_service_become_placeholders() {
        let postgres = service(&[("POSTGRES_PASSWORD", "secret")]);
        let mut texts = Placeholders {
            postgres: Some((Host::of_postgres(vec!["db".into()]), &postgres)),
            redis: Some(Host::of_redis(vec!["cache".into()])),
            others: vec![rabbitmq()],
            scheme: None,
        };
        for (key, value, written) in [
            (
                "DATABASE_URL",
                "postgresql://a:b@db:5432/app",
                "{postgres.url}",
            ),
            (
                "DATABASE_URL",
                "postgresql://a:b@db/app?sslmode=disable",
                "{postgres.url}?sslmode=disable",
            ),
            (
                "ASYNC_URL",
                "postgresql+asyncpg://a:{env.SECRET}@db/app",
                "postgresql+asyncpg://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/{postgres.database}",
            ),
            (
                "JDBC_URL",
                "jdbc:postgresql://db:5432/app",
                "jdbc:postgresql://{postgres.host}:{postgres.port}/{postgres.database}",
            ),
            ("DB_HOST", "db", "{postgres.host}"),
            ("POSTGRES_PORT", "5432", "{postgres.port}"),
            ("POSTGRES_DB", "app", "{postgres.database}"),
            ("DB_NAME", "db", "{postgres.database}"),
            ("DB_HOSTNAME", "db", "{postgres.host}"),
            ("SQL_USER", "app", "{postgres.user}"),
            ("DB_PASSWORD", "secret", "{postgres.password}"),
            ("APP_PASSWORD", "secret", "{postgres.password}"),
            ("FIRST_SUPERUSER_PASSWORD", "secret", "secret"),
            ("DB_ENGINE", "db", "db"),
            ("CACHE_DRIVER", "cache", "cache"),
            ("CELERY_BROKER", "redis://cache:6379/0", "{redis.url}"),
            ("REDIS_HOST", "cache", "{redis.host}"),
            ("CACHE_PORT", "6379", "{redis.port}"),
            (
                "BROKER",
                "amqp://guest:guest@rabbitmq:5672//",
                "amqp://guest:guest@{rabbitmq.host}:{rabbitmq.port.5672}//",
            ),
            (
                "BROKER",
                "amqp://guest:guest@broker//",
                "amqp://guest:guest@{rabbitmq.host}//",
            ),
            (
                "HOSTS",
                "broker:5672,mybroker:5672",
                "{rabbitmq.host}:{rabbitmq.port.5672},mybroker:5672",
            ),
            ("RABBITMQ_PORT", "5672", "{rabbitmq.port.5672}"),
            ("DATABASE", "postgres", "postgres"),
            (
                "WAIT",
                "</dev/tcp/db/5432",
                "</dev/tcp/{postgres.host}/{postgres.port}",
            ),
            ("DEBUG", "1", "1"),
            ("ALLOWED_HOSTS", "db.example.org", "db.example.org"),
            ("PORT", "8000", "8000"),
        ] {
            assert_eq!(texts.written(key, value), written, "{key}");
        }
        assert_eq!(texts.scheme.as_deref(), Some("postgresql"));
    }

    #[test]
    fn a_service_called_like_its_user_is_recognised_by_the_name_of_the_variable() {
        let postgres = service(&[]);
        let mut texts = Placeholders {
            postgres: Some((Host::of_postgres(vec!["postgres".into()]), &postgres)),
            ..Placeholders::default()
        };
        for (key, written) in [
            ("POSTGRES_HOST", "{postgres.host}"),
            ("POSTGRES_USER", "{postgres.user}"),
            ("POSTGRES_PASSWORD", "{postgres.password}"),
            ("POSTGRES_DB", "{postgres.database}"),
            ("DATABASE_SERVER", "{postgres.host}"),
            ("DB_CONNECTION", "postgres"),
        ] {
            assert_eq!(texts.written(key, "postgres"), written, "{key}");
        }
    }

    #[test]
    fn commands_wait_for_hosts_by_their_placeholders() {
        let postgres = service(&[]);
        let texts = Placeholders {
            postgres: Some((Host::of_postgres(vec!["db".into()]), &postgres)),
            others: vec![rabbitmq()],
            ..Placeholders::default()
        };
        let command = |line: &[&str]| {
            let words: Vec<_> = line.iter().map(|it| (*it).to_owned()).collect();
            texts.command(&words).join(" ")
        };
        assert_eq!(
            command(&[
                "sh",
                "-c",
                "until nc -z db 5432; do sleep 1; done; pg_isready -h db && ./run"
            ]),
            "sh -c until nc -z {postgres.host} {postgres.port}; do sleep 1; done; pg_isready -h {postgres.host} && ./run"
        );
        assert_eq!(
            command(&["wait-for", "rabbitmq:5672"]),
            "wait-for {rabbitmq.host}:{rabbitmq.port.5672}"
        );
        assert_eq!(command(&["psql", "-h", "db"]), "psql -h {postgres.host}");
        assert_eq!(command(&["manage", "db", "upgrade"]), "manage db upgrade");
        let texts = ["amqp://a@rabbitmq:5672/", "myrabbitmq:1, rabbitmq:15672"];
        assert_eq!(ports_named(texts.into_iter(), "rabbitmq"), [5672, 15672]);
    }
}
