//! Services that variables name and no compose file describes → what perfgate starts for them: an image, its
//! variables, and its ports.

use super::dependencies::Dependencies;
use super::variables::{Part, Variables, engine, is_nearby, url_scheme, userinfo};
use crate::compose::{Other, Source};

/// A service by what variables say of it.
struct Known {
    /// What perfgate calls it.
    name: &'static str,
    image: &'static str,
    port: u16,
    /// Words of its variables.
    words: &'static [&'static str],
    /// Schemes of its URLs.
    schemes: &'static [&'static str],
    /// Packages that speak with it.
    clients: &'static [&'static str],
    /// Whether variables that name another machine mean what is one of somebody else's, not the application's.
    is_often_remote: bool,
}

/// Mail is none of them: it goes nowhere without harm.
const KNOWN: [Known; 7] = [
    Known {
        name: "mysql",
        image: "mysql:8.4",
        port: 3306,
        words: &["MYSQL"],
        schemes: &["mysql", "mysql2"],
        clients: &[
            "aiomysql",
            "asyncmy",
            "mysql",
            "mysql-connector-python",
            "mysql2",
            "mysqlclient",
            "pymysql",
        ],
        is_often_remote: false,
    },
    Known {
        name: "mariadb",
        image: "mariadb:11",
        port: 3306,
        words: &["MARIADB"],
        schemes: &["mariadb"],
        clients: &["mariadb"],
        is_often_remote: false,
    },
    Known {
        name: "mongo",
        image: "mongo:7",
        port: 27017,
        words: &["MONGO", "MONGODB"],
        schemes: &["mongodb"],
        clients: &[
            "beanie",
            "mgo",
            "mongo-driver",
            "mongodb",
            "mongoengine",
            "mongoose",
            "motor",
            "pymongo",
        ],
        is_often_remote: false,
    },
    Known {
        name: "rabbitmq",
        image: "rabbitmq:4",
        port: 5672,
        words: &["AMQP", "RABBIT", "RABBITMQ"],
        schemes: &["amqp", "amqps", "pyamqp"],
        clients: &[
            "aio-pika",
            "amqp091-go",
            "amqplib",
            "kombu",
            "pika",
            "streadway",
        ],
        is_often_remote: false,
    },
    Known {
        name: "memcached",
        image: "memcached:1.6",
        port: 11211,
        words: &["MEMCACHE", "MEMCACHED", "MEMCACHIER"],
        schemes: &["memcached"],
        clients: &[
            "gomemcache",
            "memjs",
            "memcached",
            "pylibmc",
            "pymemcache",
            "python-memcached",
        ],
        is_often_remote: false,
    },
    Known {
        name: "minio",
        image: "minio/minio",
        port: 9000,
        words: &["MINIO", "S3"],
        schemes: &[],
        clients: &["minio", "minio-go"],
        is_often_remote: true,
    },
    Known {
        name: "elasticsearch",
        image: "elasticsearch:8.17.0",
        port: 9200,
        words: &["ELASTIC", "ELASTICSEARCH"],
        schemes: &[],
        clients: &["elasticsearch", "go-elasticsearch"],
        is_often_remote: true,
    },
];
/// For who has no password of its own.
const PASSWORD: &str = "perfgate";
const DATABASE: &str = "app";

/// What a file of variables names, unless it is among some services; `by_name` also where nothing but the name of a
/// variable tells.
pub(super) fn named(
    variables: &Variables,
    by_name: bool,
    dependencies: &Dependencies,
    others: &[Other],
) -> Vec<Other> {
    let is_new = |known: &&Known| {
        let is_it = |it: &Other| {
            let same_port = it.ports.contains(&known.port);
            same_port || it.name == known.name || is_built_as(it, known)
        };
        !others.iter().any(is_it)
    };
    let new = KNOWN.iter().filter(is_new);
    let named = new.filter(|it| it.is_named(variables, by_name, dependencies));
    let mut found: Vec<Other> = Vec::new();
    for known in named {
        // MariaDB speaks as MySQL does.
        if !found.iter().any(|it| it.ports.contains(&known.port)) {
            found.push(known.service(variables));
        }
    }
    found
}

/// Whether a service that is built here is called like one of these.
fn is_built_as(other: &Other, known: &Known) -> bool {
    let name = other.name.to_uppercase();
    let is_built = matches!(other.source, Source::Build(_));
    is_built && known.words.iter().any(|it| name.contains(it))
}

impl Known {
    fn is_named(&self, variables: &Variables, by_name: bool, dependencies: &Dependencies) -> bool {
        let has_client = dependencies.any(self.clients);
        let is_sql = self.port == 3306;
        variables.pairs.iter().any(|(name, value)| {
            if self.is_url(value) {
                return true;
            }
            let by_engine = engine(name).is_some()
                && self
                    .words
                    .iter()
                    .any(|it| value.to_uppercase().contains(it));
            if by_engine && (by_name || has_client) {
                return true;
            }
            let part = Part::of(name).filter(|(_, it)| matches!(it, Part::Host | Part::Url));
            let Some((rest, _)) = part.filter(|(rest, _)| !is_of_something_else(rest)) else {
                return false;
            };
            let has_word = rest.split('_').any(|it| self.words.contains(&it));
            let is_own = !self.is_often_remote || is_nearby(value);
            // MariaDB's clients are called after MySQL.
            let is_general = is_sql && has_client && value.contains(":3306");
            (has_word || is_general)
                && is_own
                && !has_another_scheme(value, self.schemes)
                && (by_name && !value.is_empty() || has_client)
        })
    }

    /// Whether a value is an address of it by its form.
    fn is_url(&self, value: &str) -> bool {
        url_scheme(value).is_some_and(|it| self.schemes.contains(&it))
            || self.name == "mysql" && value.contains("@tcp(")
    }

    /// The service, with the users and passwords that the application has for it.
    fn service(&self, variables: &Variables) -> Other {
        let mut other = Other::of(self.name, Source::Image(self.image.to_owned()), self.port);
        let own = Login::of(self, variables);
        let env: Vec<(&str, String)> = match self.name {
            "mysql" => own.of_sql("MYSQL"),
            "mariadb" => own.of_sql("MARIADB"),
            "mongo" => own.pairs(["MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"]),
            "rabbitmq" => {
                let mut env = own.pairs(["RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"]);
                env.retain(|(_, it)| it != "guest");
                let host = own.database.filter(|it| it != "%2f" && it != "%2F");
                env.extend(host.map(|it| ("RABBITMQ_DEFAULT_VHOST", it)));
                env
            }
            "minio" => {
                other.container.command = ["server", "/data"].map(str::to_owned).to_vec();
                own.of_keys(variables)
            }
            "elasticsearch" => [
                ("discovery.type", "single-node"),
                ("xpack.security.enabled", "false"),
                ("ES_JAVA_OPTS", "-Xms512m -Xmx512m"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec(),
            _ => Vec::new(),
        };
        let env = env.into_iter().map(|(name, it)| (name.to_owned(), it));
        other.env = env.collect();
        other
    }
}

/// What looks after a service, or shows what it does.
fn is_of_something_else(rest: &str) -> bool {
    let words = ["ADMIN", "APM", "EXPRESS", "MANAGEMENT", "TEST"];
    rest.split('_').any(|it| words.contains(&it))
}

fn has_another_scheme(value: &str, schemes: &[&str]) -> bool {
    let plain = ["http", "https", "tcp"];
    url_scheme(value).is_some_and(|it| !schemes.contains(&it) && !plain.contains(&it))
}

/// Who an application is to a service.
#[derive(Debug, Default)]
struct Login {
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
}

impl Login {
    /// As the first URL has it, or variables for each part.
    fn of(known: &Known, variables: &Variables) -> Self {
        let mut own = Self::default();
        for (name, value) in &variables.pairs {
            if known.is_url(value) && own.user.is_none() && own.database.is_none() {
                let (user, password, path) = userinfo(value);
                own = Self {
                    user,
                    password,
                    database: path,
                };
            }
            let Some((rest, part)) = Part::of(name) else {
                continue;
            };
            let is_sql = known.port == 3306;
            let is_own = rest.split('_').any(|it| {
                known.words.contains(&it) || is_sql && (it == "MYSQL" || Variables::is_general(it))
            });
            // That of an administrator is not the application's.
            let is_root = rest.split('_').any(|it| it == "ROOT" || it == "TEST");
            if value.is_empty() || !is_own || is_root {
                continue;
            }
            let field = match part {
                Part::User => &mut own.user,
                Part::Password => &mut own.password,
                Part::Database => &mut own.database,
                Part::Host | Part::Port | Part::Url => continue,
            };
            field.get_or_insert_with(|| value.clone());
        }
        own
    }

    fn pairs(&self, names: [&'static str; 2]) -> Vec<(&'static str, String)> {
        let [user, password] = names;
        match (&self.user, &self.password) {
            (Some(own), Some(secret)) => vec![(user, own.clone()), (password, secret.clone())],
            _ => Vec::new(),
        }
    }

    /// Variables of the images of MySQL and MariaDB.
    fn of_sql(&self, prefix: &str) -> Vec<(&'static str, String)> {
        let names = if prefix == "MYSQL" {
            [
                "MYSQL_DATABASE",
                "MYSQL_ROOT_PASSWORD",
                "MYSQL_USER",
                "MYSQL_PASSWORD",
                "MYSQL_ALLOW_EMPTY_PASSWORD",
            ]
        } else {
            [
                "MARIADB_DATABASE",
                "MARIADB_ROOT_PASSWORD",
                "MARIADB_USER",
                "MARIADB_PASSWORD",
                "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
            ]
        };
        let [database, root, user, password, empty] = names;
        let name = self.database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let mut env = vec![(database, name)];
        let own = self.user.clone().unwrap_or_else(|| DATABASE.to_owned());
        let secret = self.password.clone();
        match (own.as_str(), secret) {
            ("root", Some(secret)) => env.push((root, secret)),
            ("root", None) => env.push((empty, "yes".to_owned())),
            (_, secret) => env.extend([
                (root, PASSWORD.to_owned()),
                (user, own),
                (password, secret.unwrap_or_else(|| PASSWORD.to_owned())),
            ]),
        }
        env
    }

    /// Keys of an application in place of a user and a password.
    fn of_keys(&self, variables: &Variables) -> Vec<(&'static str, String)> {
        let ending = |some: &[&str], shortest: usize| {
            let mut pairs = variables.pairs.iter();
            let is_one = |name: &String| some.iter().any(|it| name.ends_with(it));
            pairs
                .find(|(name, value)| is_one(name) && value.len() >= shortest)
                .map(|(_, value)| value.clone())
        };
        let user = ending(&["ACCESS_KEY_ID", "ACCESS_KEY", "ROOT_USER"], 3);
        let secret = ending(&["SECRET_ACCESS_KEY", "SECRET_KEY", "ROOT_PASSWORD"], 8);
        let usual = || "minioadmin".to_owned();
        vec![
            (
                "MINIO_ROOT_USER",
                user.or_else(|| self.user.clone()).unwrap_or_else(usual),
            ),
            (
                "MINIO_ROOT_PASSWORD",
                secret
                    .or_else(|| self.password.clone())
                    .unwrap_or_else(usual),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::variables_in;

    fn described(text: &str) -> Vec<String> {
        let variables = Variables {
            path: ".env.example".into(),
            pairs: variables_in(text).expect("variables"),
        };
        let found = named(&variables, true, &Dependencies::default(), &[]);
        let shown = |it: &Other| {
            let env = it
                .env
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            format!("{}{}", it.name, env.collect::<String>())
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn urls_say_which_service_and_who_the_application_is() {
        assert_eq!(
            described("DATABASE_URL=mysql+pymysql://shop:secret@localhost:3306/store\n"),
            [
                "mysql MYSQL_DATABASE=store MYSQL_ROOT_PASSWORD=perfgate MYSQL_USER=shop MYSQL_PASSWORD=secret"
            ]
        );
        assert_eq!(
            described("DATABASE_URL=mysql2://root@127.0.0.1/x\n"),
            ["mysql MYSQL_DATABASE=x MYSQL_ALLOW_EMPTY_PASSWORD=yes"]
        );
        assert_eq!(
            described("DSN=root:pw@tcp(db:3306)/x?parseTime=true\n"),
            ["mysql MYSQL_DATABASE=x MYSQL_ROOT_PASSWORD=pw"]
        );
        assert_eq!(
            described(
                "CELERY_BROKER_URL=amqp://guest:guest@localhost:5672//\nA=amqp://me:pw@mq/shop\n"
            ),
            ["rabbitmq"]
        );
        assert_eq!(
            described("BROKER=amqp://me:pw@mq/shop\n"),
            [
                "rabbitmq RABBITMQ_DEFAULT_USER=me RABBITMQ_DEFAULT_PASS=pw RABBITMQ_DEFAULT_VHOST=shop"
            ]
        );
        assert_eq!(
            described("URI=mongodb+srv://a:b@cluster.example.net/shop?w=majority\n"),
            ["mongo MONGO_INITDB_ROOT_USERNAME=a MONGO_INITDB_ROOT_PASSWORD=b"]
        );
    }

    #[test]
    fn names_of_variables_say_which_service() {
        let split = "DB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_DATABASE=shop\nDB_USERNAME=root\nDB_PASSWORD=pw\n";
        assert_eq!(
            described(split),
            ["mysql MYSQL_DATABASE=shop MYSQL_ROOT_PASSWORD=pw"]
        );
        let many = "MONGO_URL=localhost\nMEMCACHED_SERVERS=localhost:11211\nELASTICSEARCH_URL=http://localhost:9200\n\
                    S3_ENDPOINT=http://localhost:9000\nS3_ACCESS_KEY=abc\nS3_SECRET_KEY=12345678\n";
        assert_eq!(
            described(many),
            [
                "mongo",
                "memcached",
                "minio MINIO_ROOT_USER=abc MINIO_ROOT_PASSWORD=12345678",
                "elasticsearch discovery.type=single-node xpack.security.enabled=false \
                 ES_JAVA_OPTS=-Xms512m -Xmx512m",
            ]
        );
        let none = "S3_ENDPOINT=https://s3.eu-central-1.example.com\nELASTIC_APM_SERVER_URL=http://apm:8200\n\
                    MONGO_URL=\nDB_HOST=localhost\nSMTP_HOST=mail\nMYSQL_TEST_HOST=x\n";
        assert_eq!(described(none), Vec::<String>::new());
    }

    #[test]
    fn a_service_that_is_there_is_not_named_again() {
        let variables = Variables {
            path: ".env".into(),
            pairs: vec![("MYSQL_HOST".into(), "db".into())],
        };
        let others = [Other::of("db", Source::Image("percona:8".into()), 3306)];
        let found = named(&variables, true, &Dependencies::default(), &others);
        assert!(found.is_empty());
        let found = named(&variables, false, &Dependencies::default(), &[]);
        assert!(found.is_empty());
    }
}
