//! What the allocator of a server counts that has the package `perfgate-alloc`: read from a file that the
//! program maps into its memory.

use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::model::Metric;

/// The variable that names the file; as in `perfgate-alloc`.
pub(super) const VARIABLE: &str = "PERFGATE_ALLOCATIONS";
/// What a program writes into the first number that counts.
const ATTACHED: u64 = 0x7067_616c_6c6f_6331;
/// Numbers of the file, of eight bytes each.
const NUMBERS: usize = 4;
/// Not zero while allocations are to be counted: under load it would cost time.
const COUNTING: u64 = 8;

/// The file of one start of a server.
pub(super) struct Allocations(NamedTempFile);

/// What had been counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    allocations: u64,
    bytes: u64,
}

impl Allocations {
    pub(super) fn new() -> io::Result<Self> {
        let mut file = NamedTempFile::with_prefix("perfgate-allocations-")?;
        file.write_all(&[0; NUMBERS * 8])?;
        Ok(Self(file))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Has the program count from now on.
    pub(super) fn start(&self) {
        self.switch(1);
    }

    pub(super) fn stop(&self) {
        self.switch(0);
    }

    fn switch(&self, counting: u64) {
        // A program that does not get to know counts nothing, and then nothing is said.
        let _ = self
            .0
            .as_file()
            .write_all_at(&counting.to_ne_bytes(), COUNTING);
    }

    /// What the program has counted; nothing of one that does not.
    pub(super) fn read(&self) -> Option<Allocated> {
        let mut bytes = [0; NUMBERS * 8];
        self.0.as_file().read_exact_at(&mut bytes, 0).ok()?;
        let mut numbers = bytes.chunks_exact(8).map(|it| {
            let mut number = [0; 8];
            number.copy_from_slice(it);
            u64::from_ne_bytes(number)
        });
        let attached = numbers.next()? == ATTACHED;
        let (allocations, bytes) = (numbers.nth(1)?, numbers.next()?);
        attached.then_some(Allocated { allocations, bytes })
    }
}

impl Allocated {
    /// What has been counted since `before`, per request.
    pub fn since(self, before: Self, requests: u64) -> [(Metric, f64); 2] {
        let share = |after: u64, before: u64| after.saturating_sub(before) as f64 / requests as f64;
        [
            (
                Metric::AllocationsPerRequest,
                share(self.allocations, before.allocations),
            ),
            (
                Metric::AllocatedBytesPerRequest,
                share(self.bytes, before.bytes),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_wrote_is_read_and_one_that_wrote_nothing_counts_nothing() {
        let file = Allocations::new().expect("a file");
        assert_eq!(file.read(), None);
        let write = |number: u64, at: usize| {
            let written = file
                .0
                .as_file()
                .write_all_at(&number.to_ne_bytes(), at as u64 * 8);
            written.expect("written");
        };
        write(ATTACHED, 0);
        write(12, 2);
        write(640, 3);
        let before = file.read().expect("counts");
        file.start();
        write(17, 2);
        write(1640, 3);
        let after = file.read().expect("counts");
        let expected = [
            (Metric::AllocationsPerRequest, 1.0),
            (Metric::AllocatedBytesPerRequest, 200.0),
        ];
        assert_eq!(after.since(before, 5), expected);
    }
}
