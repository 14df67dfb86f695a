//! Machines whose starts depend on each other, or that favour a side: how many jobs of an unchanged
//! build fail, with and without the control starts of a confirmation. A table, by
//! `cargo test --test calibration dependence -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use perfgate::gate::{Changes, Confirmation, Inference, LOOKS, Margin, Reproduction};
use perfgate::model::Verdict;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};

use crate::jobs::confirmation;

/// Cells of one metric; a job of this many fails where one does.
const CELLS: usize = 20_000;
const JUDGED: usize = 96;

/// How starts differ.
#[derive(Clone, Copy)]
struct Machine {
    /// Standard deviation of a start.
    start: f64,
    /// What a start keeps of the deviation of the one before.
    memory: f64,
    /// By how much every cell is slower on the head's side.
    lean: f64,
    /// Standard deviation of what one cell is slower by there.
    lean_of_cell: f64,
}

/// The starts of one cell, one after the other.
struct Starts {
    machine: Machine,
    lean: f64,
    last: f64,
    random: StdRng,
}

impl Starts {
    fn new(machine: Machine, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let lean = machine.lean + normal(&mut random, machine.lean_of_cell);
        let last = normal(&mut random, machine.start);
        Self {
            machine,
            lean,
            last,
            random,
        }
    }

    /// The change that the next start shows of builds that are equal.
    fn next(&mut self) -> f64 {
        let Machine { start, memory, .. } = self.machine;
        let fresh = normal(&mut self.random, start * (1.0 - memory * memory).sqrt());
        self.last = memory * self.last + fresh;
        self.lean + self.last
    }
}

fn normal(random: &mut StdRng, deviation: f64) -> f64 {
    let normal = Normal::new(0.0, deviation).expect("a finite deviation");
    normal.sample(random)
}

/// Whether a cell fails: without and with a control.
fn fails(starts: &mut Starts, margin: f64, sure: Confirmation) -> [bool; 2] {
    let most = LOOKS[LOOKS.len() - 1];
    let search = Changes::exact((0..most).map(|_| starts.next()).collect());
    let (found, decided) = Inference::search(&search, Margin::from_size(margin));
    if decided != Some(Verdict::Regression) {
        return [false; 2];
    }
    let (mut again, mut control) = (Vec::new(), Vec::new());
    for _ in 0..sure.starts {
        again.push(starts.next());
        control.push(starts.next());
    }
    let [again, control] = [again, control].map(Changes::exact);
    [None, Some(&control)].map(|control| {
        let confirmed = found.confirmed(&again, control, margin, sure);
        confirmed.reproduction == Reproduction::Seen
    })
}

/// The shares of jobs that fail, without and with a control.
fn failing(machine: Machine, margin: f64) -> [f64; 2] {
    let sure = confirmation(JUDGED);
    let mut cells = [0_u32; 2];
    for seed in 0..CELLS as u64 {
        let failed = fails(&mut Starts::new(machine, seed), margin.ln_1p(), sure);
        for (count, failed) in cells.iter_mut().zip(failed) {
            *count += u32::from(failed);
        }
    }
    cells.map(|count| {
        let of_cell = f64::from(count) / CELLS as f64;
        1.0 - (1.0 - of_cell).powf(JUDGED as f64)
    })
}

#[test]
fn what_the_base_shows_beside_itself_fails_no_job() {
    let independent = Machine {
        start: 0.02,
        memory: 0.0,
        lean: 0.0,
        lean_of_cell: 0.0,
    };
    let cases = [
        ("independent, 2 %", independent, 0.02, 0.02),
        (
            "autocorrelation 0.5, 2 %",
            Machine {
                memory: 0.5,
                ..independent
            },
            0.02,
            0.02,
        ),
        (
            "autocorrelation 0.5, 4 %",
            Machine {
                start: 0.04,
                memory: 0.5,
                ..independent
            },
            0.05,
            0.02,
        ),
        (
            "a lean of each cell, 1.7 %; 1 %",
            Machine {
                start: 0.01,
                lean_of_cell: 0.017,
                ..independent
            },
            0.05,
            0.02,
        ),
        (
            "a lean of each cell, 1.7 %; 2 %",
            Machine {
                lean_of_cell: 0.017,
                ..independent
            },
            0.05,
            0.02,
        ),
        (
            "a lean of 1.7 %; 1 %",
            Machine {
                start: 0.01,
                lean: 0.017,
                ..independent
            },
            0.02,
            0.05,
        ),
        // A lean that is nearly the margin, on starts that hide it from the control.
        (
            "a lean of 1.7 %; 2 %",
            Machine {
                lean: 0.017,
                ..independent
            },
            0.02,
            0.40,
        ),
    ];
    println!("| starts | margin | jobs that fail without a control | with one |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, machine, margin, most) in cases {
        let [without, with] = failing(machine, margin);
        println!(
            "| {name} | {:.0} % | {:.1} % | {:.1} % |",
            margin * 100.0,
            without * 100.0,
            with * 100.0
        );
        assert!(with <= most, "{name}: {with}");
        assert!(with <= without, "{name}: {with} with, {without} without");
    }
}
