//! What sampling programs saw of two builds under the same load → which functions take more CPU time per
//! request. Pure: `py_spy` and `perf_script` read what the programs wrote, `changes` compares functions,
//! `calls` keeps who called whom.

mod calls;
mod changes;
mod perf_script;
mod py_spy;
mod stack;
mod touched;

pub use changes::compare;
pub use perf_script::{Sample, read as read_perf_script};
pub use py_spy::read as read_py_spy;
pub use stack::{Frame, Sampled, Slice, relative_to};
pub use touched::mark_touched;

#[cfg(test)]
mod tests;
