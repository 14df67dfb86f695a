use perfgate::model::Metric;
use serde::{Deserialize, Serialize};

/// What one side of a check does otherwise than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Case {
    Unchanged,
    Cpu2,
    Cpu4,
    Cpu10,
    Sleep,
    NPlusOne,
}

impl Case {
    pub(crate) const ALL: [Self; 6] = [
        Self::Unchanged,
        Self::Cpu2,
        Self::Cpu4,
        Self::Cpu10,
        Self::Sleep,
        Self::NPlusOne,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Cpu2 => "+2 % CPU",
            Self::Cpu4 => "+4 % CPU",
            Self::Cpu10 => "+10 % CPU",
            Self::Sleep => "+1 ms sleep",
            Self::NPlusOne => "N+1",
        }
    }

    /// Share of the CPU time of a request that the head burns beside it.
    pub(crate) const fn burns(self) -> f64 {
        match self {
            Self::Cpu2 => 0.02,
            Self::Cpu4 => 0.04,
            Self::Cpu10 => 0.10,
            _ => 0.0,
        }
    }

    pub(crate) const fn sleeps(self) -> u32 {
        matches!(self, Self::Sleep) as u32
    }

    pub(crate) const fn asks_n_times(self) -> u32 {
        matches!(self, Self::NPlusOne) as u32
    }

    pub(crate) const fn endpoint(self) -> &'static str {
        match self {
            Self::NPlusOne => "movies",
            _ => "health",
        }
    }

    /// The metric by which peers judge it.
    pub(crate) const fn metric(self) -> Metric {
        match self {
            Self::Sleep => Metric::LatencyP50,
            _ => Metric::CpuPerRequest,
        }
    }
}
