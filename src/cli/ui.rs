//! The terminal: colours, and progress as one live line, as plain lines where it goes elsewhere,
//! or not at all when quiet.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::print_report;
use super::{explain, warn};
use crate::app::{self, Notice};
use crate::measure::{Event, Phase};
use crate::model::BaseFailure;
use crate::report;
use crate::stack::Stage;

pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// When what is printed has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Colours {
    Auto,
    Always,
    Never,
}

impl Colours {
    /// Holds for all that is printed from now on.
    pub(super) fn apply(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::AlwaysAnsi,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Shows the events of a run.
pub(super) struct Progress {
    mode: Mode,
    /// What is being done, for the live line.
    doing: Mutex<String>,
}

enum Mode {
    Live(ProgressBar),
    Plain,
    Quiet,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let live = io::stderr().is_terminal() && env::var_os("CI").is_none();
        let mode = match (quiet, live) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Live(spinner()),
            (false, false) => Mode::Plain,
        };
        Self {
            mode,
            doing: Mutex::default(),
        }
    }

    pub(super) fn show(&self, notice: &Notice<'_>) {
        match (notice, &self.mode) {
            (Notice::Event(_), Mode::Quiet) => (),
            (Notice::Event(event), Mode::Plain) => plain(event),
            (Notice::Event(event), Mode::Live(bar)) => self.live(bar, event),
            (Notice::Ended, Mode::Live(bar)) => bar.finish_and_clear(),
            (notice, _) => print_notice(notice),
        }
    }

    fn live(&self, bar: &ProgressBar, event: &Event<'_>) {
        let mut doing = self
            .doing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Rate(rate) => bar.set_message(format!("{doing} · {}", report::rate(*rate))),
            Event::Incident(_) | Event::Note(_) => bar.println(report::clean(&event_text(event))),
            event => {
                *doing = report::printable(&event_text(event));
                bar.set_message(doing.clone());
            }
        }
    }
}

/// Prints what is no progress.
pub(super) fn print_notice(notice: &Notice<'_>) {
    match notice {
        Notice::Event(_) | Notice::Ended => {}
        Notice::Note(note) => eprintln!("{note}"),
        Notice::Warning(error) => warn(error),
        Notice::Cut(error) => explain(error),
        Notice::BaseFailed(failure) => base_failed(failure),
        Notice::Line(line) => println!("{line}"),
        Notice::Report(report) => print_report(report),
    }
}

/// Says at once that a base failed, with its last lines; the report has the rest.
fn base_failed(failure: &BaseFailure) {
    if !failure.output.is_empty() {
        let output = app::without_secrets(&failure.output);
        eprintln!("{}\n", report::quoted(&output));
    }
    let what = report::printable(&app::without_secrets(&failure.what));
    let server = &failure.server;
    eprintln!("warning: the base of `{server}` failed: {what}");
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
    let bar = ProgressBar::new_spinner().with_style(style.expect("a constant template is valid"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A line per stage, and per server for its rounds: logs are read later.
fn plain(event: &Event<'_>) {
    match event {
        Event::Rate(_) => (),
        Event::Round { round, .. } | Event::Again { round, .. } if *round > 1 => (),
        event => eprintln!("{}", event_text(event)),
    }
}

fn event_text(event: &Event<'_>) -> String {
    app::without_secrets(&unmasked_event_text(event))
}

fn unmasked_event_text(event: &Event<'_>) -> String {
    match event {
        Event::Stage(stage) => stage_words(stage),
        Event::WarmUp { server, endpoint } => format!("{server}: warm-up of {endpoint}"),
        Event::Round {
            server,
            endpoint,
            round,
            rounds,
            left,
        } => {
            let left = left.as_secs();
            format!("{server}: {endpoint}, round {round} of {rounds}, {left} s left")
        }
        Event::Again {
            server,
            endpoint,
            round,
            rounds,
        } => {
            format!("{server}: {endpoint} once more after a fresh start, round {round} of {rounds}")
        }
        Event::Pairs {
            server,
            endpoint,
            start,
            phase,
        } => {
            let what = match phase {
                Phase::Search => "pairs",
                Phase::Confirmation => "confirmation",
                Phase::Control => "control (base against base)",
            };
            format!("{server}: {endpoint}, {what} after fresh start {start}")
        }
        Event::BesideReference { server, endpoint } => {
            format!("{server}: {endpoint} beside the reference")
        }
        Event::Count { server, endpoint } => format!("{server}: single requests of {endpoint}"),
        Event::Note(note) => (*note).to_owned(),
        Event::Incident(incident) => report::incident(incident),
        Event::Rate(rate) => report::rate(*rate),
    }
}

fn stage_words(stage: &Stage<'_>) -> String {
    match stage {
        Stage::Prepare(command) => format!("prepare: {command}"),
        Stage::Pull(image) => format!("pull {image}"),
        Stage::Build(name) => format!("build the image of {name}"),
        Stage::Output(line) => format!("  {}", report::quoted(line)),
        Stage::Service(name) => format!("start {name}"),
        Stage::Setup { server, command } => format!("{server}: {command}"),
        Stage::Start(server) => format!("{server}: start"),
    }
}
