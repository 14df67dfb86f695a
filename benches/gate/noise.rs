use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::stress_ng::StressNg;

/// What else the machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noise {
    None,
    /// One more program, which takes half of a CPU, wherever the kernel puts it.
    Neighbour,
}

impl Noise {
    pub(crate) const ALL: [Self; 2] = [Self::None, Self::Neighbour];

    /// Every other check of a case has a neighbour.
    pub(crate) const fn of_turn(done: usize) -> Self {
        if done.is_multiple_of(2) {
            Self::None
        } else {
            Self::Neighbour
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "alone",
            Self::Neighbour => "beside stress-ng",
        }
    }

    /// What else runs, until it is dropped.
    pub(crate) fn begin(self) -> Result<Option<StressNg>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Neighbour => StressNg::start(1, 50).map(Some),
        }
    }
}
