//! Room of its own for a server in the services that it shares with others: a database, and a
//! logical database of Redis.

use super::{Error, Stack};

/// What a server is given of the services; by default what the plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenancy {
    pub(super) database: Option<String>,
    /// Number of the logical database.
    pub(super) redis: Option<u32>,
}

impl Stack {
    /// Room of its own, with what the services hold; `number` tells tenants apart, from 1.
    pub async fn tenancy(&self, name: &str, number: u32) -> Result<Tenancy, Error> {
        let mut tenancy = Tenancy::default();
        if let Some(postgres) = &self.postgres {
            postgres.copy(None, name).await?;
            tenancy.database = Some(name.to_owned());
        }
        if let Some(redis) = &self.redis {
            tenancy.redis = Some(redis.empty(number).await?);
        }
        Ok(tenancy)
    }

    /// The same with a copy of the database, which nobody may be connected to.
    pub async fn copied(&self, tenancy: &Tenancy, name: &str) -> Result<Tenancy, Error> {
        let mut copy = tenancy.clone();
        if let (Some(postgres), Some(database)) = (&self.postgres, &tenancy.database) {
            postgres.copy(Some(database), name).await?;
            copy.database = Some(name.to_owned());
        }
        Ok(copy)
    }
}

/// The URL of a service with another path, which names the database.
pub(super) fn with_path(url: &str, path: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (rest, String::new()),
    };
    let authority = address.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_is_replaced() {
        let of = |url| with_path(url, "b");
        assert_eq!(of("postgres://u:p@[::1]:1/a"), "postgres://u:p@[::1]:1/b");
        assert_eq!(of("redis://h:1"), "redis://h:1/b");
        assert_eq!(
            of("postgres://h/a?sslmode=disable"),
            "postgres://h/b?sslmode=disable"
        );
    }
}
