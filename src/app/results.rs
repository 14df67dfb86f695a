//! Measurements from files: those of perfgate, and results of other load generators.

use std::path::Path;

use jiff::Timestamp;

use super::names;
use crate::document;
use crate::error::Error;
use crate::import::{self, Generator, Name};
use crate::model::{Measurement, Plan};

/// What results of other generators are called.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Server and endpoint that they belong to; nothing for what they call themselves.
    pub named: Option<Name>,
}

impl Naming {
    /// Reads what perfgate, wrk, oha, k6, vegeta or hey wrote.
    pub fn read(&self, path: &Path) -> Result<Measurement, Error> {
        let text = import::text(path)?;
        let Some(generator) = Generator::recognize(&text, path)? else {
            let bytes = text.as_bytes();
            return Ok(document::parse(
                bytes,
                path,
                "measurement",
                Measurement::SCHEMA,
            )?);
        };
        let taken = written(path)?;
        Ok(generator.measurement(&text, path, self.named.as_ref(), taken)?)
    }
}

/// When a file was written: the generators do not say when they ran.
fn written(path: &Path) -> Result<Timestamp, Error> {
    let unread = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let modified = std::fs::metadata(path).and_then(|it| it.modified());
    let modified = modified.map_err(unread)?;
    Ok(Timestamp::try_from(modified).unwrap_or_default())
}

/// Refuses a measurement of a server or endpoint that a plan has no rules for.
pub(super) fn known(plan: &Plan, measurement: &Measurement) -> Result<(), Error> {
    let alone = measurement.samples.iter().map(|it| &it.key);
    let alone = alone.map(|key| (&key.server, &key.endpoint));
    let pairs = measurement.pairs.iter();
    let pairs = pairs.map(|it| (&it.server, &it.endpoint));
    for (server, endpoint) in alone.chain(pairs) {
        names::check(
            plan,
            "server",
            [server],
            plan.targets.iter().map(|it| &it.name),
        )?;
        let target = plan.targets.iter().filter(|it| it.name == *server);
        let cells = target.flat_map(|it| &it.cells).map(|it| &it.endpoint);
        names::check(plan, "endpoint", [endpoint], cells)?;
    }
    Ok(())
}
