//! A check as one JSON object a line, for programs that run it: what it does while it goes on, and at the
//! end each finding and the outcome.

use serde::Serialize;

use crate::app::{self, Notice};
use crate::measure::{Event, Phase};
use crate::model::{BaseFailure, Finding, Outcome, Report};
use crate::report;
use crate::stack::Stage;

/// How a check says what it does and finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MessageFormat {
    /// A report on standard output, progress on standard error.
    Human,
    /// One JSON object per line on standard output.
    Json,
}

/// A line.
#[derive(Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
enum Message<'a> {
    Progress(Progress<'a>),
    /// Something to know before the numbers come.
    Note {
        text: String,
    },
    Incident {
        text: String,
    },
    Warning {
        text: String,
    },
    BaseFailed {
        failure: &'a BaseFailure,
    },
    Finding {
        finding: &'a Finding,
    },
    /// The last line.
    Finished {
        outcome: Outcome,
        exit_code: u8,
    },
}

#[derive(Debug, Default, Serialize)]
struct Progress<'a> {
    step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    /// A command, an image, or a line of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Number of the round, or of the fresh start.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<usize>,
    /// Rounds in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
}

/// Prints what happens.
pub(super) fn show(notice: &Notice<'_>) {
    let message = match notice {
        Notice::Event(event) => match of_event(event) {
            Some(message) => message,
            None => return,
        },
        Notice::Ended | Notice::Report(_) => return,
        Notice::Note(text) | Notice::Line(text) => Message::Note {
            text: (*text).to_owned(),
        },
        Notice::Warning(error) | Notice::Cut(error) => Message::Warning {
            text: crate::model::chain(error),
        },
        Notice::BaseFailed(failure) => Message::BaseFailed { failure },
    };
    print(&message);
}

/// Prints what was found.
pub(super) fn finish(report: &Report) {
    let report = app::report_without_secrets(report.clone());
    for finding in &report.findings {
        print(&Message::Finding { finding });
    }
    print(&Message::Finished {
        outcome: report.outcome,
        exit_code: report.exit_code,
    });
}

fn print(message: &Message<'_>) {
    println!("{}", app::event_without_secrets(message));
}

fn of_event<'a>(event: &Event<'a>) -> Option<Message<'a>> {
    let of_cell = |step, server, endpoint| Progress {
        step,
        server: Some(server),
        endpoint: Some(endpoint),
        ..Progress::default()
    };
    let progress = match *event {
        Event::Stage(ref stage) => of_stage(stage),
        Event::WarmUp { server, endpoint } => of_cell("warm_up", server, endpoint),
        Event::Round {
            server,
            endpoint,
            round,
            rounds,
            left,
        } => Progress {
            number: Some(round),
            of: Some(rounds),
            seconds_left: Some(left.as_secs()),
            ..of_cell("round", server, endpoint)
        },
        Event::Again {
            server,
            endpoint,
            round,
            rounds,
        } => Progress {
            number: Some(round),
            of: Some(rounds),
            ..of_cell("round_again", server, endpoint)
        },
        Event::Pairs {
            server,
            endpoint,
            start,
            phase,
        } => Progress {
            number: Some(start),
            ..of_cell(of_phase(phase), server, endpoint)
        },
        Event::BesideReference { server, endpoint } => {
            of_cell("beside_reference", server, endpoint)
        }
        Event::Count { server, endpoint } => of_cell("single_requests", server, endpoint),
        Event::Note(note) => {
            let text = note.to_owned();
            return Some(Message::Note { text });
        }
        Event::Incident(incident) => {
            let text = report::incident(incident);
            return Some(Message::Incident { text });
        }
        // Forty a second are of no use to a program.
        Event::Rate(_) => return None,
    };
    Some(Message::Progress(progress))
}

const fn of_phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Search => "pairs",
        Phase::Confirmation => "confirmation",
        Phase::Control => "control",
    }
}

fn of_stage<'a>(stage: &Stage<'a>) -> Progress<'a> {
    let with_text = |step, text: &str| Progress {
        step,
        text: Some(text.to_owned()),
        ..Progress::default()
    };
    let with_server = |step, server| Progress {
        step,
        server: Some(server),
        ..Progress::default()
    };
    match *stage {
        Stage::Prepare(command) => with_text("prepare", command),
        Stage::Pull(image) => with_text("pull", image),
        Stage::Build(name) => with_server("build", name),
        Stage::Output(line) => with_text("output", line),
        Stage::Service(name) => with_server("start_service", name),
        Stage::Setup { server, command } => Progress {
            text: Some(command.to_owned()),
            ..with_server("setup", server)
        },
        Stage::Start(server) => with_server("start", server),
    }
}
