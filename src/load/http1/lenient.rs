//! A head that is not quite HTTP, read as a user agent has to. Takes the bytes that the strict
//! parser refuses, gives the head with what was overlooked, and promises to guess nothing that the
//! end of the message depends on.

use super::body::is_token;
use super::framing::{Framing, Head};
use super::malformed::{Malformed, NO_STATUS_LINE};
use crate::load::response::Leniences;
use crate::model::Lenience;

/// Reads a head; none as long as it is incomplete.
pub(super) fn parse(bytes: &[u8], is_head: bool) -> Result<Option<Head>, Malformed> {
    let mut lines = Lines { bytes, used: 0 };
    lines.skip_empty();
    let first = lines.next().ok_or(NO_STATUS_LINE)?;
    let (version, status) = status_line(first)?;
    let mut fields = Fields::new(version);
    for line in &mut lines {
        let line = without_end(line);
        if line.is_empty() {
            return fields.end(status, is_head, lines.used).map(Some);
        }
        fields.read(line)?;
    }
    Ok(None)
}

/// Complete lines, each with its end.
struct Lines<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl Lines<'_> {
    fn skip_empty(&mut self) {
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        self.used += self.bytes.iter().take_while(is_end).count();
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.used..];
        let length = memchr::memchr(b'\n', rest)? + 1;
        self.used += length;
        Some(&rest[..length])
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Nothing is overlooked here: without a status there is no response.
fn status_line(line: &[u8]) -> Result<(u8, u16), Malformed> {
    let mut response = httparse::Response::new(&mut []);
    response.parse(line).map_err(|_| NO_STATUS_LINE)?;
    response.version.zip(response.code).ok_or(NO_STATUS_LINE)
}

/// The fields of a head line by line.
struct Fields {
    framing: Framing,
    /// Name and value of the last field, which the next line may continue; no name for one that
    /// is passed over.
    last: Option<(Option<String>, Vec<u8>)>,
    leniences: Leniences,
}

impl Fields {
    fn new(version: u8) -> Self {
        Self {
            framing: Framing::new(version),
            last: None,
            leniences: Leniences::default(),
        }
    }

    fn read(&mut self, line: &[u8]) -> Result<(), Malformed> {
        if line.contains(&0) || line.contains(&b'\r') {
            return Err(Malformed("a NUL or a carriage return inside a header line"));
        }
        if let (b' ' | b'\t', Some((_, value))) = (line[0], &mut self.last) {
            // RFC 9112, section 5.2: a fold means a blank.
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            self.leniences.note(Lenience::FoldedLine);
            return Ok(());
        }
        self.settle_last()?;
        self.last = Some(self.field(line)?);
        Ok(())
    }

    /// Name and value of a line that begins a field.
    fn field(&mut self, line: &[u8]) -> Result<(Option<String>, Vec<u8>), Malformed> {
        let colon = memchr::memchr(b':', line);
        let colon = colon.ok_or(Malformed("a header line without a colon"))?;
        let (spelt, value) = (&line[..colon], line[colon + 1..].trim_ascii().to_vec());
        let name = trim_blanks_at_end(spelt);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            if is_like_framing(name) {
                return Err(Malformed("a header field that is almost one of the length"));
            }
            self.leniences.note(Lenience::JunkLine);
            return Ok((None, value));
        }
        if name.len() < spelt.len() {
            self.leniences.note(Lenience::BlankBeforeColon);
        }
        Ok((Some(String::from_utf8_lossy(name).into_owned()), value))
    }

    /// Reads the last field once no line can continue it.
    fn settle_last(&mut self) -> Result<(), Malformed> {
        let Some((name, value)) = self.last.take() else {
            return Ok(());
        };
        let name = name.unwrap_or_default();
        let is_junk = |byte: &u8| *byte != b'\t' && byte.is_ascii_control();
        if value.iter().any(is_junk) {
            if is_like_framing(name.as_bytes()) {
                return Err(Malformed("a control character in a field of the length"));
            }
            self.leniences.note(Lenience::JunkLine);
        }
        self.framing.read(&name, &value)
    }

    fn end(mut self, status: u16, is_head: bool, length: usize) -> Result<Head, Malformed> {
        self.settle_last()?;
        Ok(Head {
            leniences: self.leniences,
            ..self.framing.settle(status, is_head, length)
        })
    }
}

fn trim_blanks_at_end(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !b" \t".contains(byte));
    &name[..end.map_or(0, |last| last + 1)]
}

/// Whether a reader more lenient still could take a field for one that says where the message ends.
fn is_like_framing(name: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphabetic());
    let letters: Vec<_> = letters.map(u8::to_ascii_lowercase).collect();
    [&b"contentlength"[..], b"transferencoding"].contains(&&*letters)
}
