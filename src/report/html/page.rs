//! The frame of a page: head, headline, notes, what to do next, where the numbers come from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::plain;
use crate::model::{Failures, Incident};
use crate::report::text;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What every page says around its tables and pictures.
pub(super) struct Page<'a> {
    /// The outcome, a colon, and what it means.
    pub(super) headline: &'a str,
    /// Class of the outcome's colour.
    pub(super) tone: &'static str,
    pub(super) about: Vec<String>,
    pub(super) notes: &'a [String],
    pub(super) next: Option<String>,
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Page<'_> {
    pub(super) fn around(&self, content: &Markup) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body {
                    header class={ "top " (self.tone) } { (self.top()) }
                    (dots())
                    main { (content) }
                    @if !self.facts.is_empty() {
                        footer {
                            h2 { "Where the numbers come from" }
                            dl { @for (name, fact) in &self.facts { div { dt { (name) } dd { (fact) } } } }
                        }
                    }
                    p #said .hidden role="status" {}
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }

    /// The policy lets in this script and nothing from anywhere.
    fn head(&self) -> Markup {
        let digest = STANDARD.encode(Sha256::digest(SCRIPT));
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; \
             img-src data:"
        );
        html! {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "perfgate: " (self.headline) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
        }
    }

    fn top(&self) -> Markup {
        let (outcome, meaning) = self
            .headline
            .split_once(": ")
            .unwrap_or((self.headline, ""));
        html! {
            p.brand { "perfgate" }
            h1 { span.outcome { (outcome) } @if !meaning.is_empty() { " " (meaning) } }
            p.about { @for it in &self.about { span { (it) } " " } }
            @for note in self.notes { p.note { (plain(note)) } }
            @if let Some(next) = &self.next { p.next { b { "Next: " } (next) } }
        }
    }
}

/// The dots of lines, drawn once for all pictures.
fn dots() -> Markup {
    html! {
        svg.hidden aria-hidden="true" {
            @for name in ["head-dot", "base-dot"] {
                marker id=(name) markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" refX="5" refY="5" {
                    circle cx="5" cy="5" r="5" {}
                }
            }
        }
    }
}

/// What befell a server, with the last lines of its output.
pub(super) fn incident(it: &Incident) -> Markup {
    html! {
        div.incident {
            p { (text::incident(it)) }
            @if !it.output.is_empty() {
                pre tabindex="0" {
                    @for line in it.output.lines() { (plain(line)) "\n" }
                }
            }
        }
    }
}

/// Why requests of a build failed, with the first response and what the server said.
pub(super) fn failures(it: &Failures) -> Markup {
    let log = it.first.iter().flat_map(|first| first.log.lines());
    let log: Vec<_> = log.map(plain).collect();
    html! {
        div.incident {
            p { (text::failures(it)) }
            @if let Some(first) = &it.first {
                p { (text::first_failure(first)) }
                @if let Some(body) = text::failed_body(first) { pre tabindex="0" { (body) } }
            }
            @if !log.is_empty() {
                pre tabindex="0" { @for line in &log { (line) "\n" } }
            }
        }
    }
}

pub(super) fn moment(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
