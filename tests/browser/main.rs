//! The pages in a real browser. Run by `cargo test -- --include-ignored`.

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod page;
mod pages;
