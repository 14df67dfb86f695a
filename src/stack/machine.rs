//! What keeps the whole machine from its work: time stolen by the hypervisor, CPU quotas, and lost
//! packets.

use std::fs;
use std::time::Duration;

use procfs::net::snmp;
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
    /// TCP segments of this network namespace that were sent for the first time.
    sent: u64,
    /// Those that were sent again.
    resent: u64,
    /// Those that were sent again and had not been lost, as their receivers told.
    needless: u64,
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
        let segments = snmp().map(|it| (it.tcp_out_segs, it.tcp_retrans_segs));
        let (sent, resent) = segments.unwrap_or_default();
        Self {
            all: known.iter().sum::<u64>() + stolen,
            stolen,
            throttled: Cgroup::own().map_or(Duration::ZERO, |group| group.throttled()),
            sent,
            resent,
            needless: needless().unwrap_or_default(),
        }
    }

    /// What kept the machine from its work since `before`, the server's own quota included.
    pub fn since(self, before: Self, server_throttled: Duration) -> Machine {
        let all = self.all.saturating_sub(before.all).max(1);
        let stolen = self.stolen.saturating_sub(before.stolen);
        let resent = self.resent.saturating_sub(before.resent);
        let lost = resent.saturating_sub(self.needless.saturating_sub(before.needless));
        let sent = self.sent.saturating_sub(before.sent) + resent;
        Machine {
            steal: stolen as f64 / all as f64,
            throttled: self.throttled.saturating_sub(before.throttled) + server_throttled,
            lost: lost as f64 / sent.max(1) as f64,
        }
    }
}

/// Segments that reached their receiver twice (D-SACK). The kernel sends what is not acknowledged
/// within milliseconds again, also where only the acknowledgement takes its time.
fn needless() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut counts = names.split(' ').zip(values.split(' '));
    let (_, count) = counts.find(|(name, _)| *name == "TCPDSACKRecv")?;
    count.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_and_lost_is_a_share_of_all() {
        let before = Moment {
            all: 1000,
            stolen: 10,
            throttled: Duration::from_millis(5),
            sent: 500,
            resent: 7,
            needless: 3,
        };
        let after = Moment {
            all: 1200,
            stolen: 20,
            throttled: Duration::from_millis(8),
            sent: 592,
            resent: 15,
            needless: 6,
        };
        let machine = after.since(before, Duration::from_millis(4));
        assert!((machine.steal - 0.05).abs() < 1e-12);
        assert_eq!(machine.throttled, Duration::from_millis(7));
        assert!((machine.lost - 0.05).abs() < 1e-12);
        assert!(Moment::now().all > 0);
        assert!(needless().is_some());
    }
}
