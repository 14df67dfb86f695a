//! How long comparing servers takes: said before it begins, and anew after every server.

use std::time::Duration;

use super::PairPacing;
use crate::gate::LOOKS;

/// Starts after which most endpoints of an unchanged build are decided.
const USUAL_STARTS: usize = LOOKS[0] + 1;
/// What two containers take to start, to answer and to end.
const STARTUP: Duration = Duration::from_secs(5);
const SIDES: usize = 2;

/// The servers of a comparison.
#[derive(Debug, Clone)]
pub struct TimePlan {
    pacing: PairPacing,
    /// Endpoints of each server.
    servers: Vec<usize>,
    /// Servers that were compared.
    compared: usize,
    took: Duration,
}

impl TimePlan {
    /// For servers with so many endpoints each.
    pub const fn new(pacing: PairPacing, servers: Vec<usize>) -> Self {
        Self {
            pacing,
            servers,
            compared: 0,
            took: Duration::ZERO,
        }
    }

    /// Takes down that another server was compared.
    pub fn compared(&mut self, took: Duration) {
        self.compared += 1;
        self.took += took;
    }

    /// What is known now; nothing once all is done.
    pub fn progress(&self) -> Option<String> {
        let (servers, compared) = (self.servers.len(), self.compared);
        if compared >= servers {
            return None;
        }
        let left = rounded(self.left());
        if compared > 0 {
            return Some(format!(
                "{compared} of {servers} servers compared, about {left} left"
            ));
        }
        let endpoints: usize = self.servers.iter().sum();
        let most = rounded(times(self.pacing.budget, endpoints));
        Some(format!(
            "comparing {} of {}: about {left}; up to {most} where results vary much, and longer to \
             confirm a regression",
            counted(endpoints, "endpoint"),
            counted(servers, "server"),
        ))
    }

    /// Of the first server it follows from the rounds, of the others from what those before took.
    fn left(&self) -> Duration {
        let (done, left) = self.servers.split_at(self.compared);
        let (done, left): (usize, usize) = (done.iter().sum(), left.iter().sum());
        if done > 0 {
            return self.took.mul_f64(left as f64 / done as f64);
        }
        let PairPacing {
            warmup,
            round,
            pairs,
            ..
        } = self.pacing;
        let of_endpoint = times(warmup + times(round, 2 * pairs), SIDES);
        let startups = times(STARTUP, self.servers.len());
        times(startups + times(of_endpoint, left), USUAL_STARTS)
    }
}

fn times(time: Duration, count: usize) -> Duration {
    time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `40 s`, `7 min`.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 90 {
        return format!("{} s", (seconds + 2) / 5 * 5);
    }
    format!("{} min", (seconds + 30) / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(servers: Vec<usize>) -> TimePlan {
        let millis = Duration::from_millis;
        let pacing = PairPacing {
            warmup: millis(250),
            round: millis(250),
            pairs: 2,
            budget: Duration::from_secs(60),
        };
        TimePlan::new(pacing, servers)
    }

    #[test]
    fn the_time_is_said_before_and_follows_from_what_servers_took() {
        let mut plan = plan(vec![4, 2]);
        // Five starts of 5 s for each server and 2.5 s for each of six endpoints.
        let first = plan.progress().expect("nothing is done yet");
        assert!(
            first.starts_with("comparing 6 endpoints of 2 servers: about 2 min; up to 6 min where"),
            "{first}"
        );
        plan.compared(Duration::from_secs(120));
        let second = plan.progress().expect("one is left");
        assert_eq!(second, "1 of 2 servers compared, about 60 s left");
        plan.compared(Duration::from_secs(60));
        assert_eq!(plan.progress(), None);
    }

    #[test]
    fn one_is_not_many() {
        let first = plan(vec![1]).progress().expect("nothing is done yet");
        assert!(
            first.starts_with("comparing 1 endpoint of 1 server: about 35 s; up to 60 s "),
            "{first}"
        );
    }
}
