//! The way to the terminal, with colours where it takes them. A reader who has gone is no error, letters that a terminal would obey
//! do not pass, nor do secrets, and what could not be printed is reported at the end.

use std::io::{self, Write};
use std::sync::OnceLock;

use crate::{report, secrets};

static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes to standard output.
pub(super) fn out(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let text = report::clean(&secrets::masked(text));
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => drop(LOST.set(error)),
        _ => (),
    }
}

/// Writes to standard error; nothing can report a failure of that.
pub(super) fn err(text: &str) {
    let _ = anstream::stderr().write_all(report::clean(&secrets::masked(text)).as_bytes());
}

/// Why standard output lacks something.
pub(super) fn lost() -> Option<io::Error> {
    LOST.get()
        .map(|it| io::Error::new(it.kind(), it.to_string()))
}
