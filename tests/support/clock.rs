//! A wall clock that jumps in the middle of a run, for all programs of a sandbox.

use std::fs;
use std::process::Command;

use jiff::Timestamp;

use crate::support::{Sandbox, repository};

/// The same sandbox with a clock that [`jump`] puts forward by so many seconds.
pub(crate) fn with_clock(sandbox: Sandbox, seconds: i64) -> Sandbox {
    let library = sandbox.path("clock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(repository().join("tests/support/clock.c"))
        .status();
    assert!(built.expect("the compiler runs").success());
    let (library, moment) = (library.display().to_string(), moment(&sandbox));
    sandbox
        .env("LD_PRELOAD", &library)
        .env("CLOCK_JUMPS", &moment)
        .env("CLOCK_JUMPS_BY", &seconds.to_string())
}

/// Puts the clock forward.
pub(crate) fn jump(sandbox: &Sandbox) {
    fs::write(moment(sandbox), "").expect("written");
}

/// What the clock says.
pub(crate) fn clock(sandbox: &Sandbox) -> Timestamp {
    let date = sandbox.command("date").arg("+%s").output();
    let date = String::from_utf8(date.expect("date runs").stdout).expect("digits");
    Timestamp::from_second(date.trim().parse().expect("seconds")).expect("a time")
}

/// The file that is there once it has jumped.
fn moment(sandbox: &Sandbox) -> String {
    sandbox.path("the clock has jumped").display().to_string()
}
