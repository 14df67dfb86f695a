use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::args::Selection;
use super::ui::Progress;
use crate::app::{self, CalibrateOptions};
use crate::document;
use crate::error::Error;
use crate::model::exit_code;
use crate::report;

/// Checks of the unchanged build, and of each size of change, of a quick calibration.
const QUICK: [usize; 2] = [3, 2];
/// How long a quick one may take.
const QUICK_TIME: Duration = Duration::from_secs(5 * 60);

/// Proves the gate on this machine: checks the service against itself, unchanged and with CPU time added to one side,
/// and reports how often an unchanged build fails, which changes are found, how long a check takes and which margins
/// hold. Checks are saved; run the same command again to resume.
#[derive(Debug, clap::Args)]
// Refused with its reason.
#[command(mut_arg("shard", |it| it.hide(true)))]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Checks of the unchanged build [default: 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    checks: Option<u32>,
    /// Checks of each size of change [default: 5].
    #[arg(long, value_name = "N")]
    injected: Option<u32>,
    /// CPU time to add, as a share of the server's own [default: the detectable change, and 1.5 times it].
    #[arg(long, value_name = "SHARE", num_args = 1.., value_delimiter = ',', value_parser = share)]
    sizes: Vec<f64>,
    /// Three checks of the unchanged build and two of one change, in about five minutes.
    #[arg(long)]
    quick: bool,
    /// Start no further check after this time [default with `--quick`: 5m].
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
    within: Option<Duration>,
    /// Repeat all checks.
    #[arg(long)]
    again: bool,
    /// File for the saved checks [default: `.perfgate/calibration.json` beside perfgate.toml].
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write margins into perfgate.toml.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, default_missing_value = "raised")]
    write: Option<Margins>,
    /// Write the calibration as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the calibration as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a badge as JSON for the endpoint badge of shields.io.
    #[arg(long, value_name = "FILE")]
    badge: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Margins {
    /// Margins that pass fewer than 95 % of unchanged checks.
    Raised,
    /// All margins, including those that could be smaller.
    All,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let progress = Progress::new(args.selection.is_quiet());
    let observe = |notice: &app::Notice<'_>| progress.show(notice);
    let options = args.plain();
    let calibration = app::calibrate(&options, &observe).await?;
    print!("{}", report::calibration(&calibration));
    if let Some(path) = &args.json {
        document::write(path, &document::text(&calibration))?;
    }
    if let Some(path) = &args.html {
        document::write(path, &report::html_calibration(&calibration))?;
    }
    if let Some(path) = &args.badge {
        document::write(path, &report::calibration_badge(&calibration))?;
    }
    if let Some(which) = args.write {
        let file = options.selection.file()?;
        let which = match which {
            Margins::Raised => app::Margins::Raised,
            Margins::All => app::Margins::All,
        };
        let lines = app::write_margins(&file, &calibration.result, which)?;
        if lines.is_empty() {
            println!("\nno margin in {} needs to change", file.display());
        } else {
            println!("\nwritten to {}:", file.display());
        }
        for line in lines {
            println!("  {line}");
        }
    }
    Ok(exit_code::PASSED)
}

impl Args {
    fn plain(&self) -> CalibrateOptions {
        let [checks, injected] = if self.quick { QUICK } else { [10, 5] };
        let count = |wanted: Option<u32>, usual: usize| {
            wanted.map_or(usual, |it| usize::try_from(it).unwrap_or(usize::MAX))
        };
        CalibrateOptions {
            selection: self.selection.plain(),
            run: self.selection.options(),
            checks: count(self.checks, checks),
            injected: count(self.injected, injected),
            sizes: self.sizes.clone(),
            one_size: self.quick,
            within: self.within.or(self.quick.then_some(QUICK_TIME)),
            record: self.record.clone(),
            again: self.again,
        }
    }
}

/// A share of CPU time: `5%`.
fn share(text: &str) -> Result<f64, String> {
    let number = text
        .strip_suffix('%')
        .ok_or("write a percentage, such as 5%")?;
    let percent: f64 = number
        .trim()
        .parse()
        .map_err(|_| "write a percentage, such as 5%")?;
    if (1.0..=100.0).contains(&percent) {
        return Ok(percent / 100.0);
    }
    Err("it must be 1% to 100%".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("2.5 %"), Ok(0.025));
        for wrong in ["5", "", "%", "0%", "0.5%", "101%", "-3%", "nan%", "five%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
