//! The body of a response. Takes the bytes after the head as they come, gives the content in
//! them and where the message ends, and promises to keep none of it.

use super::malformed::Malformed;
use crate::load::response::Leniences;
use crate::model::Lenience;

/// Bytes that a chunk's size line, or all trailers together, may have.
const MAX_LINE: u32 = 64 * 1024;

/// Position inside a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    /// So many bytes are left.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// Position inside a chunked body, RFC 9112, section 7.1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    state: State,
    /// Bytes left in the chunk, or its size as far as it is read.
    left: u64,
    /// Bytes of framing since the last content.
    line: u32,
    /// Whether a line may continue the trailer before it.
    has_trailer: bool,
    leniences: Leniences,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    Size,
    /// After at least one digit.
    Digits,
    /// After blanks behind a size.
    Blank,
    /// Between the size and the end of its line.
    Extension,
    /// Before the line feed that ends a size.
    SizeEnd,
    Data,
    /// Before the carriage return after the data.
    DataEnd,
    /// Before the line feed after the data.
    DataFeed,
    /// At the start of a trailer or of the last line.
    Trailer,
    TrailerName,
    /// After blanks behind a trailer's name.
    TrailerBlank,
    TrailerValue,
    /// Before the line feed that ends a trailer.
    TrailerEnd,
    /// Before the line feed that ends the message.
    LastFeed,
    Complete,
}

impl Body {
    pub(super) fn empty() -> Self {
        Self::Length(0)
    }

    pub(super) fn of_length(length: u64) -> Self {
        Self::Length(length)
    }

    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked {
            state: State::Size,
            left: 0,
            line: 0,
            has_trailer: false,
            leniences: Leniences::default(),
        })
    }

    pub(super) fn until_close() -> Self {
        Self::UntilClose
    }

    pub(super) fn ends_by_close(&self) -> bool {
        matches!(self, Self::UntilClose)
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.state == State::Complete,
            Self::UntilClose => false,
        }
    }

    /// What was overlooked to read it.
    pub(super) fn leniences(&self) -> Leniences {
        match self {
            Self::Chunked(chunked) => chunked.leniences,
            Self::Length(_) | Self::UntilClose => Leniences::default(),
        }
    }

    /// Takes the bytes that belong to the body, hands the content among them on, and says how
    /// many they were.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        match self {
            Self::Length(left) => Ok(take_data(left, bytes, &mut content)),
            Self::Chunked(chunked) => chunked.take(bytes, &mut content),
            Self::UntilClose => {
                content(bytes);
                Ok(bytes.len())
            }
        }
    }
}

impl Chunked {
    fn take(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut used = 0;
        while used < bytes.len() && self.state != State::Complete {
            if self.state == State::Data {
                used += take_data(&mut self.left, &bytes[used..], content);
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
            } else {
                self.state = self.step(bytes[used])?;
                used += 1;
            }
        }
        Ok(used)
    }

    /// The state after one byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        self.line += 1;
        if self.line > MAX_LINE {
            return Err(Malformed("a line of the chunked body without end"));
        }
        match (self.state, byte) {
            (State::Size | State::Digits, byte) if byte.is_ascii_hexdigit() => self.digit(byte),
            (State::Digits | State::Blank | State::Extension, b'\r') => Ok(State::SizeEnd),
            (State::Digits | State::Blank, b' ' | b'\t') => Ok(State::Blank),
            (State::Digits | State::Blank, b';') => Ok(State::Extension),
            (State::Extension, byte) if byte != b'\n' => Ok(State::Extension),
            (State::SizeEnd, b'\n') => Ok(self.size_read()),
            (State::DataEnd, b'\r') => Ok(State::DataFeed),
            (State::DataFeed, b'\n') => Ok(State::Size),
            (State::Trailer, b'\r') => Ok(State::LastFeed),
            (State::TrailerValue, b'\r') => Ok(State::TrailerEnd),
            // Trailers end their lines as leniently as the fields of the head.
            (State::TrailerValue | State::TrailerEnd, b'\n') => Ok(State::Trailer),
            (State::Trailer | State::LastFeed, b'\n') => Ok(State::Complete),
            (State::Trailer | State::TrailerName | State::TrailerBlank, byte) => self.name(byte),
            (State::TrailerValue, byte) if byte != 0 => Ok(self.value(byte)),
            _ => Err(Malformed("a chunk that does not begin or end as it should")),
        }
    }

    /// The state after one byte of a trailer's name, read as leniently as a field's of the head.
    fn name(&mut self, byte: u8) -> Result<State, Malformed> {
        let (state, lenience) = match (self.state, byte) {
            (_, 0 | b'\r' | b'\n') => return Err(Malformed("a trailer without a colon")),
            (State::Trailer, b' ' | b'\t') if self.has_trailer => {
                (State::TrailerValue, Some(Lenience::FoldedLine))
            }
            (State::TrailerName | State::TrailerBlank, b' ' | b'\t') => (State::TrailerBlank, None),
            (State::TrailerBlank, b':') => (State::TrailerValue, Some(Lenience::BlankBeforeColon)),
            (State::TrailerName, b':') => (State::TrailerValue, None),
            (State::Trailer, b':') => (State::TrailerValue, Some(Lenience::JunkLine)),
            (State::Trailer | State::TrailerName, byte) if is_token(byte) => {
                (State::TrailerName, None)
            }
            _ => (State::TrailerName, Some(Lenience::JunkLine)),
        };
        self.has_trailer = true;
        self.leniences.extend(lenience);
        Ok(state)
    }

    fn value(&mut self, byte: u8) -> State {
        if byte != b'\t' && byte.is_ascii_control() {
            self.leniences.note(Lenience::JunkLine);
        }
        State::TrailerValue
    }

    fn digit(&mut self, digit: u8) -> Result<State, Malformed> {
        const NO_SIZE: Malformed = Malformed("a chunk whose size is no number");
        let value = char::from(digit).to_digit(16).ok_or(NO_SIZE)?;
        let size = self.left.checked_mul(16).ok_or(NO_SIZE)?;
        self.left = size | u64::from(value);
        Ok(State::Digits)
    }

    fn size_read(&mut self) -> State {
        self.line = 0;
        if self.left == 0 {
            State::Trailer
        } else {
            State::Data
        }
    }
}

/// Takes content up to the end of its length.
fn take_data(left: &mut u64, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> usize {
    let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    content(&bytes[..taken]);
    *left -= taken as u64;
    taken
}

/// The letters of a field's name, RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
