/// A complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Length of the content, without its framing.
    pub(super) body_bytes: u64,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
}

/// Bytes of a body that are kept to be looked into; what comes behind is not.
const LONGEST: usize = 16 * 1024 * 1024;

/// A body that is kept.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Kept(Vec<u8>);

impl Kept {
    pub(super) fn push(&mut self, content: &[u8]) {
        let room = LONGEST - self.0.len();
        self.0
            .extend_from_slice(&content[..content.len().min(room)]);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
