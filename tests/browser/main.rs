//! The pages in a real browser: Debian's `chromium` and `chromium-driver` must be installed. Run
//! by `cargo test -- --include-ignored`.

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod page;
mod pages;
