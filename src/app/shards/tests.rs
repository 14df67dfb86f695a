use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::deal::{cut_to, deal};
use super::merge::{Found, joined};
use super::{names, times};
use crate::config;
use crate::gate::{self, Baselines, Confirmation, Rules};
use crate::measure::{Noise, PairPacing, Pairing, Simulated};
use crate::model::{
    Baseline, Dealing, Fingerprint, Measurement, Partial, Plan, Provenance, Runner, ServerTimes,
    Shard, ShardRecord, Sides, Strategy, Target, Took, Unfinished,
};

const DIGEST: &str = "0123456789abcdef";
const SHARDS: usize = 4;

/// Six servers with four endpoints.
fn plan() -> Plan {
    let servers = ["a", "b", "c", "d", "e", "f"];
    let servers = servers.map(|name| format!("[server.{name}]\nrun = [\"{name}\"]\n"));
    let endpoints = ["w", "x", "y", "z"];
    let endpoints = endpoints.map(|name| format!("[endpoint.{name}]\npath = \"/{name}\"\n"));
    let text = servers.concat() + &endpoints.concat();
    config::parse(Path::new("perfgate.toml"), &text).expect("a plan")
}

fn shard(index: usize, total: usize) -> Shard {
    let number = |it| NonZeroUsize::new(it).expect("from 1");
    Shard {
        index: number(index),
        total: number(total),
    }
}

/// Pairs of every cell of the plan; the head of one server is slower.
async fn measured() -> &'static Measurement {
    static MEASURED: OnceCell<Measurement> = OnceCell::const_new();
    MEASURED.get_or_init(|| simulate(plan())).await
}

async fn simulate(plan: Plan) -> Measurement {
    let mut pairs = Vec::new();
    let targets = plan.targets.iter();
    let cells = || plan.targets.iter().flat_map(|it| &it.cells);
    let confirmation = Confirmation::from_thresholds(cells().map(|it| &it.thresholds));
    for (target, seed) in targets.zip(1..) {
        let sides = Sides {
            head: Target::clone(target),
            base: target.clone(),
        };
        let pairing = Pairing {
            pacing: PairPacing::from_pacing(plan.pacing, Strategy::Duet),
            spare: std::time::Duration::ZERO,
            strategy: Strategy::Duet,
            confirmation,
            counting: false,
            seed,
            observe: &|_| (),
        };
        let change = if target.name == "c" { 0.3 } else { 0.0 };
        let mut driver = Simulated::new(change, Noise::QUIET, seed);
        let compared = pairing.run(&sides, &mut driver).await;
        pairs.extend(compared.expect("a simulation cannot fail").samples);
    }
    Measurement {
        schema: Measurement::SCHEMA,
        provenance: provenance(),
        samples: Vec::new(),
        pairs,
        incidents: Vec::new(),
        identical: Vec::new(),
        same_build: Vec::new(),
        profiles: Vec::new(),
    }
}

fn provenance() -> Provenance {
    let runner = Runner {
        architecture: "x86_64".into(),
        cpu_model: "cpu".into(),
        cores: 2,
        kernel_major: "6".into(),
        engine_major: None,
    };
    Provenance {
        perfgate: "0.1.0".into(),
        head: Some("1".repeat(40)),
        dirty: false,
        base: Some("2".repeat(40)),
        fingerprint: Some(Fingerprint {
            runner,
            kernel: "6.1".into(),
            engine: None,
            memory: 1,
        }),
        images: std::collections::BTreeMap::new(),
        path: "no containers".into(),
        seed: Some(1),
        started: jiff::Timestamp::UNIX_EPOCH,
        seconds: 60.0,
        notes: vec!["of all".into()],
        shard: None,
        partial: None,
    }
}

/// A shard whose cells were dealt by their number.
fn of_shard(index: usize, total: usize) -> ShardRecord {
    ShardRecord {
        shard: shard(index, total),
        plan: DIGEST.into(),
        dealing: Dealing::ByCell,
        times: Vec::new(),
    }
}

/// A measurement as its shards would have made it.
fn split(plan: &Plan, whole: &Measurement) -> Vec<Found> {
    let dealt = deal(&names(plan), &[], shard(1, SHARDS).total);
    let dealt = dealt.expect("six servers");
    let part = |(own, index): (Vec<_>, usize)| {
        let record = of_shard(index, SHARDS);
        let mut part = whole.clone();
        part.pairs.retain(|it| {
            let name = crate::model::CellName::new(&it.server, &it.endpoint);
            own.contains(&name)
        });
        part.provenance.notes.push(super::note(&record));
        part.provenance.shard = Some(record);
        (PathBuf::from(format!("{index}/measurement.json")), Ok(part))
    };
    dealt.into_iter().zip(1..).map(part).collect()
}

/// The findings of a measurement, as they are written.
fn findings(plan: &Plan, measurement: &Measurement) -> String {
    let rules = Rules {
        of_cell: &|server, endpoint| plan.thresholds(server, endpoint),
        accepted: &[],
    };
    let findings = gate::findings(measurement, &Baselines::none(), rules);
    serde_json::to_string(&findings).expect("findings")
}

#[tokio::test]
async fn shards_are_judged_as_one_measurement_would_be() {
    let plan = plan();
    let whole = measured().await;
    let mut parts = split(&plan, whole);
    parts.reverse();
    let merged = joined(&plan, DIGEST, None, parts);
    assert_eq!(merged.provenance.partial, None);
    assert_eq!(merged.provenance.notes, ["of all"]);
    let (merged, whole) = (findings(&plan, &merged), findings(&plan, whole));
    assert!(whole.contains("\"regression\""), "the slow one is found");
    assert_eq!(merged, whole);
}

#[test]
fn each_shard_counts_what_the_others_judge() {
    let whole = plan();
    let of = |plan: &Plan| {
        let own = plan.targets.iter().flat_map(|it| &it.cells);
        let own = own.map(|it| &it.thresholds);
        let others = plan.shard.iter().flat_map(|it| &it.others);
        Confirmation::from_thresholds(own.chain(others.map(|(_, it)| it)))
    };
    for index in 1..=SHARDS {
        let mut part = plan();
        cut_to(&mut part, of_shard(index, SHARDS)).expect("few shards");
        assert!(names(&part).concat().len() < names(&whole).concat().len());
        assert_eq!(of(&part), of(&whole));
    }
    let many = cut_to(&mut plan(), of_shard(1, 25)).expect_err("24 cells");
    assert!(many.contains("at most 24 shards"), "{many}");
}

/// The second shard's measurement.
fn second(parts: &mut [Found]) -> &mut Measurement {
    parts[1].1.as_mut().expect("a measurement")
}

/// What the second shard says it is.
fn record(parts: &mut [Found]) -> &mut ShardRecord {
    let record = &mut second(parts).provenance.shard;
    record.as_mut().expect("a record")
}

/// Times of six servers whose first takes by far the longest.
fn lopsided() -> Vec<ServerTimes> {
    let mut times = vec![
        ServerTimes {
            start_ms: 1,
            cells_ms: vec![1; 4],
        };
        6
    ];
    times[0].cells_ms = vec![1000; 4];
    times
}

/// Puts shards together that something was done to: nothing of it passes, the report says what, and what
/// is measured and what is not are the whole plan.
async fn is_incomplete(spoil: impl Fn(&mut Vec<Found>), said: &str) {
    let plan = plan();
    let mut parts = split(&plan, measured().await);
    spoil(&mut parts);
    let merged = joined(&plan, DIGEST, None, parts);
    let partial = merged.provenance.partial.as_ref().expect("incomplete");
    assert!(partial.reason.contains(said), "{}", partial.reason);
    assert_eq!(partial.exit_code, 4);
    assert!(partial.is_cut(), "what is not measured is named");
    assert_eq!(merged.pairs.len() + partial.unfinished.len(), 24);
}

/// A test for each set of shards of which something is wrong.
macro_rules! incomplete {
    ($($name:ident: $spoil:expr, $said:literal;)*) => {
        /// See docs/robustness.md.
        mod incomplete {
            use super::*;

            #[test]
            fn every_set_of_the_list_has_a_test_and_every_test_its_row() {
                let list = include_str!("../../../docs/robustness.md");
                let rows = list.split("`app::shards::tests::incomplete::").skip(1);
                let rows: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
                assert_eq!(rows, [$(stringify!($name)),*]);
            }

            $(
                #[tokio::test]
                async fn $name() {
                    is_incomplete($spoil, $said).await;
                }
            )*
        }
    };
}

incomplete! {
    missing: |parts| drop(parts.remove(1)), "shard 2/4 is missing (";
    doubled: |parts| parts.push(parts[1].clone()), "shard 2/4 is there twice";
    of_another_configuration: |parts| record(parts).plan = "another".into(),
        "another configuration or selection";
    of_no_shard: |parts| second(parts).provenance.shard = None, "it is of no shard";
    older: |parts| second(parts).provenance.head = Some("0".repeat(40)),
        "head 0000000000000000000000000000000000000000 instead of 1111";
    of_another_base: |parts| second(parts).provenance.base = None, "base unknown instead of 2222";
    of_another_version: |parts| second(parts).provenance.perfgate = "0.0.9".into(),
        "perfgate 0.0.9 instead of 0.1.0";
    of_another_seed: |parts| second(parts).provenance.seed = Some(7), "seed 7 instead of 1";
    of_more_shards: |parts| record(parts).shard = shard(2, 5), "shards 5 instead of 4";
    of_more_shards_than_memory_has: |parts| record(parts).shard = shard(2, usize::MAX),
        "cannot have a shard 2/18446744073709551615";
    of_a_number_beyond_the_last: |parts| record(parts).shard.index = shard(9, 9).index,
        "cannot have a shard 9/4";
    dealt_by_other_times: |parts| record(parts).times = lopsided(), "dealt by other stored times";
    dealt_by_times_of_another_plan: |parts| record(parts).times = lopsided().split_off(1),
        "dealt by its times";
    to_be_ranked: |parts| record(parts).dealing = Dealing::ByEndpoint, "measured to be ranked";
    with_cells_of_another: |parts| {
        let cells = parts[0].1.as_ref().expect("a measurement").pairs.clone();
        second(parts).pairs = cells;
    }, "is not one of its cells";
    with_fewer_cells: |parts| drop(second(parts).pairs.remove(0)), "shard 2/4 lacks ";
    damaged: |parts| parts[1].1 = Err("cannot read `2/measurement.json`".into()),
        "cannot read `2/measurement.json`";
    interrupted: |parts| {
        let part = second(parts);
        let cut = part.pairs.remove(0);
        part.provenance.partial = Some(Partial {
            reason: "interrupted".into(),
            exit_code: 130,
            unfinished: vec![Unfinished {
                server: cut.server,
                endpoint: cut.endpoint,
            }],
        });
    }, "interrupted";
}

#[tokio::test]
async fn shards_that_were_dealt_by_the_same_times_are_put_together_whatever_is_stored_now() {
    let plan = plan();
    let (whole, times) = (measured().await, lopsided());
    let dealt = deal(&names(&plan), &times, shard(1, SHARDS).total).expect("times of the plan");
    assert!(dealt.iter().any(|it| it.len() < 6), "{dealt:?}");
    let part = |(own, index): (&Vec<_>, usize)| {
        let mut part = whole.clone();
        part.pairs
            .retain(|it| own.contains(&crate::model::CellName::new(&it.server, &it.endpoint)));
        part.provenance.shard = Some(ShardRecord {
            times: times.clone(),
            ..of_shard(index, SHARDS)
        });
        (PathBuf::from(format!("{index}/measurement.json")), Ok(part))
    };
    let parts = dealt.iter().zip(1..).map(part).collect();
    let merged = joined(&plan, DIGEST, None, parts);
    assert_eq!(merged.provenance.partial, None);
    assert_eq!(findings(&plan, &merged), findings(&plan, whole));
}

#[test]
fn times_are_medians_of_what_is_stored_and_the_median_of_all_where_nothing_is() {
    let run = |server: &str, endpoint: &str, start: u64, cell: u64| {
        let text = include_str!("../../../fixtures/measurements/2/two_starts.json");
        let measurement: Measurement = serde_json::from_str(text).expect("a measurement");
        let mut sample = measurement.samples[0].clone();
        (sample.key.server, sample.key.endpoint) = (server.into(), endpoint.into());
        let seconds = std::time::Duration::from_secs;
        sample.took = Some(Took {
            start: seconds(start),
            cell: seconds(cell),
        });
        let time = jiff::Timestamp::UNIX_EPOCH;
        Baseline::of_sample(&sample, None, time, crate::model::Outcome::Pass)
    };
    let plan = plan();
    assert_eq!(times(&plan, &[]), [], "nothing is known");
    let mut old = run("a", "w", 1, 1);
    old.took = None;
    assert_eq!(times(&plan, &[old]), [], "an older version stored it");
    let runs = [
        run("a", "w", 2, 10),
        run("a", "w", 4, 30),
        run("a", "w", 3, 20),
        run("b", "x", 7, 40),
        run("gone", "w", 100, 100),
    ];
    let times = times(&plan, &runs);
    let cells = |it: &ServerTimes| it.cells_ms.clone();
    assert_eq!(times[0].start_ms, 3_000);
    assert_eq!(cells(&times[0]), [20_000, 30_000, 30_000, 30_000]);
    assert_eq!((times[1].start_ms, times[1].cells_ms[1]), (7_000, 40_000));
    assert_eq!(
        (times[5].start_ms, cells(&times[5])),
        (5_000, vec![30_000; 4])
    );
}

#[tokio::test]
async fn the_commit_that_is_checked_out_says_which_run_counts() {
    let plan = plan();
    let whole = measured().await;
    let mut parts = split(&plan, whole);
    for (_, part) in &mut parts[1..] {
        let part = part.as_mut().expect("a measurement");
        part.provenance.head = Some("0".repeat(40));
    }
    let of = |head: &str, parts: Vec<Found>| {
        let merged = joined(&plan, DIGEST, Some(head), parts);
        merged.pairs.len()
    };
    let (own, most) = ("1".repeat(40), "3".repeat(40));
    assert_eq!(of(&own, parts.clone()), 6, "the shard of that commit");
    assert_eq!(of(&most, parts), 18, "else the one with most shards");
}

#[test]
fn nothing_at_all_is_incomplete() {
    let merged = joined(&plan(), DIGEST, None, Vec::new());
    let partial = merged.provenance.partial.expect("incomplete");
    assert_eq!(partial.unfinished.len(), 24);
}
