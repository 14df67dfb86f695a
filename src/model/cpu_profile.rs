use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sides;

/// Where the CPU time of one server and endpoint went, on both sides. Sampled in rounds of its own, which
/// are not judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuProfile {
    pub server: String,
    pub endpoint: String,
    /// CPU time per request while it was sampled, in microseconds.
    pub cpu: Sides<f64>,
    pub samples: Sides<u64>,
    /// Functions that were compared; the level of the intervals is for all of them together.
    pub compared: usize,
    /// Those that changed, the most important first.
    pub functions: Vec<FunctionChange>,
    /// Names that the calls refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<String>,
    /// Who called whom, depth first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
}

/// A function whose CPU time per request changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionChange {
    pub name: String,
    /// The source file, or the program or library where no more is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First and last line in which the head was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<[u32; 2]>,
    /// The line in which the head was seen most often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// CPU time of its own code.
    pub own: CostChange,
    /// The same with what it calls.
    pub total: CostChange,
    /// Whether the commits that are judged touched its lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_change: bool,
}

/// CPU time per request in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostChange {
    pub base: f64,
    pub head: f64,
    /// Simultaneous interval of the difference.
    pub interval: [f64; 2],
}

/// One function as it was called from the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// How many calls lie above it.
    pub depth: usize,
    /// Position of its name.
    pub frame: usize,
    /// CPU time per request in microseconds, with what it calls.
    pub base: f64,
    pub head: f64,
}

/// Smallest change that is named, as a share of the base's CPU time per request: two starts of one build
/// differ by less (docs/decisions/0017).
const LEAST_SHARE: f64 = 0.02;

impl CostChange {
    pub const fn difference(&self) -> f64 {
        self.head - self.base
    }

    /// Whether the difference is as large as that, and its interval excludes zero.
    fn is_at_least(&self, least: f64) -> bool {
        let [low, high] = self.interval;
        self.difference().abs() >= least && (low > 0.0 || high < 0.0)
    }
}

impl FunctionChange {
    /// Whether it takes more time for certain: its own code, or with what it calls.
    fn has_changed(&self, least: f64) -> bool {
        self.own.is_at_least(least) || self.total.is_at_least(least)
    }

    /// By how much it explains that a request takes longer: its own code, and with what it calls where
    /// the change touched it. A caller that nobody touched explains nothing.
    fn weight(&self, least: f64) -> f64 {
        let grown = |cost: &CostChange| {
            let is_more = cost.is_at_least(least) && cost.difference() > 0.0;
            if is_more { cost.difference() } else { 0.0 }
        };
        let total = if self.in_change {
            grown(&self.total)
        } else {
            0.0
        };
        grown(&self.own).max(total)
    }

    /// The cost that its weight is of.
    pub fn shown(&self) -> (&CostChange, bool) {
        let with_callees = self.in_change && self.total.difference() > self.own.difference() * 1.1;
        if with_callees {
            (&self.total, true)
        } else {
            (&self.own, false)
        }
    }
}

impl CpuProfile {
    const fn least(&self) -> f64 {
        self.cpu.base * LEAST_SHARE
    }

    /// Leaves the functions that changed, the most important first.
    pub fn keep_changed(&mut self, most: usize) {
        let least = self.least();
        self.functions.retain(|it| it.has_changed(least));
        self.sort();
        self.functions.truncate(most);
    }

    /// Orders functions by what they explain; those that explain nothing by their own change.
    pub fn sort(&mut self) {
        let least = self.least();
        self.functions.sort_by(|a, b| {
            let key = |it: &FunctionChange| (it.weight(least), it.own.difference().abs());
            let ((a, own_a), (b, own_b)) = (key(a), key(b));
            b.total_cmp(&a).then(own_b.total_cmp(&own_a))
        });
    }

    /// Functions that explain why a request takes longer, the most important first.
    pub fn named(&self) -> impl Iterator<Item = &FunctionChange> {
        let least = self.least();
        self.functions
            .iter()
            .filter(move |it| it.weight(least) > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(base: f64, head: f64, reach: f64) -> CostChange {
        let difference = head - base;
        CostChange {
            base,
            head,
            interval: [difference - reach, difference + reach],
        }
    }

    fn function(name: &str, own: CostChange, total: CostChange, in_change: bool) -> FunctionChange {
        FunctionChange {
            name: name.into(),
            file: None,
            lines: None,
            line: None,
            own,
            total,
            in_change,
        }
    }

    fn profile(functions: Vec<FunctionChange>) -> CpuProfile {
        let mut profile = CpuProfile {
            server: "app".into(),
            endpoint: "home".into(),
            cpu: Sides {
                head: 1400.0,
                base: 1000.0,
            },
            samples: Sides {
                head: 1000,
                base: 1000,
            },
            compared: functions.len(),
            functions,
            frames: Vec::new(),
            calls: Vec::new(),
        };
        profile.keep_changed(10);
        profile
    }

    #[test]
    fn a_caller_is_named_where_the_change_touched_it_and_only_there() {
        let same = cost(10.0, 10.0, 5.0);
        let more = cost(100.0, 500.0, 50.0);
        let functions = |touched| {
            vec![
                function("main", same, cost(1000.0, 1400.0, 50.0), false),
                function("serialize", same, cost(120.0, 540.0, 60.0), touched),
                function("encode", more, more, false),
                function("parse", cost(100.0, 60.0, 10.0), same, false),
            ]
        };
        let named = |profile: &CpuProfile| {
            let names = profile.named().map(|it| it.name.clone());
            names.collect::<Vec<_>>()
        };
        let untouched = profile(functions(false));
        assert_eq!(named(&untouched), ["encode"]);
        let touched = profile(functions(true));
        assert_eq!(named(&touched), ["serialize", "encode"]);
        assert!(touched.functions[0].shown().1);
        // What takes less is kept, and explains nothing.
        assert!(touched.functions.iter().any(|it| it.name == "parse"));
    }

    #[test]
    fn what_may_be_chance_or_is_small_is_left_out() {
        let unsure = cost(100.0, 200.0, 150.0);
        let small = cost(100.0, 110.0, 1.0);
        let left = profile(vec![
            function("unsure", unsure, unsure, true),
            function("small", small, small, true),
        ]);
        assert_eq!(left.functions, []);
    }
}
