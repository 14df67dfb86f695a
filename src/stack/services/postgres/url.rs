//! Connection strings, whole and in pieces.

use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::super::super::tenancy::with_path;
use super::super::Room;

pub(super) const PORT: u16 = 5432;

/// The connection string of a room.
pub(super) fn within(url: &str, room: Option<&Room>) -> String {
    room.map_or_else(|| url.to_owned(), |database| with_path(url, database))
}

/// The same under the scheme that a library wants to see.
pub(super) fn with_scheme(url: &str, scheme: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    format!("{scheme}://{rest}")
}

/// What a connection string says, for those who want it piece by piece.
pub(super) fn parts(url: &str) -> Vec<(&'static str, String)> {
    let config = Config::from_str(url).unwrap_or_default();
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    let password = config.get_password().unwrap_or_default();
    vec![
        ("host", host.unwrap_or_else(|| "localhost".into())),
        ("port", port.to_string()),
        ("user", config.get_user().unwrap_or_default().to_owned()),
        ("password", String::from_utf8_lossy(password).into_owned()),
        (
            "database",
            config.get_dbname().unwrap_or_default().to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_passed_on_piece_by_piece() {
        let found = parts("postgresql://us%40er:p%2Fw@db.test:6543/shop?sslmode=disable");
        let expected = [
            ("host", "db.test"),
            ("port", "6543"),
            ("user", "us@er"),
            ("password", "p/w"),
            ("database", "shop"),
        ];
        assert_eq!(
            found,
            expected.map(|(field, value)| (field, value.to_owned()))
        );
        let bare = parts("postgres://app@localhost/app");
        assert_eq!(bare[1], ("port", "5432".to_owned()));
    }

    #[test]
    fn the_scheme_is_the_one_that_was_asked_for() {
        let url = with_scheme("postgres://u:p@h:1/d", "postgresql+asyncpg");
        assert_eq!(url, "postgresql+asyncpg://u:p@h:1/d");
    }
}
