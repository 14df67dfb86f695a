//! Values of a compose file that name other services → the same with perfgate's placeholders.

use super::file::Service;
use super::stack::Other;

/// Values of the environment that name other services → placeholders.
pub(super) struct Placeholders<'a> {
    pub(super) postgres: Option<(&'a String, &'a Service)>,
    pub(super) redis: Option<&'a str>,
    pub(super) others: &'a [Other],
    /// That of the connection string of Postgres, where it is not the usual one.
    pub(super) scheme: Option<String>,
}

impl Placeholders<'_> {
    pub(super) fn written(&mut self, key: &str, value: &str) -> String {
        if let Some((name, service)) = self.postgres {
            if let Some(url) = self.postgres_url(name, value) {
                return url;
            }
            if let Some(part) = part_of_postgres(key, value, name, service) {
                return part;
            }
        }
        if let Some(name) = self.redis {
            if is_url_of(name, value) {
                return "{redis.url}".into();
            }
            if value == name {
                return "{redis.host}".into();
            }
            if is_port(key, name) && value == "6379" {
                return "{redis.port}".into();
            }
        }
        let value = self.with_addresses(value);
        let others = self.others.iter();
        others.fold(value, |value, other| in_place_of(&value, key, other))
    }

    /// A text with placeholders in place of the addresses of databases: `db:5432`, and `db/5432` as shells
    /// open it.
    pub(super) fn with_addresses(&self, text: &str) -> String {
        let postgres = self
            .postgres
            .map(|(name, _)| (name.as_str(), "postgres", "5432"));
        let redis = self.redis.map(|name| (name, "redis", "6379"));
        let known = postgres.into_iter().chain(redis);
        known.fold(text.to_owned(), |text, (name, service, port)| {
            [':', '/'].into_iter().fold(text, |text, sign| {
                let place = format!("{{{service}.host}}{sign}{{{service}.port}}");
                text.replace(&format!("{name}{sign}{port}"), &place)
            })
        })
    }

    fn postgres_url(&mut self, name: &str, value: &str) -> Option<String> {
        if !is_url_of(name, value) {
            return None;
        }
        let (scheme, rest) = value.split_once("://")?;
        if scheme != "postgresql" && scheme != "postgres" {
            self.scheme = Some(scheme.to_owned());
        } else if scheme == "postgres" && self.scheme.is_none() {
            self.scheme = Some("postgres".into());
        }
        let query = rest.find('?').map_or("", |at| &rest[at..]);
        Some(format!("{{postgres.url}}{query}"))
    }
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

/// Whether a value is a URL whose host is a service.
fn is_url_of(name: &str, value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    host.split(':').next() == Some(name)
}

/// A part of the connection to Postgres: by its value, and where that says too little, by its name.
fn part_of_postgres(key: &str, value: &str, name: &str, service: &Service) -> Option<String> {
    let key = key.to_uppercase();
    let of_database = ["POSTGRES", "PG", "DB", "DATABASE", "SQL"];
    let is_of_database = of_database.iter().any(|it| key.contains(it));
    let own = |variable: &str| service.env.get(variable).is_some_and(|it| it == value);
    let part = if value == name {
        "host"
    } else if !is_of_database {
        return None;
    } else if key.ends_with("HOST") {
        // Another host, which no service of this name has.
        return None;
    } else if key.ends_with("PORT") {
        "port"
    } else if key.ends_with("PASSWORD")
        || key.ends_with("PASS")
        || own("POSTGRES_PASSWORD") && key.contains("PASS")
    {
        "password"
    } else if key.ends_with("USER") || key.ends_with("USERNAME") {
        "user"
    } else if key.ends_with("_DB") || key.ends_with("_DATABASE") || key.ends_with("NAME") {
        "database"
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

/// A value with placeholders in place of a service's name and port.
fn in_place_of(value: &str, key: &str, other: &Other) -> String {
    let name = &other.name;
    if value == name {
        return format!("{{{name}.host}}");
    }
    if is_port(key, name) && other.ports.iter().any(|it| it.to_string() == value) {
        return format!("{{{name}.port.{value}}}");
    }
    let mut text = value.to_owned();
    for port in &other.ports {
        let place = format!("{{{name}.host}}:{{{name}.port.{port}}}");
        text = text.replace(&format!("{name}:{port}"), &place);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::stack::Source;
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
        let name = "db".to_owned();
        let postgres = service(&[("POSTGRES_PASSWORD", "secret")]);
        let rabbitmq = Other {
            name: "rabbitmq".into(),
            source: Source::Image("rabbitmq:4".into()),
            command: Vec::new(),
            env: Vec::new(),
            ports: vec![5672],
            files: Vec::new(),
            ready: Vec::new(),
        };
        let mut texts = Placeholders {
            postgres: Some((&name, &postgres)),
            redis: Some("cache"),
            others: &[rabbitmq],
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
            ("DB_HOST", "db", "{postgres.host}"),
            ("POSTGRES_PORT", "5432", "{postgres.port}"),
            ("POSTGRES_DB", "app", "{postgres.database}"),
            ("SQL_USER", "app", "{postgres.user}"),
            ("DB_PASSWORD", "secret", "{postgres.password}"),
            ("CELERY_BROKER", "redis://cache:6379/0", "{redis.url}"),
            ("REDIS_HOST", "cache", "{redis.host}"),
            (
                "BROKER",
                "amqp://guest:guest@rabbitmq:5672//",
                "amqp://guest:guest@{rabbitmq.host}:{rabbitmq.port.5672}//",
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
        assert_eq!(texts.scheme, None);
        texts.written("X", "postgresql+asyncpg://a@db/x");
        assert_eq!(texts.scheme.as_deref(), Some("postgresql+asyncpg"));
    }
}
