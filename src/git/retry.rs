//! What a remote is asked again after: its own trouble and the way's, which pass.

use std::process::Output;
use std::thread::sleep;
use std::time::Duration;

use rand::Rng;

use super::{Call, Error};

/// Tries of a command, the first one included.
const TRIES: u32 = 5;
/// Longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What git and curl say then, in English. A refused connection is none of it: nobody is there.
const PASSING: [&str; 15] = [
    "returned error: 429",
    // Those of a server before the server, such as 520 to 530, too.
    "returned error: 5",
    "RPC failed; HTTP 429",
    "RPC failed; HTTP 5",
    "RPC failed; curl",
    "Connection reset by peer",
    "Connection timed out",
    "Operation timed out",
    "Empty reply from server",
    "Could not resolve host",
    "Temporary failure in name resolution",
    "early EOF",
    "SSL_ERROR_SYSCALL",
    // What git says where it is built with GnuTLS, as on Debian and Ubuntu.
    "GnuTLS recv error",
    "gnutls_handshake() failed: The TLS connection was non-properly terminated",
];

impl Call<'_> {
    /// What came of it after as many tries as a passing trouble of the remote needs, and at most five.
    /// What it does twice must be what it does once.
    pub fn output_in_the_end(&self) -> Result<Output, Error> {
        let mut longest = FIRST_WAIT;
        for _ in 1..TRIES {
            let output = self.output()?;
            if output.status.success() || !is_passing(&String::from_utf8_lossy(&output.stderr)) {
                return Ok(output);
            }
            // Jobs that start together must not ask again together.
            sleep(rand::rng().random_range(longest / 2..longest));
            longest *= 2;
        }
        self.output()
    }
}

/// Whether a trouble may be over soon.
fn is_passing(said: &str) -> bool {
    PASSING.iter().any(|sign| said.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_trouble_is_asked_again_and_a_refusal_is_one() {
        for said in [
            "fatal: unable to access 'http://a/': The requested URL returned error: 503",
            "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
            "fatal: unable to access 'https://a/': Recv failure: Connection reset by peer",
            "fatal: unable to access 'https://a/': The requested URL returned error: 522",
            "error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.",
            "fatal: unable to access 'https://a/': GnuTLS recv error (-110): The TLS connection was non-properly terminated.",
        ] {
            assert!(is_passing(said), "{said}");
        }
        for said in [
            "fatal: unable to access 'http://a/': The requested URL returned error: 403",
            "fatal: Authentication failed for 'https://a/'",
            "fatal: unable to access 'http://127.0.0.1:9/': Failed to connect to 127.0.0.1 port 9",
        ] {
            assert!(!is_passing(said), "{said}");
        }
    }
}
