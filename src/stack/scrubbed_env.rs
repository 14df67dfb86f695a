//! What of this process's environment servers and commands under test do not inherit: what a job
//! holds for perfgate and for git alone, because they run code that nobody may have looked at; whatever is
//! a secret; and what
//! cargo and rustup were given for the tree that perfgate was called in, because each tree is built into
//! a folder of its own, by the compiler that it asks for itself.

use std::ffi::{OsStr, OsString};
use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::secrets;

/// Handed on by no configuration: rights that a job lends, on GitHub and on GitLab; what baselines are pushed with; and the files
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

/// Where cargo puts what it builds, whichever tree it is of.
pub(super) const CARGO_FOLDERS: [&str; 3] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
];
const TOOLCHAIN: &str = "RUSTUP_TOOLCHAIN";
/// How rustup's proxy of cargo chose a toolchain.
const TOOLCHAIN_SOURCE: &str = "RUSTUP_TOOLCHAIN_SOURCE";
/// What the proxy sets, whatever it was asked for.
const PROXIED: &str = "RUST_RECURSION_COUNT";

/// The variables of this process that no server and no command inherits.
pub(super) fn variables() -> impl Iterator<Item = OsString> {
    let variables = std::env::vars_os().filter(|(name, value)| {
        is_scrubbed(name, |it| std::env::var(it).ok()) || is_secret(name, value)
    });
    variables.map(|(name, _)| name)
}

/// Keeps other processes of the same user from reading this one's environment and memory.
pub fn close_to_others() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Whether a variable is secret, by its name or its value, and the configuration does not hand it on.
fn is_secret(name: &OsStr, value: &OsStr) -> bool {
    secrets::is_scrubbed(&name.to_string_lossy(), &value.to_string_lossy())
}

fn is_scrubbed(name: &OsStr, variable: impl Fn(&str) -> Option<String>) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    NAMES.contains(&name)
        || STARTS.iter().any(|start| name.starts_with(start))
        || is_of_caller(name, variable)
}

/// Whether a variable is of the tree that perfgate was called in. A toolchain is not, where the user
/// chose it; rustup says so since 1.28.
fn is_of_caller(name: &str, variable: impl Fn(&str) -> Option<String>) -> bool {
    if name == TOOLCHAIN {
        let source = variable(TOOLCHAIN_SOURCE).unwrap_or_default();
        let is_chosen = ["env", "cli", "command"]
            .iter()
            .any(|it| source.starts_with(it));
        return variable(PROXIED).is_some() && !is_chosen;
    }
    CARGO_FOLDERS.contains(&name)
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
    fn rights_are_scrubbed_and_everything_else_is_not() {
        for name in [
            "GITHUB_TOKEN",
            "GIT_CONFIG_VALUE_0",
            "ACTIONS_RUNTIME_TOKEN",
        ] {
            assert!(is_scrubbed(OsStr::new(name), |_| None), "{name}");
        }
        for name in ["PATH", "GITHUB_SHA", "GIT_CONFIG_GLOBAL", "DATABASE_URL"] {
            assert!(!is_scrubbed(OsStr::new(name), |_| None), "{name}");
        }
    }

    fn is_of_caller_where(name: &str, variables: &[(&str, &str)]) -> bool {
        is_of_caller(name, |wanted| {
            let mut all = variables.iter();
            let found = all.find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_toolchain_is_inherited_where_the_user_chose_it() {
        let proxied = |source| [(PROXIED, "1"), (TOOLCHAIN_SOURCE, source)];
        for source in ["toolchain-file", "default", "path-override", ""] {
            assert!(is_of_caller_where(TOOLCHAIN, &proxied(source)), "{source}");
        }
        for source in ["env", "cli"] {
            assert!(!is_of_caller_where(TOOLCHAIN, &proxied(source)), "{source}");
        }
        assert!(is_of_caller_where(TOOLCHAIN, &[(PROXIED, "1")]));
        assert!(!is_of_caller_where(TOOLCHAIN, &[]), "no proxy set it");
    }

    #[test]
    fn folders_that_all_trees_would_share_are_not_inherited() {
        for name in CARGO_FOLDERS {
            assert!(is_of_caller_where(name, &[]), "{name}");
        }
        assert!(!is_of_caller_where("CARGO_HOME", &[]));
    }
}
