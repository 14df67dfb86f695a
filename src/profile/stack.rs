//! Call stacks, and the time that they were sampled in.

/// A function that was being executed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    pub name: String,
    /// The source file, or the program or library where no more is known.
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// One stack, as often as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The outermost function first.
    pub stack: Vec<Frame>,
    pub count: u64,
    /// Seconds that one sample stands for.
    pub period: f64,
}

/// What one side did in a stretch of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slice {
    /// CPU time in microseconds.
    pub cpu: f64,
    pub requests: u64,
    pub stacks: Vec<Sampled>,
}

impl Frame {
    /// As it is shown among calls.
    pub(super) fn label(&self) -> String {
        match &self.file {
            Some(file) => format!("{} ({file})", self.name),
            None => self.name.clone(),
        }
    }
}

impl Sampled {
    pub(super) fn time(&self) -> f64 {
        self.count as f64 * self.period
    }
}

impl Slice {
    /// Time that was sampled, in seconds.
    pub(super) fn sampled(&self) -> f64 {
        self.stacks.iter().map(Sampled::time).sum()
    }

    pub(super) fn samples(&self) -> u64 {
        self.stacks.iter().map(|it| it.count).sum()
    }

    pub(super) fn is_usable(&self) -> bool {
        self.cpu > 0.0 && self.requests > 0 && self.sampled() > 0.0
    }
}

/// Names files below a folder from there on: the trees of both sides lie in folders of their own.
pub fn relative_to(stacks: &mut [Sampled], folder: &str) {
    let below = format!("{}/", folder.trim_end_matches('/'));
    for frame in stacks.iter_mut().flat_map(|it| &mut it.stack) {
        if let Some(file) = &mut frame.file
            && let Some(rest) = file.strip_prefix(&below)
        {
            *file = rest.to_owned();
        }
    }
}
