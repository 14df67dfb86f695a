//! What a process and the engine hold at a moment, and whether it grows.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use procfs::WithCurrentSystemInfo;
use procfs::process::Process;

use crate::Failure;

/// Growth of the median from the first to the last quarter that is none, as a share; what is
/// counted may not grow at all.
const MEMORY: f64 = 0.10;

/// What is held at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    name: String,
    elapsed: Duration,
    /// Resident memory in bytes.
    memory: u64,
    files: u64,
    threads: u64,
    of_engine: Option<OfEngine>,
}

/// What the engine has: containers and networks of perfgate, volumes and images of anybody.
#[derive(Debug, Clone, Copy)]
struct OfEngine {
    containers: u64,
    networks: u64,
    volumes: u64,
    images: u64,
}

/// Something that is held, and the growth of it that is none.
type Kind = (&'static str, fn(&Look) -> u64, f64);

/// All looks, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Holdings(Vec<Look>);

impl Look {
    pub(crate) const HEAD: &str = "          what  elapsed  memory, MiB  files  threads  containers  networks  volumes  images";
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, memory) = (self.elapsed.as_secs(), self.memory as f64 / 1_048_576.0);
        write!(
            f,
            "{:>14} {seconds:>6} s {memory:>12.1} {:>6} {:>8}",
            self.name, self.files, self.threads
        )?;
        let Some(it) = self.of_engine else {
            return Ok(());
        };
        write!(
            f,
            " {:>11} {:>9} {:>8} {:>7}",
            it.containers, it.networks, it.volumes, it.images
        )
    }
}

impl Holdings {
    pub(crate) fn look(
        &mut self,
        name: &str,
        elapsed: Duration,
        has_engine: bool,
    ) -> Result<&Look, Failure> {
        let own = Process::myself()?;
        let stat = own.stat()?;
        let of_engine = has_engine.then(of_engine).transpose()?;
        self.0.push(Look {
            name: name.to_owned(),
            elapsed,
            memory: stat.rss_bytes().get(),
            files: own.fd_count()? as u64,
            threads: u64::try_from(stat.num_threads)?,
            of_engine,
        });
        Ok(self.0.last().expect("just pushed"))
    }

    /// Whether nothing grew; what did, otherwise. The first looks, while pools fill, do not count.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let looks = &self.0[self.0.len().min(2)..];
        let quarter = looks.len() / 4;
        if quarter == 0 {
            return Err("too short to tell".into());
        }
        let (first, last) = (&looks[..quarter], &looks[looks.len() - quarter..]);
        let grew = |of: fn(&Look) -> u64, share: f64| {
            let (before, after) = (median(first, of), median(last, of));
            (after as f64 > before as f64 * (1.0 + share)).then(|| format!("{before} → {after}"))
        };
        let kinds: [Kind; 6] = [
            ("memory", |it| it.memory, MEMORY),
            ("files", |it| it.files, 0.0),
            ("threads", |it| it.threads, 0.0),
            (
                "containers",
                |it| it.of_engine.map_or(0, |it| it.containers),
                0.0,
            ),
            (
                "networks",
                |it| it.of_engine.map_or(0, |it| it.networks),
                0.0,
            ),
            (
                "volumes and images",
                |it| it.of_engine.map_or(0, |it| it.volumes + it.images),
                0.0,
            ),
        ];
        let grown: Vec<_> = kinds
            .into_iter()
            .filter_map(|(name, of, share)| Some(format!("{name} {}", grew(of, share)?)))
            .collect();
        if grown.is_empty() {
            Ok(())
        } else {
            Err(format!("grew: {}", grown.join(", ")))
        }
    }
}

fn median(looks: &[Look], of: fn(&Look) -> u64) -> u64 {
    let mut values: Vec<_> = looks.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

const OURS: &str = "label=dev.perfgate.run";

fn of_engine() -> Result<OfEngine, Failure> {
    Ok(OfEngine {
        containers: count(&["ps", "--all", "--quiet", "--filter", OURS])?,
        networks: count(&["network", "ls", "--quiet", "--filter", OURS])?,
        volumes: count(&["volume", "ls", "--quiet"])?,
        images: count(&["images", "--all", "--quiet"])?,
    })
}

/// The lines that the docker client prints.
fn count(words: &[&str]) -> Result<u64, Failure> {
    let output = Command::new("docker").args(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().count() as u64)
}
