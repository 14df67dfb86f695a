//! Functions by the difference of what they take.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{calls, requests, rounded};
use super::stack::{Frame, Slice};
use crate::model::{CostChange, CpuProfile, FunctionChange, Side, Sides};
use crate::stats::{Block, BlocksOfSide, Difference, simultaneous_differences};

/// Samples of both sides that a function is compared from.
const FEWEST_SAMPLES: u64 = 10;
/// All intervals hold at once with it.
const CONFIDENCE: f64 = 0.95;
/// Functions that are kept.
const MOST_FUNCTIONS: usize = 40;
/// Letters of a name that are kept: those of generic functions are endless.
const LONGEST_NAME: usize = 300;

/// What one function is known by on both sides: its line moves with every change above it.
type Identity<'a> = (&'a str, Option<&'a str>);

/// How often a function was seen, on both sides.
#[derive(Debug, Default)]
struct Seen {
    samples: u64,
    /// How often the head was seen in each line, on top of the stack and anywhere.
    lines: BTreeMap<u32, [u64; 2]>,
}

/// The functions of both sides that changed; `None` if too little was seen. Slices of both sides are of
/// the same stretches of time.
pub fn compare(
    server: &str,
    endpoint: &str,
    slices: Sides<Vec<Slice>>,
    seed: u64,
) -> Option<CpuProfile> {
    let pairs = slices.head.into_iter().zip(slices.base);
    let usable = pairs.filter(|(head, base)| head.is_usable() && base.is_usable());
    let (head, base): (Vec<_>, Vec<_>) = usable.unzip();
    let slices = Sides { head, base };
    let all = seen(&slices);
    let functions: Vec<_> = all
        .iter()
        .filter(|(_, it)| it.samples >= FEWEST_SAMPLES)
        .collect();
    let numbers = functions.iter().zip(0..);
    let numbers: BTreeMap<_, _> = numbers
        .map(|((name, _), number)| (**name, number))
        .collect();
    let of_side = |side| -> Vec<Block> {
        let slices = slices.get(side).iter();
        slices.map(|it| block(it, &numbers)).collect()
    };
    let blocks = Sides::from_fn(of_side);
    let samples = slices
        .as_ref()
        .map(|it| it.iter().map(Slice::samples).sum::<u64>());
    let cpu = slices.as_ref().map(|slices| {
        let cpu: f64 = slices.iter().map(|it| it.cpu).sum();
        cpu / requests(slices)
    });
    let side = |side: Side| BlocksOfSide {
        blocks: blocks.get(side),
        samples: *samples.get(side) as f64,
        whole: *cpu.get(side),
    };
    let both = [Side::Head, Side::Base].map(side);
    let differences = simultaneous_differences(both[0], both[1], CONFIDENCE, seed);
    if differences.is_empty() {
        return None;
    }
    let changes = functions.iter().enumerate().map(|(number, (name, it))| {
        let [own, total] = [number, number + functions.len()].map(|at| cost(&differences[at]));
        change(name, it, own, total)
    });
    let calls = calls(&slices);
    let mut profile = CpuProfile {
        server: server.to_owned(),
        endpoint: endpoint.to_owned(),
        cpu: cpu.map(rounded),
        samples,
        compared: functions.len(),
        functions: changes.collect(),
        frames: calls.frames.iter().map(|it| shortened(it)).collect(),
        calls: calls.calls,
    };
    profile.keep_changed(MOST_FUNCTIONS);
    Some(profile)
}

fn identity(frame: &Frame) -> Identity<'_> {
    (&frame.name, frame.file.as_deref())
}

fn seen(slices: &Sides<Vec<Slice>>) -> BTreeMap<Identity<'_>, Seen> {
    let mut seen: BTreeMap<Identity<'_>, Seen> = BTreeMap::new();
    for side in Side::BOTH {
        for stack in slices.get(side).iter().flat_map(|it| &it.stacks) {
            let mut counted = BTreeSet::new();
            for (above, frame) in stack.stack.iter().rev().enumerate() {
                let of_function = seen.entry(identity(frame)).or_default();
                if counted.insert(identity(frame)) {
                    of_function.samples += stack.count;
                }
                if let Some(line) = frame.line.filter(|_| side == Side::Head) {
                    let [top, anywhere] = of_function.lines.entry(line).or_default();
                    *anywhere += stack.count;
                    if above == 0 {
                        *top += stack.count;
                    }
                }
            }
        }
    }
    seen
}

/// What functions took in a slice: of their own first, then with what they call.
fn block(slice: &Slice, numbers: &BTreeMap<Identity<'_>, usize>) -> Block {
    let mut parts = vec![0.0; numbers.len() * 2];
    let sampled = slice.sampled();
    for stack in &slice.stacks {
        let cost = stack.time() / sampled * slice.cpu;
        let known = |frame: &Frame| numbers.get(&identity(frame)).copied();
        if let Some(number) = stack.stack.last().and_then(known) {
            parts[number] += cost;
        }
        // A function that calls itself counts once.
        let total: BTreeSet<usize> = stack.stack.iter().filter_map(known).collect();
        for number in total {
            parts[number + numbers.len()] += cost;
        }
    }
    Block {
        parts,
        of: slice.requests as f64,
    }
}

fn cost(it: &Difference) -> CostChange {
    let difference = it.first - it.second;
    CostChange {
        head: rounded(it.first),
        base: rounded(it.second),
        interval: [difference - it.reach, difference + it.reach].map(rounded),
    }
}

fn change(name: &Identity<'_>, seen: &Seen, own: CostChange, total: CostChange) -> FunctionChange {
    let (name, file) = *name;
    let lines = seen.lines.keys().next().zip(seen.lines.keys().next_back());
    let most = seen.lines.iter().max_by_key(|(_, seen)| **seen);
    FunctionChange {
        name: shortened(name),
        file: file.map(shortened),
        lines: lines.map(|(first, last)| [*first, *last]),
        line: most.map(|(line, _)| *line),
        own,
        total,
        in_change: false,
    }
}

fn shortened(name: &str) -> String {
    let mut letters = name.chars();
    let start: String = letters.by_ref().take(LONGEST_NAME).collect();
    if letters.next().is_some() {
        start + "…"
    } else {
        start
    }
}
