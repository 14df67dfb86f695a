//! The open loop at half the capacity. Gives how late perfgate sends, whether it keeps its rate, and
//! what a request costs; promises that the rate is half of what the closed loop reached here.

use crate::Options;
use crate::engine::{Engines, Load};
use crate::server::Server;
use crate::table::Table;

pub(crate) const PATH: &str = "/bytes/50";
const CONNECTIONS: usize = 16;
const CAPACITY_SECONDS: u64 = 3;
const SECONDS: u64 = 10;

pub(crate) fn seconds(options: &Options) -> u64 {
    CAPACITY_SECONDS + options.rounds as u64 * SECONDS
}

pub(crate) fn run(options: &Options, engines: &Engines) -> String {
    let engine = engines.perfgate();
    if !engine.has_open_loop() {
        return "## Open loop\n\nNot measured: `perfgate load` has no `--rate`.\n".into();
    }
    let server = Server::start();
    let closed = Load::closed(PATH, CONNECTIONS, CAPACITY_SECONDS);
    let rate = engine.run(&server, &closed).responses / CAPACITY_SECONDS / 2;
    let load = Load::open(PATH, CONNECTIONS, SECONDS, rate);
    let head = [
        "round",
        "send lag, mean µs",
        "send lag, p99 µs",
        "achieved / offered",
        "CPU µs per request",
    ];
    let mut table = Table::new(1, head.map(String::from));
    for round in 1..=options.rounds {
        eprintln!("open: round {round}");
        let run = engine.run(&server, &load);
        let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
        let (lag, open) = (&run.report["send_lag_us"], &run.report["open"]);
        table.add([
            round.to_string(),
            format!("{:.1}", number(&lag["mean"])),
            format!("{:.1}", number(&lag["p99"])),
            format!(
                "{:.4}",
                number(&open["achieved"]) / number(&open["offered"])
            ),
            format!("{:.2}", run.cost()),
        ]);
    }
    format!(
        "## Open loop\n\n\
         Half of the closed loop's throughput, {rate} requests per second over {CONNECTIONS} \
         connections, {SECONDS} s per round.\n\n{}",
        table.markdown()
    )
}
