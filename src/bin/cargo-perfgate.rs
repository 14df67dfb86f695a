//! Makes `cargo perfgate …` work: cargo starts this program with `perfgate` as its first word, and it becomes
//! the `perfgate` that was installed with it.
#![allow(clippy::print_stderr, reason = "nothing else reports to the user")]

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const NAME: &str = "perfgate";
const INIT: &str = "init";

/// perfgate's exit code for an environment that lacks something.
const ENVIRONMENT: u8 = 4;

fn main() -> ExitCode {
    let mut words: Vec<OsString> = env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == NAME) {
        words.remove(0);
    }
    // Who calls it by cargo means what cargo builds.
    if words.first().is_some_and(|word| word == INIT) {
        words.insert(1, "--cargo".into());
    }
    // Help speaks of what was called.
    let error = Command::new(program())
        .arg0("cargo perfgate")
        .args(words)
        .exec();
    eprintln!("error: cannot start `{NAME}`: {error}");
    eprintln!("hint: install both with `cargo install --path .`");
    ExitCode::from(ENVIRONMENT)
}

/// The one beside this program, else the one on PATH.
fn program() -> PathBuf {
    let beside = env::current_exe().map(|this| this.with_file_name(NAME));
    beside
        .ok()
        .filter(|path| path.is_file())
        .unwrap_or_else(|| NAME.into())
}
