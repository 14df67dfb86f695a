use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

use super::*;

/// Commits of a simulated history.
const COMMITS: usize = 64;
/// Standard deviation of what a check measures.
const ERROR: f64 = 0.012;
const MOST_CHECKS: usize = 18;

/// A history whose commits change the value, of which some cannot be measured.
struct History {
    steps: Vec<(usize, f64)>,
    broken: Vec<usize>,
    random: StdRng,
}

/// What came of a search.
struct Found {
    culprits: Vec<Suspects>,
    checks: usize,
}

impl History {
    fn new(seed: u64, steps: &[(usize, f64)]) -> Self {
        Self {
            steps: steps.to_vec(),
            broken: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn measure(&mut self, Question { from, to }: Question) -> Observation {
        let steps = self.steps.iter().filter(|(at, _)| from < *at && *at <= to);
        let change: f64 = steps.map(|(_, size)| size).sum();
        let noise = Normal::new(0.0, ERROR).expect("a deviation");
        Observation {
            from,
            to,
            change: change + noise.sample(&mut self.random),
            error: ERROR,
        }
    }

    /// As the command goes about it, every check counted: that of both ends first, and that of every
    /// culprit beside its parent.
    fn search(&mut self) -> Found {
        let mut search = StepSearch::new(COMMITS);
        let ends = Question {
            from: 0,
            to: COMMITS,
        };
        let first = self.measure(ends);
        search.observe(first);
        let smallest = smallest_step(first.change, 0.05);
        let mut checks = 1;
        while checks < MOST_CHECKS
            && let Some(question) = search.next(smallest)
        {
            if self.broken.contains(&question.to) {
                search.skip(question.to);
                continue;
            }
            search.observe(self.measure(question));
            checks += 1;
        }
        Found {
            culprits: search.culprits(),
            checks,
        }
    }
}

impl Found {
    /// Whether just these were named.
    fn names(&self, commits: &[usize]) -> bool {
        let is_own = |(it, commit): (&Suspects, &usize)| it.from < *commit && *commit <= it.to;
        self.culprits.len() == commits.len() && self.culprits.iter().zip(commits).all(is_own)
    }
}

/// How many of so many searches name just the commits that changed the value, and with how many checks
/// in all. `steps` are the sizes of what is at random places; every `broken`th commit cannot be measured.
fn found(searches: u64, steps: &[f64], most: usize, broken: Option<usize>) -> (usize, usize) {
    let mut random = StdRng::seed_from_u64(1);
    let (mut found, mut checks) = (0, 0);
    for seed in 0..searches {
        let mut places: Vec<usize> = Vec::new();
        while places.len() < steps.len() {
            let place = random.random_range(1..=COMMITS);
            if places.iter().all(|it| it.abs_diff(place) > 1) {
                places.push(place);
            }
        }
        places.sort_unstable();
        let sizes = steps.iter().map(|it| it.ln_1p());
        let steps: Vec<_> = places.iter().copied().zip(sizes).collect();
        let mut history = History::new(seed, &steps);
        let every = broken.unwrap_or(COMMITS + 1);
        history.broken = (1..COMMITS).filter(|it| it % every == 0).collect();
        let search = history.search();
        checks += search.checks;
        found += usize::from(search.names(&places) && search.checks <= most);
    }
    (found, checks)
}

#[test]
fn six_percent_in_64_commits_are_found_with_eight_checks() {
    let (found, checks) = found(100, &[0.06], 8, None);
    assert!(found >= 90, "{found} of 100");
    assert!(checks <= 800, "{checks} checks");
}

#[test]
fn two_culprits_are_both_found() {
    let (found, _) = found(40, &[0.06, 0.06], MOST_CHECKS, None);
    assert!(found >= 34, "{found} of 40");
}

#[test]
fn a_commit_that_takes_back_a_part_of_it_is_found_too() {
    let (found, _) = found(40, &[0.15, -0.06], MOST_CHECKS, None);
    assert!(found >= 34, "{found} of 40");
}

#[test]
fn commits_that_cannot_be_measured_make_a_culprit_of_several() {
    let (found, _) = found(40, &[0.06], MOST_CHECKS, Some(3));
    assert!(found >= 38, "{found} of 40");
}

#[test]
fn a_change_that_is_not_there_again_is_blamed_on_nobody() {
    let mut search = StepSearch::new(8);
    for (from, to, change) in [(0, 8, 0.03), (0, 8, 0.0), (0, 8, -0.01), (0, 4, 0.0)] {
        search.observe(Observation {
            from,
            to,
            change,
            error: ERROR,
        });
    }
    assert_eq!(search.culprits(), []);
    assert!(!search.lacks_a_culprit(0.02));
}

#[test]
fn one_wrong_answer_is_outweighed_by_others() {
    let mut search = StepSearch::new(4);
    // The second commit did it; the check of the third was wrong.
    for (from, to, change) in [
        (0, 4, 0.06),
        (0, 3, 0.02),
        (0, 2, 0.06),
        (0, 1, 0.0),
        (1, 2, 0.06),
        (0, 3, 0.06),
    ] {
        search.observe(Observation {
            from,
            to,
            change,
            error: ERROR,
        });
    }
    let culprits = search.culprits();
    let places: Vec<_> = culprits.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(places, [(1, 2)], "{:?}", search.suspects());
    assert!((culprits[0].change - 0.06).abs() < 0.01, "{culprits:?}");
}

#[test]
fn the_next_commit_is_in_the_middle_and_neighbours_are_compared_with_each_other() {
    let mut search = StepSearch::new(64);
    let observe = |search: &mut StepSearch, from, to, change| {
        search.observe(Observation {
            from,
            to,
            change,
            error: 0.001,
        });
    };
    observe(&mut search, 0, 64, 0.06);
    assert_eq!(search.next(0.01), Some(Question { from: 0, to: 32 }));
    search.skip(32);
    assert_eq!(search.next(0.01), Some(Question { from: 0, to: 31 }));
    observe(&mut search, 0, 31, 0.0);
    observe(&mut search, 0, 33, 0.06);
    // Nobody knows which of the two, as the first cannot be measured.
    assert_eq!(search.next(0.01), Some(Question { from: 31, to: 33 }));
    observe(&mut search, 31, 33, 0.06);
    assert_eq!(search.next(0.01), None);
    assert_eq!(search.culprits().len(), 1);
}
