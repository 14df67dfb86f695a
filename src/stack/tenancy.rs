//! Room of its own for a server in the services that it shares with others: a database, a logical
//! database of Redis, a container.

use std::collections::BTreeMap;

use super::services::{Room, Site};
use super::{Error, Stack};

/// What a server is given of the services; by default what the plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenancy {
    /// By the name of the service.
    rooms: BTreeMap<String, Room>,
}

impl Tenancy {
    pub(super) fn room(&self, service: &str) -> Option<&Room> {
        self.rooms.get(service)
    }
}

impl Stack {
    /// Room of its own, with what the services hold; `number` tells tenants apart, from 1.
    pub async fn tenancy(&self, name: &str, number: u32) -> Result<Tenancy, Error> {
        let site = Site {
            images: &self.images,
            around: &self.context,
        };
        let mut tenancy = Tenancy::default();
        for (service, running) in &self.services {
            if let Some(room) = running.room(site, name, number).await? {
                tenancy.rooms.insert(service.clone(), room);
            }
        }
        Ok(tenancy)
    }

    /// The same with a copy of what is in the rooms, to which nobody may be connected.
    pub async fn copied(&self, tenancy: &Tenancy, name: &str) -> Result<Tenancy, Error> {
        let mut copy = tenancy.clone();
        for (service, running) in &self.services {
            if let Some(room) = copy.rooms.get_mut(service) {
                *room = running.copy(room, name).await?;
            }
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
