//! perfgate: a performance regression gate for HTTP services.
//!
//! The program is one pass over one chain of values; the modules below stand in its order.
//!
//! ```text
//!  perfgate.toml ─ config ─▶ Plan ──────────────┐
//!                                               ▼
//!               stack (containers) ─┐
//!                                   ├─ measure ─▶ Measurement ─┐
//!               load (requests) ────┘                          ├─ gate ─▶ Findings ─▶ Report ─ report ─▶ bytes ─ publish ─▶ GitHub
//!                                                    baseline ─┴─ Reference
//! ```
//!
//! `dial` opens the connections of stack and load, `coding` decodes compressed bodies for both, `git` asks git, `document` reads and writes versioned JSON,
//! `compose` reads compose files for `config` and `init`, which proposes a configuration,
//! `import` what other load generators wrote, `bounded` files of others; `unique` makes values that no
//! other request has; `secrets` knows what no writer may write.
//! `profile` says which functions take more CPU time in a build than in another.
//! `stats`, `model`, `gate`, `profile` and `report` are pure: no clock, file, network or environment. The
//! edges are thin. `app` puts the steps together for each command. Only `cli` prints, and only `main` exits. Folders import only what
//! `tests/architecture.rs` allows.
//!
//! The library exists for the binary and its tests; it is not a public interface.

pub mod cli;
pub mod error;

pub mod app;

pub mod bounded;
pub mod coding;
pub mod compose;
pub mod config;
pub mod document;
pub mod secrets;

pub mod import;
pub mod init;

pub mod dial;
pub mod stack;

pub mod load;
pub mod unique;

pub mod measure;

pub mod git;

pub mod baseline;

pub mod stats;

pub mod model;

pub mod gate;

pub mod profile;

pub mod report;

pub mod publish;
