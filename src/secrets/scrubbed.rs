//! Variables that what is measured, and what prepares it, does not inherit.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::{known, names, shapes};

/// Rights that a job has beside those that are called so.
const STARTS: [&str; 3] = ["ACTIONS_", "AWS_", "INPUT_"];

/// The variables that perfgate.toml hands on all the same.
static INHERITED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Hands variables on that are secrets.
pub fn inherit<'a>(names: impl Iterator<Item = &'a str>) {
    let mut inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    inherited.extend(names.map(str::to_owned));
}

/// Whether a variable is kept from servers and commands: its name says that it is a secret or a right of
/// the job, or its value is one or has one in it.
pub fn is_scrubbed(name: &str, value: &str) -> bool {
    let inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    !inherited.contains(name) && is_right(name, value)
}

fn is_right(name: &str, value: &str) -> bool {
    STARTS.iter().any(|start| name.starts_with(start))
        || names::is_secret(name)
        || shapes::has_token(value)
        // The address of a database has its password in it, and servers need it.
        || (known::is_in(value) && !value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_known_by_name_and_by_value() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        for (name, value) in [
            ("GH_TOKEN", "x"),
            ("AWS_SESSION_TOKEN", "x"),
            ("INPUT_GITHUB-TOKEN", "x"),
            ("ACTIONS_CACHE_URL", "https://cache.test/"),
            ("HEADER", &format!("Bearer {token}")),
        ] {
            assert!(is_scrubbed(name, value), "{name}");
        }
        for (name, value) in [
            ("PATH", "/bin"),
            ("DATABASE_URL", "postgres://app:Hunter2Hunter2@db/app"),
            ("GITHUB_SHA", "0123456789012345678901234567890123456789"),
        ] {
            assert!(!is_scrubbed(name, value), "{name}");
        }
    }

    #[test]
    fn what_the_configuration_names_is_handed_on() {
        assert!(is_scrubbed("OF_THE_TEST_TOKEN", "x"));
        inherit(["OF_THE_TEST_TOKEN"].into_iter());
        assert!(!is_scrubbed("OF_THE_TEST_TOKEN", "x"));
    }
}
