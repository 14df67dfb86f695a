//! Room of its own for a server in the services that it shares with others: a database, a logical
//! database of Redis, a container.

use std::collections::BTreeMap;

use super::services::{Room, Site};
use super::{Error, Observer, Stack};
use crate::model::{ContainerSettings, Placeholder, Target};

/// What a server is given of the services; by default what the plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenancy {
    /// By the name of the service.
    rooms: BTreeMap<String, Room>,
}

/// Whether servers that are up use the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    Idle,
    InUse,
}

/// What commands set up, and where it lies.
pub(super) struct SetUp {
    inputs: Inputs,
    tenancy: Tenancy,
}

/// All that the result of a server's commands follows from.
#[derive(PartialEq)]
pub(super) struct Inputs {
    image: String,
    commands: Vec<Vec<String>>,
    env: Vec<(String, String)>,
    memory: Option<u64>,
    container: ContainerSettings,
}

impl Tenancy {
    pub(super) fn room(&self, service: &str) -> Option<&Room> {
        self.rooms.get(service)
    }
}

impl Stack {
    /// Room of its own, with what the services hold; `number` distinguishes tenants, from 1.
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

    /// The same with a copy of what is in the rooms, to which nobody may be connected. Copies have
    /// numbers of their own.
    pub async fn copied(
        &self,
        tenancy: &Tenancy,
        name: &str,
        number: u32,
    ) -> Result<Tenancy, Error> {
        let mut copy = tenancy.clone();
        for (service, running) in &self.services {
            if let Some(room) = copy.rooms.get_mut(service) {
                *room = running.copy(room, name, number).await?;
            }
        }
        Ok(copy)
    }

    /// Room that a server's own commands have set up, to be copied for each of its starts: that of a
    /// side or a server before it, where that was set up by the same.
    pub async fn set_up_room(
        &self,
        target: &Target,
        name: &str,
        number: u32,
        observe: Observer<'_>,
    ) -> Result<Tenancy, Error> {
        let inputs = self.inputs(target);
        let mut set_ups = self.set_ups.lock().await;
        let alike = set_ups
            .values()
            .find(|it| inputs.as_ref() == Some(&it.inputs));
        if let Some(alike) = alike {
            return Ok(alike.tenancy.clone());
        }
        set_ups.remove(name);
        let tenancy = self.tenancy(name, number).await?;
        self.set_up(target, &tenancy, observe).await?;
        if let Some(inputs) = inputs {
            let tenancy = tenancy.clone();
            set_ups.insert(name.to_owned(), SetUp { inputs, tenancy });
        }
        Ok(tenancy)
    }

    /// Sets up a server that has no room of its own. What the same commands have set up before is put back
    /// instead, where no server uses it.
    pub async fn set_up_alone(
        &self,
        target: &Target,
        services: ServiceState,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let inputs = self.inputs(target).filter(|it| !it.commands.is_empty());
        let mut kept = self.kept.lock().await;
        let are_idle = services == ServiceState::Idle;
        if are_idle && inputs.is_some() && *kept == inputs {
            for (_, running) in &self.services {
                running.restore().await?;
            }
            return Ok(());
        }
        *kept = None;
        self.set_up(target, &Tenancy::default(), observe).await?;
        if are_idle && inputs.is_some() {
            let mut are_kept = true;
            for (_, running) in &self.services {
                are_kept = are_kept && running.keep().await?;
            }
            *kept = inputs.filter(|_| are_kept);
        }
        Ok(())
    }

    /// What a server's set-up follows from; `None` if its result cannot be copied.
    fn inputs(&self, target: &Target) -> Option<Inputs> {
        let mut services = self.services.iter();
        let is_copied = target.source.is_contained() && services.all(|(_, it)| it.copies_rooms());
        is_copied.then(|| Inputs {
            image: self.images.get(&target.name).id.clone(),
            commands: target.setup.clone(),
            env: without_addresses(&target.env),
            memory: target.memory,
            container: target.container.clone(),
        })
    }
}

/// Variables but for those that say where to listen: what is set up is not served yet, and the port of a
/// start is another one each time.
fn without_addresses(env: &[(String, String)]) -> Vec<(String, String)> {
    let listens = [Placeholder::Host, Placeholder::Port].map(Placeholder::text);
    let is_of_set_up =
        |(_, value): &&(String, String)| !listens.iter().any(|text| value.contains(text));
    env.iter().filter(is_of_set_up).cloned().collect()
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
    fn where_a_server_listens_does_not_matter_to_its_set_up() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let env = [
            variable("DATABASE_URL", "{postgres.url}"),
            variable("BIND", "{host}:{port}"),
            variable("PORT", "{port}"),
        ];
        assert_eq!(without_addresses(&env), env[..1]);
    }

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
