//! What is wrong in a compose file, and where.

use std::path::PathBuf;

/// A place in one of the files that were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// Number of the file, in the order of reading.
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Why compose files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: Option<String>,
    /// Nothing for what is wrong with how the files were named.
    pub mark: Option<Mark>,
}

/// A place, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// From the root on.
    pub path: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl Problem {
    pub(super) fn at(mark: Mark, message: impl Into<String>, hint: &str) -> Self {
        Self {
            message: message.into(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            mark: Some(mark),
        }
    }

    pub(super) fn of_request(message: impl Into<String>, hint: &str) -> Self {
        Self {
            mark: None,
            ..Self::at(Mark::default(), message, hint)
        }
    }
}

/// The known name most like `name`, when one is like enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    scored
        .filter(|(score, _)| *score > 0.6)
        .reduce(|best, it| if it.0 > best.0 { it } else { best })
        .map(|(_, known)| known)
}

/// `did you mean …?`, or all that is known.
pub(super) fn suggestion<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let known: Vec<_> = known.into_iter().collect();
    format!("known: {}", known.join(", "))
}
