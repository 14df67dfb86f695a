//! Histograms as text: `HdrHistogram` V2 with deflate, in base64, as the usual viewers read it.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, de};

/// Cookie and length before what is compressed.
const COMPRESSED_HEADER: usize = 8;
/// Where a plain histogram says how long it is, and how exact.
const PAYLOAD_LENGTH: std::ops::Range<usize> = 4..8;
const DIGITS: std::ops::Range<usize> = 12..16;
/// Largest plain form: ours have some hundred kibibytes at the very most.
const LARGEST: u64 = 1 << 20;
const MOST_DIGITS: u32 = 3;

/// The text form of a histogram.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a histogram in memory can be written to memory");
    STANDARD.encode(bytes)
}

/// The histogram of a text; why not, when there is none. A text of a stranger can ask for no more
/// memory than one of ours.
pub fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let compressed = bytes.get(COMPRESSED_HEADER..);
    let compressed = compressed.ok_or("it is shorter than its header")?;
    let mut plain = Vec::new();
    let inflating = ZlibDecoder::new(compressed)
        .take(LARGEST)
        .read_to_end(&mut plain);
    inflating.map_err(|error| error.to_string())?;
    let claimed = plain
        .get(PAYLOAD_LENGTH)
        .map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
    if claimed.is_none_or(|length| u64::from(length) > LARGEST) {
        return Err("it claims to be larger than any of ours".into());
    }
    let digits = plain
        .get(DIGITS)
        .map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
    if digits.is_none_or(|digits| digits > MOST_DIGITS) {
        return Err(format!("it has more than {MOST_DIGITS} significant digits"));
    }
    Deserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|error| error.to_string())
}

pub(super) fn serialize<S: serde::Serializer>(
    histogram: &Histogram<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(histogram))
}

pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Histogram<u64>, D::Error> {
    decode(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}
