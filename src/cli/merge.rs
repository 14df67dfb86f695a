use std::path::PathBuf;

use super::args::{Outputs, Strictness};
use super::load::show;
use super::output::deliver;
use super::rank;
use super::ui::print_notice;
use crate::app::{
    self, Against, CheckOptions, MergeOptions, Merged, Naming, RunOptions, Selection,
};
use crate::error::Error;
use crate::model::{CargoBuild, Dealing, JoinedLoad, exit_code};
use crate::report::Load;
use crate::secrets;

/// Combines the measurements of all shards and judges them once, by the rules of the full plan. Missing or foreign
/// shards are listed and fail the check.
///
/// Measurements of `perfgate rank --shard I/N --save FILE` are ranked. The results of all workers of a load are
/// combined into one; if one is missing, there is no result.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Measurements of `perfgate check --shard I/N --save FILE`, or folders with the `measurement.json` of each shard;
    /// loads of `perfgate load --worker I/N --out FILE`, or folders with the `load.json` of each worker. Folders may be
    /// in a bucket: `s3://BUCKET/PREFIX`.
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
    if let Some(joined) = app::joined_load(&args.sources)? {
        return load(&joined, &args.outputs);
    }
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
                dealing: Dealing::default(),
                baseline: None,
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
    match app::merge(&options, &print_notice)? {
        Merged::Judged(report) => {
            deliver(&report, &args.outputs)?;
            Ok(report.exit_code)
        }
        Merged::Ranked(ranked) => rank::show(&ranked, args.outputs.of_ranking()?),
    }
}

/// Shows the load of all workers, or why there is none.
fn load(joined: &Result<JoinedLoad, Vec<String>>, outputs: &Outputs) -> Result<u8, Error> {
    let json = outputs.json_alone()?;
    let problems = match joined {
        Ok(joined) => {
            if let Some(load) = Load::of_workers(joined) {
                show(&load, json)?;
            }
            return Ok(exit_code::PASSED);
        }
        Err(problems) => problems,
    };
    for problem in problems {
        println!("invalid: {problem}");
    }
    if let Some(path) = json {
        let value = serde_json::json!({ "valid": false, "problems": problems });
        app::write_result(path, "--json", &secrets::masked(&format!("{value:#}\n")))?;
    }
    Ok(exit_code::ENVIRONMENT)
}
