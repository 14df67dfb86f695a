//! Whether memory grows with the number of requests. Runs perfgate for many of them and gives the
//! most memory it held in the first quarter of the time and in the last.

use crate::Options;
use crate::engine::{Engines, Load};
use crate::open::PATH;
use crate::server::Server;
use crate::table::Table;

const CONNECTIONS: usize = 64;
const CAPACITY_SECONDS: u64 = 3;
/// Requests per second, for the estimate before anything ran.
const USUAL_RATE: u64 = 80_000;

pub(crate) fn seconds(options: &Options) -> u64 {
    CAPACITY_SECONDS + options.requests / USUAL_RATE
}

pub(crate) fn run(options: &Options, engines: &Engines) -> String {
    let server = Server::start();
    let engine = engines.perfgate();
    let short = engine.run(&server, &Load::closed(PATH, CONNECTIONS, CAPACITY_SECONDS));
    let rate = (short.responses / CAPACITY_SECONDS).max(1);
    let seconds = options.requests.div_ceil(rate).max(CAPACITY_SECONDS);
    eprintln!("memory: {seconds} s");
    let long = engine.run(&server, &Load::closed(PATH, CONNECTIONS, seconds));
    let resident = &long.process.resident;
    let quarter = (resident.len() / 4).max(1);
    let most = |looks: &[u64]| {
        format!(
            "{:.1}",
            looks.iter().max().map_or(0.0, |most| *most as f64 / 1024.0)
        )
    };
    let head = [
        "requests",
        "most in the first quarter, MiB",
        "most in the last quarter, MiB",
    ];
    let mut table = Table::new(0, head.map(String::from));
    table.add([
        long.responses.to_string(),
        most(&resident[..quarter]),
        most(&resident[resident.len() - quarter..]),
    ]);
    format!(
        "## Memory\n\nResident memory of perfgate over {seconds} s with {CONNECTIONS} connections.\n\n{}",
        table.markdown()
    )
}
