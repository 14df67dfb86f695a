//! How a container is confined: its CPUs, memory and processes, its ports on loopback alone, few
//! privileges and no new ones.

use bollard::models::{HostConfig, PortBinding};
use procfs::Current;

use super::cores::cpuset;
use super::recipe::Recipe;
use super::stack_context::StackContext;

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

/// The part of the engine's host configuration that perfgate sets.
pub(super) struct Limits {
    cpuset: String,
    memory: Option<i64>,
    publish: Vec<u16>,
    tmpfs: Vec<String>,
    nano_cpus: Option<i64>,
    shm_size: Option<i64>,
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
