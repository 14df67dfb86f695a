use super::Ready;

/// A request to a server that has just started, and what later requests take of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    pub name: String,
    /// The request, and what a good answer to it is.
    pub request: Ready,
    pub captures: Vec<Capture>,
}

/// A part of an answer, as later requests call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub name: String,
    pub part: AnswerPart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPart {
    /// JSON pointer (RFC 6901) to a text, a number or a truth value of the body.
    Json(String),
    Header(String),
    Cookie(String),
    /// The first group of a regular expression in the body, or all of it where it has none.
    Pattern(String),
}
