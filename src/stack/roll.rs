//! All processes of this host at one moment, with the CPU time of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;

use procfs::FromRead;
use procfs::process::Stat;

use crate::model::Taker;

/// The processes at one moment, by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Roll(BTreeMap<i32, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    parent: i32,
    group: i32,
    /// Ticks since its start.
    own: u64,
    /// Ticks of its children that have ended.
    children: u64,
    /// When it began, in ticks since the machine's start: numbers are given out anew.
    began: u64,
}

/// What carries the traffic and the output of containers, and the kernel's threads that carry
/// packets: the more of these, the more is asked of the servers. Names are those of the kernel, which
/// keeps fifteen letters.
const CARRIERS: [&str; 13] = [
    "dockerd",
    "docker-proxy",
    "containerd",
    "containerd-shim",
    "conmon",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
    "pasta",
    "pasta.avx2",
    "passt",
    "passt.avx2",
    "aardvark-dns",
];
const PACKETS: &str = "ksoftirqd/";

impl Roll {
    /// Reads one small file for each process.
    pub(super) fn call() -> Self {
        let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = folders.filter_map(|it| it.file_name().to_str()?.parse().ok());
        Self(numbers.filter_map(|pid| Some((pid, read(pid)?))).collect())
    }

    /// The processes of a process group.
    pub(super) fn of_group(&self, group: i32) -> impl Iterator<Item = i32> {
        let of_group = move |(_, entry): &(&i32, &Entry)| entry.group == group;
        self.0.iter().filter(of_group).map(|(pid, _)| *pid)
    }

    /// Those that work for the stack without being part of it.
    pub(super) fn carriers(&self) -> impl Iterator<Item = i32> {
        let carries = |(_, entry): &(&i32, &Entry)| {
            CARRIERS.contains(&entry.name.as_str()) || entry.name.starts_with(PACKETS)
        };
        self.0.iter().filter(carries).map(|(pid, _)| *pid)
    }

    /// Who took most CPU time since `before` except some, all processes of a name together, with its
    /// ticks. Of processes that came and went between, only those show whose parent is there.
    fn most(&self, before: &Self, except: &BTreeSet<i32>) -> Option<(String, u64)> {
        let mut takers: BTreeMap<&str, u64> = BTreeMap::new();
        let entries = self.0.iter().filter(|(pid, _)| !except.contains(pid));
        for (pid, entry) in entries {
            *takers.entry(&entry.name).or_default() += self.taken(*pid, entry, before);
        }
        let (name, ticks) = takers.into_iter().max_by_key(|(_, ticks)| *ticks)?;
        (ticks > 0).then(|| (name.to_owned(), ticks))
    }

    /// The same, as CPUs over so many seconds; others took no more than `at_most`.
    pub(super) fn taker(
        &self,
        before: &Self,
        except: &BTreeSet<i32>,
        seconds: f64,
        at_most: f64,
    ) -> Option<Taker> {
        let (name, ticks) = self.most(before, except)?;
        let cpus = ticks as f64 / procfs::ticks_per_second() as f64 / seconds;
        Some(Taker {
            name,
            cpus: cpus.min(at_most),
        })
    }

    /// Ticks that a process, and its children that ended meanwhile, took since `before`.
    fn taken(&self, pid: i32, entry: &Entry, before: &Self) -> u64 {
        let same = before.0.get(&pid).filter(|it| it.began == entry.began);
        let (own, children) = same.map_or((0, 0), |it| (it.own, it.children));
        let ended = before.0.iter().filter(|(other, it)| {
            it.parent == pid && self.0.get(other).is_none_or(|now| now.began != it.began)
        });
        let known: u64 = ended.map(|(_, it)| it.own + it.children).sum();
        let own = entry.own.saturating_sub(own);
        own + entry.children.saturating_sub(children + known)
    }
}

fn read(pid: i32) -> Option<Entry> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = Stat::from_read(Cursor::new(text)).ok()?;
    let ticks = |count: i64| u64::try_from(count).unwrap_or_default();
    Some(Entry {
        // A program chooses its name, and reports show it.
        name: stat
            .comm
            .replace(|it: char| it.is_control() || it == '`', "?"),
        parent: stat.ppid,
        group: stat.pgrp,
        own: stat.utime + stat.stime,
        children: ticks(stat.cutime) + ticks(stat.cstime),
        began: stat.starttime,
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    fn entry(name: &str, parent: i32, own: u64, children: u64) -> Entry {
        Entry {
            name: name.into(),
            parent,
            group: parent,
            own,
            children,
            began: 7,
        }
    }

    fn roll<const N: usize>(entries: [(i32, Entry); N]) -> Roll {
        Roll(entries.into())
    }

    fn most(before: &Roll, after: &Roll, except: &[i32]) -> Option<(String, u64)> {
        after.most(before, &except.iter().copied().collect())
    }

    #[test]
    fn processes_of_a_name_count_together() {
        let before = roll([(1, entry("server", 0, 100, 0)), (2, entry("hog", 0, 50, 0))]);
        let after = roll([
            (1, entry("server", 0, 190, 0)),
            (2, entry("hog", 0, 80, 0)),
            (3, entry("hog", 0, 20, 0)),
            (4, entry("editor", 0, 40, 0)),
        ]);
        assert_eq!(most(&before, &after, &[1]), Some(("hog".into(), 50)));
        assert_eq!(most(&before, &after, &[]), Some(("server".into(), 90)));
        assert_eq!(most(&after, &after, &[]), None);
    }

    #[test]
    fn a_number_that_was_given_out_anew_counts_from_its_start() {
        let before = roll([(2, entry("old", 0, 500, 0))]);
        let new = Entry {
            began: 9,
            ..entry("new", 0, 30, 0)
        };
        let after = roll([(2, new)]);
        assert_eq!(most(&before, &after, &[]), Some(("new".into(), 30)));
    }

    #[test]
    fn children_that_came_and_went_are_their_parents() {
        let before = roll([(1, entry("make", 0, 1, 10)), (2, entry("cc", 1, 400, 0))]);
        // 2 had 20 more when it ended; one that nobody saw had 70.
        let after = roll([(1, entry("make", 0, 2, 10 + 420 + 70))]);
        assert_eq!(most(&before, &after, &[]), Some(("make".into(), 91)));
    }

    #[test]
    fn who_carries_traffic_is_known_by_name() {
        let all = roll([
            (1, entry("docker-proxy", 0, 0, 0)),
            (2, entry("ksoftirqd/1", 0, 0, 0)),
            (3, entry("docker", 0, 0, 0)),
        ]);
        assert_eq!(all.carriers().collect::<Vec<_>>(), [1, 2]);
    }

    struct Hog(Child);

    impl Drop for Hog {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_busy_process_is_found() {
        let before = Roll::call();
        let hog = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn();
        let hog = Hog(hog.expect("a shell"));
        let pid = i32::try_from(hog.0.id()).expect("a number");
        while read(pid).is_none_or(|it| it.own < 20) {
            sleep(Duration::from_millis(10));
        }
        let after = Roll::call();
        let others = after.0.keys().filter(|it| **it != pid).copied().collect();
        let taker = after.taker(&before, &others, 1.0, 0.1).expect("the hog");
        assert_eq!(taker.name, "sh");
        assert!((taker.cpus - 0.1).abs() < 1e-9, "{taker:?}");
    }
}
