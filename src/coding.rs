//! The content coding of a body (RFC 9110, section 8.4). Takes coded bytes, gives what they stand
//! for, and promises that a small body cannot become a large one.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Bytes of a body that are kept to be looked into; what comes behind is not.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// How a body is compressed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// Another, or several one after the other.
    Unknown,
}

impl Coding {
    /// The coding that `Content-Encoding` names, in however many fields.
    pub fn of_fields<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let names = values.flat_map(|value| value.split(|byte| *byte == b','));
        let names = names.map(<[u8]>::trim_ascii);
        names
            .filter(|name| !name.is_empty())
            .fold(Self::Identity, Self::and)
    }

    /// The coding that comes of one applied after this.
    #[must_use]
    pub fn and(self, name: &[u8]) -> Self {
        match (self, Self::from_name(name)) {
            (first, Self::Identity) => first,
            (Self::Identity, second) => second,
            _ => Self::Unknown,
        }
    }

    fn from_name(name: &[u8]) -> Self {
        let known = [
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ];
        let mut known = known.into_iter();
        let found = known.find(|(of, _)| name.eq_ignore_ascii_case(of.as_bytes()));
        found.map_or(Self::Unknown, |(_, coding)| coding)
    }

    /// What a whole body stands for, or why it is not known; of one that was `cut` off, the start.
    pub fn decode(self, body: &[u8], cut: bool) -> Result<Cow<'_, [u8]>, String> {
        if self == Self::Identity || body.is_empty() {
            return Ok(body.into());
        }
        let (start, ended) = self.start_of(body).ok_or_else(|| {
            format!(
                "{}, which perfgate does not decode: send the header `Accept-Encoding: identity`",
                self.name()
            )
        })?;
        match ended {
            Err(error) if !cut => Err(format!("{} that is damaged: {error}", self.name())),
            _ => Ok(start.into()),
        }
    }

    /// The text of the first bytes of a body, as far as they can be decoded.
    pub fn decode_start(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self.start_of(body) {
            Some((start, _)) if !start.is_empty() => start.into(),
            _ => body.into(),
        }
    }

    /// What bytes stand for up to where they end or are damaged; none without a decoder.
    fn start_of(self, body: &[u8]) -> Option<(Vec<u8>, io::Result<()>)> {
        match self {
            Self::Gzip => Some(read(MultiGzDecoder::new(body))),
            // Some servers leave the wrapping of RFC 1950 out.
            Self::Deflate => Some(match read(ZlibDecoder::new(body)) {
                (start, Err(_)) if start.is_empty() => read(DeflateDecoder::new(body)),
                read => read,
            }),
            Self::Identity | Self::Brotli | Self::Zstd | Self::Unknown => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "a plain body",
            Self::Gzip => "a body in gzip",
            Self::Deflate => "a body in deflate",
            Self::Brotli => "a body in br",
            Self::Zstd => "a body in zstd",
            Self::Unknown => "a body in a coding unknown here",
        }
    }
}

fn read(decoder: impl Read) -> (Vec<u8>, io::Result<()>) {
    let mut text = Vec::new();
    let ended = decoder.take(LONGEST as u64).read_to_end(&mut text);
    (text, ended.map(|_| ()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"hello hello hello";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    fn coding(names: &[&str]) -> Coding {
        let names = names.iter().map(|name| name.as_bytes());
        names.fold(Coding::Identity, Coding::and)
    }

    #[test]
    fn codings_are_known_by_name() {
        assert_eq!(coding(&[]), Coding::Identity);
        assert_eq!(coding(&["identity"]), Coding::Identity);
        assert_eq!(coding(&["GZip"]), Coding::Gzip);
        assert_eq!(coding(&["x-gzip", "identity"]), Coding::Gzip);
        assert_eq!(coding(&["gzip", "gzip"]), Coding::Unknown);
        assert_eq!(coding(&["rot13"]), Coding::Unknown);
    }

    #[test]
    fn codings_may_stand_in_several_fields() {
        let of = |fields: &[&[u8]]| Coding::of_fields(fields.iter().copied());
        assert_eq!(of(&[]), Coding::Identity);
        assert_eq!(of(&[b""]), Coding::Identity);
        assert_eq!(of(&[b" gzip ", b"identity,"]), Coding::Gzip);
        assert_eq!(of(&[b"gzip", b"br"]), Coding::Unknown);
    }

    #[test]
    fn compressed_bodies_are_decoded() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).expect("memory");
        raw.write_all(TEXT).expect("memory");
        let twice = [gzip(b"hello hello"), gzip(b" hello")].concat();
        for (coding, body) in [
            (Coding::Identity, TEXT.to_vec()),
            (Coding::Gzip, gzip(TEXT)),
            (Coding::Gzip, twice),
            (Coding::Deflate, zlib.finish().expect("memory")),
            (Coding::Deflate, raw.finish().expect("memory")),
        ] {
            assert_eq!(coding.decode(&body, false).expect("decoded"), TEXT);
        }
        // The response to HEAD names a coding and has no body.
        assert_eq!(Coding::Gzip.decode(b"", false).expect("empty"), &b""[..]);
    }

    #[test]
    fn what_cannot_be_decoded_is_named_with_a_remedy() {
        for (coding, name) in [
            (Coding::Brotli, "br,"),
            (Coding::Zstd, "zstd,"),
            (Coding::Unknown, "unknown"),
        ] {
            let why = coding.decode(TEXT, false).expect_err("no decoder");
            assert!(
                why.contains(name) && why.contains("`Accept-Encoding: identity`"),
                "{why}"
            );
        }
        let why = Coding::Gzip.decode(TEXT, false).expect_err("no gzip");
        assert!(why.starts_with("a body in gzip that is damaged"), "{why}");
    }

    #[test]
    fn a_body_that_is_cut_is_decoded_up_to_there() {
        let body = gzip(&TEXT.repeat(1000));
        let half = &body[..body.len() / 2];
        assert!(Coding::Gzip.decode(half, false).is_err());
        let start = Coding::Gzip.decode(half, true).expect("a start");
        assert!(start.starts_with(TEXT));
        assert_eq!(Coding::Gzip.decode_start(half), start);
        assert_eq!(Coding::Brotli.decode_start(half), half);
    }

    #[test]
    fn a_bomb_is_decoded_up_to_the_longest_body() {
        let bomb = gzip(&vec![0; LONGEST + 1]);
        assert!(bomb.len() < LONGEST / 100);
        let decoded = Coding::Gzip.decode(&bomb, false).expect("a start");
        assert_eq!(decoded.len(), LONGEST);
    }
}
