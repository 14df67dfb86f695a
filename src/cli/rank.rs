use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::Selection;
use super::ui::Progress;
use crate::app::{self, Notice};
use crate::document;
use crate::error::Error;
use crate::model::Ranking;
use crate::report::{self, ranking};

/// Measures the chosen servers side by side, with interleaved rounds, and ranks them.
#[derive(Debug, clap::Args)]
// Refused with its reason.
#[command(mut_arg("shard", |it| it.hide(true)))]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Use the load of a published benchmark, including its duration.
    #[arg(long, value_enum, conflicts_with_all = ["budget", "shard"])]
    profile: Option<Profile>,
    /// Write the ranking as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the ranking as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the ranking as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the measurement, of a shard for `perfgate merge`: a file, or `s3://BUCKET/PREFIX/measurement.json`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// `wrk -t4 -c200 -d30s` with its time-out of 2 s: one round, without intervals.
    Article,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let progress = Progress::new(args.selection.is_quiet());
    let profile = args.profile.map(|Profile::Article| app::Profile::Article);
    let (selection, options) = (args.selection.plain(), args.selection.options());
    let observe = |notice: &Notice<'_>| progress.show(notice);
    let save = args.save.as_deref();
    let ranked = app::rank(&selection, profile, options, save, &observe).await?;
    let files = [&args.json, &args.markdown, &args.html].map(Option::as_deref);
    show(&ranked, files)
}

/// Prints a ranking, and writes it as JSON, Markdown and HTML where that was asked for; the code to exit with.
pub(super) fn show(ranked: &app::Ranked, files: [Option<&Path>; 3]) -> Result<u8, Error> {
    let app::Ranked { ranking, exit_code } = ranked;
    print!("{}", ranking::terminal(ranking));
    let forms = [
        ranking::json as fn(&Ranking) -> String,
        ranking::markdown,
        report::html_ranking,
    ];
    for (path, render) in files.into_iter().zip(forms) {
        if let Some(path) = path {
            document::write(path, &render(ranking))?;
        }
    }
    Ok(*exit_code)
}
