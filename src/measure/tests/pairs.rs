use std::time::Duration;

use super::{FILE, plan};
use crate::gate::{Confirmation, invalidate_partial, judge_pairs};
use crate::measure::{
    Cause, Counted, Counting, Data, Driver, Error, Instance, Load, Noise, Observer, PairPacing,
    Pairing, Sharing, Simulated, Start, Startup, Testbed, WarmUp,
};
use crate::model::{
    Cell, Finding, Metric, PairedSample, PairedStart, Partial, Plan, Round, Side, Sides, Strategy,
    Target, Unfinished, Verdict,
};

/// One build on both sides.
fn twice() -> Sides<Target> {
    let head = plan(FILE).targets.remove(0);
    Sides {
        base: head.clone(),
        head,
    }
}

fn pairing(sides: &Sides<Target>) -> Pairing<'static> {
    Pairing {
        pacing: PairPacing::from_pacing(plan(FILE).pacing, Strategy::Duet),
        spare: Duration::ZERO,
        strategy: Strategy::Duet,
        confirmation: Confirmation::from_thresholds([&sides.head.cells[0].thresholds]),
        counting: false,
        seed: 1,
        observe: &|_| (),
    }
}

/// The same with so many seconds for each cell.
fn within(budget: u64, pairing: Pairing<'_>) -> Pairing<'_> {
    let pacing = PairPacing {
        budget: Duration::from_secs(budget),
        ..pairing.pacing
    };
    Pairing { pacing, ..pairing }
}

/// Keeps what every round was: its start, endpoint, whether at a fixed rate, window. Some starts end by
/// an error.
struct Watched {
    simulated: Simulated,
    starts: usize,
    /// By the number of the start, from 1, and the build on the head's side.
    error: fn(usize, Side) -> Option<Error>,
    rounds: Vec<(usize, String, bool, Duration)>,
}

impl Driver for Watched {
    fn elapsed(&self) -> Duration {
        self.simulated.elapsed()
    }

    fn testbed(&self, plan: &Plan) -> Testbed {
        self.simulated.testbed(plan)
    }

    async fn set_up(&mut self, sides: &Sides<Target>, observe: Observer<'_>) -> Result<(), Error> {
        self.simulated.set_up(sides, observe).await
    }

    async fn start(
        &mut self,
        starts: &[Start<'_>],
        observe: Observer<'_>,
    ) -> Result<Vec<Option<Startup>>, Error> {
        self.starts += 1;
        let mut on_head = starts.iter().filter(|it| it.instance.side == Side::Head);
        let build = match on_head.next().map(|it| it.data) {
            Some(Data::Copy { of, .. }) => of,
            _ => Side::Head,
        };
        if let Some(error) = (self.error)(self.starts, build) {
            return Err(error);
        }
        self.simulated.start(starts, observe).await
    }

    async fn warm_up(
        &mut self,
        load: &Load<'_>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        self.simulated.warm_up(load, longest, observe).await
    }

    async fn rounds(
        &mut self,
        loads: &[Load<'_>],
        sharing: Sharing,
        observe: Observer<'_>,
    ) -> Result<Vec<Round>, Error> {
        let (endpoint, at_rate) = (&loads[0].cell.endpoint, loads[0].workload.rate.is_some());
        let round = (self.starts, endpoint.clone(), at_rate, sharing.window());
        self.rounds.push(round);
        self.simulated.rounds(loads, sharing, observe).await
    }

    async fn grow(
        &mut self,
        instance: Instance<'_>,
        step: usize,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        self.simulated.grow(instance, step, observe).await
    }

    async fn count(
        &mut self,
        instance: Instance<'_>,
        cell: &Cell,
        counting: Counting,
    ) -> Result<Counted, Error> {
        self.simulated.count(instance, cell, counting).await
    }

    async fn output(&mut self, instance: Instance<'_>) -> String {
        self.simulated.output(instance).await
    }

    async fn stop(&mut self, instances: &[Instance<'_>]) -> Result<(), Error> {
        self.simulated.stop(instances).await
    }
}

#[tokio::test]
async fn what_is_set_up_first_does_not_use_the_budget() {
    let sides = twice();
    // On its margin, so that nothing is decided early.
    let mut driver = Simulated::new(0.05, Noise::TYPICAL, 1);
    // A start of two cells takes 7 s; what is set up before the first takes more than the 4 s that are left.
    let compared = within(16, pairing(&sides)).run(&sides, &mut driver).await;
    let compared = compared.expect("four starts were measured");
    assert_eq!(compared.samples[0].starts.len(), 4);
}

#[tokio::test]
async fn up_to_twice_the_budget_is_used_for_a_first_look() {
    let starts = async |budget, spare| {
        let sides = twice();
        // On its margin and noisy, so that nothing is decided early.
        let noise = Noise {
            start: 0.05,
            ..Noise::TYPICAL
        };
        let mut driver = Simulated::new(0.05, noise, 1);
        let pairing = Pairing {
            spare: Duration::from_secs(spare),
            ..pairing(&sides)
        };
        let compared = within(budget, pairing).run(&sides, &mut driver).await;
        compared.expect("nothing fails").samples[0].starts.len()
    };
    // A start of two cells takes 9 s: four of them take 18 s for each.
    assert_eq!(starts(10, 0).await, 4);
    // More than that is not worth it: what twice the budget does not pay for ends before.
    assert!(starts(5, 0).await < 4);
    assert!(starts(30, 0).await > 4);
    // What others left pays for more.
    assert!(starts(10, 40).await > 4);
}

#[tokio::test]
async fn each_confirming_start_has_a_control_of_the_base_alone() {
    let sides = twice();
    let pairing = pairing(&sides);
    let confirmation = pairing.confirmation;
    let mut driver = Simulated::new(0.5, Noise::QUIET, 1);
    let compared = pairing.run(&sides, &mut driver).await;
    let sample = compared.expect("nothing fails").samples.remove(0);
    assert_eq!(sample.confirmation.len(), confirmation.starts);
    assert_eq!(sample.control.len(), confirmation.starts);
    let slower = |start: &PairedStart| {
        let value = start.value(Metric::Throughput).expect("a value");
        value.base / value.head
    };
    assert!(sample.confirmation.iter().all(|it| slower(it) > 1.3));
    assert!(sample.control.iter().all(|it| slower(it) < 1.1));

    // A control that cannot be started takes nothing from what was measured.
    let mut driver = Watched {
        simulated: Simulated::new(0.5, Noise::QUIET, 1),
        starts: 0,
        rounds: Vec::new(),
        error: |_, build| {
            (build == Side::Base).then(|| Error::Overdue {
                server: "one.base".into(),
                step: "its start".into(),
                within: Duration::from_secs(60),
            })
        },
    };
    let mut compared = pairing.run(&sides, &mut driver).await.expect("a result");
    assert!(compared.base_failures.is_empty());
    assert_eq!(compared.notes.len(), 1, "{:?}", compared.notes);
    let sample = compared.samples.remove(0);
    assert_eq!(sample.confirmation.len(), confirmation.starts);
    assert!(sample.control.is_empty());
}

#[tokio::test]
async fn pairs_that_were_cut_short_are_kept_and_decide_nothing() {
    let sides = twice();
    let mut driver = Watched {
        simulated: Simulated::new(0.5, Noise::QUIET, 1),
        starts: 0,
        rounds: Vec::new(),
        error: |start, _| (start == 3).then_some(Error::Stopped(Cause::Interrupted)),
    };
    let pairing = Pairing {
        counting: true,
        ..pairing(&sides)
    };
    let confirmation = pairing.confirmation;
    let compared = pairing.run(&sides, &mut driver).await;
    let compared = compared.expect("two starts were measured");
    assert!(matches!(compared.cut, Some(Error::Stopped(_))));
    let sample = &compared.samples[0];
    assert_eq!(sample.starts.len(), 2);
    let cell = &sides.head.cells[0];
    let mut findings = judge_pairs(sample, &cell.thresholds, confirmation);
    let partial = Partial {
        reason: "interrupted".into(),
        exit_code: 130,
        unfinished: vec![Unfinished {
            server: "one".into(),
            endpoint: sample.endpoint.clone(),
        }],
    };
    invalidate_partial(&mut findings, &partial);
    assert!(!findings.is_empty());
    let judged = |it: &Finding| matches!(it.verdict, Verdict::Pass | Verdict::Regression);
    assert!(!findings.iter().any(judged), "{findings:?}");
}

async fn watched(strategy: Strategy, round: f64) -> (Watched, usize) {
    watched_with(strategy, 0, round).await
}

/// With so many seconds that others left.
async fn watched_with(strategy: Strategy, spare: u64, round: f64) -> (Watched, usize) {
    let noise = Noise {
        round,
        ..Noise::QUIET
    };
    let mut driver = Watched {
        simulated: Simulated::new(0.0, noise, 1),
        starts: 0,
        rounds: Vec::new(),
        error: |_, _| None,
    };
    let sides = twice();
    let pairing = Pairing {
        strategy,
        spare: Duration::from_secs(spare),
        ..pairing(&sides)
    };
    let compared = within(600, pairing).run(&sides, &mut driver).await;
    let samples = compared.expect("a result").samples;
    let most =
        |of: fn(&PairedSample) -> &Vec<PairedStart>| samples.iter().map(|it| of(it).len()).max();
    // A suspect of noise is confirmed by starts of its own.
    let starts = [
        most(|it| &it.starts),
        most(|it| &it.confirmation),
        most(|it| &it.control),
    ];
    (driver, starts.into_iter().flatten().sum())
}

#[tokio::test]
async fn rounds_of_one_kind_follow_each_other() {
    let (driver, _) = watched(Strategy::Duet, 0.0).await;
    let of_cell = |start: usize| {
        let own = driver.rounds.iter().filter(|it| it.0 == start);
        let own = own.filter(|it| it.1 == "a");
        own.map(|it| it.2).collect::<Vec<_>>()
    };
    // A warm-up as fast as it goes, two rounds the same way, two at a fixed rate.
    assert_eq!(of_cell(2), [false, false, false, true, true]);
}

#[tokio::test]
async fn what_varies_much_gets_longer_rounds_in_its_first_start() {
    let (driver, starts) = watched(Strategy::Duet, 0.2).await;
    assert_eq!(driver.starts, starts, "no start is thrown away");
    let windows = |start: usize, at_rate: bool| {
        let own = driver
            .rounds
            .iter()
            .filter(|it| it.0 == start && it.2 == at_rate);
        own.map(|it| it.3).max().expect("rounds")
    };
    let round = PairPacing::from_pacing(plan(FILE).pacing, Strategy::Duet).round;
    assert!(windows(1, false) > round, "measured anew by longer ones");
    assert_eq!(windows(1, false), windows(2, false), "and so in the next");
    // A turn at a fixed rate has a whole number of requests.
    let at_rate = windows(2, true).div_duration_f64(windows(2, false));
    assert!(
        (at_rate - 1.0).abs() < 0.05,
        "as much longer at a fixed rate: {at_rate}"
    );
    // Sides that take turns are both needed to see it: they are started once more.
    let (driver, starts) = watched(Strategy::Interleaved, 0.2).await;
    // The survey starts each side once, and so does every start.
    assert_eq!(driver.starts, 2 + 2 * (starts + 1));
}

#[tokio::test]
async fn a_steady_server_is_measured_once_by_short_rounds() {
    let (driver, starts) = watched(Strategy::Duet, 0.0).await;
    assert_eq!(driver.starts, starts);
    let round = PairPacing::from_pacing(plan(FILE).pacing, Strategy::Duet).round;
    // A turn at a fixed rate has a whole number of requests.
    let longest = round.mul_f64(1.05);
    assert!(
        driver.rounds.iter().all(|it| it.3 <= longest),
        "{:?}",
        driver.rounds
    );
}

#[tokio::test]
async fn what_is_open_after_the_second_look_gets_the_time_that_others_left() {
    let (driver, starts) = watched_with(Strategy::Duet, 3000, 0.3).await;
    assert!(starts > 6, "{starts}");
    let longest = |start: usize, at_rate: bool| {
        let own = driver.rounds.iter();
        let own = own.filter(|it| it.0 == start && it.2 == at_rate);
        own.map(|it| it.3).max().expect("rounds")
    };
    let ratio = |later, earlier, at_rate| {
        let longest = [later, earlier].map(|start| longest(start, at_rate));
        longest[0].div_duration_f64(longest[1])
    };
    // At a fixed rate to a whole number of requests in each turn, of a rate that every start has anew.
    for (at_rate, off) in [(false, 0.01), (true, 0.1)] {
        let [before, twice] = [ratio(5, 4, at_rate), ratio(7, 6, at_rate)];
        assert!((before - 1.0).abs() < off, "not yet: {before}");
        assert!((twice - 2.0).abs() < off, "{twice}");
    }
}
