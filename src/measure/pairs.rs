//! Two builds of a server, measured in pairs of rounds that are spread over fresh starts of both,
//! until every cell is decided or its time is over: what is said before, and what it gives. `paired_run` does it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Error, Observer};
use crate::gate::{Confirmation, LOOKS};
use crate::model::{BaseFailure, Incident, Pacing, PairedSample, Side, Strategy};

/// What is compared, for how long, and who watches.
#[derive(Clone, Copy)]
pub struct Pairing<'a> {
    pub pacing: PairPacing,
    /// Time that servers before this one left of their budgets.
    pub spare: Duration,
    /// Side by side, or in turn.
    pub strategy: Strategy,
    /// How sure a confirmation must be.
    pub confirmation: Confirmation,
    /// Whether single requests are counted after the first start.
    pub counting: bool,
    /// What is drawn follows from it.
    pub seed: u64,
    pub observe: Observer<'a>,
}

/// How long pairs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairPacing {
    /// Longest warm-up of a side's cell after a start.
    pub warmup: Duration,
    /// How long each side is loaded in a round, where answers are fast enough for it.
    pub round: Duration,
    /// Pairs of a cell after one start.
    pub pairs: usize,
    /// Time for each cell until it is decided; what is set up before the first start, and the
    /// confirmation, come on top.
    pub budget: Duration,
}

/// Pairs after one start, whose totals are the start's value: the third of three would narrow the
/// interval by less than the time it takes gains in starts (docs/decisions/0005).
const PAIRS: usize = 2;
/// A start's own warm-up; the machine's clock and the services are warm by then.
const WARMUP: Duration = Duration::from_millis(500);

impl PairPacing {
    /// A pair takes as long as a round: half of it as much as each side takes, half at a fixed rate.
    /// Sides that are up together share both, and the warm-up.
    pub fn from_pacing(pacing: Pacing, strategy: Strategy) -> Self {
        let together = if strategy == Strategy::Duet { 2 } else { 1 };
        Self {
            warmup: pacing.warmup.min(WARMUP) / together,
            round: pacing.round / 2 / together,
            pairs: PAIRS,
            budget: pacing.budget,
        }
    }

    /// What rounds and warm-ups of an endpoint take until it can be judged at all; the time that servers
    /// take to start comes on top.
    pub fn until_first_look(self) -> Duration {
        let pairs = u32::try_from(self.pairs).unwrap_or(u32::MAX);
        let starts = u32::try_from(LOOKS[0]).unwrap_or(u32::MAX);
        // Two kinds of rounds, on two sides.
        (self.warmup + self.round * pairs * 2) * 2 * starts
    }
}

/// What a start is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// To look for changes.
    Search,
    /// To look for a regression once more.
    Confirmation,
    /// To see what comes of no change, beside a confirmation.
    Control,
}

/// Which build is on each side of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builds {
    /// Each side has its own.
    Own,
    /// The base is on both.
    BaseTwice,
}

impl Builds {
    /// The build that is on a side.
    pub const fn on(self, side: Side) -> Side {
        match self {
            Self::Own => side,
            Self::BaseTwice => Side::Base,
        }
    }
}

/// What is drawn for every start, in blocks of all four: a side that always came first would lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The side that is started first: where both start at once, by the time of a call.
    pub first: Side,
    /// Which of the two places (database, port) the head takes, 0 or 1; the base takes the other.
    pub slot: u32,
}

/// The result of comparing two builds.
#[derive(Debug, Default)]
pub struct Compared {
    pub samples: Vec<PairedSample>,
    /// Of builds that could not be measured to the end; there are no samples of them.
    pub incidents: Vec<Incident>,
    /// What has no samples because its base could not be measured; the head is not to blame.
    pub base_failures: Vec<BaseFailure>,
    /// What could not be counted, and why.
    pub notes: BTreeSet<String>,
    /// What is left of the time that there was.
    pub left: Duration,
    /// What ended the comparison before its end; the samples hold what there was by then.
    pub cut: Option<Error>,
}

impl Compared {
    /// Adds the result of another comparison.
    pub fn add(&mut self, other: Self) {
        self.samples.extend(other.samples);
        self.incidents.extend(other.incidents);
        self.base_failures.extend(other.base_failures);
        self.notes.extend(other.notes);
        self.left = other.left;
        self.cut = self.cut.take().or(other.cut);
    }
}
