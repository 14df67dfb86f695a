use std::collections::HashMap;

use procfs::process::Process;
use rand::Rng;

/// The run that containers, networks and processes belong to, and the process that started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Identifier of the run.
    pub run: String,
    pid: i32,
    /// Start of that process in clock ticks after boot: a reused process id differs in it.
    started: u64,
    /// Host and process-id namespace in which the process id has its meaning.
    host: String,
}

const RUN: &str = "dev.perfgate.run";
const PID: &str = "dev.perfgate.pid";
const STARTED: &str = "dev.perfgate.started";
const HOST: &str = "dev.perfgate.host";
/// Environment variable that labels processes.
pub(super) const VARIABLE: &str = "PERFGATE_OWNER";

impl Owner {
    /// A new run of this process.
    pub fn new_run() -> Self {
        let pid = rustix::process::getpid().as_raw_pid();
        Self {
            run: format!("{:08x}", rand::rng().random::<u32>()),
            pid,
            started: started(pid).unwrap_or_default(),
            host: host(),
        }
    }

    /// The label every container and network of any run has.
    pub(super) const fn any_run() -> &'static str {
        RUN
    }

    /// The label of this run alone, as filters take it.
    pub(super) fn filter(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN.into(), self.run.clone()),
            (PID.into(), self.pid.to_string()),
            (STARTED.into(), self.started.to_string()),
            (HOST.into(), self.host.clone()),
        ])
    }

    pub(super) fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            run: labels.get(RUN)?.clone(),
            pid: labels.get(PID)?.parse().ok()?,
            started: labels.get(STARTED)?.parse().ok()?,
            host: labels.get(HOST)?.clone(),
        })
    }

    /// The value of [`VARIABLE`].
    pub(super) fn to_variable(&self) -> String {
        format!("{}:{}:{}:{}", self.run, self.pid, self.started, self.host)
    }

    pub(super) fn from_variable(value: &str) -> Option<Self> {
        let mut parts = value.splitn(4, ':');
        Some(Self {
            run: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            host: parts.next()?.to_owned(),
        })
    }

    /// Whether the process of this run is known to be there.
    pub(super) fn is_living(&self) -> bool {
        self.host == host() && started(self.pid) == Some(self.started)
    }

    /// Whether the process of this run is known to have ended. A run of another host is not.
    pub(super) fn is_gone(&self) -> bool {
        self.host == host() && started(self.pid) != Some(self.started)
    }
}

/// Start of a living process; nothing for one that ended, zombies included.
fn started(pid: i32) -> Option<u64> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    (stat.state != 'Z').then_some(stat.starttime)
}

fn host() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{name}/{}", namespace.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_variable_carry_the_whole_owner() {
        let owner = Owner::new_run();
        assert_eq!(Owner::from_labels(&owner.labels()).as_ref(), Some(&owner));
        assert_eq!(
            Owner::from_variable(&owner.to_variable()).as_ref(),
            Some(&owner)
        );
    }

    #[test]
    fn a_reused_process_id_is_another_owner() {
        let living = Owner::new_run();
        assert!(!living.is_gone() && living.is_living());
        let earlier = Owner {
            started: living.started + 1,
            ..living.clone()
        };
        assert!(earlier.is_gone() && !earlier.is_living());
        let elsewhere = Owner {
            host: "elsewhere".into(),
            ..earlier
        };
        assert!(!elsewhere.is_gone() && !elsewhere.is_living());
    }
}
