use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::deal::{cut_to, deal};
use super::merge::{Found, joined, names};
use crate::config;
use crate::gate::{self, Baselines, Confirmation, Rules};
use crate::measure::{Noise, PairPacing, Pairing, Simulated};
use crate::model::{
    Fingerprint, Measurement, Partial, Plan, Provenance, Runner, Shard, ShardRecord, Sides,
    Strategy, Target, Unfinished,
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

/// A measurement as its shards would have made it.
fn split(plan: &Plan, whole: &Measurement) -> Vec<Found> {
    let dealt = deal(&names(plan), NonZeroUsize::new(SHARDS).expect("shards"));
    let part = |(own, index): (Vec<_>, usize)| {
        let record = ShardRecord {
            shard: shard(index, SHARDS),
            plan: DIGEST.into(),
        };
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
        cut_to(&mut part, shard(index, SHARDS), DIGEST.into()).expect("few shards");
        assert!(names(&part).concat().len() < names(&whole).concat().len());
        assert_eq!(of(&part), of(&whole));
    }
    let many = cut_to(&mut plan(), shard(1, 25), DIGEST.into()).expect_err("24 cells");
    assert!(many.contains("at most 24 shards"), "{many}");
}

/// What is done to the parts, and what the report must say of it.
type Hostile = (&'static str, fn(&mut Vec<Found>), &'static str);

/// The second shard's measurement.
fn second(parts: &mut [Found]) -> &mut Measurement {
    parts[1].1.as_mut().expect("a measurement")
}

const HOSTILE: [Hostile; 12] = [
    (
        "missing",
        |parts| drop(parts.remove(1)),
        "shard 2/4 is missing",
    ),
    (
        "doubled",
        |parts| {
            let again = parts[1].clone();
            parts.push(again);
        },
        "shard 2/4 is there twice",
    ),
    (
        "of another configuration",
        |parts| {
            let record = &mut second(parts).provenance.shard;
            record.as_mut().expect("a record").plan = "another".into();
        },
        "another configuration or selection",
    ),
    (
        "of no shard",
        |parts| second(parts).provenance.shard = None,
        "it is of no shard",
    ),
    (
        "older",
        |parts| second(parts).provenance.head = Some("0".repeat(40)),
        "head 0000000000000000000000000000000000000000 instead of 1111",
    ),
    (
        "of another base",
        |parts| second(parts).provenance.base = None,
        "base unknown instead of 2222",
    ),
    (
        "of another version",
        |parts| second(parts).provenance.perfgate = "0.0.9".into(),
        "perfgate 0.0.9 instead of 0.1.0",
    ),
    (
        "of another seed",
        |parts| second(parts).provenance.seed = Some(7),
        "seed 7 instead of 1",
    ),
    (
        "of more shards",
        |parts| {
            let record = &mut second(parts).provenance.shard;
            record.as_mut().expect("a record").shard = shard(2, 5);
        },
        "shards 5 instead of 4",
    ),
    (
        "with cells of another",
        |parts| {
            let cells = parts[0].1.as_ref().expect("a measurement").pairs.clone();
            second(parts).pairs = cells;
        },
        "is not one of its cells",
    ),
    (
        "damaged",
        |parts| parts[1].1 = Err("cannot read `2/measurement.json`".into()),
        "cannot read `2/measurement.json`",
    ),
    (
        "interrupted",
        |parts| {
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
        },
        "interrupted",
    ),
];

#[tokio::test]
async fn whatever_is_wrong_with_a_shard_is_named_and_nothing_passes() {
    let plan = plan();
    let whole = measured().await;
    for (name, spoil, said) in HOSTILE {
        let mut parts = split(&plan, whole);
        spoil(&mut parts);
        let merged = joined(&plan, DIGEST, None, parts);
        let partial = merged.provenance.partial.as_ref();
        let partial = partial.unwrap_or_else(|| panic!("{name}: incomplete"));
        assert!(partial.reason.contains(said), "{name}: {}", partial.reason);
        assert_eq!(partial.exit_code, 4, "{name}");
        assert!(partial.is_cut(), "{name}: what is not measured is named");
        let measured = merged.pairs.len();
        assert_eq!(measured + partial.unfinished.len(), 24, "{name}");
    }
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
