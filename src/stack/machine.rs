//! What keeps the whole machine from its work: time stolen by the hypervisor, and CPU quotas.

use std::time::Duration;

use procfs::{CurrentSI, KernelStats};

use super::cgroup::Cgroup;
use crate::model::Machine;

/// One moment's counts since the machine's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Ticks of all CPUs, in any state.
    all: u64,
    /// Ticks that the hypervisor gave to others.
    stolen: u64,
    /// Time for which this process's group was denied the CPU.
    throttled: Duration,
}

impl Moment {
    pub fn now() -> Self {
        let Ok(stat) = KernelStats::current() else {
            return Self::default();
        };
        let cpu = stat.total;
        let known = [
            cpu.user,
            cpu.nice,
            cpu.system,
            cpu.idle,
            cpu.iowait.unwrap_or_default(),
            cpu.irq.unwrap_or_default(),
            cpu.softirq.unwrap_or_default(),
        ];
        let stolen = cpu.steal.unwrap_or_default();
        Self {
            all: known.iter().sum::<u64>() + stolen,
            stolen,
            throttled: Cgroup::own().map_or(Duration::ZERO, |group| group.throttled()),
        }
    }

    /// What kept the machine from its work since `before`, the server's own quota included.
    pub fn since(self, before: Self, server_throttled: Duration) -> Machine {
        let all = self.all.saturating_sub(before.all).max(1);
        let stolen = self.stolen.saturating_sub(before.stolen);
        Machine {
            steal: stolen as f64 / all as f64,
            throttled: self.throttled.saturating_sub(before.throttled) + server_throttled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_a_share_of_all_cpus() {
        let before = Moment {
            all: 1000,
            stolen: 10,
            throttled: Duration::from_millis(5),
        };
        let after = Moment {
            all: 1200,
            stolen: 20,
            throttled: Duration::from_millis(8),
        };
        let machine = after.since(before, Duration::from_millis(4));
        assert!((machine.steal - 0.05).abs() < 1e-12);
        assert_eq!(machine.throttled, Duration::from_millis(7));
        assert!(Moment::now().all > 0);
    }
}
