//! What the commands do: plain options in, values out. Nothing here knows of flags, and nothing
//! prints; what a reader must see at once goes to an observer.
//!
//! [`check()`] measures and judges, [`run()`] measures alone, [`try_configuration()`] calls every
//! endpoint once, [`rank()`] puts servers in order,
//! [`compare()`] judges files, [`merge()`] the shards of one run together, [`bisect()`] finds the commit
//! that made it worse, [`refresh()`] stores,
//! [`calibrate()`] proves the gate on a machine, and [`ci()`] does what the event of a job on GitHub or GitLab calls
//! for and publishes the result.

mod against;
mod base;
mod base_plan;
mod bisect;
mod busy;
mod calibrate;
mod cargo_options;
mod check;
mod checked_out;
mod ci;
mod commit_files;
mod compare;
mod judging;
mod load_parts;
mod measuring;
mod names;
mod notes;
mod observer;
mod part_files;
mod pinning;
mod profiling;
mod provenance;
mod publishing;
mod ranking;
mod refresh;
mod report_files;
mod results;
mod run_context;
mod same_build;
mod secrets;
mod selection;
mod shards;
mod signals;
mod site;
mod stored_runs;
mod strictness;
mod trial;
mod untrusted;
mod worker_notes;

pub use against::{Against, Wanted};
pub use base::Base;
pub use bisect::{Between, BisectOptions, Bisected, bisect};
pub use busy::most as busiest;
pub use calibrate::{CalibrateOptions, Margins, calibrate, last_calibration, write_margins};
pub use check::{CheckOptions, DryRun, check, dry_run};
pub use checked_out::Allowed;
pub use ci::{CiOptions, OUTPUTS, ci, close_check};
pub use compare::{CompareOptions, compare};
pub use judging::{read_baselines, store, stored};
pub use load_parts::joined_load;
pub use notes::{notes, partial_note};
pub use observer::{Notice, Observer};
pub use part_files::{try_writing_result, write_result};
pub use pinning::{Covered, Pinning};
pub use publishing::Comment;
pub use ranking::{Profile, Ranked, rank};
pub use refresh::{Kept, RefreshOptions, refresh};
pub use report_files::ReportFiles;
pub use results::Naming;
pub use run_context::run;
pub use secrets::{event_without_secrets, report_without_secrets, without_secrets};
pub use selection::{RunOptions, Selection, configuration};
pub use shards::{MergeOptions, Merged, merge};
pub use signals::{any as signalled, at_once as interrupted};
pub use site::{USUAL_METRICS, site};
pub use stored_runs::StoredRuns;
pub use strictness::{FailOn, Strictness, exit_code_of};
pub use trial::try_configuration;
