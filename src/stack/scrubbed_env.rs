//! What a job's environment holds for perfgate and for git alone. Servers and commands under test
//! run code that nobody may have looked at.

use std::ffi::{OsStr, OsString};
use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Rights that a job lends, on GitHub and on GitLab; what baselines are pushed with; and the files
/// by which a step speaks to its runner.
const NAMES: [&str; 11] = [
    "GITHUB_TOKEN",
    "CI_JOB_TOKEN",
    "PERFGATE_PUSH_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
];
/// Settings of git that the environment brings: a header with the token may be among them.
const STARTS: [&str; 4] = [
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_VALUE_",
];

/// The variables of this process that no server and no command inherits.
pub(super) fn variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_scrubbed(name))
}

/// Keeps other processes of the same user from reading this one's environment and memory.
pub fn close_to_others() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

fn is_scrubbed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_process_is_read_by_no_other_of_its_user() {
        close_to_others().expect("Linux has it");
        let now = rustix::process::dumpable_behavior().expect("Linux has it");
        assert_eq!(now, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn rights_are_withheld_and_everything_else_is_not() {
        for name in [
            "GITHUB_TOKEN",
            "GIT_CONFIG_VALUE_0",
            "ACTIONS_RUNTIME_TOKEN",
        ] {
            assert!(is_scrubbed(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "GITHUB_SHA", "GIT_CONFIG_GLOBAL", "DATABASE_URL"] {
            assert!(!is_scrubbed(OsStr::new(name)), "{name}");
        }
    }
}
