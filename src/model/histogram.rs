//! Histograms as text: `HdrHistogram` V2 with deflate, in base64, as the usual viewers read it.

use std::io::Read;
use std::ops::{Range, RangeFrom};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, de};

use super::new_histogram;

/// Cookie and length before what is compressed.
const COMPRESSED_HEADER: usize = 8;
/// Where a plain histogram says how long it is, and how exact and of which range.
const PAYLOAD_LENGTH: Range<usize> = 4..8;
const BOUNDS: Range<usize> = 12..32;
/// Where its counts begin: numbers of seven bits a byte, the last byte of each below 128.
const COUNTS: RangeFrom<usize> = 40..;
/// Bytes of a number: no count of ours needs more, and the sum of all stays below 2^53, up to which
/// shares of it are exact.
const LONGEST_COUNT: usize = 5;
/// Largest plain form: ours have some hundred kibibytes at the very most.
const LARGEST: u64 = 1 << 20;

/// The text form of a histogram.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a histogram in memory can be written to memory");
    STANDARD.encode(bytes)
}

/// The histogram of a text; why not, when there is none. An untrusted text can ask for no more
/// memory than one of ours, and its counts can be added up.
pub fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let compressed = bytes.get(COMPRESSED_HEADER..);
    let compressed = compressed.ok_or("it is shorter than its header")?;
    let mut plain = Vec::new();
    let inflating = ZlibDecoder::new(compressed)
        .take(LARGEST)
        .read_to_end(&mut plain);
    inflating.map_err(|error| error.to_string())?;
    of_plain(&plain)
}

/// The histogram of what a text holds compressed.
pub fn of_plain(plain: &[u8]) -> Result<Histogram<u64>, String> {
    let claimed = plain
        .get(PAYLOAD_LENGTH)
        .map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
    if claimed.is_none_or(|length| u64::from(length) > LARGEST) {
        return Err("it claims to be larger than any of ours".into());
    }
    if plain.get(BOUNDS) != Some(bounds(&new_histogram()).as_slice()) {
        return Err("it is of another range than ours".into());
    }
    let counts = plain.get(COUNTS).unwrap_or_default();
    let longest = counts
        .split_inclusive(|it| *it < 128)
        .map(<[u8]>::len)
        .max();
    if longest.is_some_and(|it| it > LONGEST_COUNT) {
        return Err("it counts more than any of ours".into());
    }
    let read = Deserializer::new().deserialize(&mut &*plain);
    read.map_err(|error| error.to_string())
}

/// How exact a histogram is, its smallest and its largest value, as its plain form has them.
fn bounds(histogram: &Histogram<u64>) -> Vec<u8> {
    let digits = u32::from(histogram.sigfig()).to_be_bytes();
    let ends = [histogram.low(), histogram.high()].map(u64::to_be_bytes);
    [digits.as_slice(), ends.as_flattened()].concat()
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

/// Several of them.
pub(super) mod list {
    use hdrhistogram::Histogram;
    use serde::{Deserialize, Serializer, de};

    use super::{decode, encode};

    pub(in crate::model) fn serialize<S: Serializer>(
        histograms: &[Histogram<u64>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(histograms.iter().map(encode))
    }

    pub(in crate::model) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Histogram<u64>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let histograms = texts.iter().map(|it| decode(it));
        histograms
            .collect::<Result<_, _>>()
            .map_err(de::Error::custom)
    }
}
