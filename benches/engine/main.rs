//! What the load engine costs and how true its times are. Takes the parts to run and their sizes,
//! gives Markdown tables on standard output and in a file, and promises that every engine loads
//! the same server from the same core, in turns.
//!
//! - parts: `cost` per request beside the peers, `accuracy` of the times beside the truth, `open`
//!   loop at half the capacity, `memory` over millions of requests;
//! - `engine`: how each engine is run and read, `child`: a process on a core, its CPU and memory;
//! - `server`: what is loaded, `service`: how long it takes by design, `floor`: the bare
//!   send-receive loop;
//! - `samples`, `table`, `host`: medians, Markdown, and where all this ran.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its tables, and its progress beside them"
)]

mod accuracy;
mod child;
mod cost;
mod engine;
mod floor;
mod host;
mod memory;
mod open;
mod samples;
mod server;
mod service;
mod table;

use std::path::PathBuf;

use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use engine::Engines;

#[derive(Debug, clap::Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: Options,
    /// Given by `cargo bench`; nothing runs without it.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The processes the benchmark starts from its own binary.
#[derive(Debug, clap::Subcommand)]
enum Role {
    #[command(hide = true)]
    Serve,
    #[command(hide = true)]
    Floor(floor::Args),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Parts to run.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "cost,accuracy,open,memory"
    )]
    only: Vec<Part>,
    /// Rounds, each with one run of every engine.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one run of the cost part.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256,1000")]
    connections: Vec<usize>,
    /// Lengths of the response bodies in bytes.
    #[arg(long, value_delimiter = ',', default_value = "50,1024,16384,262144")]
    bodies: Vec<usize>,
    /// Chunked bodies of all lengths, not only of 50 B and 16 KiB.
    #[arg(long)]
    full: bool,
    /// Requests of the memory part.
    #[arg(long, default_value_t = 10_000_000)]
    requests: u64,
    #[arg(long, default_value = "wrk")]
    wrk: PathBuf,
    #[arg(long, default_value = "oha")]
    oha: PathBuf,
    /// Another build of perfgate, measured beside this one.
    #[arg(long, value_name = "PERFGATE")]
    before: Option<PathBuf>,
    /// Write the tables into a file, too.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Cost,
    Accuracy,
    Open,
    Memory,
}

fn main() {
    let args = Args::parse();
    raise_open_files();
    match args.role {
        Some(Role::Serve) => server::run(),
        Some(Role::Floor(args)) => floor::run(&args),
        None if args.bench => benchmark(&args.options),
        None => println!("run this by `cargo bench --bench engine`"),
    }
}

fn benchmark(options: &Options) {
    let engines = Engines::find(options);
    let seconds: u64 = options
        .only
        .iter()
        .map(|part| part.seconds(options, &engines))
        .sum();
    eprintln!("about {} minutes", seconds.div_ceil(60));
    let mut text = host::header(options, &engines);
    print!("{text}");
    for part in &options.only {
        let section = part.run(options, &engines);
        print!("\n{section}");
        text += &format!("\n{section}");
    }
    if let Some(path) = &options.output {
        std::fs::write(path, text).expect("the output file can be written");
    }
}

impl Part {
    fn run(self, options: &Options, engines: &Engines) -> String {
        match self {
            Self::Cost => cost::run(options, engines),
            Self::Accuracy => accuracy::run(engines),
            Self::Open => open::run(options, engines),
            Self::Memory => memory::run(options, engines),
        }
    }

    /// How long it takes, about.
    fn seconds(self, options: &Options, engines: &Engines) -> u64 {
        match self {
            Self::Cost => cost::seconds(options, engines),
            Self::Accuracy => accuracy::seconds(engines),
            Self::Open => open::seconds(options),
            Self::Memory => memory::seconds(options),
        }
    }
}

/// Lets this process and all it starts open as many files as they may.
fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a soft limit may rise to the hard one");
}
