//! What the kernel counts of a server's processes: how often threads gave up the CPU to wait, pages
//! that were not there, calls that read or write.

use std::collections::BTreeMap;

use procfs::process::Process;

use crate::model::Metric;

/// What the kernel had counted at one moment, by process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelCounts(BTreeMap<i32, Counts>);

/// Of one process. What may not be read is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counts {
    /// Voluntary context switches, by thread.
    switches: BTreeMap<i32, u64>,
    faults: Option<u64>,
    calls: Option<u64>,
}

impl KernelCounts {
    /// Reads a few small files of each process.
    pub(super) fn from_processes(processes: impl IntoIterator<Item = i32>) -> Self {
        let counts = processes
            .into_iter()
            .filter_map(|pid| Some((pid, Counts::from_process(&Process::new(pid).ok()?))));
        Self(counts.collect())
    }

    /// What may not be read of a server, in words.
    pub fn missing(&self, server: &str) -> Option<String> {
        let is_closed = self.0.values().any(|it| it.calls.is_none());
        is_closed.then(|| {
            format!(
                "read and write calls of {server} are not counted: /proc/PID/io of its processes may \
                 not be read; run perfgate as root, or with CAP_SYS_PTRACE"
            )
        })
    }

    /// What has been counted since `before`, per request. A process or a thread that has ended took what
    /// was counted of it along: then what it had a part in is left out.
    pub fn since(&self, before: &Self, requests: u64) -> BTreeMap<Metric, f64> {
        let sum = |of: &dyn Fn(&Counts, &Counts) -> Option<u64>| {
            let parts = before
                .0
                .iter()
                .map(|(pid, before)| of(self.0.get(pid)?, before));
            parts.sum::<Option<u64>>()
        };
        let is_known = !self.0.is_empty() && self.0.keys().all(|pid| before.0.contains_key(pid));
        let all = [
            (
                Metric::ContextSwitchesPerRequest,
                sum(&|after, before| after.switches_since(before)),
            ),
            (
                Metric::PageFaultsPerRequest,
                sum(&|after, before| after.faults?.checked_sub(before.faults?)),
            ),
            (
                Metric::IoCallsPerRequest,
                sum(&|after, before| after.calls?.checked_sub(before.calls?)),
            ),
        ];
        let known = all.into_iter().filter(|_| is_known);
        known
            .filter_map(|(metric, total)| Some((metric, total? as f64 / requests as f64)))
            .collect()
    }
}

impl Counts {
    fn from_process(process: &Process) -> Self {
        let tasks = process.tasks().into_iter().flatten();
        let switches = tasks.filter_map(Result::ok).filter_map(|task| {
            let switches = task.status().ok()?.voluntary_ctxt_switches?;
            Some((task.tid, switches))
        });
        let stat = process.stat().ok();
        Self {
            switches: switches.collect(),
            faults: stat.map(|it| it.minflt + it.majflt),
            calls: process.io().ok().map(|it| it.syscr + it.syscw),
        }
    }

    fn switches_since(&self, before: &Self) -> Option<u64> {
        let is_there = |thread| self.switches.contains_key(thread);
        if self.switches.is_empty() || !before.switches.keys().all(is_there) {
            return None;
        }
        let since = self.switches.iter().map(|(thread, after)| {
            let before = before.switches.get(thread).copied().unwrap_or_default();
            after.checked_sub(before)
        });
        since.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(switches: &[(i32, u64)], faults: u64, calls: Option<u64>) -> KernelCounts {
        let counts = Counts {
            switches: switches.iter().copied().collect(),
            faults: Some(faults),
            calls,
        };
        KernelCounts(BTreeMap::from([(7, counts)]))
    }

    #[test]
    fn counts_of_all_threads_are_added_up_per_request() {
        let before = counts(&[(7, 100), (8, 50)], 1000, Some(10));
        let after = counts(&[(7, 110), (8, 55), (9, 5)], 1040, Some(30));
        let expected = BTreeMap::from([
            (Metric::ContextSwitchesPerRequest, 4.0),
            (Metric::PageFaultsPerRequest, 8.0),
            (Metric::IoCallsPerRequest, 4.0),
        ]);
        assert_eq!(after.since(&before, 5), expected);
        assert_eq!(after.missing("web"), None);
    }

    #[test]
    fn what_ended_or_may_not_be_read_is_left_out() {
        let before = counts(&[(7, 100), (8, 50)], 1000, Some(10));
        let without_thread = counts(&[(7, 110)], 1040, Some(30)).since(&before, 5);
        let known: Vec<_> = without_thread.into_keys().collect();
        let of_process = [Metric::PageFaultsPerRequest, Metric::IoCallsPerRequest];
        assert_eq!(known, of_process);
        let closed = counts(&[(7, 110), (8, 50)], 1000, None);
        let known: Vec<_> = closed.since(&before, 5).into_keys().collect();
        let readable = [
            Metric::ContextSwitchesPerRequest,
            Metric::PageFaultsPerRequest,
        ];
        assert_eq!(known, readable);
        assert!(
            closed
                .missing("web")
                .is_some_and(|it| it.contains("/proc/PID/io of its"))
        );
        let none = KernelCounts::default();
        assert!(none.since(&before, 5).is_empty() && before.since(&none, 5).is_empty());
        assert!(none.since(&none, 5).is_empty());
    }

    #[test]
    fn this_process_is_counted() {
        let own = i32::try_from(std::process::id()).expect("a number");
        let before = KernelCounts::from_processes([own]);
        // A thread that waits gives up its CPU.
        std::thread::sleep(std::time::Duration::from_millis(1));
        let pages = vec![1_u8; 1 << 20];
        assert_eq!(pages.len(), 1 << 20);
        let after = KernelCounts::from_processes([own]);
        assert!(!after.0[&own].switches.is_empty());
        assert!(after.0[&own].faults > before.0[&own].faults);
        assert!(after.0[&own].calls.is_some());
    }
}
