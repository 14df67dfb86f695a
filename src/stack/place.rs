//! Where a server will listen, and what the placeholders in its commands and environment stand
//! for.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Stack, Tenancy};
use crate::model::Placeholder;

/// One start of a server.
pub(super) struct Place {
    pub(super) listen: SocketAddr,
    values: Vec<(Placeholder, String)>,
}

impl Place {
    fn fill(&self, text: &str) -> String {
        let fill =
            |text: String, (name, value): &(Placeholder, String)| text.replace(name.text(), value);
        self.values.iter().fold(text.to_owned(), fill)
    }

    pub(super) fn set(&mut self, placeholder: Placeholder, value: String) {
        self.values.push((placeholder, value));
    }

    pub(super) fn fill_all(&self, words: &[String]) -> Vec<String> {
        words.iter().map(|word| self.fill(word)).collect()
    }

    pub(super) fn fill_env(&self, env: &[(String, String)]) -> Vec<(String, String)> {
        env.iter()
            .map(|(name, value)| (name.clone(), self.fill(value)))
            .collect()
    }
}

impl Stack {
    /// What the placeholders stand for when a server listens there.
    pub(super) fn place(&self, listen: SocketAddr, tenancy: &Tenancy, contained: bool) -> Place {
        let mut values = vec![
            (Placeholder::Host, listen.ip().to_string()),
            (Placeholder::Port, listen.port().to_string()),
            (Placeholder::Perfgate, own_path()),
        ];
        let postgres = self.postgres.as_ref().map(|it| it.url(tenancy, contained));
        let redis = self.redis.as_ref().map(|it| it.url(tenancy, contained));
        values.extend(postgres.map(|url| (Placeholder::PostgresUrl, url)));
        values.extend(redis.map(|url| (Placeholder::RedisUrl, url)));
        Place { listen, values }
    }
}

fn own_path() -> String {
    env::current_exe()
        .unwrap_or_else(|_| PathBuf::from("perfgate"))
        .display()
        .to_string()
}
