//! Files that list what a project uses → the names in them.

use std::fs;
use std::path::Path;

const PYTHON: [&str; 6] = [
    "pyproject.toml",
    "requirements.txt",
    "requirements.in",
    "Pipfile",
    "setup.cfg",
    "setup.py",
];
const OTHERS: [&str; 2] = ["package.json", "go.mod"];

/// The names of a project's dependencies, in small letters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dependencies {
    /// Of Python alone.
    python: Vec<String>,
    others: Vec<String>,
    /// Of Rust, whose services cargo knows better.
    rust: Vec<String>,
}

impl Dependencies {
    /// Those of the folder of the source; of files that it lacks, those at the root.
    pub(super) fn read(root: &Path, source: &Path) -> Self {
        let read = |name: &str| {
            let own = fs::read_to_string(source.join(name));
            own.or_else(|_| fs::read_to_string(root.join(name)))
                .unwrap_or_default()
        };
        let python = PYTHON.map(read).concat() + &split_requirements(source);
        Self {
            python: names(&without_comments(&python)),
            others: names(&OTHERS.map(read).concat()),
            rust: names(&read("Cargo.toml")),
        }
    }

    /// Whether one of these is used in Python.
    pub(super) fn of_python(&self, names: &[&str]) -> bool {
        self.python.iter().any(|it| names.contains(&it.as_str()))
    }

    /// The same in any language but Rust.
    pub(super) fn any(&self, names: &[&str]) -> bool {
        let mut all = self.python.iter().chain(&self.others);
        all.any(|it| names.contains(&it.as_str()))
    }

    /// Whether the application reads a file of variables itself.
    pub(super) fn reads_env_file(&self) -> bool {
        const READERS: [&str; 8] = [
            "django-environ",
            "dotenv",
            "dotenvy",
            "environs",
            "godotenv",
            "pydantic-settings",
            "python-decouple",
            "python-dotenv",
        ];
        let is_one = |it: &String| READERS.contains(&it.as_str());
        self.any(&READERS) || self.rust.iter().any(is_one)
    }

    /// The scheme by which `SQLAlchemy` takes the driver that there is: by a plain one, newer versions take
    /// psycopg 3.
    pub(super) fn scheme(&self) -> Option<String> {
        let is_for_sqlalchemy = self.of_python(&["sqlalchemy", "flask-sqlalchemy", "sqlmodel"]);
        // `databases` chooses by the plain scheme.
        let has_old_driver_alone = self.of_python(&["psycopg2", "psycopg2-binary"])
            && !self.of_python(&["psycopg", "django", "databases"]);
        (is_for_sqlalchemy && has_old_driver_alone).then(|| "postgresql+psycopg2".to_owned())
    }
}

/// Lines up to a comment: `#` within a word is of an address.
fn without_comments(text: &str) -> String {
    let line = |line: &str| {
        let mut marks = line.match_indices('#');
        let comment = marks.find(|(at, _)| line[..*at].trim_end().len() < *at || *at == 0);
        line[..comment.map_or(line.len(), |(at, _)| at)].to_owned() + "\n"
    };
    text.lines().map(line).collect()
}

/// The files of a folder of requirements, one for each environment.
fn split_requirements(source: &Path) -> String {
    let entries = fs::read_dir(source.join("requirements"))
        .into_iter()
        .flatten();
    let paths = entries.flatten().map(|it| it.path());
    let files = paths.filter(|it| it.extension().is_some_and(|it| it == "txt" || it == "in"));
    files.filter_map(|it| fs::read_to_string(it).ok()).collect()
}

/// The names in a list of dependencies, in whatever form it is.
fn names(text: &str) -> Vec<String> {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let words = text.split(|letter| !inside(letter));
    words
        .filter(|it| !it.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_comment_names_is_not_used() {
        let text = "flask==3.0\n# psycopg2-binary\nredis  # or valkey\ngit+https://example.org/x.git#egg=celery\n";
        let found = names(&without_comments(text));
        let has = |name: &str| found.iter().any(|it| it == name);
        assert!(has("flask") && has("redis") && has("celery"), "{found:?}");
        assert!(!has("psycopg2-binary") && !has("valkey"), "{found:?}");
    }
}
