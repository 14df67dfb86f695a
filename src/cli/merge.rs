use std::path::PathBuf;

use super::args::{Outputs, Strictness};
use super::output::deliver;
use super::ui::print_notice;
use crate::app::{self, Against, CheckOptions, MergeOptions, Naming, RunOptions, Selection};
use crate::error::Error;
use crate::model::CargoBuild;

/// Puts the measurements of all shards together and judges them once, by the rules of the whole plan. A
/// shard that is missing, or does not belong to the others, is named, and the check does not pass.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Measurements made by `perfgate check --shard I/N --save FILE`, or folders that hold a
    /// `measurement.json` of each shard.
    #[arg(value_name = "FOLDER", required = true)]
    sources: Vec<PathBuf>,
    /// Configuration file [default: the nearest perfgate.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The `--server` of the shards.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    server: Vec<String>,
    /// The `--endpoint` of the shards.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    endpoint: Vec<String>,
    /// The `--behind` of the shards.
    #[arg(long, value_name = "PROXY")]
    behind: Option<String>,
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
    /// Write the measurement of all shards to a file, to judge it again later.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    strictness: Strictness,
}

pub(super) fn run(args: Args) -> Result<u8, Error> {
    let options = MergeOptions {
        sources: args.sources,
        check: CheckOptions {
            selection: Selection {
                config: args.config,
                servers: args.server,
                endpoints: args.endpoint,
                behind: args.behind,
                budget: None,
                shard: None,
                cargo: CargoBuild::default(),
            },
            run: RunOptions {
                seed: 0,
                timeout: None,
                profiling: false,
            },
            against: Against::default(),
            strictness: args.strictness.plain(),
            baseline: args.baseline,
            save: args.save,
            measurement: None,
            naming: Naming::default(),
        },
    };
    let report = app::merge(&options, &print_notice)?;
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}
