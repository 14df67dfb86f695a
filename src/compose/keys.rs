//! Keys of services: which perfgate takes, which change nothing that it measures, which it notes, and which
//! it refuses.

use super::node::{Kind, Node};
use super::problem::{Problem, suggestion};
use super::values::is_true;

/// What a service is made of.
const TAKEN: [&str; 26] = [
    "build",
    "command",
    "configs",
    "container_name",
    "cpus",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "healthcheck",
    "hostname",
    "image",
    "links",
    "mem_limit",
    "networks",
    "ports",
    "profiles",
    "secrets",
    "shm_size",
    "tmpfs",
    "user",
    "volumes",
    "working_dir",
];

/// What has no say in how fast it is, or what perfgate does its own way.
const IGNORED: [&str; 22] = [
    "annotations",
    "attach",
    "blkio_config",
    "cpuset",
    "develop",
    "domainname",
    "init",
    "label_file",
    "labels",
    "logging",
    "mac_address",
    "memswap_limit",
    "post_start",
    "pre_stop",
    "pull_policy",
    "read_only",
    "restart",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "tty",
];

/// What could change how it runs, and perfgate does not do.
const NOTED: [&str; 25] = [
    "cap_add",
    "cap_drop",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "dns",
    "dns_opt",
    "dns_search",
    "external_links",
    "extra_hosts",
    "group_add",
    "mem_reservation",
    "mem_swappiness",
    "oom_kill_disable",
    "oom_score_adj",
    "pids_limit",
    "platform",
    "scale",
    "security_opt",
    "sysctls",
    "ulimits",
];

/// What cannot be run twice on one machine, or reaches into it: the key, and why.
const REFUSED: [(&str, &str); 18] = [
    ("cgroup", "it shares control groups with the host"),
    ("cgroup_parent", "it lies in a control group of the host"),
    ("credential_spec", "it uses credentials of the host"),
    ("device_cgroup_rules", "it uses devices of the host"),
    ("devices", "it uses devices of the host"),
    ("gpus", "it uses devices of the host"),
    ("ipc", "it shares memory with others"),
    ("isolation", "it is for Windows"),
    ("models", "it uses models that the engine runs"),
    ("network_mode", "it uses a network that is not its own"),
    ("pid", "it sees processes of others"),
    ("privileged", "it may do everything on the host"),
    ("provider", "it is started by another program"),
    ("runtime", "it needs another runtime"),
    ("use_api_socket", "it may do everything on the host"),
    ("userns_mode", "it shares users with the host"),
    ("uts", "it shares its name with the host"),
    ("volumes_from", "it shares volumes with others"),
];

/// Refused keys with a value that `allow` of perfgate.toml lets a container have, by its name there.
const ALLOWED: [(&str, &str, &str); 4] = [
    ("privileged", "true", "privileged"),
    ("pid", "host", "host-pid"),
    ("ipc", "host", "host-ipc"),
    ("use_api_socket", "true", "docker-socket"),
];

/// What lets a container have a refused key, if anything does.
pub(super) fn allowed_by(key: &str, value: &Node) -> Option<&'static str> {
    let text = value.as_text()?;
    let mut all = ALLOWED.iter();
    all.find(|(it, of, _)| *it == key && *of == text)
        .map(|(.., name)| *name)
}

/// What can be done about a refused key.
pub(super) fn remedy(key: &str, value: &Node) -> String {
    let out = "take it out, by `!reset null` in a compose file of its own for perfgate if need be";
    match allowed_by(key, value) {
        Some(name) => format!("{out}; or write `allow = [\"{name}\"]` for it in perfgate.toml"),
        None if key == "network_mode" && value.as_text() == Some("host") => format!(
            "two of it are up at once, and both would listen at the same ports: {out}; with {{host}} and {{port}} in \
             its `command` or `env` it may listen on this machine's network all the same"
        ),
        None => format!("two of it are up at once, on any machine: {out}"),
    }
}

/// What a key is to perfgate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Taken,
    Ignored,
    Noted,
    Refused(&'static str),
    Unknown,
}

/// Sorts a key with its value.
pub(super) fn sort(key: &str, value: &Node) -> Sort {
    if key.starts_with("x-") || IGNORED.contains(&key) {
        return Sort::Ignored;
    }
    if TAKEN.contains(&key) {
        return Sort::Taken;
    }
    if NOTED.contains(&key) {
        return if changes_nothing(value) {
            Sort::Ignored
        } else {
            Sort::Noted
        };
    }
    let refused = REFUSED.iter().find(|(it, _)| *it == key);
    match refused {
        Some(_) if changes_nothing(value) || is_private(key, value) => Sort::Ignored,
        Some((_, why)) => Sort::Refused(why),
        None => Sort::Unknown,
    }
}

fn changes_nothing(value: &Node) -> bool {
    match &value.kind {
        Kind::Null => true,
        Kind::Text(text) => text.is_empty() || text == "false",
        Kind::List(items) => items.is_empty(),
        Kind::Map(map) => map.is_empty(),
        Kind::Lacking(_) => false,
    }
}

/// Whether a mode is that of a container of its own.
fn is_private(key: &str, value: &Node) -> bool {
    let modes: &[&str] = match key {
        "network_mode" => &["bridge", "default"],
        "ipc" | "cgroup" => &["private", "shareable"],
        "isolation" | "runtime" => &["default", "runc"],
        _ => &[],
    };
    value.as_text().is_some_and(|it| modes.contains(&it))
}

/// That a service has a key which compose files do not know.
pub(super) fn unknown(service: &str, key: &str, value: &Node) -> Problem {
    let known = TAKEN.iter().chain(&IGNORED).chain(&NOTED);
    let known = known.chain(REFUSED.iter().map(|(it, _)| it)).copied();
    let message = format!("service `{service}` has `{key}`, which compose files do not know");
    let hint = match super::problem::nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "leave it out, or begin its name with `x-`".into(),
    };
    Problem::at(value.mark, message, &hint)
}

/// Keys that a whole file may have.
const SECTIONS: [&str; 9] = [
    "version", "name", "services", "networks", "volumes", "secrets", "configs", "include", "models",
];

/// That a file has a key which compose files do not know.
pub(super) fn unknown_section(top: &Node) -> Option<Problem> {
    let sections = top.as_map()?;
    let is_known = |it: &str| SECTIONS.contains(&it) || it.starts_with("x-");
    let (key, value) = sections.iter().find(|(key, _)| !is_known(key))?;
    let message = format!("compose files have no `{key}`");
    Some(Problem::at(value.mark, message, &suggestion(key, SECTIONS)))
}

/// Whether a GPU or another device is reserved.
pub(super) fn reserves_devices(deploy: &Node) -> bool {
    let reservations = deploy
        .get("resources")
        .and_then(|it| it.get("reservations"));
    let devices = reservations.and_then(|it| it.get("devices"));
    devices.is_some_and(|it| !changes_nothing(it))
}

/// How many of a service are wanted, where it is more than one.
pub(super) fn replicas(deploy: &Node) -> Option<&str> {
    let replicas = deploy.get("replicas").and_then(Node::as_text);
    replicas.filter(|it| !matches!(*it, "0" | "1"))
}

/// Whether a health check is switched off.
pub(super) fn is_disabled(check: &Node) -> bool {
    check.get("disable").is_some_and(is_true)
}

#[cfg(test)]
mod tests {
    use super::super::problem::Mark;
    use super::*;

    #[test]
    fn modes_of_its_own_are_not_refused() {
        let of = |key: &str, value: &str| sort(key, &Node::text(Mark::default(), value));
        assert_eq!(of("privileged", "false"), Sort::Ignored);
        assert!(matches!(of("privileged", "true"), Sort::Refused(_)));
        assert_eq!(of("network_mode", "bridge"), Sort::Ignored);
        assert!(matches!(of("network_mode", "host"), Sort::Refused(_)));
        assert!(matches!(of("network_mode", "service:db"), Sort::Refused(_)));
        let remedy_of = |key: &str, value: &str| remedy(key, &Node::text(Mark::default(), value));
        assert!(remedy_of("pid", "host").contains("`allow = [\"host-pid\"]`"));
        assert!(remedy_of("network_mode", "host").contains("the same ports"));
        assert!(!remedy_of("pid", "service:db").contains("allow"));
        assert_eq!(of("cap_add", ""), Sort::Ignored);
        assert_eq!(of("scale", "3"), Sort::Noted);
        assert_eq!(of("x-more", "1"), Sort::Ignored);
        assert_eq!(of("imgae", "1"), Sort::Unknown);
        let problem = unknown("web", "imgae", &Node::default());
        assert_eq!(problem.hint.as_deref(), Some("did you mean `image`?"));
    }
}
