//! Whether the gate keeps its promises on this machine: changes of known size are put into one side
//! of a check, again and again, with other programs running beside half of the checks, and in the
//! same run the rules of other tools judge the same builds. Every check is a line of a file of
//! records, so that a run that was ended goes on where it stopped; the table is made from them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its table, and its progress beside it"
)]

mod case;
mod noise;
mod peers;
mod plot;
mod record;
#[path = "../../tests/support/sample.rs"]
mod sample;
mod steady;
#[path = "../support/stress_ng.rs"]
mod stress_ng;
mod table;
mod testbed;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

use case::Case;
use noise::Noise;
use peers::Peers;
use record::{Record, Records};
use testbed::{Subject, Testbed};

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// What is checked: the embedded sample service, or gunicorn of the Django fixture.
    #[arg(long, value_enum, default_value_t = Subject::Sample)]
    subject: Subject,
    /// Checks of an unchanged build.
    #[arg(long, default_value_t = 40)]
    unchanged: usize,
    /// Checks of every change.
    #[arg(long, default_value_t = 20)]
    changed: usize,
    /// Minutes after which no further check begins.
    #[arg(long)]
    minutes: Option<u64>,
    /// Where the checks are recorded.
    #[arg(long, default_value = "target/gate.jsonl")]
    records: PathBuf,
    /// Instead of checks: how far stored CPU times move, alone and as multiples of reference
    /// programs, in so many turns.
    #[arg(long, value_name = "TURNS")]
    reference: Option<usize>,
    /// Draws the changes that are recorded of the subject.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Only the table of what is recorded.
    #[arg(long)]
    table: bool,
    /// Without the rules of peers, which take two more measurements for every check.
    #[arg(long)]
    alone: bool,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench gate`");
        return Ok(());
    }
    if let Some(turns) = options.reference {
        println!("{}", steady::markdown(turns)?);
        return Ok(());
    }
    let mut records = Records::open(&options.records)?;
    if !options.table {
        measure(&options, &mut records)?;
    }
    println!("{}", table::markdown(&records));
    if let Some(path) = &options.plot {
        plot::draw(&records, options.subject, path)?;
    }
    Ok(())
}

fn measure(options: &Options, records: &mut Records) -> Result<(), Failure> {
    let end = options
        .minutes
        .map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let mut testbed = Testbed::build(options.subject)?;
    while let Some(case) = next(options, records) {
        if end.is_some_and(|end| Instant::now() > end) {
            eprintln!("the time is over; the same command goes on");
            break;
        }
        let done = records.select(options.subject, case).count();
        let noise = Noise::of_turn(done);
        eprintln!("{} {}, {}", case.name(), done + 1, noise.name());
        let record = check(&mut testbed, options, records, case, noise)?;
        eprintln!("  {}", record.line());
        records.add(record)?;
    }
    Ok(())
}

/// The case that is farthest behind.
fn next(options: &Options, records: &Records) -> Option<Case> {
    let wanted = |case: &Case| match case {
        Case::Unchanged => options.unchanged,
        _ => options.changed,
    };
    let share = |case: &Case| {
        let done = records.select(options.subject, *case).count();
        (done < wanted(case)).then(|| done as f64 / wanted(case) as f64)
    };
    let behind = Case::ALL
        .into_iter()
        .filter(|case| options.subject.shows(*case))
        .filter_map(|case| Some((share(&case)?, case)));
    behind
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, case)| case)
}

fn check(
    testbed: &mut Testbed,
    options: &Options,
    records: &Records,
    case: Case,
    noise: Noise,
) -> Result<Record, Failure> {
    let running = noise.begin()?;
    let begun = Instant::now();
    let judged = testbed.check(case, records.len() + 1)?;
    let seconds = begun.elapsed().as_secs_f64();
    let peers = if options.alone {
        None
    } else {
        let base = testbed.alone(Case::Unchanged, case.endpoint(), case.metric())?;
        let head = testbed.alone(case, case.endpoint(), case.metric())?;
        let earlier = records.bases(options.subject, case.endpoint(), case.metric());
        Some(Peers::judge(case.metric(), &base, &head, &earlier))
    };
    drop(running);
    Ok(Record {
        subject: options.subject,
        case,
        noise,
        judged,
        seconds,
        peers,
    })
}
