//! Simulated recordings, of which it is known what changed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

use super::{Frame, Sampled, Slice, compare, relative_to};
use crate::model::{CpuProfile, Sides};

const SLICES: usize = 10;
/// A service: what its functions take of a request in microseconds, and who calls them.
const SERVICE: [(&[&str], f64); 7] = [
    (&["run", "handle"], 40.0),
    (&["run", "handle", "view"], 60.0),
    (&["run", "handle", "view", "query"], 250.0),
    (&["run", "handle", "view", "query", "recv"], 150.0),
    (&["run", "handle", "view", "serialize"], 100.0),
    (&["run", "handle", "view", "serialize", "encode"], 250.0),
    (&["run", "handle", "log"], 150.0),
];
/// Functions that are seen now and then.
const RARE: usize = 30;

fn frame(name: &str) -> Frame {
    Frame {
        name: name.into(),
        file: Some("app/views.py".into()),
        line: Some(7),
    }
}

fn recording(more: Option<(&str, f64)>, random: &mut StdRng) -> Vec<Slice> {
    let mut costs: Vec<(Vec<Frame>, f64)> = Vec::new();
    for (stack, cost) in SERVICE {
        let more = more.filter(|(name, _)| stack.last() == Some(name));
        let stack = stack.iter().map(|it| frame(it)).collect();
        costs.push((stack, cost + more.map_or(0.0, |(_, more)| more)));
    }
    for number in 0..RARE {
        let stack = vec![frame("run"), frame(&format!("rare_{number}"))];
        costs.push((stack, 50.0 / (1.0 + number as f64)));
    }
    // A start and a second are off by a few per cent.
    let off = Normal::new(1.0, 0.03).expect("a spread");
    for (_, cost) in &mut costs {
        *cost *= 1.0 + (off.sample(random) - 1.0) / 3.0;
    }
    (0..SLICES).map(|_| slice(&costs, random)).collect()
}

fn slice(costs: &[(Vec<Frame>, f64)], random: &mut StdRng) -> Slice {
    let off = Normal::new(1.0_f64, 0.03).expect("a spread");
    let costs = costs
        .iter()
        .map(|(_, cost)| cost * off.sample(random).max(0.1));
    let costs: Vec<f64> = costs.collect();
    let all: f64 = costs.iter().sum();
    let mut counts = vec![0_u64; costs.len()];
    for _ in 0..150 {
        let mut left = random.random_range(0.0..all);
        let seen = costs.iter().position(|cost| {
            left -= cost;
            left < 0.0
        });
        counts[seen.unwrap_or_default()] += 1;
    }
    Slice {
        cpu: all * 400.0,
        requests: 400,
        stacks: counts
            .into_iter()
            .zip(names())
            .filter(|(count, _)| *count > 0)
            .map(|(count, stack)| Sampled {
                stack,
                count,
                period: 0.005,
            })
            .collect(),
    }
}

fn names() -> Vec<Vec<Frame>> {
    let known = SERVICE.iter().map(|(stack, _)| {
        let frames = stack.iter().map(|it| frame(it));
        frames.collect()
    });
    let rare = (0..RARE).map(|number| vec![frame("run"), frame(&format!("rare_{number}"))]);
    known.chain(rare).collect()
}

fn compared(more: Option<(&str, f64)>, seed: u64) -> CpuProfile {
    let mut random = StdRng::seed_from_u64(seed);
    let slices = Sides {
        head: recording(more, &mut random),
        base: recording(None, &mut random),
    };
    compare("app", "home", slices, seed).expect("enough samples")
}

#[test]
fn of_two_equal_builds_no_function_is_named_in_95_of_100() {
    let named = (0..200).filter(|seed| compared(None, *seed).named().count() > 0);
    let named = named.count();
    assert!(named <= 10, "{named} of 200");
}

#[test]
fn a_function_that_makes_a_request_a_tenth_slower_is_named_first() {
    for function in ["serialize", "recv"] {
        let right = (0..50).filter(|seed| {
            let profile = compared(Some((function, 100.0)), 1000 + seed);
            let first = profile.named().next().map(|it| it.name.clone());
            first.as_deref() == Some(function)
        });
        let right = right.count();
        assert!(right >= 45, "{function}: {right} of 50");
    }
}

#[test]
fn costs_of_calls_add_up_to_that_of_a_request() {
    let profile = compared(Some(("serialize", 100.0)), 3);
    let [run] = <[_; 1]>::try_from(
        profile
            .calls
            .iter()
            .filter(|it| it.depth == 0)
            .collect::<Vec<_>>(),
    )
    .expect("one outermost function");
    assert_eq!(profile.frames[run.frame], "run (app/views.py)");
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-3;
    assert!(near(run.head, profile.cpu.head) && near(run.base, profile.cpu.base));
    let below = profile.calls.iter().filter(|it| it.depth == 1);
    assert!(below.map(|it| it.head).sum::<f64>() <= run.head * 1.001);
}

#[test]
fn a_function_has_the_line_and_the_lines_that_it_was_seen_in() {
    let stack = |line| Sampled {
        stack: vec![Frame {
            line: Some(line),
            ..frame("serialize")
        }],
        count: 50 - u64::from(line),
        period: 0.005,
    };
    let slice = |lines: &[u32], cpu| Slice {
        cpu,
        requests: 100,
        stacks: lines.iter().map(|it| stack(*it)).collect(),
    };
    let slices = Sides {
        head: vec![slice(&[12, 14, 19], 20_000.0); 4],
        base: vec![slice(&[3], 10_000.0); 4],
    };
    let profile = compare("app", "home", slices, 1).expect("enough samples");
    let [function] = profile.functions.as_slice() else {
        panic!("one function: {:?}", profile.functions);
    };
    assert_eq!((function.line, function.lines), (Some(12), Some([12, 19])));
    assert!((function.own.difference() - 100.0).abs() < 1e-6);
}

#[test]
fn too_little_is_no_profile() {
    let empty = Sides::<Vec<Slice>>::default();
    assert_eq!(compare("app", "home", empty, 1), None);
    let idle = Sides {
        head: vec![Slice::default(); 10],
        base: vec![Slice::default(); 10],
    };
    assert_eq!(compare("app", "home", idle, 1), None);
}

#[test]
fn files_of_both_trees_have_one_name() {
    let file = |path: &str| Sampled {
        stack: vec![Frame {
            file: Some(path.into()),
            ..frame("f")
        }],
        count: 1,
        period: 1.0,
    };
    let mut stacks = [file("/repository/app/views.py"), file("/usr/lib/json.py")];
    relative_to(&mut stacks, "/repository/");
    let files = stacks.each_ref().map(|it| it.stack[0].file.as_deref());
    assert_eq!(files, [Some("app/views.py"), Some("/usr/lib/json.py")]);
}
