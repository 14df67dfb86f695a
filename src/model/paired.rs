use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tally::total;
use super::{Counters, Metric, Round, Strategy};

/// One of the two builds that are compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The build that is judged.
    Head,
    /// The build it is compared with.
    Base,
}

/// The same of both builds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sides<T> {
    pub head: T,
    pub base: T,
}

/// All pairs of one server and endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PairedSample {
    pub server: String,
    pub endpoint: String,
    /// How head and base were brought together.
    #[serde(default = "duet")]
    pub strategy: Strategy,
    /// Threads of each side's load; both sides' run on the same CPUs.
    pub threads: usize,
    pub starts: Vec<PairedStart>,
    /// Fresh starts, made because the others showed a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmation: Vec<PairedStart>,
    /// Fresh starts of the base on both sides, one beside each of the confirmation: what is seen where
    /// nothing changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control: Vec<PairedStart>,
    /// Absent if no single requests were counted.
    #[serde(default)]
    pub counters: Sides<Option<Counters>>,
}

/// What documents without the field were measured by.
const fn duet() -> Strategy {
    Strategy::Duet
}

/// One fresh start of both sides, and what was measured after it. A start can be off by more than
/// its rounds vary by, so that it counts as one value, however many pairs it holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PairedStart {
    /// Time each side took to its first expected response.
    pub startup: Sides<Option<Duration>>,
    /// Whether other programs took the CPUs while a side started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup_disturbed: bool,
    pub pairs: Vec<Pair>,
}

/// Rounds of both sides that belong together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pair {
    /// Under as much load as each side takes: capacity, CPU time and memory.
    pub closed: Sides<Round>,
    /// At one fixed rate below the capacity, the same for both: latency and CPU time.
    pub open: Option<Sides<Round>>,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Head, Self::Base];

    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Head => Self::Base,
            Self::Base => Self::Head,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Base => "base",
        }
    }
}

impl<T> Sides<T> {
    /// What a function makes of each side, the head first.
    pub fn from_fn(mut of: impl FnMut(Side) -> T) -> Self {
        Self {
            head: of(Side::Head),
            base: of(Side::Base),
        }
    }

    pub const fn get(&self, side: Side) -> &T {
        match side {
            Side::Head => &self.head,
            Side::Base => &self.base,
        }
    }

    pub const fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Head => &mut self.head,
            Side::Base => &mut self.base,
        }
    }

    pub const fn as_ref(&self) -> Sides<&T> {
        Sides {
            head: &self.head,
            base: &self.base,
        }
    }

    pub fn map<U>(self, of: impl Fn(T) -> U) -> Sides<U> {
        Sides {
            head: of(self.head),
            base: of(self.base),
        }
    }
}

impl<T> Sides<Option<T>> {
    /// Both, where both are there.
    pub fn both(self) -> Option<Sides<T>> {
        let (head, base) = self.head.zip(self.base)?;
        Some(Sides { head, base })
    }
}

impl Pair {
    /// The rounds that a metric is read off: latency is judged below the capacity, CPU time there too.
    pub fn rounds(&self, metric: Metric) -> impl Iterator<Item = &Sides<Round>> {
        let is_open = metric.is_latency() || metric == Metric::CpuPerRequest;
        let closed = Some(&self.closed).filter(|_| !metric.is_latency());
        let open = self.open.as_ref().filter(|_| is_open);
        closed.into_iter().chain(open)
    }

    /// The value of a metric over all rounds of some pairs. A side that completes nothing where the
    /// other does has a rate of zero.
    pub fn value(pairs: &[Self], metric: Metric) -> Option<Sides<f64>> {
        if metric == Metric::CpuPerRequest {
            return Self::cpu_per_request(pairs);
        }
        let sides: Vec<_> = pairs.iter().flat_map(|it| it.rounds(metric)).collect();
        let values = pooled(metric, &sides);
        match (metric, values.head, values.base) {
            (Metric::Throughput, head, base) if head.or(base).is_some() => Some(Sides {
                head: head.unwrap_or_default(),
                base: base.unwrap_or_default(),
            }),
            _ => values.both(),
        }
    }

    /// CPU time per request over the rounds of both kinds. A request costs more where the server is
    /// not kept busy, so that both sides' costs count by the same weights, the mean number of requests
    /// that the sides completed (direct standardisation: Fleiss et al., *Statistical methods for rates
    /// and proportions*, 2003, section 19.3).
    fn cpu_per_request(pairs: &[Self]) -> Option<Sides<f64>> {
        let closed: Vec<_> = pairs.iter().map(|pair| &pair.closed).collect();
        let open: Vec<_> = pairs.iter().filter_map(|pair| pair.open.as_ref()).collect();
        let (mut cost, mut requests) = (Sides::<f64>::default(), 0.0);
        for sides in [closed, open] {
            let both = sides.iter().flat_map(|it| [&it.head, &it.base]);
            let completed = total(both.map(|round| round.tally.completed()));
            let mut both = sides.iter().flat_map(|it| [&it.head, &it.base]);
            if completed == 0 || both.all(|round| round.usage.is_none()) {
                continue;
            }
            // What cannot be read in one kind is not made up for by the other.
            let each = pooled(Metric::CpuPerRequest, &sides).both()?;
            let weight = completed as f64 / 2.0;
            cost.head += each.head * weight;
            cost.base += each.base * weight;
            requests += weight;
        }
        (requests > 0.0).then(|| cost.map(|it| it / requests))
    }
}

/// The value of a metric over all rounds of each side.
fn pooled(metric: Metric, rounds: &[&Sides<Round>]) -> Sides<Option<f64>> {
    Sides::from_fn(|side| metric.of_pooled(rounds.iter().map(|it| it.get(side))))
}

impl PairedSample {
    /// All rounds of both sides.
    pub fn rounds(&self) -> impl Iterator<Item = &Round> {
        let starts = self.starts.iter().chain(&self.confirmation);
        let pairs = starts.flat_map(|start| &start.pairs);
        let both = pairs.flat_map(|pair| std::iter::once(&pair.closed).chain(&pair.open));
        both.flat_map(|sides| [&sides.head, &sides.base])
    }

    /// All rounds of one side.
    pub fn rounds_of(&self, side: Side) -> impl Iterator<Item = &Round> {
        let starts = self.starts.iter().chain(&self.confirmation);
        let pairs = starts.flat_map(|start| &start.pairs);
        let both = pairs.flat_map(|pair| std::iter::once(&pair.closed).chain(&pair.open));
        both.map(move |sides| sides.get(side))
    }
}

impl PairedStart {
    /// The rounds of a side that a metric is read off.
    pub fn rounds(&self, side: Side, metric: Metric) -> impl Iterator<Item = &Round> {
        let pairs = self.pairs.iter();
        let rounds = pairs.flat_map(move |pair| pair.rounds(metric));
        rounds.map(move |sides| sides.get(side))
    }

    /// Every round of a side.
    pub fn all_rounds(&self, side: Side) -> impl Iterator<Item = &Round> {
        let pairs = self.pairs.iter();
        let both = pairs.flat_map(|pair| std::iter::once(&pair.closed).chain(&pair.open));
        both.map(move |sides| sides.get(side))
    }

    /// The value of a metric over all rounds of the start.
    pub fn value(&self, metric: Metric) -> Option<Sides<f64>> {
        if metric == Metric::StartupTime {
            let startup = self.startup.both()?;
            return Some(startup.map(|time| time.as_secs_f64()));
        }
        Pair::value(&self.pairs, metric)
    }

    /// Requests that ended, well or not, in the rounds that a metric is read off.
    pub fn completed(&self, metric: Metric) -> Sides<u64> {
        Sides::from_fn(|side| {
            let completed = self.rounds(side, metric).map(|it| it.tally.completed());
            total(completed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Tally, Usage};

    /// So many requests that took so many milliseconds of CPU time.
    fn round(requests: u64, cpu: u64) -> Round {
        let mut tally = Tally::empty(Duration::from_secs(1));
        tally.started = requests;
        tally.succeeded = requests;
        Round {
            tally,
            usage: Some(Usage {
                cpu: Duration::from_millis(cpu),
                memory: 0,
                rss: None,
                grown: None,
            }),
            machine: None,
            turnover: None,
            workers: None,
        }
    }

    #[test]
    fn cpu_time_of_two_kinds_of_rounds_has_the_same_weights_on_both_sides() {
        // A request takes 1 ms under full load and 2 ms below it, on both sides; the base completes
        // twice as many under full load.
        let pair = Pair {
            closed: Sides {
                head: round(100, 100),
                base: round(200, 200),
            },
            open: Some(Sides {
                head: round(100, 200),
                base: round(100, 200),
            }),
        };
        let value = |pair: &Pair| {
            let pairs = std::slice::from_ref(pair);
            Pair::value(pairs, Metric::CpuPerRequest).expect("a value")
        };
        // 150 requests of 1 ms and 100 of 2 ms.
        assert_eq!(
            value(&pair),
            Sides {
                head: 1400.0,
                base: 1400.0
            }
        );
        let slower = Sides {
            head: round(100, 220),
            base: round(100, 200),
        };
        let slower = Pair {
            open: Some(slower),
            ..pair.clone()
        };
        let Sides { head, base } = value(&slower);
        assert!((head / base - 370.0 / 350.0).abs() < 1e-12, "{head} {base}");
        let mut unread = pair.clone();
        unread.closed.head.usage = None;
        let pairs = std::slice::from_ref(&unread);
        assert_eq!(Pair::value(pairs, Metric::CpuPerRequest), None);
        let closed = Pair { open: None, ..pair };
        assert_eq!(
            value(&closed),
            Sides {
                head: 1000.0,
                base: 1000.0
            }
        );
    }
}
