use std::thread;

use procfs::{CpuInfo, Current, Meminfo};

use super::Error;
use crate::model::{Fingerprint, Runner};

/// Reads the machine. `engine` is the version of the container engine, where one is used.
pub fn fingerprint(engine: Option<&str>) -> Result<Fingerprint, Error> {
    let cpus = CpuInfo::current().map_err(|source| Error::Machine {
        path: "/proc/cpuinfo",
        source,
    })?;
    let memory = Meminfo::current().map_err(|source| Error::Machine {
        path: "/proc/meminfo",
        source,
    })?;
    let uname = rustix::system::uname();
    let kernel = uname.release().to_string_lossy().into_owned();
    let runner = Runner {
        architecture: uname.machine().to_string_lossy().into_owned(),
        // Arm kernels give no name; their numbers identify the core.
        cpu_model: cpus
            .model_name(0)
            .or_else(|| cpus.get_field(0, "CPU part"))
            .unwrap_or("unknown")
            .to_owned(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        kernel_major: major(&kernel),
        engine_major: engine.map(major),
    };
    Ok(Fingerprint {
        runner,
        kernel,
        engine: engine.map(str::to_owned),
        memory: memory.mem_total,
    })
}

fn major(version: &str) -> String {
    version.split('.').next().unwrap_or_default().to_owned()
}
