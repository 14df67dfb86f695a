//! The exit codes of the process.

pub const PASSED: u8 = 0;
pub const REGRESSED: u8 = 1;
pub const USAGE: u8 = 2;
pub const NO_BASELINE: u8 = 3;
pub const ENVIRONMENT: u8 = 4;
pub const INCONCLUSIVE: u8 = 5;
pub const WEAKER_GATE: u8 = 6;
pub const INTERRUPTED: u8 = 130;

/// Each code with its meaning; printed in `--help` and in the README.
pub const EXIT_CODES: [(u8, &str); 8] = [
    (
        PASSED,
        "passed, improved, or nothing to compare with unless required",
    ),
    (REGRESSED, "regressed"),
    (USAGE, "usage or configuration"),
    (
        NO_BASELINE,
        "a required baseline is missing or incomparable",
    ),
    (
        ENVIRONMENT,
        "environment: Docker, image, server never ready, GitHub does not answer",
    ),
    (
        INCONCLUSIVE,
        "inconclusive, only with --fail-on inconclusive or of bisect",
    ),
    (
        WEAKER_GATE,
        "the gate was weakened, only with --fail-on gate-change",
    ),
    (INTERRUPTED, "interrupted"),
];
