//! How a container is confined: its CPUs and memory, its ports on loopback alone, no new
//! privileges.

use std::collections::HashMap;

use bollard::models::{HostConfig, PortBinding};

use super::cores::cpuset;
use super::recipe::Recipe;
use super::surroundings::Surroundings;

/// Most processes and threads of a container.
const PIDS: i64 = 4096;

/// The part of the engine's host configuration that perfgate sets.
pub(super) struct Limits {
    cpuset: String,
    memory: Option<i64>,
    publish: Option<u16>,
    tmpfs: Option<String>,
}

impl Limits {
    pub(super) fn of(recipe: &Recipe<'_>, around: &Surroundings) -> Self {
        let memory = recipe
            .memory
            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let listen = recipe.listen.filter(|_| around.is_bridged());
        Self {
            cpuset: cpuset(recipe.cpus),
            memory,
            publish: listen.map(|listen| listen.port()),
            tmpfs: recipe.tmpfs.map(str::to_owned),
        }
    }

    pub(super) fn apply(&self, host: &mut HostConfig) {
        host.cpuset_cpus = Some(self.cpuset.clone());
        host.memory = self.memory;
        host.memory_swap = self.memory;
        host.pids_limit = Some(PIDS);
        host.init = Some(true);
        host.security_opt = Some(vec!["no-new-privileges".into()]);
        host.publish_all_ports = Some(false);
        host.port_bindings = Some(self.publish.map(loopback).into_iter().collect());
        host.tmpfs = self
            .tmpfs
            .clone()
            .map(|folder| HashMap::from([(folder, "rw,mode=1777".into())]));
    }
}

/// Publishes a port on 127.0.0.1 under a number the engine chooses.
fn loopback(port: u16) -> (String, Option<Vec<PortBinding>>) {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".into()),
        host_port: Some(String::new()),
    };
    (format!("{port}/tcp"), Some(vec![binding]))
}
