//! Which cells of a plan each shard measures.

use std::cmp::Reverse;
use std::num::NonZeroUsize;

use crate::model::{CellName, Plan, PlanShard, Shard, ShardRecord};

/// What starting a server costs, in cells: about as long as the rounds of one.
const START: usize = 1;
/// By how many times the longest shard may take longer than the mean, where splitting servers can
/// help it.
const LOPSIDED: f64 = 1.2;

/// Cells of one server that stay together.
#[derive(Debug, Clone)]
struct Chunk {
    server: usize,
    cells: Vec<CellName>,
}

/// Leaves of a plan what a shard measures, and notes what the others do. `digest` is of the
/// configuration and the selection.
pub(crate) fn cut_to(plan: &mut Plan, shard: Shard, digest: String) -> Result<(), String> {
    let all: Vec<Vec<CellName>> = plan
        .targets
        .iter()
        .map(|target| {
            let cells = target.cells.iter();
            cells
                .map(|cell| CellName::new(&target.name, &cell.endpoint))
                .collect()
        })
        .collect();
    let count: usize = all.iter().map(Vec::len).sum();
    if shard.total.get() > count {
        return Err(format!(
            "the plan has {count} servers and endpoints to measure: use at most {count} shards"
        ));
    }
    let own = &deal(&all, shard.total)[shard.index.get() - 1];
    let mut others = Vec::new();
    for target in &mut plan.targets {
        let server = target.name.clone();
        let left = target.cells.extract_if(.., |cell| {
            !own.contains(&CellName::new(&server, &cell.endpoint))
        });
        others.extend(left.map(|cell| (CellName::new(&server, &cell.endpoint), cell.thresholds)));
    }
    plan.targets.retain(|target| !target.cells.is_empty());
    let is_other = |server: &str, endpoint: &str| {
        let mut names = others.iter().map(|(name, _)| name);
        names.any(|it| it.server == server && it.endpoint == endpoint)
    };
    plan.accepted
        .retain(|it| !is_other(&it.server, &it.endpoint));
    plan.shard = Some(PlanShard {
        record: ShardRecord {
            shard,
            plan: digest,
        },
        others,
    });
    Ok(())
}

/// The cells of each shard, by server and in the plan's order. Servers stay together, because each job
/// must start them; one is split where a shard would take much longer than the others.
pub(super) fn deal(servers: &[Vec<CellName>], shards: NonZeroUsize) -> Vec<Vec<CellName>> {
    let mut dealt = deal_whole(servers, shards);
    while is_lopsided(&dealt) && level(&mut dealt) {}
    dealt.into_iter().map(in_order).collect()
}

/// The longest server first, each to the shard that has least (Graham, *Bounds on multiprocessing
/// timing anomalies*, 1969: at most a third longer than the best).
fn deal_whole(servers: &[Vec<CellName>], shards: NonZeroUsize) -> Vec<Vec<Chunk>> {
    let chunk = |(server, cells): (usize, &Vec<CellName>)| Chunk {
        server,
        cells: cells.clone(),
    };
    let mut by_length: Vec<_> = servers.iter().enumerate().map(chunk).collect();
    by_length.sort_by_key(|it| Reverse(it.cells.len()));
    let mut dealt: Vec<Vec<Chunk>> = vec![Vec::new(); shards.get()];
    for chunk in by_length {
        let least = dealt.iter_mut().min_by_key(|it| cost(it));
        least.expect("there is a shard").push(chunk);
    }
    dealt
}

fn is_lopsided(dealt: &[Vec<Chunk>]) -> bool {
    let costs = || dealt.iter().map(|it| cost(it));
    let (longest, whole) = (costs().max().unwrap_or(0), costs().sum::<usize>());
    dealt.iter().any(Vec::is_empty) || longest as f64 * dealt.len() as f64 > LOPSIDED * whole as f64
}

/// Moves cells of one server from the longest shard to the shortest, so many that both take about as
/// long; whether there was anything to move.
fn level(dealt: &mut [Vec<Chunk>]) -> bool {
    let costs: Vec<usize> = dealt.iter().map(|it| cost(it)).collect();
    let position = |wanted: Option<&usize>| costs.iter().position(|it| Some(it) == wanted);
    let (longest, shortest) = (position(costs.iter().max()), position(costs.iter().min()));
    let (Some(longest), Some(shortest)) = (longest, shortest) else {
        return false;
    };
    // The other shard has to start the server, too.
    let surplus = costs[longest].saturating_sub(costs[shortest] + START);
    let largest = dealt[longest].iter_mut().max_by_key(|it| it.cells.len());
    let Some(Chunk { server, cells }) = largest.filter(|_| surplus >= 2) else {
        return false;
    };
    let (server, left) = (*server, cells.len().saturating_sub(surplus / 2));
    let cells = cells.split_off(left);
    dealt[longest].retain(|it| !it.cells.is_empty());
    dealt[shortest].push(Chunk { server, cells });
    true
}

/// What a shard takes, in cells; a server that is in two chunks of it is started once.
fn cost(chunks: &[Chunk]) -> usize {
    let mut servers: Vec<usize> = chunks.iter().map(|it| it.server).collect();
    servers.sort_unstable();
    servers.dedup();
    let cells: usize = chunks.iter().map(|it| it.cells.len()).sum();
    cells + START * servers.len()
}

fn in_order(mut chunks: Vec<Chunk>) -> Vec<CellName> {
    chunks.sort_by_key(|it| it.server);
    chunks.into_iter().flat_map(|it| it.cells).collect()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn servers(sizes: &[usize]) -> Vec<Vec<CellName>> {
        let cells = |(server, count): (usize, &usize)| {
            let cells = 0..*count;
            cells
                .map(|cell| CellName::new(&format!("s{server}"), &format!("e{cell}")))
                .collect()
        };
        sizes.iter().enumerate().map(cells).collect()
    }

    fn shards(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).expect("shards")
    }

    #[test]
    fn servers_stay_together_where_that_is_even() {
        let dealt = deal(&servers(&[4; 6]), shards(3));
        for shard in &dealt {
            assert_eq!(shard.len(), 8);
            assert_eq!(shard[0].server, shard[3].server);
            assert_eq!(shard[4].server, shard[7].server);
        }
    }

    #[test]
    fn a_server_larger_than_a_shard_is_split() {
        let dealt = deal(&servers(&[24]), shards(4));
        assert!(dealt.iter().all(|shard| shard.len() == 6), "{dealt:?}");
    }

    #[test]
    fn every_cell_is_dealt_once_and_the_longest_shard_is_at_most_a_fifth_above_the_mean() {
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..50 {
            let count = random.random_range(4..=40);
            let sizes: Vec<_> = (0..count).map(|_| random.random_range(1..=12)).collect();
            let all = servers(&sizes);
            let cells: usize = sizes.iter().sum();
            let total = shards(random.random_range(2..=8).min(cells / 4));
            let dealt = deal(&all, total);
            assert_eq!(dealt, deal(&all, total), "the same on every machine");
            let mut each: Vec<_> = dealt.concat();
            each.sort();
            let mut expected = all.concat();
            expected.sort();
            assert_eq!(each, expected);
            let cost = |shard: &Vec<CellName>| {
                let mut servers: Vec<_> = shard.iter().map(|it| &it.server).collect();
                servers.dedup();
                shard.len() + START * servers.len()
            };
            let costs: Vec<_> = dealt.iter().map(cost).collect();
            let longest = *costs.iter().max().expect("shards") as f64;
            let mean = costs.iter().sum::<usize>() as f64 / costs.len() as f64;
            assert!(longest <= 1.2 * mean, "{sizes:?} in {total}: {costs:?}");
        }
    }
}
