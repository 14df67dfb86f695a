use super::*;

/// A round of a second in which a request cost so much CPU time, and the server waited for the CPU for
/// ninety times as long as it ran.
fn crowded(cpu_per_request: Duration) -> Sample {
    let mut slow = sample(100, Duration::from_millis(500));
    let cpu = cpu_per_request * 100;
    slow.starts[0].rounds[0].usage = Some(Usage {
        cpu,
        memory: 1,
        rss: None,
        grown: None,
    });
    slow.starts[0].rounds[0].machine = Some(Machine {
        steal: 0.25,
        run_delay: Some(RunDelay {
            server: cpu * 90,
            ..RunDelay::default()
        }),
        ..Machine::default()
    });
    slow
}

fn verdict(sample: &Sample) -> (Verdict, Option<Reason>) {
    let bound = Threshold {
        ceiling: Some(configured(1000.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::CpuPerRequest, bound)]);
    let finding = judged(sample, &history(&FLAT), &rules, Metric::CpuPerRequest);
    (finding.verdict, finding.reason)
}

/// What waits for a CPU uses none: of CPU time only what was stolen, and a busy thread of the same core,
/// are an excuse.
#[test]
fn waiting_is_no_excuse_for_cpu_time() {
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    // A bound of 1 ms allows 2 ms by the thread and 2.67 ms with a quarter stolen.
    assert_eq!(verdict(&crowded(Duration::from_micros(2500))), busy);
    assert_eq!(verdict(&crowded(Duration::from_micros(2800))), broken);
}

/// A fresh start that was disturbed has not shown that nothing is there.
#[test]
fn a_disturbed_fresh_start_does_not_say_that_nothing_was_reproduced() {
    let then = |cpu| {
        let mut sample = crowded(Duration::from_millis(3));
        sample.starts.extend(crowded(cpu).starts);
        sample
    };
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(verdict(&then(Duration::from_micros(2500))), busy);
    let gone = (Verdict::Inconclusive, Some(Reason::NotReproduced));
    assert_eq!(verdict(&then(Duration::from_micros(500))), gone);
}

/// A server that does little waits long beside what it runs, and yet short beside the time of a round: of
/// throughput no more is excused than the part of the round in which somebody waited, and half of the rest.
#[test]
fn short_waits_are_no_excuse_for_a_stalled_round() {
    let stalled = |waited| {
        let mut sample = crowded(Duration::from_micros(100));
        let machine = sample.starts[0].rounds[0]
            .machine
            .as_mut()
            .expect("a machine");
        machine.run_delay = Some(RunDelay {
            server: waited,
            ..RunDelay::default()
        });
        sample
    };
    let bound = Threshold {
        ceiling: Some(configured(400.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::Throughput, bound)]);
    let verdict = |waited| {
        let sample = stalled(Duration::from_millis(waited));
        let finding = judged(&sample, &history(&FLAT), &rules, Metric::Throughput);
        (finding.verdict, finding.reason)
    };
    // With a quarter stolen, 100 requests are 400 at the most where somebody waited for a third of the
    // round, as the rest may have been twice as fast.
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(verdict(100), broken);
    assert_eq!(verdict(310), broken);
    assert_eq!(verdict(350), busy);
}

/// A median of the rounds would not see what slows one in three, nor would it need to know why.
#[test]
fn a_slow_round_of_three_counts_unless_something_else_disturbed_it() {
    let rules = margin(Metric::Throughput, 0.05, None);
    let verdict = |disturbed: [bool; 3]| {
        let mut rounds = Vec::new();
        for (count, is_disturbed) in [1000, 400, 1000].into_iter().zip(disturbed) {
            let mut one = sample(count, Duration::from_millis(1));
            let mut round = one.starts.remove(0).rounds.remove(0);
            round.machine = Some(Machine {
                steal: if is_disturbed { 0.5 } else { 0.0 },
                ..Machine::default()
            });
            rounds.push(round);
        }
        let mut head = sample(1000, Duration::from_millis(1));
        head.starts[0].rounds = rounds;
        let finding = judged(&head, &history(&[1000.0; 30]), &rules, Metric::Throughput);
        (finding.verdict, finding.head)
    };
    assert_eq!(verdict([false; 3]), (Verdict::Regression, Some(800.0)));
    assert_eq!(verdict([false, true, false]), (Verdict::Pass, Some(1000.0)));
    // What is left of most rounds says less than all of them, which have an excuse.
    assert_eq!(
        verdict([true, false, true]),
        (Verdict::Inconclusive, Some(800.0))
    );
}
