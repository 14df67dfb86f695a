use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Error;

/// Who runs on which CPU, so that load generator, server and services disturb each other least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cores {
    pub server: Vec<usize>,
    pub services: Vec<usize>,
    pub generator: Vec<usize>,
}

impl Cores {
    /// Deals out the CPUs this process may use.
    pub fn of_this_machine(generator_threads: usize) -> Result<Self, Error> {
        Ok(Self::deal(&allowed()?, generator_threads))
    }

    /// The generator gets a CPU per thread, at most half of them; services a third of the rest
    /// where that is a whole CPU, else the generator's; the server what is left. One CPU alone
    /// is shared by all.
    fn deal(cpus: &[usize], generator_threads: usize) -> Self {
        let for_generator = generator_threads.clamp(1, (cpus.len() / 2).max(1));
        let (rest, generator) = cpus.split_at(cpus.len() - for_generator);
        if rest.is_empty() {
            return Self {
                server: cpus.to_vec(),
                services: cpus.to_vec(),
                generator: cpus.to_vec(),
            };
        }
        let (server, services) = rest.split_at(rest.len() - rest.len() / 3);
        Self {
            server: server.to_vec(),
            services: if services.is_empty() {
                generator
            } else {
                services
            }
            .to_vec(),
            generator: generator.to_vec(),
        }
    }
}

/// The CPUs this thread may run on.
fn allowed() -> Result<Vec<usize>, Error> {
    let set = sched_getaffinity(None).map_err(|source| Error::Pin {
        cpus: Vec::new(),
        source: source.into(),
    })?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect())
}

/// Keeps the calling thread, and what it spawns, on these CPUs.
pub(super) fn pin_this_thread(cpus: &[usize]) -> Result<(), Error> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    sched_setaffinity(None, &set).map_err(|source| Error::Pin {
        cpus: cpus.to_vec(),
        source: source.into(),
    })
}

/// CPUs in the engine's notation: `0,1`.
pub(super) fn cpuset(cpus: &[usize]) -> String {
    cpus.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cpus_separate_server_and_generator() {
        let cores = Cores::deal(&[0, 1], 1);
        assert_eq!((cores.server, cores.generator), (vec![0], vec![1]));
        assert_eq!(cores.services, [1]);
    }

    #[test]
    fn four_cpus_give_services_their_own() {
        let cores = Cores::deal(&[0, 1, 2, 3], 1);
        assert_eq!(
            (cores.server, cores.services, cores.generator),
            (vec![0, 1], vec![2], vec![3])
        );
    }

    #[test]
    fn one_cpu_is_shared() {
        let cores = Cores::deal(&[5], 4);
        assert_eq!((cores.server, cores.generator), (vec![5], vec![5]));
    }

    #[test]
    fn the_generator_never_takes_more_than_half() {
        assert_eq!(Cores::deal(&[0, 1, 2, 3], 16).generator, [2, 3]);
    }
}
