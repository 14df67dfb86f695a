//! What can be wrong with the service on purpose, as flags with the environment behind them.

use std::time::Duration;

use clap::ArgAction;

use super::movies::Fetch;

/// The longest time a fault may add to a request, in milliseconds.
const MOST_MS: f64 = 60_000.0;

/// The most memory kept, in KiB: 512 MiB.
pub(super) const MOST_KIB: usize = 512 * 1024;

/// The faults of a sample service; none by default.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Faults")]
pub struct Faults {
    /// CPU time burnt per request, in milliseconds
    #[arg(long = "fault-cpu-ms", env = "FAULT_CPU_MS", value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub cpu: Duration,

    /// Time slept per request, in milliseconds
    #[arg(long = "fault-sleep-ms", env = "FAULT_SLEEP_MS", value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub sleep: Duration,

    /// One query per movie instead of a join; 0 or 1 in the environment
    #[arg(long = "fault-n-plus-one", env = "FAULT_N_PLUS_ONE", action = ArgAction::SetTrue, value_parser = switch)]
    pub n_plus_one: bool,

    /// One database connection left open per request, at most 1000; 0 or 1 in the environment
    #[arg(long = "fault-connection-leak", env = "FAULT_CONNECTION_LEAK", action = ArgAction::SetTrue, value_parser = switch)]
    pub connection_leak: bool,

    /// Fraction of the requests answered 500, from 0 to 1, evenly spread
    #[arg(long = "fault-error-rate", env = "FAULT_ERROR_RATE", value_name = "RATE", default_value = "0", value_parser = fraction)]
    pub error_rate: f64,

    /// Memory kept per request, in KiB, at most 512 MiB in all
    #[arg(long = "fault-memory-kib", env = "FAULT_MEMORY_KIB", value_name = "KIB", default_value = "0", value_parser = kibibytes)]
    pub memory_kib: usize,
}

impl Faults {
    /// How the movies are read: the one fault that belongs to an endpoint.
    pub(super) fn fetch(&self) -> Fetch {
        if self.n_plus_one {
            Fetch::PerRow
        } else {
            Fetch::Joined
        }
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number = within(text, MOST_MS)?;
    Ok(Duration::from_secs_f64(number / 1000.0))
}

fn fraction(text: &str) -> Result<f64, String> {
    within(text, 1.0)
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let number = or_zero(text)
        .parse()
        .map_err(|_| "not a number".to_owned())?;
    if (0.0..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("not between 0 and {most}"))
    }
}

fn kibibytes(text: &str) -> Result<usize, String> {
    let number = or_zero(text)
        .parse()
        .map_err(|_| "not a whole number".to_owned())?;
    if number <= MOST_KIB {
        Ok(number)
    } else {
        Err(format!("more than {MOST_KIB}"))
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match or_zero(text) {
        "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        _ => Err("neither 0 nor 1".to_owned()),
    }
}

/// An empty variable is one that was passed on without being set.
fn or_zero(text: &str) -> &str {
    if text.is_empty() { "0" } else { text }
}
