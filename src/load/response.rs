use crate::coding::{Coding, LONGEST};
use crate::model::Lenience;

/// A complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Length of the content, without its framing.
    pub(super) body_bytes: u64,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
    pub(super) coding: Coding,
    /// What was overlooked to read it.
    pub(super) leniences: Leniences,
}

/// A set of leniences that needs no memory of its own.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leniences(u8);

impl Leniences {
    pub(super) fn note(&mut self, lenience: Lenience) {
        self.0 |= 1 << lenience as u8;
    }

    #[must_use]
    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Lenience> {
        let all = Lenience::ALL.into_iter();
        all.filter(move |it| self.0 & (1 << *it as u8) != 0)
    }
}

impl Extend<Lenience> for Leniences {
    fn extend<T: IntoIterator<Item = Lenience>>(&mut self, leniences: T) {
        for lenience in leniences {
            self.note(lenience);
        }
    }
}

/// What came of a response that failed, as far as it came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// Without the end of its line.
    pub(super) status_line: Option<String>,
    pub(super) coding: Coding,
    /// The first bytes of the content, still coded; of what is no response, of all that came.
    pub(super) excerpt: Vec<u8>,
    /// Length of the content so far.
    pub(super) body_bytes: u64,
    /// What is wrong with it.
    pub(super) complaint: Option<String>,
}

/// Bytes of a body that are kept to be shown where the response fails.
pub(super) const EXCERPT: usize = 300;

/// The first bytes of a body; its memory is there before the first response.
#[derive(Debug)]
pub(super) struct Excerpt(Vec<u8>);

impl Excerpt {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(EXCERPT))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn push(&mut self, content: &[u8]) {
        let room = EXCERPT - self.0.len();
        if room == 0 {
            return;
        }
        self.0
            .extend_from_slice(&content[..content.len().min(room)]);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

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

    /// Whether the body may have been longer.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() == LONGEST
    }
}
