//! Which program can see into a process.

use std::collections::BTreeSet;
use std::path::Path;

use procfs::process::Process;

/// The processes of one side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Processes {
    /// Python's, without those that another one of them started: py-spy finds these by itself.
    pub(super) pythons: Vec<i32>,
    /// All others.
    pub(super) others: Vec<i32>,
}

impl Processes {
    pub(super) fn from_pids(pids: &[i32]) -> Self {
        let (pythons, others): (BTreeSet<i32>, BTreeSet<i32>) =
            pids.iter().partition(|it| is_python(**it));
        let is_child = |pid: &i32| parent(*pid).is_some_and(|it| pythons.contains(&it));
        Self {
            pythons: pythons.iter().copied().filter(|it| !is_child(it)).collect(),
            others: others.into_iter().collect(),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.pythons.is_empty() && self.others.is_empty()
    }
}

fn parent(pid: i32) -> Option<i32> {
    Some(Process::new(pid).ok()?.stat().ok()?.ppid)
}

/// By its program, and else by what it was called with, which everybody may read.
fn is_python(pid: i32) -> bool {
    let Ok(process) = Process::new(pid) else {
        return false;
    };
    if let Ok(program) = process.exe() {
        return is_name_of_python(&program) || embeds_python(&process);
    }
    let words = process.cmdline().unwrap_or_default();
    let first = words.first();
    first.is_some_and(|it| is_name_of_python(Path::new(it)))
}

fn is_name_of_python(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    ["python", "pypy"].iter().any(|it| name.starts_with(it)) && !name.contains("config")
}

/// Whether the interpreter is a library of another program, as of uWSGI.
fn embeds_python(process: &Process) -> bool {
    let maps = process.maps().into_iter().flatten();
    let mut paths = maps.filter_map(|it| match it.pathname {
        procfs::process::MMapPath::Path(path) => Some(path),
        _ => None,
    });
    paths.any(|it| {
        let name = it.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libpython")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_their_name() {
        for (program, is_python) in [
            ("/usr/bin/python3", true),
            ("/usr/local/bin/python3.12", true),
            ("/usr/bin/node", false),
            ("/srv/app", false),
        ] {
            assert_eq!(
                is_name_of_python(Path::new(program)),
                is_python,
                "{program}"
            );
        }
    }

    #[test]
    fn this_process_is_no_python() {
        let own = i32::try_from(std::process::id()).expect("a number");
        let expected = Processes {
            pythons: Vec::new(),
            others: vec![own],
        };
        assert_eq!(Processes::from_pids(&[own]), expected);
        assert!(Processes::from_pids(&[]).is_empty());
    }
}
