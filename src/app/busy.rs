//! What other programs did to the rounds, in words.

use std::collections::BTreeMap;

use crate::model::{Disturbance, Machine, Others, Round};

/// Programs that are named.
const NAMED: usize = 3;

/// A program that disturbed rounds: CPUs it took, added up over so many of them.
#[derive(Default)]
struct Share {
    cpus: f64,
    rounds: usize,
}

/// Who took the CPU in how many of the rounds, and for how long nothing ran.
pub(super) fn notes(rounds: &[&Round]) -> Vec<String> {
    let known = rounds.iter().filter_map(|round| {
        let machine = round.machine.as_ref()?;
        Some((machine, machine.disturbance(round.tally.window)))
    });
    let known: Vec<_> = known.collect();
    let by = |disturbance| {
        let disturbed = known.iter().filter(move |(_, by)| *by == Some(disturbance));
        disturbed.map(|(machine, _)| *machine).collect::<Vec<_>>()
    };
    let taken = taken(&by(Disturbance::Others), known.len());
    let still = still(&by(Disturbance::StoodStill), known.len());
    taken.into_iter().chain(still).collect()
}

fn taken(disturbed: &[&Machine], all: usize) -> Option<String> {
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for others in disturbed.iter().filter_map(|it| it.others.as_ref()) {
        let (name, cpus) = most(others);
        let share = shares.entry(name).or_default();
        share.cpus += cpus;
        share.rounds += 1;
    }
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by(|(_, a), (_, b)| b.cpus.total_cmp(&a.cpus));
    let words = shares.iter().take(NAMED).map(|(name, share)| {
        let cpus = share.cpus / share.rounds as f64;
        format!(
            "{name} took {cpus:.1} CPUs in {} of {all} rounds",
            share.rounds
        )
    });
    let words: Vec<_> = words.collect();
    (!words.is_empty()).then(|| format!("this machine was busy: {}", words.join(", ")))
}

/// Who took most, and how much; all of them together where that cannot be seen.
pub fn most(others: &Others) -> (&str, f64) {
    let all = || ("other programs", others.mean);
    others
        .most
        .as_ref()
        .map_or_else(all, |it| (it.name.as_str(), it.cpus))
}

fn still(disturbed: &[&Machine], all: usize) -> Option<String> {
    let longest = disturbed.iter().map(|it| it.stood_still).max()?;
    let seconds = longest.as_secs_f64();
    Some(format!(
        "this machine stood still in {} of {all} rounds, for up to {seconds:.1} s",
        disturbed.len()
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Taker, Tally};

    fn round(machine: Machine) -> Round {
        Round {
            tally: Tally::empty(Duration::from_secs(1)),
            usage: None,
            machine: Some(machine),
            turnover: None,
            workers: None,
        }
    }

    fn beside(name: &str, cpus: f64) -> Round {
        let most = (!name.is_empty()).then(|| Taker {
            name: name.into(),
            cpus,
        });
        let others = Others {
            mean: cpus,
            peak: cpus,
            most,
        };
        round(Machine {
            others: Some(others),
            ..Machine::default()
        })
    }

    fn notes_on(rounds: &[Round]) -> Vec<String> {
        notes(&rounds.iter().collect::<Vec<_>>())
    }

    #[test]
    fn who_was_busy_is_named_with_the_rounds() {
        let quiet = || round(Machine::default());
        let rounds = [
            beside("cc1", 0.6),
            beside("stress-ng", 1.0),
            quiet(),
            beside("cc1", 0.8),
        ];
        assert_eq!(
            notes_on(&rounds),
            [
                "this machine was busy: cc1 took 0.7 CPUs in 2 of 4 rounds, \
              stress-ng took 1.0 CPUs in 1 of 4 rounds"
            ]
        );
        assert_eq!(notes_on(&[quiet(), beside("cc1", 0.1)]), [""; 0]);
    }

    #[test]
    fn whom_nobody_sees_has_no_name() {
        let words = "this machine was busy: other programs took 1.5 CPUs in 1 of 1 rounds";
        assert_eq!(notes_on(&[beside("", 1.5)]), [words]);
    }

    #[test]
    fn a_standstill_is_reported() {
        let still = round(Machine {
            stood_still: Duration::from_millis(2100),
            ..Machine::default()
        });
        let words = "this machine stood still in 1 of 2 rounds, for up to 2.1 s";
        assert_eq!(notes_on(&[still, round(Machine::default())]), [words]);
    }
}
