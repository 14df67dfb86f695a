//! Who called whom, with what it took on both sides.

use std::collections::BTreeMap;

use super::stack::Slice;
use crate::model::{Call, Side, Sides};

/// Calls that take a smaller share of the CPU time are left to their caller.
const LEAST_SHARE: f64 = 0.002;
/// Calls within calls that are distinguished.
const DEEPEST: usize = 200;

#[derive(Debug, Default)]
struct Node {
    cost: Sides<f64>,
    calls: BTreeMap<String, Self>,
}

/// Names of functions, and the calls depth first.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) frames: Vec<String>,
    pub(super) calls: Vec<Call>,
}

/// The calls of both sides, in microseconds of CPU time per request.
pub(super) fn calls(slices: &Sides<Vec<Slice>>) -> Calls {
    let mut root = Node::default();
    for side in Side::BOTH {
        for slice in slices.get(side) {
            root.add(slice, side, requests(slices.get(side)));
        }
    }
    let least = LEAST_SHARE * root.cost.head.max(root.cost.base);
    let mut calls = Calls::default();
    let mut numbers = BTreeMap::new();
    for (name, node) in &root.calls {
        calls.add(name, node, 0, least, &mut numbers);
    }
    calls
}

pub(super) fn requests(slices: &[Slice]) -> f64 {
    slices.iter().map(|it| it.requests as f64).sum()
}

impl Node {
    fn add(&mut self, slice: &Slice, side: Side, requests: f64) {
        let sampled = slice.sampled();
        for stack in &slice.stacks {
            let cost = stack.time() / sampled * slice.cpu / requests;
            *self.cost.get_mut(side) += cost;
            let mut at = &mut *self;
            for frame in stack.stack.iter().take(DEEPEST) {
                at = at.calls.entry(frame.label()).or_default();
                *at.cost.get_mut(side) += cost;
            }
        }
    }
}

impl Calls {
    fn add<'a>(
        &mut self,
        name: &'a str,
        node: &'a Node,
        depth: usize,
        least: f64,
        numbers: &mut BTreeMap<&'a str, usize>,
    ) {
        let Sides { head, base } = node.cost;
        if head.max(base) < least {
            return;
        }
        let next = self.frames.len();
        let frame = *numbers.entry(name).or_insert(next);
        if frame == next {
            self.frames.push(name.to_owned());
        }
        self.calls.push(Call {
            depth,
            frame,
            base: rounded(base),
            head: rounded(head),
        });
        for (name, node) in &node.calls {
            self.add(name, node, depth + 1, least, numbers);
        }
    }
}

/// Five digits: more than is seen, and short in a document.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
