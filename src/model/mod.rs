//! The nouns: what a run plans, measures, keeps and finds. Pure data with the arithmetic that
//! belongs to it; no clock, file, network or environment is read here.

mod acceptance;
mod baseline;
mod bisection;
mod build;
mod calibration;
mod counter_kind;
mod counters;
mod coverage;
mod cpu_profile;
mod digest;
mod evidence;
pub mod exit_code;
mod failures;
mod fill;
mod finding;
mod gate_change;
mod growth;
pub mod histogram;
mod identity;
mod incident;
mod load_part;
mod login;
mod measurement;
mod metric;
mod origin;
mod paired;
mod partial;
mod pin;
mod placeholder;
mod plan;
mod query_plan;
mod ranking;
mod report;
mod round;
mod sample;
mod series;
mod service;
mod shard;
mod tally;
mod target;
mod threshold;
mod validity;
mod workload;

pub use acceptance::Acceptance;
pub use baseline::{
    Baseline, Difference, Key, LONGEST_HISTORY, LONGEST_SERIES, LoadShape, history,
};
pub use bisection::{
    Bisection, BisectionCheck, BisectionOutcome, BisectionSubject, ChangeInterval, CommitInfo,
    Culprit, OtherRegression, SkippedCommit, SuspectRange,
};
pub use build::{Build, BuildKit, CargoBuild, SecretSource};
pub use calibration::{
    CalibratedMetric, Calibration, CalibrationCheck, CalibrationResult, CalibrationWarning,
    CheckedMetric, FailedChecks, InjectedChange,
};
pub use counter_kind::{COUNTERS, CounterKind, CounterRule, OfStatement, Ordered};
pub use counters::{AtLargest, Counters, SizeChange, Statement, StatementChange};
pub use coverage::{CellName, Coverage};
pub use cpu_profile::{Call, CostChange, CpuProfile, FunctionChange};
pub use digest::digest;
pub use evidence::{Disturbance, Disturbed, Evidence, Trace};
pub use failures::Failures;
pub use fill::{Values, body_filled, filled, path_filled};
pub use finding::{Finding, Outcome, Reason, Strategy, Verdict};
pub use gate_change::{GateChange, GateChangeKind, GateComparison, GateValue};
pub use growth::{CountsAtSize, Growth, order_of_growth};
pub use identity::Identity;
pub use incident::{BaseFailure, Incident, chain};
pub use load_part::{ClockOffset, JoinedLoad, LoadPart};
pub use login::{AnswerPart, Capture, Login};
pub use measurement::{Fingerprint, Measurement, Provenance, Runner};
pub use metric::{Direction, Metric, Unit};
pub use origin::{Address, Origin, Tls, Transport, Trust};
pub use paired::{Pair, PairedSample, PairedStart, Side, Sides};
pub use partial::{Partial, Unfinished};
pub use pin::Pin;
pub use placeholder::Placeholder;
pub use plan::{Bucket, Deadlines, NetworkPath, Pacing, Plan, Proxy, Store};
pub use query_plan::{PlanChange, QueryPlan};
pub use ranking::{Competitor, Footprint, Ranking, Standing, Table};
pub use report::Report;
pub use round::{Machine, Others, Round, RunDelay, Taker, Turnover, Usage, Workers};
pub use sample::{NoBase, Sample, SingleStart, Summary, Took};
pub use series::{CellSeries, RunMark, Series, Step, Trend};
pub use service::{
    ContainerSettings, CopiedFile, FileSource, KnownCounters, OtherService, Postgres, Privilege,
    Service, ServiceKind, ServiceReady, ServiceSource, known_fields,
};
pub use shard::{Dealing, PlanShard, ServerTimes, Shard, ShardRecord};
pub use tally::{Failure, FirstFailure, Lenience, OpenLoop, Tally, new_histogram, total_time};
pub use target::{Cell, Ready, Source, Target, Worker};
pub use threshold::{Rule, RuleOrigin, Threshold, Thresholds};
pub use validity::Doubt;
pub use workload::{Concurrency, Expect, Rate, Request, Workload};
