//! What a step says to the runner: commands on standard output, the job summary, outputs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use rand::Rng;

use super::Error;
use crate::model::{Report, Verdict};
use crate::{report, secrets};

/// Annotations of a step that GitHub shows.
const ANNOTATIONS: usize = 10;
/// Largest job summary of a step.
pub const SUMMARY_BUDGET: usize = 1 << 20;

/// How urgent a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Notice,
    Warning,
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The command that shows a message beside the run.
pub fn annotation(level: Level, title: &str, message: &str) -> String {
    format!(
        "::{} title={}::{}",
        level.name(),
        property(title),
        data(message)
    )
}

/// What became of the gate, then an annotation for everything that regressed, failed or could not
/// be decided, in this order and the worst first; what is more than GitHub shows is counted by the last.
pub fn annotations(report: &Report) -> Vec<String> {
    let news = report::news(report);
    let of_verdict = |verdict, level| {
        let findings = news.iter().filter(move |it| it.verdict == verdict);
        findings.map(move |it| annotation(level, "perfgate", &report::sentence(it)))
    };
    let failed = report.not_measured().map(report::incident);
    let failed = failed.map(|it| annotation(Level::Error, "perfgate", &it));
    let weighs = report.has_weaker_gate() || !report.coverage.is_whole();
    let warnings = weighs
        .then(|| report::warnings(report))
        .into_iter()
        .flatten();
    let mut lines: Vec<_> = warnings
        .map(|it| annotation(Level::Warning, "perfgate", &it))
        .chain(of_verdict(Verdict::Regression, Level::Error))
        .chain(failed)
        .chain(of_verdict(Verdict::Inconclusive, Level::Warning))
        .collect();
    if lines.len() > ANNOTATIONS {
        let more = lines.len() + 1 - ANNOTATIONS;
        lines.truncate(ANNOTATIONS - 1);
        let message = format!("{more} more, in the job summary");
        lines.push(annotation(Level::Warning, "perfgate", &message));
    }
    lines
}

/// A time in which the runner takes nothing that is printed for a command. Only who knows its
/// token can end it.
#[derive(Debug)]
pub struct Silence {
    token: String,
}

impl Silence {
    pub fn begin() -> Self {
        Self { token: random() }
    }

    /// The line that is printed first.
    pub fn start(&self) -> String {
        format!("::stop-commands::{}", self.token)
    }

    /// The line that is printed last, after an empty one: output may end within a line.
    pub fn end(&self) -> String {
        format!("\n::{}::", self.token)
    }
}

/// Adds to the job summary.
pub fn summarise(path: &Path, markdown: &str) -> Result<(), Error> {
    append(path, &format!("{}\n", secrets::masked(markdown)))
}

/// Sets outputs of the step. A value cannot end early and set another.
pub fn set_outputs(path: &Path, outputs: &[(&str, String)]) -> Result<(), Error> {
    let text: String = outputs
        .iter()
        .map(|(name, value)| {
            let delimiter = format!("end-{}", random());
            format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
        })
        .collect();
    append(path, &text)
}

fn append(path: &Path, text: &str) -> Result<(), Error> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn random() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// The message of a command on one line (as the runner's own toolkit escapes it).
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_starts_a_command_of_its_own(title in "\\PC*|[:,%\r\n]*", message in "\\PC*|[:%\r\n]*") {
            let line = annotation(Level::Error, &title, &message);
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert!(!line.contains('\r'));
            let (head, _) = line["::error ".len()..].split_once("::").expect("a head");
            prop_assert!(!head["title=".len()..].contains([':', ',']), "{}", line);
        }

        #[test]
        fn no_name_in_a_report_starts_a_command(name in "(\\PC|[:%\r\n]|\n::error::|::set-output name=a::){0,20}") {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/reports/regressed.json");
            let text = std::fs::read(path).expect("a stored report");
            let mut report: Report = serde_json::from_slice(&text).expect("a report");
            for finding in &mut report.findings {
                finding.server.clone_from(&name);
                finding.rule = Some(name.clone());
            }
            let lines = annotations(&report);
            prop_assert_eq!(lines.len(), 3);
            for line in lines {
                prop_assert!(line.starts_with("::error title=perfgate::"), "{}", line);
                prop_assert!(!line.contains(['\r', '\n']), "{}", line);
            }
        }
    }

    #[test]
    fn what_is_more_than_the_runner_shows_is_counted() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/reports/regressed.json"
        );
        let text = std::fs::read(path).expect("a stored report");
        let mut report: Report = serde_json::from_slice(&text).expect("a report");
        let again = report.findings.clone();
        for _ in 0..3 {
            report.findings.extend(again.iter().cloned());
        }
        let lines = annotations(&report);
        assert_eq!(lines.len(), ANNOTATIONS);
        assert!(
            lines[ANNOTATIONS - 1].ends_with("3 more, in the job summary"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_value_cannot_set_another_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("outputs");
        let outputs = [("a", "x\nEOF\nb=1".to_owned()), ("c", "2".to_owned())];
        set_outputs(&path, &outputs).expect("written");
        let text = std::fs::read_to_string(&path).expect("read");
        let first = text.lines().next().expect("a line");
        let delimiter = first.strip_prefix("a<<").expect("a name");
        assert_eq!(text.matches(delimiter).count(), 2);
        assert!(delimiter.len() > 30);
    }
}
