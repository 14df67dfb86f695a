//! One job's share of the comment, as it stands there: a line that readers do not see, a heading,
//! and what the job says.

use serde::{Deserialize, Serialize};

use super::job::Run;
use crate::model::Outcome;
use crate::report;

const START: &str = "<!-- perfgate section ";
const CLOSE: &str = " -->\n";
const BODY: &str = "<!-- perfgate body -->\n";
const END: &str = "<!-- perfgate end -->\n";
/// What our lines begin with: no text of a job may hold it.
const OURS: &str = "<!-- perfgate";
/// Letters of a headline.
const LONGEST: usize = 500;
/// Digits of a commit that readers are shown.
const SHORT: usize = 7;

/// The outcome of a job; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Pass,
    NoBaseline,
    Inconclusive,
    /// There is no report.
    Error,
    Regression,
}

impl Severity {
    const fn icon(self) -> &'static str {
        match self {
            Self::Pass => report::outcome_icon(Outcome::Pass),
            Self::NoBaseline => report::outcome_icon(Outcome::NoBaseline),
            Self::Inconclusive => report::outcome_icon(Outcome::Inconclusive),
            Self::Error => "💥",
            Self::Regression => report::outcome_icon(Outcome::Regression),
        }
    }
}

impl From<Outcome> for Severity {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::NoBaseline => Self::NoBaseline,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Regression => Self::Regression,
        }
    }
}

/// Whose section it is, of which commit and run, and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The digest of a key.
    pub key: String,
    pub label: String,
    pub commit: String,
    pub run: Run,
    pub severity: Severity,
    /// Markdown, on one line.
    pub headline: String,
    /// Where the whole report can be read.
    pub link: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) stamp: Stamp,
    pub(super) body: String,
}

/// How a section stands in the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of the newest commit, and there is no other section.
    Alone,
    Current,
    /// A newer commit was pushed since.
    Outdated,
}

impl Stamp {
    /// How readers know the section; of the usual job its configuration.
    pub(super) fn shown(&self) -> String {
        match self.label.as_str() {
            "" => "perfgate.toml".into(),
            label => report::escaped(label),
        }
    }

    pub(super) fn commit(&self) -> String {
        self.commit.chars().take(SHORT).collect()
    }

    pub(super) fn icon(&self) -> &'static str {
        self.severity.icon()
    }

    /// The same on one line of a length that always fits.
    fn bounded(&self) -> Self {
        let one_line = self.headline.replace(['\r', '\n'], " ");
        Self {
            headline: one_line.chars().take(LONGEST).collect(),
            ..self.clone()
        }
    }
}

impl Section {
    pub(super) fn new(stamp: &Stamp, body: &str) -> Self {
        Self {
            stamp: stamp.bounded(),
            body: body.replace(OURS, "<!-- (perfgate)").trim().to_owned(),
        }
    }

    pub(super) fn render(&self, standing: Standing) -> String {
        let stamp = serde_json::to_string(&self.stamp).expect("a stamp has a JSON form");
        // Nothing within ends the line that readers do not see.
        let stamp = stamp.replace('<', "\\u003c").replace('>', "\\u003e");
        let (icon, headline) = (self.stamp.icon(), &self.stamp.headline);
        let heading = match standing {
            Standing::Alone => format!("## {icon} perfgate: {headline}"),
            Standing::Current => format!("### {icon} {}: {headline}", self.stamp.shown()),
            Standing::Outdated => format!(
                "### ⏳ {}: {headline}\n\n> Of commit {}, which is not the newest any more.",
                self.stamp.shown(),
                self.stamp.commit()
            ),
        };
        let body = match self.body.as_str() {
            "" => String::new(),
            body => format!("{body}\n\n"),
        };
        let link = format!("[The whole report]({})", self.stamp.link);
        format!("{START}{stamp}{CLOSE}{heading}\n\n{BODY}{body}{END}\n{link}\n")
    }

    /// The sections of a comment, in their order.
    pub(super) fn all(comment: &str) -> Vec<Self> {
        let comment = comment.replace("\r\n", "\n");
        comment
            .split(START)
            .skip(1)
            .filter_map(Self::parse)
            .collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (stamp, rest) = text.split_once(CLOSE)?;
        let (_, rest) = rest.split_once(BODY)?;
        let (body, _) = rest.split_once(END)?;
        Some(Self {
            stamp: serde_json::from_str(stamp).ok()?,
            body: body.trim().to_owned(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn stamp(key: &str, commit: &str, run: u64, severity: Severity) -> Stamp {
        Stamp {
            key: key.into(),
            label: key.into(),
            commit: commit.repeat(40),
            run: Run {
                id: run,
                attempt: 1,
            },
            severity,
            headline: format!("{severity:?} of {key}"),
            link: format!("https://github.test/runs/{run}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_again(
            body in "(\\PC|\n|<!-- perfgate (end|body|section \\{\\}) -->\n){0,20}",
            headline in "(\\PC|\n|-->|<!--){0,20}",
        ) {
            let stamp = Stamp { headline, ..stamp("shop", "a", 3, Severity::Inconclusive) };
            let section = Section::new(&stamp, &body);
            for standing in [Standing::Alone, Standing::Current, Standing::Outdated] {
                let text = format!("before\n{}after", section.render(standing));
                prop_assert_eq!(Section::all(&text), std::slice::from_ref(&section));
                let crlf = text.replace('\n', "\r\n");
                prop_assert_eq!(Section::all(&crlf).len(), 1);
            }
        }
    }

    #[test]
    fn what_is_no_section_is_left_out() {
        assert_eq!(Section::all("<!-- perfgate section {} -->\nx"), []);
        let whole = Section::new(&stamp("shop", "a", 3, Severity::Pass), "fine");
        let text = whole.render(Standing::Current);
        assert_eq!(Section::all(&text[..text.len() / 2]), []);
    }
}
