use std::io;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot find a perfgate.toml in `{}` or above it", folder.display())]
    NotFound { folder: PathBuf },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use {path}:{line}:{column}: {message}", path = path.display())]
    Invalid {
        path: PathBuf,
        line: usize,
        column: usize,
        message: String,
        hint: Option<String>,
    },
    #[error("cannot find {what} `{name}` in `{}`", path.display())]
    UnknownName {
        path: PathBuf,
        what: &'static str,
        name: String,
        known: Vec<String>,
    },
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some(
                "run perfgate inside a project that has one, or name it with `--config FILE`"
                    .into(),
            ),
            Self::Read { .. } => Some("name a file that can be read: `--config FILE`".into()),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::UnknownName { name, known, .. } => Some(match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "the configuration has none".into(),
                None => format!("known: {}", known.join(", ")),
            }),
        }
    }
}

/// The known name most like `name`, when one is like enough.
pub(super) fn nearest<'a, S: AsRef<str>>(name: &str, known: &'a [S]) -> Option<&'a str> {
    let scored = known.iter().map(|known| {
        let known = known.as_ref();
        (strsim::normalized_damerau_levenshtein(name, known), known)
    });
    // Of names that are equally like it, the first.
    scored
        .rev()
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(score, _)| *score > 0.6)
        .map(|(_, known)| known)
}
