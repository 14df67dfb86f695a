//! What a warm-up saw → how many connections saturate a server, and how long its rounds are. Pure.

use std::time::Duration;

use super::{Schedule, Turns};
use crate::gate::{FEWEST_RANKED_ROUNDS, requests_needed};
use crate::model::{
    Cell, Concurrency, Metric, Pacing, Pair, Sides, Tally, Threshold, Thresholds, Workload,
};
use crate::stats;

/// Requests in flight, as a multiple of those that just saturate a server whose answers all take
/// equally long: they do not.
const IN_FLIGHT: f64 = 4.0;
/// Connections that a server is first tried with: what one needs that answers one request at a time.
const FIRST_CONNECTIONS: usize = 4;
/// Of those that are wanted, so many are enough: another try takes time in the first start.
const ENOUGH: f64 = 0.6;
/// A window is so many times as long as the answers that take longest, so that the requests at its
/// ends weigh little beside those within it.
const ANSWERS: u32 = 4;
/// Answers of each side in a window: a mean of so many is nearly normal.
const FEWEST_ANSWERS: f64 = 50.0;
/// The most that a fine margin of a rate asks for in a window.
const MOST_ANSWERS: f64 = 200.0;
/// So many more than are needed, since a start may be slower than the warm-up.
const ANSWERS_IN_RESERVE: f64 = 1.2;
/// A warm-up is long enough for so many answers on each connection.
const WARM_UP_ANSWERS: f64 = 3.0;
/// Rounds of a cell at the least: fewer have no middle one.
const FEWEST_ROUNDS: usize = 3;
/// Standard deviation of a start at the most, as a share of the margin: by then shorter rounds in more starts
/// take less time than longer ones, and next to nothing stays open (docs/decisions/0022).
const QUIET: f64 = 0.55;
/// So noisy that no window helps.
const MOST_TIMES_LONGER: f64 = 100.0;
/// Longest warm-up of a side whose answers are slow.
const LONGEST_WARM_UP: Duration = Duration::from_secs(5);
/// So short that the machine is the same for a turn and the next: what a shared machine does to a
/// server changes within tens of milliseconds (docs/decisions/0010).
const SHORTEST_TURN: Duration = Duration::from_millis(10);
/// Requests of a turn at a fixed rate, at the least.
const REQUESTS_IN_TURN: f64 = 3.0;

/// What loading a cell showed; of two sides that of the slower one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Requests per second.
    pub rate: f64,
    /// Time within which nearly all answers come.
    pub answer: Duration,
}

impl Observed {
    pub(super) fn of_tally(tally: &Tally) -> Self {
        let answer = Duration::from_nanos(tally.latency.value_at_quantile(0.99));
        let rate = if tally.succeeded_in_window > 0 {
            tally.throughput()
        } else {
            tally.completed() as f64 / (tally.window + answer).as_secs_f64()
        };
        Self { rate, answer }
    }

    /// How long answers take on average while so many requests are in flight (Little's law); at a rate
    /// that leaves connections idle, no longer than nearly all of them.
    pub(super) fn mean_answer(self, in_flight: usize) -> Duration {
        let mean = seconds(in_flight as f64 / self.rate);
        match self.answer {
            Duration::ZERO => mean,
            longest => mean.min(longest),
        }
    }

    /// The slower of two.
    pub(super) fn or_slower(self, other: Self) -> Self {
        Self {
            rate: self.rate.min(other.rate),
            answer: self.answer.max(other.answer),
        }
    }
}

/// How a cell is loaded in every start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) connections: usize,
    pub(super) observed: Observed,
    pub(super) warmup: Duration,
    /// Of rounds with as much load as the server takes.
    pub(super) window: Duration,
    /// Of rounds at half of that.
    pub(super) open_window: Duration,
}

impl Size {
    /// Makes the windows of both kinds so many times as long.
    pub(super) fn lengthen(&mut self, times: f64) {
        self.window = self.window.mul_f64(times);
        self.open_window = self.open_window.mul_f64(times);
    }
}

/// Connections to begin with.
pub(super) fn first_connections(workload: &Workload) -> usize {
    match workload.concurrency {
        Concurrency::Configured => workload.connections,
        Concurrency::Adaptive => workload.connections.min(FIRST_CONNECTIONS),
    }
}

/// Whether so many connections do as well as those that are wanted.
pub(super) fn are_enough(connections: usize, wanted: usize) -> bool {
    connections as f64 >= ENOUGH * wanted as f64
}

/// Connections that keep a server busy all the time. A server that answers `rate` requests a second
/// when it is saturated, and one request in `idle` when it is not, is saturated from `rate · idle`
/// requests in flight on (Little's law; Lazowska et al., *Quantitative system performance*, 1984,
/// section 5.2: `N* = R₀ / D_max`). More make every answer slower and none more frequent.
pub(super) fn saturating(observed: Observed, idle: Duration, workload: &Workload) -> usize {
    let wanted = (IN_FLIGHT * observed.rate * idle.as_secs_f64()).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a count of connections"
    )]
    let wanted = wanted.clamp(IN_FLIGHT, IN_FLIGHT.max(workload.connections as f64)) as usize;
    match workload.concurrency {
        Concurrency::Configured => workload.connections,
        Concurrency::Adaptive => wanted.min(workload.connections),
    }
}

/// How a window is parted into turns, in each of which requests are sent for as long as an answer takes
/// on average: two for each connection. As much load as a server takes is followed by a wait for the last
/// answers, which is part of the window; at a fixed rate the window is the time in which requests are due,
/// and each turn has a whole number of them.
pub(super) fn turns(window: Duration, answer: Duration, rate: Option<f64>) -> Turns {
    let shortest = SHORTEST_TURN.max(answer);
    let (turn, drain) = match rate {
        None => (shortest + answer, answer),
        Some(rate) => {
            let paced = seconds(REQUESTS_IN_TURN / rate);
            (shortest.max(paced), Duration::ZERO)
        }
    };
    let count = window.as_nanos() / turn.as_nanos();
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let length = (window / count).saturating_sub(drain);
    let length = length.max(shortest.min(window));
    let whole = |rate: f64| seconds((rate * length.as_secs_f64()).round().max(1.0) / rate);
    Turns {
        count: count as usize,
        length: rate.map_or(length, whole),
        drain,
    }
}

/// How long a cell is warmed up whose answers take so long on average.
pub(super) fn warm_up(usual: Duration, answer: Duration) -> Duration {
    let answers = answer.mul_f64(WARM_UP_ANSWERS);
    usual.max(answers.min(LONGEST_WARM_UP))
}

/// The shortest window that says something about a cell: several times the slowest answers, and long
/// enough for so many of them.
pub(super) fn shortest_window(usual: Duration, observed: Observed) -> Duration {
    let counted = seconds(FEWEST_ANSWERS / observed.rate);
    usual.max(observed.answer * ANSWERS).max(counted)
}

/// The window in which so many pairs of rounds hold the answers that the margin of their rate asks for.
pub(super) fn window_for_rate(
    thresholds: &Thresholds,
    observed: Observed,
    pairs: usize,
) -> Duration {
    let rule = thresholds.get(&Metric::Throughput);
    let Some(rule) = rule.and_then(|it| it.margin.as_ref()) else {
        return Duration::ZERO;
    };
    let needed = requests_needed(Metric::Throughput, Some(rule.value)) as f64;
    let of_window = ANSWERS_IN_RESERVE * needed / pairs.max(1) as f64;
    seconds(of_window.min(MOST_ANSWERS) / observed.rate)
}

/// Rounds that take as long as those that were asked for, where slow answers make them longer, but no
/// fewer than what is made of them needs.
pub(super) fn rounds(pacing: Pacing, window: Duration, schedule: Schedule) -> usize {
    let fewest = match schedule {
        Schedule::Sequential => FEWEST_ROUNDS,
        Schedule::Interleaved => FEWEST_RANKED_ROUNDS,
    };
    let asked = pacing.round.as_secs_f64() * pacing.rounds as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most the rounds that were asked for"
    )]
    let rounds = (asked / window.as_secs_f64()).ceil() as usize;
    rounds.clamp(fewest.min(pacing.rounds), pacing.rounds)
}

/// The window in which a start's rounds at half the capacity hold the requests that a percentile
/// needs.
pub(super) fn window_for(metric: Metric, observed: Observed, pairs: usize) -> Duration {
    let needed = metric.requests_needed() as f64;
    seconds(needed / (pairs.max(1) as f64 * observed.rate / 2.0))
}

/// Variance of the change that a pair of rounds shows, of rates and of CPU time whichever varies more;
/// nothing of a single pair.
pub(super) fn variance_between_rounds(pairs: &[Pair]) -> Option<f64> {
    let of_metric = |metric: Metric| {
        let change = |pair: &Pair| {
            let value = Pair::value(std::slice::from_ref(pair), metric);
            let Sides { head, base } = value.filter(|it| it.head.min(it.base) > 0.0)?;
            Some((head / base).ln())
        };
        let changes: Vec<f64> = pairs.iter().filter_map(change).collect();
        (changes.len() > 1).then(|| stats::mean_and_deviation(&changes).1.powi(2))
    };
    let metrics = [Metric::Throughput, Metric::CpuPerRequest];
    metrics.into_iter().filter_map(of_metric).reduce(f64::max)
}

/// By how many times windows must become longer for what a start shows to vary by no more than a share of
/// the smallest margin, where pairs of rounds vary so much. The variance of a mean of independent pieces is
/// in inverse proportion to its length. What comes once in many requests, such as a collection of garbage,
/// varies less than that in rounds which follow each other directly.
pub(super) fn times_longer(variance: f64, pairs: usize, thresholds: &Thresholds) -> f64 {
    let measured = [Metric::Throughput, Metric::CpuPerRequest];
    let margins = measured.iter().filter_map(|metric| {
        let rule = thresholds.get(metric)?.margin.as_ref()?;
        Some(rule.value)
    });
    let Some(margin) = margins.reduce(f64::min) else {
        return 1.0;
    };
    let of_start = variance / pairs.max(1) as f64;
    let longer = of_start / (QUIET * margin).powi(2);
    longer.clamp(1.0, MOST_TIMES_LONGER)
}

/// Judged percentiles that windows up to `longest` are too short for; the window that serves the
/// others. Only a percentile that somebody wrote a rule for makes windows longer.
pub(super) fn percentiles(
    cell: &Cell,
    observed: Observed,
    pairs: usize,
    shortest: Duration,
    longest: Duration,
) -> (Duration, Vec<Metric>) {
    let judged = cell.thresholds.iter();
    let is_judged = |it: &Threshold| it.margin.is_some() || it.ceiling.is_some();
    let judged = judged.filter(|(metric, it)| metric.is_latency() && is_judged(it));
    let needed = |metric: Metric| window_for(metric, observed, pairs);
    let most = |is_configured| if is_configured { longest } else { shortest }.max(shortest);
    let (possible, impossible): (Vec<_>, Vec<_>) = judged
        .map(|(metric, threshold)| (*metric, threshold.is_configured()))
        .partition(|(metric, is_configured)| needed(*metric) <= most(*is_configured));
    let with_reserve = |(metric, is_configured)| {
        let window = needed(metric).mul_f64(ANSWERS_IN_RESERVE);
        window.min(most(is_configured))
    };
    let window = possible
        .into_iter()
        .map(with_reserve)
        .fold(shortest, Duration::max);
    let impossible = impossible.into_iter().map(|(metric, _)| metric);
    (window, impossible.collect())
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Request, Round, Rule, RuleOrigin};

    fn workload(connections: usize, concurrency: Concurrency) -> Workload {
        Workload {
            requests: vec![Request::get("/")],
            rate: None,
            connections,
            concurrency,
            threads: 1,
            timeout: Duration::from_secs(2),
        }
    }

    const fn observed(rate: f64, answer_ms: u64) -> Observed {
        Observed {
            rate,
            answer: Duration::from_millis(answer_ms),
        }
    }

    #[test]
    fn a_server_that_waits_needs_more_connections_than_one_that_computes() {
        let adaptive = workload(50, Concurrency::Adaptive);
        let idle = Duration::from_millis(10);
        // 100/s at 10 ms each: one request keeps it busy.
        assert_eq!(saturating(observed(100.0, 80), idle, &adaptive), 4);
        // Single requests that were luckier than those under load.
        assert_eq!(saturating(observed(10.0, 80), idle, &adaptive), 4);
        // 800/s of requests that wait 10 ms: eight just do, and four times as many surely.
        assert_eq!(saturating(observed(800.0, 10), idle, &adaptive), 32);
        assert_eq!(saturating(observed(8000.0, 10), idle, &adaptive), 50);
    }

    #[test]
    fn connections_that_the_user_chose_are_taken_as_they_are() {
        let own = workload(3, Concurrency::Configured);
        assert_eq!(first_connections(&own), 3);
        let idle = Duration::from_millis(10);
        assert_eq!(saturating(observed(8000.0, 10), idle, &own), 3);
        let many = workload(500, Concurrency::Configured);
        assert_eq!(saturating(observed(1.0, 10), idle, &many), 500);
    }

    /// A pair in which the sides answered so many requests in a second.
    fn pair(head: u64, base: u64) -> Pair {
        let round = |count: u64| {
            let mut tally = Tally::empty(Duration::from_secs(1));
            tally.succeeded = count;
            tally.succeeded_in_window = count;
            Round {
                tally,
                usage: None,
                machine: None,
                turnover: None,
                workers: None,
            }
        };
        let closed = Sides {
            head: round(head),
            base: round(base),
        };
        Pair { closed, open: None }
    }

    #[test]
    fn rounds_that_vary_make_windows_longer() {
        assert_eq!(variance_between_rounds(&[pair(100, 100)]), None);
        let alike = variance_between_rounds(&[pair(100, 90), pair(200, 180)]);
        assert!(alike.is_some_and(|it| it < 1e-12), "{alike:?}");
        let apart = variance_between_rounds(&[pair(110, 100), pair(100, 110)]);
        let variance = apart.expect("two pairs");
        // Two changes of ±ln 1.1 have a variance of 2 · (ln 1.1)².
        assert!((variance - 2.0 * 1.1_f64.ln().powi(2)).abs() < 1e-9);
        let rule = Rule {
            value: 0.05,
            text: "max_decrease 5%".into(),
            origin: RuleOrigin::Default,
        };
        let threshold = Threshold {
            margin: Some(rule),
            ..Threshold::default()
        };
        let rules = Thresholds::from([(Metric::Throughput, threshold)]);
        let longer = |variance| times_longer(variance, 2, &rules);
        assert!((longer(0.0) - 1.0).abs() < 1e-9);
        // 2.75 % in a start is what a margin of 5 % asks for; two rounds that vary by 7.78 % make it 5.5 %.
        assert!((longer(0.0778_f64.powi(2)) - 4.0).abs() < 0.01);
        assert!((times_longer(1.0, 2, &Thresholds::new()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn turns_are_as_long_as_their_answers_and_hold_whole_requests() {
        let millis = Duration::from_millis;
        let closed = |window, answer| {
            let turns = turns(millis(window), millis(answer), None);
            assert_eq!(turns.drain, millis(answer));
            (turns.length, turns.count)
        };
        // Twenty turns of 12.5 ms each, of which the last answer takes 2.
        assert_eq!(closed(250, 2), (Duration::from_micros(10_500), 20));
        assert_eq!(closed(500, 125), (millis(125), 2));
        // What is sent late is waited for after the window.
        assert_eq!(closed(500, 400), (millis(400), 1));
        let paced = |window, rate| {
            let turns = turns(millis(window), millis(1), Some(rate));
            assert_eq!(turns.drain, Duration::ZERO);
            (turns.length, turns.count)
        };
        // At 20 a second three requests take 150 ms, at 30 a second a tenth of one.
        assert_eq!(paced(450, 20.0), (millis(150), 3));
        let (turn, count) = paced(320, 30.0);
        assert_eq!(count, 3);
        assert!((turn.as_secs_f64() * 30.0 - 3.0).abs() < 1e-6, "{turn:?}");
        assert_eq!(paced(500, 0.1), (Duration::from_secs(10), 1));
    }

    #[test]
    fn only_a_written_rule_for_a_percentile_makes_windows_longer() {
        let cell = |origin| {
            let rule = Rule {
                value: 0.2,
                text: "max_increase 20%".into(),
                origin,
            };
            let threshold = Threshold {
                margin: Some(rule),
                ..Threshold::default()
            };
            Cell {
                endpoint: "home".into(),
                workload: workload(50, Concurrency::Adaptive),
                thresholds: Thresholds::from([(Metric::LatencyP99, threshold)]),
            }
        };
        let seconds = Duration::from_secs;
        let window = |cell: &Cell, longest| {
            percentiles(cell, observed(100.0, 10), 2, seconds(1), seconds(longest))
        };
        // A thousand requests and a fifth more at 50 a second, in two rounds; without the fifth where time is short.
        let file = RuleOrigin::File {
            name: "perfgate.toml".into(),
            line: 1,
        };
        let written = cell(file);
        assert_eq!(window(&written, 20), (seconds(12), vec![]));
        assert_eq!(window(&written, 11), (seconds(11), vec![]));
        let too_long = (seconds(1), vec![Metric::LatencyP99]);
        assert_eq!(window(&written, 5), too_long);
        assert_eq!(window(&cell(RuleOrigin::Default), 20), too_long);
    }

    #[test]
    fn a_bound_on_a_percentile_makes_windows_longer_as_a_margin_does() {
        let bound = Rule {
            value: 500_000.0,
            text: "max 500ms".into(),
            origin: RuleOrigin::File {
                name: "perfgate.toml".into(),
                line: 1,
            },
        };
        let threshold = Threshold {
            ceiling: Some(bound),
            ..Threshold::default()
        };
        let cell = Cell {
            endpoint: "home".into(),
            workload: workload(50, Concurrency::Adaptive),
            thresholds: Thresholds::from([(Metric::LatencyP99, threshold)]),
        };
        let seconds = Duration::from_secs;
        let sized = percentiles(&cell, observed(100.0, 10), 2, seconds(1), seconds(20));
        assert_eq!(sized, (seconds(12), vec![]));
    }

    #[test]
    fn a_fine_margin_of_a_rate_asks_for_more_answers() {
        let window = |margin: f64, pairs| {
            let rule = Rule {
                value: margin,
                text: "max_decrease".into(),
                origin: RuleOrigin::Default,
            };
            let threshold = Threshold {
                margin: Some(rule),
                ..Threshold::default()
            };
            let rules = Thresholds::from([(Metric::Throughput, threshold)]);
            window_for_rate(&rules, observed(10.0, 100), pairs)
        };
        // Forty in two rounds and a fifth more; a hundred; no more than two hundred in one.
        assert_eq!(window(0.05, 2), Duration::from_millis(2400));
        assert_eq!(window(0.02, 2), Duration::from_secs(6));
        assert_eq!(window(0.001, 2), Duration::from_secs(20));
        let none = window_for_rate(&Thresholds::new(), observed(10.0, 100), 2);
        assert_eq!(none, Duration::ZERO);
    }

    #[test]
    fn slow_answers_make_warm_ups_longer_up_to_a_limit() {
        let millis = Duration::from_millis;
        assert_eq!(warm_up(millis(250), millis(10)), millis(250));
        assert_eq!(warm_up(millis(250), millis(300)), millis(900));
        assert_eq!(warm_up(millis(250), millis(60_000)), millis(5000));
    }

    #[test]
    fn longer_rounds_are_fewer() {
        let second = Duration::from_secs(1);
        let pacing = Pacing {
            round: second,
            rounds: 10,
            warmup: second,
            budget: second,
        };
        let rounds_of = |pacing, window| rounds(pacing, window, Schedule::Sequential);
        assert_eq!(rounds_of(pacing, second), 10);
        assert_eq!(rounds_of(pacing, second * 2), 5);
        assert_eq!(rounds_of(pacing, second * 60), 3);
        // Servers that are ranked need intervals.
        assert_eq!(rounds(pacing, second * 60, Schedule::Interleaved), 6);
        let two = Pacing {
            rounds: 2,
            ..pacing
        };
        assert_eq!(rounds_of(two, second * 60), 2);
    }

    #[test]
    fn answers_at_a_low_rate_take_no_longer_than_most_of_them() {
        let millis = Duration::from_millis;
        assert_eq!(observed(100.0, 80).mean_answer(4), millis(40));
        assert_eq!(observed(20.0, 5).mean_answer(4), millis(5));
        assert_eq!(observed(20.0, 0).mean_answer(4), millis(200));
    }

    #[test]
    fn a_few_connections_less_than_wanted_are_enough() {
        assert!(are_enough(4, 4) && are_enough(4, 6) && are_enough(40, 50));
        assert!(!are_enough(4, 7) && !are_enough(4, 50));
    }

    #[test]
    fn a_window_is_longer_than_its_answers_and_holds_enough_of_them() {
        let usual = Duration::from_millis(500);
        assert_eq!(shortest_window(usual, observed(5000.0, 2)), usual);
        let slow = shortest_window(usual, observed(100.0, 1100));
        assert_eq!(slow, Duration::from_millis(4400));
        let rare = shortest_window(usual, observed(10.0, 100));
        assert_eq!(rare, Duration::from_secs(5));
        assert!(shortest_window(usual, observed(0.0, 1)) > Duration::from_secs(1000));
    }
}
