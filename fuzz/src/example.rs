//! A run whose every text is a stranger's.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;

use super::judging::judged;
use perfgate::model::{
    Baseline, CellName, Counters, Coverage, Failure, Failures, Fingerprint, FirstFailure,
    GateComparison, Incident, Key, LoadShape, Measurement, Metric, Outcome, PlanChange, Provenance,
    QueryPlan, Report, Runner, Sample, Side, Statement, Summary, Verdict,
};

/// Metrics whose values the run has, with those that it had before.
const BEFORE: [(Metric, f64); 3] = [
    (Metric::Throughput, 1000.0),
    (Metric::LatencyP50, 4000.0),
    (Metric::SqlPerRequest, 2.0),
];

/// What a run looks like that regressed in everything.
pub(super) fn report(text: &str) -> Report {
    static JUDGED: LazyLock<Report> = LazyLock::new(|| {
        let before = measurement("", 1.0);
        let time = before.provenance.started;
        let run = Baseline::of_sample(&before.samples[0], None, time, Outcome::Pass);
        let report = judged(&measurement("", 2.0), vec![run]);
        let regressed = report.with_verdict(Verdict::Regression);
        assert_eq!(regressed.count(), BEFORE.len());
        report
    });
    let text = || text.to_owned();
    let measurement = measurement(&text(), 2.0);
    let mut report = JUDGED.clone();
    for finding in &mut report.findings {
        (finding.server, finding.endpoint) = (text(), text());
        finding.rule = Some(text());
        for statement in &mut finding.statements {
            statement.text = text();
            assert_eq!(statement.plan.len(), 1);
            for change in &mut statement.plan {
                *change = PlanChange {
                    base: Some(text()),
                    head: Some(text()),
                };
            }
        }
    }
    report.incidents = measurement.incidents;
    let cell = CellName::new(&text(), &text());
    report.coverage = Coverage {
        missing: vec![cell.clone()],
        unknown: vec![cell],
        identical: vec![CellName::new(&text(), &text())],
        same_build: vec![text()],
    };
    report.gate = Some(GateComparison::unknown(Some(text()), text()));
    report.failures = vec![failures(&text())];
    report.provenance = measurement.provenance;
    report.provenance.base = Some(text());
    report
}

/// A request that failed.
fn failures(text: &str) -> Failures {
    let text = || text.to_owned();
    Failures {
        server: text(),
        endpoint: text(),
        side: Side::Head,
        requests: 2,
        kinds: BTreeMap::from([(Failure::BodyMismatch, 1)]),
        status: BTreeMap::from([(200, 2)]),
        first: Some(FirstFailure {
            after: Duration::from_secs(1),
            kind: Failure::BodyMismatch,
            request: text(),
            status_line: Some(text()),
            body: text(),
            expected: Some(text()),
            found: Some(text()),
            log: text(),
        }),
    }
}

/// A plan of two nodes; that of a slower run has another one first.
fn plan(text: &str, slower: f64) -> QueryPlan {
    let mut plan = QueryPlan::default();
    plan.add(0, &format!("{text} {slower}"));
    plan.add(1, text);
    plan
}

/// A run that is so many times as slow as before.
pub(super) fn measurement(text: &str, slower: f64) -> Measurement {
    let text = || text.to_owned();
    let runner = Runner {
        architecture: text(),
        cpu_model: text(),
        cores: 2,
        kernel_major: text(),
        engine_major: None,
    };
    let value = |(metric, before): (Metric, f64)| {
        let value = match metric {
            Metric::Throughput => before / slower,
            _ => before * slower,
        };
        (metric, value)
    };
    let queries = BEFORE[2].1 * slower;
    Measurement {
        schema: Measurement::SCHEMA,
        provenance: Provenance {
            perfgate: text(),
            head: Some(text()),
            dirty: true,
            base: None,
            fingerprint: Some(Fingerprint {
                runner: runner.clone(),
                kernel: text(),
                engine: None,
                memory: 0,
            }),
            images: BTreeMap::new(),
            path: text(),
            seed: Some(1),
            started: Timestamp::UNIX_EPOCH,
            seconds: 1.0,
            notes: vec![text()],
            shard: None,
            partial: None,
        },
        samples: vec![Sample {
            key: Key {
                server: text(),
                endpoint: text(),
                load: LoadShape {
                    request: text(),
                    connections: 1,
                    threads: 1,
                    rate: None,
                    timeout_ms: 1000,
                    round_ms: 1000,
                },
                settings: text(),
                runner,
            },
            starts: Vec::new(),
            counters: Some(Counters {
                requests: 10,
                batches: BTreeMap::from([(Metric::SqlPerRequest, vec![queries])]),
                sizes: Vec::new(),
                statements: vec![Statement {
                    text: text(),
                    calls: queries,
                    plan: plan(&text(), slower),
                    ..Statement::default()
                }],
            }),
            beside_reference: Vec::new(),
            base: None,
            took: None,
            summary: Some(Summary {
                generator: text(),
                requests: u64::MAX,
                values: BEFORE.map(value).into(),
            }),
        }],
        pairs: Vec::new(),
        identical: Vec::new(),
        same_build: Vec::new(),
        profiles: Vec::new(),
        incidents: vec![Incident {
            server: text(),
            during: text(),
            what: text(),
            output: text(),
            fatal: true,
        }],
    }
}
