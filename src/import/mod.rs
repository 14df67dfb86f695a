//! Results of other load generators → [`Measurement`], so that a team can keep its generator and
//! use the verdict. What a generator does not tell is absent, and a note says so: nothing is
//! filled in. The format is known by the text alone.

mod error;
mod hey;
mod k6;
mod oha;
mod told;
mod units;
mod vegeta;
mod wrk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;

pub use error::{Error, Fault};
use told::Told;

use crate::model::{Key, LoadShape, Measurement, Provenance, Runner, Sample, Summary, digest};

/// Largest file that is read.
const LARGEST: u64 = 256 << 20;
/// The server of a result that nobody named.
const NAMELESS: &str = "imported";

/// A generator whose results are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    Wrk,
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
    let text = String::from_utf8(bytes).map_err(|_| Error::NotText {
        path: path.to_owned(),
    })?;
    // Some shells write a byte order mark before what they redirect.
    let bare = text.strip_prefix('\u{feff}').map(str::to_owned);
    Ok(bare.unwrap_or(text))
}

impl Generator {
    const ALL: [Self; 5] = [Self::Wrk, Self::Oha, Self::K6, Self::Vegeta, Self::Hey];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Oha => "oha",
            Self::K6 => "k6",
            Self::Vegeta => "vegeta",
            Self::Hey => "hey",
        }
    }

    /// The generator that made a text; nothing for a document of perfgate itself.
    pub fn of(text: &str, path: &Path) -> Result<Option<Self>, Error> {
        let made_by = |generator: &Self| match generator {
            Self::Wrk => wrk::is(text),
            Self::Oha => oha::is(text),
            Self::K6 => k6::is(text),
            Self::Vegeta => vegeta::is(text),
            Self::Hey => hey::is(text),
        };
        let found = Self::ALL.into_iter().find(made_by);
        if found.is_none() && !text.trim_start().starts_with('{') {
            let path = path.to_owned();
            return Err(Error::Unknown { path });
        }
        Ok(found)
    }

    /// The measurement that a text of this generator stands for.
    pub fn measurement(
        self,
        text: &str,
        path: &Path,
        name: Option<&Name>,
        taken: Timestamp,
    ) -> Result<Measurement, Error> {
        let told = match self {
            Self::Wrk => wrk::read(text),
            Self::Oha => oha::read(text),
            Self::K6 => k6::read(text),
            Self::Vegeta => vegeta::read(text),
            Self::Hey => hey::read(text),
        };
        let told = told.and_then(Told::checked).map_err(|fault| Error::Fault {
            path: path.to_owned(),
            generator: self.name(),
            fault,
        })?;
        let note = format!(
            "`{}` is a result of {}, taken as one round; {}",
            path.display(),
            self.name(),
            told.caveats(),
        );
        Ok(Measurement {
            schema: Measurement::SCHEMA,
            provenance: provenance(self, taken, told.seconds, note),
            samples: vec![self.sample(told, name)],
            pairs: Vec::new(),
            incidents: Vec::new(),
        })
    }

    fn sample(self, told: Told, name: Option<&Name>) -> Sample {
        let target = told.target.unwrap_or_default();
        let endpoint = match target.as_str() {
            "" => self.name().to_owned(),
            target => target.to_owned(),
        };
        let name = name.cloned().unwrap_or(Name {
            server: NAMELESS.into(),
            endpoint,
        });
        Sample {
            key: Key {
                server: name.server,
                endpoint: name.endpoint,
                load: LoadShape {
                    request: digest(target.as_bytes()),
                    connections: told.connections,
                    threads: told.threads,
                    rate: None,
                    timeout_ms: 0,
                    round_ms: told.planned_seconds.saturating_mul(1000),
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
            startup: None,
            steady: true,
            rounds: Vec::new(),
            counters: None,
            beside_reference: Vec::new(),
            again: None,
            summary: Some(Summary {
                generator: self.name().into(),
                requests: told.requests,
                values: told.values,
            }),
        }
    }
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
        partial: None,
        notes: vec![note],
    }
}

#[cfg(test)]
mod tests;
