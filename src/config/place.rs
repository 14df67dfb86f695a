use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Error;
use super::error::nearest;
use crate::model::RuleOrigin;

/// Finds the line and column of a byte range in the configuration file.
pub(super) struct Places<'a> {
    path: PathBuf,
    text: &'a str,
}

impl<'a> Places<'a> {
    pub(super) fn new(path: &Path, text: &'a str) -> Self {
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// Where a value was set, as rules name it.
    pub(super) fn origin(&self, span: &Range<usize>) -> RuleOrigin {
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
        Error::Invalid {
            path: self.path.clone(),
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
