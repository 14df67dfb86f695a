//! How a container is confined: its CPUs, memory and processes, its ports on loopback alone, few
//! privileges and no new ones, unless the configuration allows it more.

use bollard::models::{HostConfig, PortBinding};
use procfs::Current;

use super::cores::cpuset;
use super::engine::socket;
use super::recipe::Recipe;
use super::stack_context::StackContext;
use crate::model::Privilege;

/// Most processes and threads of a container.
const PIDS: i64 = 4096;

/// What images need whose start gives files and processes to another user, and servers that end
/// their workers; the rest (raw packets, devices, file systems of their own) is for nobody here.
const CAPABILITIES: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
];

/// Where clients look for an engine.
const SOCKET: &str = "/var/run/docker.sock";

/// The part of the engine's host configuration that perfgate sets.
pub(super) struct Limits {
    cpuset: String,
    memory: Option<i64>,
    publish: Vec<u16>,
    tmpfs: Vec<String>,
    nano_cpus: Option<i64>,
    shm_size: Option<i64>,
    allow: Vec<Privilege>,
}

impl Limits {
    pub(super) fn from_recipe(recipe: &Recipe<'_>, around: &StackContext) -> Self {
        let memory = recipe.memory.or_else(most_memory);
        let memory = memory.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let published = around.is_bridged() && !around.is_internal();
        let first = recipe.listen.map(|listen| listen.port());
        let ports = first.into_iter().chain(recipe.ports.iter().copied());
        let settings = &recipe.settings;
        let shm_size = settings
            .shm_size
            .map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        Self {
            cpuset: cpuset(recipe.cpus),
            memory,
            publish: ports.filter(|_| published).collect(),
            tmpfs: settings.tmpfs.clone(),
            nano_cpus: settings.nano_cpus,
            shm_size,
            allow: settings.allow.clone(),
        }
    }

    pub(super) fn apply(&self, host: &mut HostConfig) {
        host.cpuset_cpus = Some(self.cpuset.clone());
        host.memory = self.memory;
        host.memory_swap = self.memory;
        host.pids_limit = Some(PIDS);
        host.init = Some(true);
        host.privileged = Some(false);
        host.cap_drop = Some(vec!["ALL".into()]);
        host.cap_add = Some(CAPABILITIES.map(str::to_owned).to_vec());
        host.security_opt = Some(vec!["no-new-privileges".into()]);
        host.publish_all_ports = Some(false);
        host.nano_cpus = self.nano_cpus;
        host.shm_size = self.shm_size;
        let published = self.publish.iter().copied().map(loopback);
        host.port_bindings = Some(published.collect());
        let in_memory = |folder: &String| (folder.clone(), "rw,mode=1777".to_owned());
        host.tmpfs = (!self.tmpfs.is_empty()).then(|| self.tmpfs.iter().map(in_memory).collect());
        for privilege in &self.allow {
            allow(*privilege, host);
        }
    }
}

fn allow(privilege: Privilege, host: &mut HostConfig) {
    match privilege {
        // What else would be dropped is what it is allowed for.
        Privilege::Privileged => {
            host.privileged = Some(true);
            host.cap_drop = None;
            host.cap_add = None;
            host.security_opt = None;
        }
        Privilege::DockerSocket => {
            let socket = socket();
            let path = socket.strip_prefix("unix://").unwrap_or(SOCKET);
            host.binds = Some(vec![format!("{path}:{SOCKET}")]);
        }
        Privilege::HostPid => host.pid_mode = Some("host".into()),
        Privilege::HostIpc => host.ipc_mode = Some("host".into()),
    }
}

/// Three quarters of the machine's memory, for a container without a limit of its own: one that
/// grows without end is killed before the machine is.
fn most_memory() -> Option<u64> {
    let machine = procfs::Meminfo::current().ok()?;
    Some(machine.mem_total / 4 * 3)
}

/// Publishes a port on 127.0.0.1 under a number the engine chooses.
fn loopback(port: u16) -> (String, Option<Vec<PortBinding>>) {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".into()),
        host_port: Some(String::new()),
    };
    (format!("{port}/tcp"), Some(vec![binding]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(privileges: &[Privilege]) -> HostConfig {
        let limits = Limits {
            cpuset: "0".into(),
            memory: None,
            publish: Vec::new(),
            tmpfs: Vec::new(),
            nano_cpus: None,
            shm_size: None,
            allow: privileges.to_vec(),
        };
        let mut host = HostConfig::default();
        limits.apply(&mut host);
        host
    }

    #[test]
    fn nothing_is_allowed_that_the_configuration_does_not_name() {
        let host = applied(&[]);
        assert_eq!(host.privileged, Some(false));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(
            (host.binds, host.pid_mode, host.ipc_mode),
            (None, None, None)
        );
    }

    #[test]
    fn what_is_allowed_is_that_alone() {
        let host = applied(&[Privilege::Privileged]);
        assert_eq!(
            (host.privileged, host.cap_drop, host.binds),
            (Some(true), None, None)
        );
        let host = applied(&[Privilege::DockerSocket, Privilege::HostPid]);
        assert_eq!(
            (host.privileged, host.pid_mode.as_deref()),
            (Some(false), Some("host"))
        );
        let binds = host.binds.expect("a socket");
        assert!(binds[0].ends_with(":/var/run/docker.sock"), "{binds:?}");
        assert_eq!(
            applied(&[Privilege::HostIpc]).ipc_mode.as_deref(),
            Some("host")
        );
    }
}
