//! Results of other load generators → [`Measurement`], so that a team can keep its generator and
//! use the verdict. What a generator does not report is absent, and a note says so: nothing is
//! filled in. The format is known by the text alone.

mod error;
mod foreign;
mod hey;
mod imported;
mod k6;
mod oha;
mod outline;
mod units;
mod vegeta;
mod wrk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde::de::IgnoredAny;

pub use error::{Error, Fault};
pub use foreign::Foreign;
use imported::Imported;
use outline::Outline;

use crate::model::{Key, LoadShape, Measurement, Provenance, Runner, Sample, Summary, digest};

/// Largest file that is read.
const LARGEST: u64 = 256 << 20;
/// The server of a result that nobody named.
const NAMELESS: &str = "imported";
/// What holds of a generator that does not load as fast as the server answers.
const AT_A_RATE: &str = "throughput is no more than the rate it was loaded at";

/// A generator whose results are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    Wrk,
    /// Loads at a rate, and counts waits from when a request was due.
    Wrk2,
    Oha,
    K6,
    Vegeta,
    Hey,
}

/// Server and endpoint that a result is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub server: String,
    pub endpoint: String,
}

/// The text of a file of bounded size.
pub fn text(path: &Path) -> Result<String, Error> {
    let unread = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    if bytes.len() as u64 > LARGEST {
        let path = path.to_owned();
        return Err(Error::TooLarge {
            path,
            most: LARGEST,
        });
    }
    decoded(bytes).ok_or_else(|| Error::NotText {
        path: path.to_owned(),
    })
}

/// Text in UTF-8, or in UTF-16 where a byte order mark says so: some shells write one before what they
/// redirect.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let of_pairs = |pairs: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = pairs.as_chunks();
        let units: Vec<_> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, pairs @ ..] => of_pairs(pairs, u16::from_le_bytes),
        [0xfe, 0xff, pairs @ ..] => of_pairs(pairs, u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes).ok()?;
            let bare = text.strip_prefix('\u{feff}').map(str::to_owned);
            Some(bare.unwrap_or(text))
        }
    }
}

/// Whether a text holds one document of JSON behind another.
fn has_several_documents(text: &str) -> bool {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    documents.take_while(Result::is_ok).nth(1).is_some()
}

impl Generator {
    const ALL: [Self; 6] = [
        Self::Wrk2,
        Self::Wrk,
        Self::Oha,
        Self::K6,
        Self::Vegeta,
        Self::Hey,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Wrk2 => "wrk2",
            Self::Oha => "oha",
            Self::K6 => "k6",
            Self::Vegeta => "vegeta",
            Self::Hey => "hey",
        }
    }

    /// The generator that made a text, by what it alone writes; nothing for a document of perfgate
    /// itself, and for JSON that cannot be read at all.
    pub fn recognize(text: &str, path: &Path) -> Result<Option<Self>, Error> {
        let outline = Outline::from_text(text);
        let is_object = text.trim_start().starts_with('{');
        if is_object && (outline.is_empty() || outline.has("schema")) {
            return Ok(None);
        }
        let made_by = |generator: &Self| generator.made(text, &outline);
        let mut found = Self::ALL.into_iter().filter(made_by);
        let path = || path.to_owned();
        let refused = || match foreign::recognised(text, &outline) {
            Some(foreign) => Error::Foreign {
                path: path(),
                foreign,
            },
            None => Error::Unknown { path: path() },
        };
        let first = found.next().ok_or_else(refused)?;
        // What wrk2 writes looks like a result of wrk too.
        if found.any(|it| (first, it) != (Self::Wrk2, Self::Wrk)) {
            return Err(Error::Fault {
                path: path(),
                generator: first.name(),
                fault: Fault::Several,
            });
        }
        Ok(Some(first))
    }

    fn made(self, text: &str, outline: &Outline) -> bool {
        match self {
            Self::Wrk => wrk::is(text),
            Self::Wrk2 => wrk::is_wrk2(text),
            Self::Oha => oha::is(outline),
            Self::K6 => k6::is(outline),
            Self::Vegeta => vegeta::is(outline),
            Self::Hey => hey::is(text),
        }
    }

    fn read(self, text: &str) -> Result<Imported, Fault> {
        if text.trim_start().starts_with('{') && has_several_documents(text) {
            return Err(Fault::Several);
        }
        match self {
            Self::Wrk => wrk::read(text),
            Self::Wrk2 => wrk::read(text).map(|mut imported| {
                imported.notes.push(AT_A_RATE);
                imported
            }),
            Self::Oha => oha::read(text),
            Self::K6 => k6::read(text, &Outline::from_text(text)),
            Self::Vegeta => vegeta::read(text),
            Self::Hey => hey::read(text),
        }
    }

    /// The measurement that a text of this generator stands for.
    pub fn measurement(
        self,
        text: &str,
        path: &Path,
        name: Option<&Name>,
        taken: Timestamp,
    ) -> Result<Measurement, Error> {
        let imported = self.read(text);
        let imported = imported
            .and_then(Imported::checked)
            .map_err(|fault| Error::Fault {
                path: path.to_owned(),
                generator: self.name(),
                fault,
            })?;
        let imported = imported.named(name.is_some());
        let note = format!(
            "`{}` is a result of {}, taken as one round; {}",
            path.display(),
            self.name(),
            imported.caveats(),
        );
        Ok(Measurement {
            schema: Measurement::SCHEMA,
            provenance: provenance(self, taken, imported.seconds, note),
            samples: vec![self.sample(imported, name)],
            pairs: Vec::new(),
            identical: Vec::new(),
            same_build: Vec::new(),
            profiles: Vec::new(),
            incidents: Vec::new(),
        })
    }

    fn sample(self, imported: Imported, name: Option<&Name>) -> Sample {
        let request = digest(imported.path().as_bytes());
        let endpoint = imported.target.unwrap_or_else(|| self.name().to_owned());
        let name = name.cloned().unwrap_or(Name {
            server: NAMELESS.into(),
            endpoint,
        });
        Sample {
            key: Key {
                server: name.server,
                endpoint: name.endpoint,
                load: LoadShape {
                    request,
                    connections: imported.connections,
                    threads: imported.threads,
                    rate: None,
                    timeout_ms: 0,
                    round_ms: imported.planned_seconds.saturating_mul(1000),
                },
                settings: format!("measured by {}", self.name()),
                // Results do not say which machine they were made on.
                runner: Runner {
                    architecture: "unknown".into(),
                    cpu_model: "unknown".into(),
                    cores: 0,
                    kernel_major: "unknown".into(),
                    engine_major: None,
                },
            },
            starts: Vec::new(),
            counters: None,
            beside_reference: Vec::new(),
            base: None,
            summary: Some(Summary {
                generator: self.name().into(),
                requests: imported.requests,
                values: imported.values,
            }),
            took: None,
        }
    }
}

/// Refuses a result of another generator or URL than the one it is to be compared with: nothing
/// would be compared, without a word. Measurements of perfgate hold many endpoints, and the gate
/// says what became of each.
pub fn comparable(
    (new, measured): (&Path, &Measurement),
    (old, stored): (&Path, &Measurement),
) -> Result<(), Error> {
    let apart = |new_result, old_result| Error::Apart {
        new: new.to_owned(),
        new_result,
        old: old.to_owned(),
        old_result,
    };
    match (result(measured), result(stored)) {
        (Some(new), Some(old)) if new != old => Err(apart(new, old)),
        _ => Ok(()),
    }
}

/// What a measurement is a result of, where a generator made it.
fn result(measurement: &Measurement) -> Option<String> {
    let [sample] = measurement.samples.as_slice() else {
        return None;
    };
    let summary = sample.summary.as_ref()?;
    Some(format!(
        "{} of `{}`",
        summary.generator, sample.key.endpoint
    ))
}

fn provenance(generator: Generator, taken: Timestamp, seconds: f64, note: String) -> Provenance {
    Provenance {
        perfgate: env!("CARGO_PKG_VERSION").into(),
        head: None,
        dirty: false,
        base: None,
        fingerprint: None,
        images: BTreeMap::new(),
        path: format!("as {} took it", generator.name()),
        seed: None,
        started: taken,
        seconds,
        shard: None,
        partial: None,
        notes: vec![note],
    }
}

#[cfg(test)]
mod tests;
