//! Stack × load over time → samples: servers are started, warmed up on each endpoint and measured
//! in rounds. Progress goes to an observer; nothing is printed here.
//!
//! A [`Driver`] starts servers and loads them: [`Live`] real ones with real load (`single_requests`
//! counts what each request costs), [`Simulated`] none. Two procedures use it:
//!
//! - [`MeasureConfig`] measures one build (`session`): rounds in an order that is drawn from a seed,
//!   one server after the other or all side by side, and a fresh start for what breaks a rule.
//! - [`Pairing`] measures two builds against each other (`paired_run`): rounds of both, spread over
//!   fresh starts; after some of them the gate says which cells need more. `sizing` says how a cell
//!   is loaded.

mod cell_rounds;
mod concurrent;
mod driver;
mod error;
mod event;
mod fingerprint;
mod guard;
mod key;
mod live;
mod paired_run;
mod pairs;
mod profiled;
mod round_order;
mod session;
mod side_load;
mod simulated;
mod single_requests;
mod sizing;
mod steady;
mod stop;
mod time_plan;
mod trial;
mod turnover;
mod window;

pub use concurrent::{Sharing, Turns};
pub use driver::{
    Counted, Counting, Data, Driver, Instance, Load, Start, Startup, Testbed, WarmUp,
};
pub use error::Error;
pub use event::{Event, Observer};
pub use fingerprint::fingerprint;
pub use live::Live;
pub use pairs::{Assignment, Builds, Compared, PairPacing, Pairing, Phase};
pub use profiled::{Profiling, profile};
pub use round_order::RoundOrder;
pub use simulated::{Noise, Simulated};
pub use sizing::Observed;
pub use stop::{Cause, Stop, Stopper};
pub use time_plan::TimePlan;
pub use trial::{EndpointTrial, Trial, try_out};

use std::collections::BTreeSet;

use crate::model::{Incident, Plan, Runner, Sample, Target};
use session::Session;

/// What is measured, where, and who watches.
#[derive(Clone, Copy)]
pub struct MeasureConfig<'a> {
    pub plan: &'a Plan,
    pub runner: &'a Runner,
    pub schedule: Schedule,
    /// How single requests are counted first, where they are.
    pub counting: Option<Counting>,
    /// The order of the rounds follows from it.
    pub seed: u64,
    /// Whether a cell breaks a rule, so that a fresh start of its server must break it too.
    pub is_suspect: &'a (dyn Fn(&Sample) -> bool + Send + Sync),
    pub observe: Observer<'a>,
}

/// Which servers are up at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Each has the machine for itself, so that its numbers do not depend on which others are
    /// measured.
    Sequential,
    /// All of them, their rounds interleaved, so that they see the same phases of the machine.
    Interleaved,
}

/// The result of a measurement.
#[derive(Debug, Default)]
pub struct MeasureResult {
    /// Of the servers that could be measured to the end, in the order of the plan.
    pub samples: Vec<Sample>,
    pub incidents: Vec<Incident>,
    /// What could not be counted, and why.
    pub notes: BTreeSet<String>,
    /// What ended the measurement before its end; the samples hold what there was by then.
    pub cut: Option<Error>,
}

impl MeasureConfig<'_> {
    /// Measures every cell of the plan. A server that fails is named among the incidents, and
    /// the others are measured all the same. What ends the whole is kept beside what was measured
    /// until then; it is an error only where nothing is left.
    pub async fn run(self, driver: &mut impl Driver) -> Result<MeasureResult, Error> {
        let targets: Vec<&Target> = self.plan.targets.iter().collect();
        let at_once = match self.schedule {
            Schedule::Sequential => 1,
            Schedule::Interleaved => targets.len().max(1),
        };
        let mut session = Session::new(self, driver);
        let mut later = targets.as_slice();
        while !later.is_empty() {
            let (group, rest) = later.split_at(at_once);
            if let Err(cut) = session.measure(group, rest).await {
                return session.finish(Some(cut));
            }
            later = rest;
        }
        session.finish(None)
    }
}

#[cfg(test)]
mod tests;
