use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Error;
use super::error::nearest;
use crate::compose::Location;
use crate::model::RuleOrigin;

/// Finds the line and column of a byte range in the configuration file.
pub(super) struct Spans<'a> {
    path: PathBuf,
    text: &'a str,
    /// Places in other files: their ranges of bytes begin behind the text, in their order.
    others: Vec<Other>,
}

struct Other {
    path: PathBuf,
    line: usize,
    column: usize,
}

impl<'a> Spans<'a> {
    pub(super) fn new(path: &Path, text: &'a str) -> Self {
        Self {
            path: path.to_owned(),
            text,
            others: Vec::new(),
        }
    }

    /// A place in a file beside the configuration, as a range of bytes that only this has.
    pub(super) fn mark(&mut self, location: &Location) -> Range<usize> {
        let at = self.text.len() + 1 + self.others.len();
        self.others.push(Other {
            path: self.beside(&location.path),
            line: location.line,
            column: location.column,
        });
        at..at
    }

    /// An error in a file beside the configuration.
    pub(super) fn elsewhere(
        &self,
        location: &Location,
        message: String,
        hint: Option<String>,
    ) -> Error {
        Error::Invalid {
            path: self.beside(&location.path),
            line: location.line,
            column: location.column,
            message,
            hint,
        }
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn other(&self, span: &Range<usize>) -> Option<&Other> {
        let number = span.start.checked_sub(self.text.len() + 1)?;
        self.others.get(number)
    }

    /// The folder of the configuration.
    pub(super) fn root(&self) -> PathBuf {
        let root = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        root.unwrap_or(Path::new(".")).to_owned()
    }

    /// Where a value was set, as rules name it.
    pub(super) fn origin(&self, span: &Range<usize>) -> RuleOrigin {
        if let Some(other) = self.other(span) {
            let name = other.path.file_name().unwrap_or(other.path.as_os_str());
            return RuleOrigin::File {
                name: name.to_string_lossy().into_owned(),
                line: other.line,
            };
        }
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        RuleOrigin::File {
            name: name.to_string_lossy().into_owned(),
            line: self.line_and_column(span.start).0,
        }
    }

    /// An error at a value.
    pub(super) fn invalid(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Error {
        let (line, column) = self.line_and_column(span.start);
        let other = self.other(span);
        let other = other.map(|it| (&it.path, it.line, it.column));
        let (path, line, column) = other.unwrap_or((&self.path, line, column));
        Error::Invalid {
            path: path.clone(),
            line,
            column,
            message: message.into(),
            hint,
        }
    }

    /// The error of the TOML reader, with the nearest known name where a name is unknown.
    pub(super) fn syntax(&self, error: &toml::de::Error) -> Error {
        let message = error.message().trim().replace('\n', ", ");
        let (message, hint) = match message.split_once(super::units::HINT_MARK) {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message.clone(), suggestion(&message)),
        };
        self.invalid(&error.span().unwrap_or(0..0), message, hint)
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// Reads the names out of serde's "unknown field `x`, expected one of `a`, `b`".
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let found = names.next()?;
    let known: Vec<&str> = names.collect();
    nearest(found, &known).map(|near| format!("did you mean `{near}`?"))
}
