//! Which cells of a plan each shard measures.

use std::num::NonZeroUsize;

use super::names;
use crate::gate::LOOKS;
use crate::model::{CellName, Dealing, Plan, PlanShard, ServerTimes, Shard, ShardRecord};

/// How often a server is started at least until an endpoint can be judged: so much more does a start
/// weigh than the one that was stored.
const STARTS: u64 = LOOKS[0] as u64;
/// What a start and a cell weigh where nothing is known of either: a start takes about as long as the
/// rounds of one cell.
const UNKNOWN: u64 = 1;
/// By how many times the longest shard may take longer than the mean, where splitting servers can
/// help it.
const LOPSIDED: f64 = 1.2;

/// What the parts of a plan weigh: the time that they take, in one unit for all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weights {
    starts: Vec<u64>,
    cells: Vec<Vec<u64>>,
}

/// A cell by its places in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    server: usize,
    cell: usize,
}

/// Leaves of a plan what a shard measures, and notes what the others do.
pub(crate) fn cut_to(plan: &mut Plan, record: ShardRecord) -> Result<(), String> {
    let (all, shard) = (names(plan), record.shard);
    let (count, what) = match record.dealing {
        Dealing::ByCell => (all.concat().len(), "servers and endpoints"),
        Dealing::ByEndpoint => (endpoints(&all).len(), "endpoints"),
    };
    if shard.total.get() > count {
        return Err(format!(
            "the plan has {count} {what} to measure: use at most {count} shards"
        ));
    }
    let dealt = dealt(&all, &record).ok_or("the stored times are of another plan")?;
    let own = &dealt[shard.index.get() - 1];
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
    plan.shard = Some(PlanShard { record, others });
    Ok(())
}

/// The cells of each shard, as a record says that they were dealt; nothing where it cannot be of these servers.
pub(super) fn dealt(servers: &[Vec<CellName>], record: &ShardRecord) -> Option<Vec<Vec<CellName>>> {
    let Shard { index, total } = record.shard;
    let endpoints = endpoints(servers);
    let most = match record.dealing {
        Dealing::ByCell => servers.iter().map(Vec::len).sum(),
        Dealing::ByEndpoint => endpoints.len(),
    };
    if index > total || total.get() > most {
        return None;
    }
    match record.dealing {
        Dealing::ByCell => deal(servers, &record.times, total),
        Dealing::ByEndpoint => deal_endpoints(servers, &endpoints, &record.times, total),
    }
}

/// The endpoints of all servers, in the order in which they come.
fn endpoints(servers: &[Vec<CellName>]) -> Vec<&str> {
    let mut endpoints = Vec::new();
    for cell in servers.iter().flatten() {
        if !endpoints.contains(&cell.endpoint.as_str()) {
            endpoints.push(cell.endpoint.as_str());
        }
    }
    endpoints
}

/// Whole endpoints: every shard starts all servers, as if these were one.
fn deal_endpoints(
    servers: &[Vec<CellName>],
    endpoints: &[&str],
    times: &[ServerTimes],
    shards: NonZeroUsize,
) -> Option<Vec<Vec<CellName>>> {
    Weights::of(servers, times)?;
    let one: Vec<_> = endpoints.iter().map(|it| CellName::new("", it)).collect();
    let whole = |times: &[ServerTimes]| {
        let cells = servers.iter().zip(times).flat_map(|(cells, times)| {
            let names = cells.iter().map(|it| it.endpoint.as_str());
            names.zip(times.cells_ms.iter().copied())
        });
        let cells: Vec<(&str, u64)> = cells.collect();
        let of_endpoint = |name: &&str| {
            let own = cells.iter().filter(|(it, _)| it == name);
            own.fold(0, |sum: u64, (_, time)| sum.saturating_add(*time))
        };
        ServerTimes {
            start_ms: times
                .iter()
                .fold(0, |sum: u64, it| sum.saturating_add(it.start_ms)),
            cells_ms: endpoints.iter().map(of_endpoint).collect(),
        }
    };
    let times: Vec<_> = (!times.is_empty())
        .then(|| whole(times))
        .into_iter()
        .collect();
    let dealt = deal(&[one], &times, shards)?;
    let of_shard = |own: Vec<CellName>| {
        let is_own = |cell: &&CellName| own.iter().any(|it| it.endpoint == cell.endpoint);
        servers.iter().flatten().filter(is_own).cloned().collect()
    };
    Some(dealt.into_iter().map(of_shard).collect())
}

/// The cells of each shard, by server and in the plan's order; nothing where the times are not of these
/// servers. Servers stay together, because each job must start them; one is split where a shard would
/// take much longer than the others.
pub(super) fn deal(
    servers: &[Vec<CellName>],
    times: &[ServerTimes],
    shards: NonZeroUsize,
) -> Option<Vec<Vec<CellName>>> {
    let weights = Weights::of(servers, times)?;
    let mut dealt = weights.deal_whole(shards);
    while weights.is_lopsided(&dealt) && weights.level(&mut dealt) {}
    let named = |mut places: Vec<Place>| {
        places.sort_unstable();
        let names = places.into_iter();
        names
            .map(|it| servers[it.server][it.cell].clone())
            .collect()
    };
    Some(dealt.into_iter().map(named).collect())
}

impl Weights {
    fn of(servers: &[Vec<CellName>], times: &[ServerTimes]) -> Option<Self> {
        if times.is_empty() {
            let unknown = |cells: &Vec<CellName>| vec![UNKNOWN; cells.len()];
            return Some(Self {
                starts: vec![UNKNOWN; servers.len()],
                cells: servers.iter().map(unknown).collect(),
            });
        }
        let fits =
            |(cells, times): (&Vec<CellName>, &ServerTimes)| cells.len() == times.cells_ms.len();
        let fit = servers.len() == times.len() && servers.iter().zip(times).all(fits);
        // What is far longer than any run is no time; a sum of such would be too large.
        let weight = |it: u64| it.clamp(1, u64::from(u32::MAX));
        let cells = |it: &ServerTimes| it.cells_ms.iter().map(|it| weight(*it)).collect();
        fit.then(|| Self {
            starts: times
                .iter()
                .map(|it| weight(it.start_ms) * STARTS)
                .collect(),
            cells: times.iter().map(cells).collect(),
        })
    }

    fn cell(&self, place: Place) -> u64 {
        self.cells[place.server][place.cell]
    }

    /// What a shard takes; a server is started once, however many of its cells are in it.
    fn of_shard(&self, shard: &[Place]) -> u64 {
        let cells: u64 = shard.iter().map(|it| self.cell(*it)).sum();
        let starts: u64 = servers_of(shard)
            .into_iter()
            .map(|it| self.starts[it])
            .sum();
        cells + starts
    }

    fn of_server(&self, server: usize) -> u64 {
        self.starts[server] + self.cells[server].iter().sum::<u64>()
    }

    /// The longest server first, each to the shard that has least (Graham, *Bounds on multiprocessing
    /// timing anomalies*, 1969: at most a third longer than the best).
    fn deal_whole(&self, shards: NonZeroUsize) -> Vec<Vec<Place>> {
        let mut by_length: Vec<usize> = (0..self.starts.len()).collect();
        by_length.sort_by_key(|it| std::cmp::Reverse(self.of_server(*it)));
        let mut dealt = vec![Vec::new(); shards.get()];
        for server in by_length {
            let least = dealt.iter_mut().min_by_key(|it| self.of_shard(it));
            let places = (0..self.cells[server].len()).map(|cell| Place { server, cell });
            least.expect("there is a shard").extend(places);
        }
        dealt
    }

    fn is_lopsided(&self, dealt: &[Vec<Place>]) -> bool {
        let weights = || dealt.iter().map(|it| self.of_shard(it));
        let (longest, whole) = (weights().max().unwrap_or(0), weights().sum::<u64>());
        dealt.iter().any(Vec::is_empty)
            || longest as f64 * dealt.len() as f64 > LOPSIDED * whole as f64
    }

    /// Moves cells of one server from the longest shard to another, so that the longer of both becomes as
    /// short as it can; into a shard that has none also from the next longest. Whether there was anything
    /// to move. Both become shorter than the one was, so that this comes to an end.
    fn level(&self, dealt: &mut [Vec<Place>]) -> bool {
        let mut by_length: Vec<usize> = (0..dealt.len()).collect();
        by_length.sort_by_key(|it| std::cmp::Reverse(self.of_shard(&dealt[*it])));
        let mut found = by_length.iter().enumerate().map(|(rank, from)| {
            let others = (0..dealt.len()).filter(|to| to != from);
            let to = others.filter(|to| rank == 0 || dealt[*to].is_empty());
            let best = to.filter_map(|to| {
                let (length, moved) = self.best_move(&dealt[*from], &dealt[to])?;
                Some((length, to, moved))
            });
            let best = best.min_by_key(|(length, to, _)| (*length, *to));
            best.map(|(_, to, moved)| (*from, to, moved))
        });
        let Some((from, to, moved)) = found.find_map(|it| it) else {
            return false;
        };
        dealt[from].retain(|it| !moved.contains(it));
        dealt[to].extend(moved);
        true
    }

    /// The cells of one server that shorten the longer of two shards most, and how long it is then.
    fn best_move(&self, from: &[Place], to: &[Place]) -> Option<(u64, Vec<Place>)> {
        let before = self.of_shard(from);
        let surplus = before.saturating_sub(self.of_shard(to));
        let candidates = servers_of(from).into_iter().flat_map(|server| {
            let is_there = to.iter().any(|it| it.server == server);
            let start = if is_there { 0 } else { self.starts[server] };
            let own = from.iter().filter(|it| it.server == server);
            let mut own: Vec<Place> = own.copied().collect();
            own.sort_by_key(|it| (std::cmp::Reverse(self.cell(*it)), *it));
            // The other shard has to start the server, too.
            let room = surplus.saturating_sub(start) / 2;
            let mut taken = 0;
            let fitting = own.iter().copied().filter(|it| {
                let fits = taken + self.cell(*it) <= room;
                taken += if fits { self.cell(*it) } else { 0 };
                fits
            });
            let fitting: Vec<Place> = fitting.collect();
            [fitting, own.last().copied().into_iter().collect(), own]
        });
        let lengths = candidates.filter(|it| !it.is_empty()).map(|moved| {
            let left = from.iter().filter(|it| !moved.contains(it)).copied();
            let left = self.of_shard(&left.collect::<Vec<_>>());
            let grown = self.of_shard(&[to, &moved[..]].concat());
            (left.max(grown), moved)
        });
        lengths
            .filter(|(length, moved)| *length < before && moved.len() < from.len())
            .min_by(|(a, _), (b, _)| a.cmp(b))
    }
}

/// The servers of some cells, each once.
fn servers_of(places: &[Place]) -> Vec<usize> {
    let mut servers: Vec<usize> = places.iter().map(|it| it.server).collect();
    servers.sort_unstable();
    servers.dedup();
    servers
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

    fn dealt(
        servers: &[Vec<CellName>],
        times: &[ServerTimes],
        total: NonZeroUsize,
    ) -> Vec<Vec<CellName>> {
        deal(servers, times, total).expect("times of these servers")
    }

    #[test]
    fn servers_stay_together_where_that_is_even() {
        let dealt = dealt(&servers(&[4; 6]), &[], shards(3));
        for shard in &dealt {
            assert_eq!(shard.len(), 8);
            assert_eq!(shard[0].server, shard[3].server);
            assert_eq!(shard[4].server, shard[7].server);
        }
    }

    #[test]
    fn endpoints_of_all_servers_stay_together_where_these_are_ranked() {
        let all = servers(&[4, 4, 3]);
        let slow = |cells: Vec<u64>| ServerTimes {
            start_ms: 5_000,
            cells_ms: cells,
        };
        let times = vec![
            slow(vec![60_000, 10_000, 10_000, 10_000]),
            slow(vec![60_000, 10_000, 10_000, 10_000]),
            slow(vec![60_000, 10_000, 10_000]),
        ];
        for times in [Vec::new(), times] {
            let is_known = !times.is_empty();
            let record = ShardRecord {
                shard: "1/2".parse().expect("a shard"),
                plan: String::new(),
                dealing: Dealing::ByEndpoint,
                times,
            };
            let dealt = super::dealt(&all, &record).expect("times of these servers");
            assert_eq!(dealt.concat().len(), 11);
            for shard in &dealt {
                for cell in shard {
                    let of_endpoint = all
                        .concat()
                        .into_iter()
                        .filter(|it| it.endpoint == cell.endpoint);
                    assert!(
                        of_endpoint.into_iter().all(|it| shard.contains(&it)),
                        "{dealt:?}"
                    );
                }
            }
            let alone = dealt
                .iter()
                .any(|it| it.iter().all(|it| it.endpoint == "e0"));
            assert_eq!(alone, is_known, "the slow one takes as long as the others");
            let many = ShardRecord {
                shard: "1/5".parse().expect("a shard"),
                ..record
            };
            assert_eq!(super::dealt(&all, &many), None);
        }
    }

    #[test]
    fn a_server_larger_than_a_shard_is_split() {
        let dealt = dealt(&servers(&[24]), &[], shards(4));
        assert!(dealt.iter().all(|shard| shard.len() == 6), "{dealt:?}");
    }

    #[test]
    fn a_slow_endpoint_weighs_as_much_as_many_fast_ones() {
        let times = ServerTimes {
            start_ms: 100,
            cells_ms: vec![60_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000],
        };
        let dealt = dealt(&servers(&[7]), &[times], shards(2));
        let mut sizes: Vec<_> = dealt.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 6]);
    }

    #[test]
    fn a_server_that_takes_long_to_start_stays_together() {
        let times = |start_ms| ServerTimes {
            start_ms,
            cells_ms: vec![10_000; 4],
        };
        let all = [times(60_000), times(60_000), times(60_000), times(1_000)];
        let dealt = dealt(&servers(&[4; 4]), &all, shards(4));
        for shard in &dealt {
            let servers: std::collections::BTreeSet<_> =
                shard.iter().map(|it| &it.server).collect();
            let slow = servers.iter().filter(|it| ***it != "s3").count();
            assert!(slow <= 1, "{dealt:?}");
        }
    }

    #[test]
    fn no_shard_is_empty_however_long_one_cell_is() {
        let one = |cells_ms| ServerTimes {
            start_ms: 1,
            cells_ms,
        };
        let times = [one(vec![1_000_000]), one(vec![10, 10, 10])];
        let dealt = dealt(&servers(&[1, 3]), &times, shards(4));
        assert!(dealt.iter().all(|it| it.len() == 1), "{dealt:?}");
    }

    #[test]
    fn times_of_another_plan_or_of_nobody_are_no_harm() {
        let all = servers(&[2, 2]);
        let times = |cells_ms| ServerTimes {
            start_ms: u64::MAX,
            cells_ms,
        };
        for other in [
            vec![times(vec![1, 1])],
            vec![times(vec![1]), times(vec![1, 1, 1])],
        ] {
            assert_eq!(deal(&all, &other, shards(2)), None);
        }
        let huge = vec![times(vec![u64::MAX; 2]); 2];
        assert_eq!(dealt(&all, &huge, shards(2)).concat().len(), 4);
        let none = vec![
            ServerTimes {
                start_ms: 0,
                cells_ms: vec![0, 0]
            };
            2
        ];
        assert!(dealt(&all, &none, shards(4)).iter().all(|it| it.len() == 1));
    }

    /// A plan of servers that take between two and 40 s to start, with endpoints that take between 5 and 60 s,
    /// both as likely short as long on a scale of ratios.
    fn drawn(random: &mut StdRng) -> (Vec<usize>, Vec<ServerTimes>) {
        let count = random.random_range(4..=40);
        let sizes: Vec<usize> = (0..count).map(|_| random.random_range(1..=12)).collect();
        let mut time = |from: f64, to: f64| {
            let ratio: f64 = random.random_range(from.ln()..to.ln());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some seconds"
            )]
            let milliseconds = (ratio.exp() * 1e3) as u64;
            milliseconds
        };
        let times = sizes.iter().map(|cells| ServerTimes {
            start_ms: time(2.0, 40.0),
            cells_ms: (0..*cells).map(|_| time(5.0, 60.0)).collect(),
        });
        let times = times.collect();
        (sizes, times)
    }

    #[test]
    fn every_cell_is_dealt_once_and_the_longest_shard_is_at_most_a_fifth_above_the_mean() {
        let mut random = StdRng::seed_from_u64(1);
        let mut split = 0;
        for plan in 0..100 {
            let (sizes, times) = drawn(&mut random);
            // Half of the plans were never stored.
            let times = if plan % 2 == 0 { times } else { Vec::new() };
            let all = servers(&sizes);
            let weights = Weights::of(&all, &times).expect("times of these");
            // What cannot be split is no longer than half of a shard.
            let whole: u64 = (0..sizes.len()).map(|it| weights.of_server(it)).sum();
            let longest = weights.starts.iter().zip(&weights.cells);
            let longest = longest.map(|(start, cells)| start + cells.iter().max().expect("cells"));
            let most = whole / (2 * longest.max().expect("servers"));
            let most = usize::try_from(most).expect("few");
            let total = shards(random.random_range(2..=8).min(most).max(1));
            split += usize::from(total.get() > 1);
            let dealt = dealt(&all, &times, total);
            let again = deal(&all, &times, total);
            assert_eq!(Some(&dealt), again.as_ref(), "the same on every machine");
            let mut each: Vec<_> = dealt.concat();
            each.sort();
            let mut expected = all.concat();
            expected.sort();
            assert_eq!(each, expected);
            let place = |name: &CellName| {
                let server = all
                    .iter()
                    .position(|it| it.contains(name))
                    .expect("a server");
                let cell = all[server]
                    .iter()
                    .position(|it| it == name)
                    .expect("a cell");
                Place { server, cell }
            };
            let length = |shard: &Vec<CellName>| {
                weights.of_shard(&shard.iter().map(place).collect::<Vec<_>>())
            };
            let lengths: Vec<_> = dealt.iter().map(length).collect();
            let longest = *lengths.iter().max().expect("shards") as f64;
            let mean = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
            assert!(longest <= 1.2 * mean, "{sizes:?} in {total}: {lengths:?}");
        }
        assert!(split >= 50, "{split} plans were split");
    }
}
