//! The secrets that are known by value.

use std::env;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::{INSTEAD, forms, names, shapes};

/// Letters of the shortest secret that is masked in every text.
const SHORTEST_ANYWHERE: usize = 8;
/// Letters of the shortest secret that is masked in what servers say.
const SHORTEST_IN_OUTPUT: usize = 4;
/// The same of what a configuration passes on without calling it a secret: shorter ones are in every
/// text.
const SHORTEST_PASSED: usize = 6;
/// What a step has the runner mask.
const ADD_MASK: &str = "::add-mask::";
/// How a header with rights begins that a workflow gives to git.
const HEADER: &str = "authorization:";
/// Values that reveal nothing; a mask over them would be over half of a report.
const PLAIN: [&str; 27] = [
    "admin",
    "changeme",
    "database",
    "debug",
    "default",
    "development",
    "disabled",
    "enabled",
    "example",
    "false",
    "guest",
    "localhost",
    "mysql",
    "none",
    "null",
    "passwd",
    "password",
    "perfgate",
    "postgres",
    "postgresql",
    "production",
    "rabbitmq",
    "redis",
    "root",
    "secret",
    "test",
    "true",
];

/// Those of this process's environment, and what was learnt since.
static KNOWN: LazyLock<Mutex<Known>> =
    LazyLock::new(|| Mutex::new(Known::from_variables(env::vars())));

/// The longest first: one secret may be a part of another.
#[derive(Debug, Default)]
struct Known {
    anywhere: Vec<String>,
    in_output: Vec<String>,
}

/// Keeps a value in mind that a configuration passes on: a secret where its name or its shape says so.
pub fn know(name: &str, value: &str) {
    known().passed(name, value);
}

/// Keeps a value in mind where its name or its shape calls it a secret.
pub fn know_named(name: &str, value: &str) {
    known().variable(name, value);
}

/// Keeps a secret in mind.
pub fn know_secret(value: &str) {
    known().secret(value);
}

/// A text without what is a secret wherever it stands.
pub fn masked(text: &str) -> String {
    known().masked(text)
}

/// Keeps in mind what a program has the runner mask. Whoever passes its lines on in another form asks here
/// first: that a line is such a command is seen at its beginning.
pub fn know_masks(output: &str) {
    known().masks(output);
}

/// What a server or a program said, without secrets that this process was given or passed on.
pub fn masked_output(text: &str) -> String {
    let mut known = known();
    known.masks(text);
    known.masked_output(text)
}

/// Whether a secret of this process is in a value.
pub(super) fn is_in(value: &str) -> bool {
    let known = known();
    known.anywhere.iter().any(|it| value.contains(it.as_str()))
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut known = Self::default();
        for (name, value) in variables {
            known.variable(&name, &value);
        }
        known
    }

    /// A value by its name, and what stands in the place of a password in any.
    fn variable(&mut self, name: &str, value: &str) {
        let is_place = Path::new(value).is_absolute() && Path::new(value).exists();
        if names::is_secret(name) && !is_place {
            self.secret(value);
        }
        for secret in shapes::placed(value) {
            self.secret(&secret);
        }
        // `AUTHORIZATION: basic CODE`
        if value.to_ascii_lowercase().starts_with(HEADER)
            && let Some(code) = value.split_whitespace().last()
        {
            self.secret(code);
        }
    }

    /// The values of the lines by which a program has the runner mask them.
    fn masks(&mut self, output: &str) {
        for line in output.lines() {
            if let Some(value) = line.trim_start().strip_prefix(ADD_MASK) {
                self.secret(value.trim());
            }
        }
    }

    /// What a configuration passes on. A word may be the name of a host or of a folder.
    fn passed(&mut self, name: &str, value: &str) {
        self.variable(name, value);
        if value.len() >= SHORTEST_PASSED && !is_word(value) && !is_folder(value) {
            self.add_to_output(value);
        }
    }

    fn secret(&mut self, value: &str) {
        let value = value.trim();
        let letters = value.chars().count();
        if letters >= SHORTEST_ANYWHERE && !is_word(value) {
            add(&mut self.anywhere, value);
        }
        if letters >= SHORTEST_IN_OUTPUT {
            self.add_to_output(value);
        }
    }

    fn add_to_output(&mut self, value: &str) {
        if !PLAIN.contains(&value.to_ascii_lowercase().as_str()) {
            add(&mut self.in_output, value);
        }
    }

    fn masked(&self, text: &str) -> String {
        without(&self.anywhere, &shapes::masked(text))
    }

    fn masked_output(&self, text: &str) -> String {
        without(&self.in_output, &self.masked(text))
    }
}

/// Whether a value may be a word of a report: of small letters alone, or a number.
fn is_word(value: &str) -> bool {
    let is_small = |letter: char| letter.is_ascii_lowercase() || letter == '_' || letter == '-';
    value.chars().all(is_small) || value.chars().all(|it| it.is_ascii_digit())
}

/// Whether a value may be a path, of small letters as they are in images.
fn is_folder(value: &str) -> bool {
    let is_of_path =
        |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "/_-.".contains(it);
    value.starts_with('/') && value.chars().all(is_of_path)
}

fn add(list: &mut Vec<String>, value: &str) {
    for form in forms::encodings(value) {
        if !list.contains(&form) {
            list.push(form);
        }
    }
    list.sort_by_key(|it| std::cmp::Reverse(it.len()));
}

fn without(secrets: &[String], text: &str) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), INSTEAD);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_of(variables: &[(&str, &str)]) -> Known {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Known::from_variables(variables.iter().map(owned))
    }

    #[test]
    fn a_secret_is_masked_in_all_its_forms() {
        let known = known_of(&[("APP_TOKEN", "s3cr3t/Value")]);
        for text in [
            "s3cr3t/Value",
            "s3cr3t%2FValue",
            "czNjcjN0L1ZhbHVl",
            "dXNlcjpzM2NyM3QvVmFsdWU=",
        ] {
            let masked = known.masked(&format!("a {text} b"));
            assert!(
                masked.starts_with("a ") && masked.contains(INSTEAD),
                "{masked}"
            );
        }
    }

    #[test]
    fn short_values_and_words_do_not_destroy_a_report() {
        let known = known_of(&[
            ("DB_PASSWORD", "postgres"),
            ("A_TOKEN", "abc"),
            ("B_TOKEN", "interleaved"),
            ("C_TOKEN", "12345678"),
            ("D_TOKEN", "a1b2"),
            ("USE_TOKEN", "true"),
        ]);
        let text = "postgres abc interleaved 12345678 a1b2 true";
        assert_eq!(known.masked(text), text);
        assert_eq!(
            known.masked_output(text),
            "postgres abc (hidden) (hidden) (hidden) true"
        );
        let address = "postgres://postgres:postgres@db/app";
        assert_eq!(known.masked(address), "postgres://postgres:(hidden)@db/app");
    }

    #[test]
    fn a_word_that_is_passed_on_is_no_secret_unless_its_name_says_so() {
        let mut known = known_of(&[]);
        known.passed("EMAIL_HOST", "mailpit");
        known.passed("GREETING", "Hello-World");
        known.passed("DB_PASS", "changethis");
        known.passed("APP_FOLDER", "/usr/src/app");
        let text = "start mailpit in /usr/src/app: Hello-World changethis";
        let expected = "start mailpit in /usr/src/app: (hidden) (hidden)";
        assert_eq!(known.masked_output(text), expected);
        assert_eq!(known.masked(text), text);
    }

    #[test]
    fn a_password_in_the_address_of_any_variable_is_known() {
        let known = known_of(&[
            ("DATABASE_URL", "postgres://app:Hunter2Hunter2@db/app"),
            ("GIT_CONFIG_VALUE_0", "AUTHORIZATION: basic cGxhbnRlZA=="),
            ("HOME", "/home/of/somebody"),
        ]);
        let text = "login of app with Hunter2Hunter2 in /home/of/somebody failed, cGxhbnRlZA==";
        let expected = "login of app with (hidden) in /home/of/somebody failed, (hidden)";
        assert_eq!(known.masked(text), expected);
    }

    #[test]
    fn what_a_program_has_the_runner_mask_is_known_from_then_on() {
        let text = "::add-mask::M4sk3d-by-the-step\nlogin with M4sk3d-by-the-step";
        assert_eq!(
            masked_output(text),
            "::add-mask::(hidden)\nlogin with (hidden)"
        );
        assert_eq!(masked("M4sk3d-by-the-step"), INSTEAD);
    }
}
