//! The head of the result: where, with what and how it was measured.

use procfs::Current as _;

use crate::Options;
use crate::engine::Engines;

pub(crate) fn header(options: &Options, engines: &Engines) -> String {
    let versions: Vec<_> = engines
        .all()
        .map(|engine| format!("{} ({})", engine.name, engine.version()))
        .collect();
    format!(
        "# Benchmarks of the load engine\n\n\
         Machine: {}. Engines: {}. {} rounds, {} s per run of the cost part. The server runs on \
         core 0, the engine on core 1, both on the loopback interface. Ratios are what matters: they are \
         taken within a round; absolute numbers do not carry over to another machine.\n\n\
         Made by:\n\n    {}\n\
         {}",
        machine(),
        versions.join(", "),
        options.rounds,
        options.seconds,
        command(),
        missing(engines),
    )
}

/// A paragraph on the engines that are not there, or nothing.
fn missing(engines: &Engines) -> String {
    let advice = engines.missing();
    if advice.is_empty() {
        String::new()
    } else {
        format!("\nNot measured: {advice}\n")
    }
}

fn machine() -> String {
    let cpu = procfs::CpuInfo::current().expect("/proc/cpuinfo can be read");
    let kernel = procfs::sys::kernel::Version::current().expect("the kernel has a version");
    let model = cpu.model_name(0).unwrap_or("unknown CPU");
    format!(
        "{model}, {} cores, Linux {}.{}.{}",
        cpu.num_cores(),
        kernel.major,
        kernel.minor,
        kernel.patch
    )
}

/// The command that started this, without what cargo adds.
fn command() -> String {
    let args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let words = ["cargo bench --bench engine --".to_owned()];
    words.into_iter().chain(args).collect::<Vec<_>>().join(" ")
}
