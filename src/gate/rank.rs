//! Samples of servers measured beside each other → their order, with ties.

use std::collections::BTreeMap;

use crate::model::{Competitor, Footprint, Metric, Sample, Standing, Table, Tally, Target};
use crate::stats;

/// Two-sided level of the intervals.
const LEVEL: f64 = 0.95;
/// Rounds of a cell without which it gets no interval, and no server of its endpoint a rank.
pub const FEWEST_RANKED_ROUNDS: usize = 6;

/// Orders the servers of every endpoint by requests per second, and by the memory they take.
pub fn rank(samples: &[Sample], targets: &[Target]) -> (Vec<Table>, Vec<Footprint>) {
    let mut tables: Vec<Table> = Vec::new();
    for sample in samples {
        let endpoint = &sample.key.endpoint;
        let standing = standing(sample, competitor(sample, targets));
        match tables.iter_mut().find(|table| table.endpoint == *endpoint) {
            Some(table) => table.standings.push(standing),
            None => tables.push(Table {
                endpoint: endpoint.clone(),
                standings: vec![standing],
            }),
        }
    }
    for table in &mut tables {
        order(&mut table.standings);
    }
    (tables, footprints(samples, targets))
}

fn competitor(sample: &Sample, targets: &[Target]) -> Competitor {
    let server = &sample.key.server;
    let target = targets.iter().find(|target| target.name == *server);
    Competitor {
        server: server.clone(),
        interface: target.and_then(|target| target.interface.clone()),
        behind: target.and_then(|target| target.behind.clone()),
    }
}

fn standing(sample: &Sample, competitor: Competitor) -> Standing {
    let rounds = sample.rounds().iter();
    let rounds = rounds.map(|round| Metric::Throughput.of_round(round));
    let rounds: Vec<_> = rounds.collect::<Option<_>>().unwrap_or_default();
    let tallies = || sample.rounds().iter().map(|round| &round.tally);
    let sum = |of: fn(&Tally) -> u64| tallies().map(of).sum();
    let mut errors = BTreeMap::new();
    for (kind, count) in tallies().flat_map(|tally| &tally.errors) {
        *errors.entry(*kind).or_default() += count;
    }
    let slowest = sample
        .rounds()
        .iter()
        .filter_map(|round| Metric::LatencyMax.of_round(round));
    Standing {
        rank: None,
        competitor,
        throughput: stats::median(&rounds),
        interval: stats::median_interval(&rounds, LEVEL),
        level: LEVEL,
        rounds: sample.rounds().len(),
        latency_p50: Metric::LatencyP50.of_sample(sample),
        latency_p99: Metric::LatencyP99.of_sample(sample),
        latency_max: slowest.reduce(f64::max),
        cpu_per_request: Metric::CpuPerRequest.of_sample(sample),
        requests: sum(|tally| tally.started),
        errors,
        unfinished: sum(|tally| tally.unfinished),
        closed_by_server: sum(|tally| tally.closed_by_server),
    }
}

/// Sorts and gives ranks: one more than the servers whose whole interval lies higher. Those without
/// a rate come last and have none.
fn order(standings: &mut [Standing]) {
    let rate = |it: &Standing| it.throughput.unwrap_or(f64::NEG_INFINITY);
    standings.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
    let measured = standings.partition_point(|it| it.throughput.is_some());
    let standings = &mut standings[..measured];
    let intervals: Option<Vec<_>> = standings.iter().map(|it| it.interval).collect();
    let Some(intervals) = intervals else {
        return;
    };
    for (standing, own) in standings.iter_mut().zip(&intervals) {
        let is_faster = |other: &&[f64; 2]| other[0] > own[1];
        standing.rank = Some(1 + intervals.iter().filter(is_faster).count());
    }
}

fn footprints(samples: &[Sample], targets: &[Target]) -> Vec<Footprint> {
    let mut footprints: Vec<Footprint> = Vec::new();
    for sample in samples {
        let of_this = |it: &Footprint| it.competitor.server == sample.key.server;
        let position = footprints.iter().position(of_this).unwrap_or_else(|| {
            footprints.push(Footprint {
                competitor: competitor(sample, targets),
                memory_peak: None,
                memory_rss: None,
                startup_time: Metric::StartupTime.of_sample(sample),
            });
            footprints.len() - 1
        });
        let of_server = &mut footprints[position];
        let highest = |so_far: Option<f64>, metric: Metric| {
            let values = so_far.into_iter().chain(metric.of_sample(sample));
            values.reduce(f64::max)
        };
        of_server.memory_peak = highest(of_server.memory_peak, Metric::MemoryPeak);
        of_server.memory_rss = highest(of_server.memory_rss, Metric::MemoryRss);
    }
    let size = |it: &Footprint| it.memory_peak.unwrap_or(f64::INFINITY);
    footprints.sort_by(|a, b| size(a).total_cmp(&size(b)));
    footprints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(server: &str, throughput: f64, interval: Option<[f64; 2]>) -> Standing {
        Standing {
            rank: None,
            competitor: Competitor {
                server: server.into(),
                interface: None,
                behind: None,
            },
            throughput: Some(throughput),
            interval,
            level: LEVEL,
            rounds: 10,
            latency_p50: None,
            latency_p99: None,
            latency_max: None,
            cpu_per_request: None,
            requests: 0,
            errors: BTreeMap::new(),
            unfinished: 0,
            closed_by_server: 0,
        }
    }

    fn ranks(mut standings: Vec<Standing>) -> Vec<(String, Option<usize>)> {
        order(&mut standings);
        let name = |it: Standing| (it.competitor.server, it.rank);
        standings.into_iter().map(name).collect()
    }

    #[test]
    fn servers_whose_intervals_overlap_share_a_rank() {
        let ranked = ranks(vec![
            standing("slow", 100.0, Some([90.0, 110.0])),
            standing("fast", 200.0, Some([190.0, 210.0])),
            standing("also fast", 195.0, Some([185.0, 205.0])),
        ]);
        let expected = [("fast", 1), ("also fast", 1), ("slow", 3)];
        assert_eq!(
            ranked,
            expected.map(|(name, rank)| (name.to_owned(), Some(rank)))
        );
    }

    #[test]
    fn the_fewest_rounds_are_those_that_give_an_interval() {
        let interval = |rounds| stats::median_interval(&vec![1.0; rounds], LEVEL);
        assert!(interval(FEWEST_RANKED_ROUNDS).is_some());
        assert!(interval(FEWEST_RANKED_ROUNDS - 1).is_none());
    }

    #[test]
    fn too_few_rounds_give_an_order_without_ranks() {
        let ranked = ranks(vec![standing("a", 1.0, None), standing("b", 2.0, None)]);
        assert_eq!(ranked, [("b".to_owned(), None), ("a".to_owned(), None)]);
    }

    #[test]
    fn a_server_without_a_rate_comes_last_and_takes_no_rank_from_others() {
        let silent = Standing {
            throughput: None,
            ..standing("silent", 0.0, None)
        };
        let ranked = ranks(vec![silent, standing("a", 1.0, Some([0.9, 1.1]))]);
        assert_eq!(
            ranked,
            [("a".to_owned(), Some(1)), ("silent".to_owned(), None)]
        );
    }
}
