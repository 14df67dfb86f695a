/// What the stack is doing, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage<'a> {
    /// A `prepare` command runs.
    Prepare(&'a str),
    Pull(&'a str),
    /// An image is being built for a server or service.
    Build(&'a str),
    /// One line of a build's or command's output.
    Output(&'a str),
    Service(&'a str),
    Setup {
        server: &'a str,
        command: &'a str,
    },
    Start(&'a str),
}

/// Receives stages as they begin.
pub type Observer<'a> = &'a (dyn Fn(Stage<'_>) + Send + Sync);
