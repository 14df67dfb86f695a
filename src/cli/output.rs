//! Documents in and out: reports, measurements.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::args::Outputs;
use crate::error::Error;
use crate::model::Report;
use crate::report;

/// Prints the report and writes the files that were asked for.
pub(super) fn deliver(report: &Report, outputs: &Outputs) -> Result<(), Error> {
    print!("{}", report::terminal(report));
    let files = [
        (&outputs.json, report::json as fn(&Report) -> String),
        (&outputs.markdown, report::markdown),
    ];
    for (path, render) in files {
        if let Some(path) = path {
            write(path, &render(report))?;
        }
    }
    Ok(())
}

/// Writes a file whole; folders on the way are made.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let fail = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    fs::write(path, text).map_err(fail)
}

pub(super) fn write_json(path: &Path, document: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(document).expect("documents have a JSON form");
    write(path, &text)
}

/// Reads a document whose schema version is at most `highest`.
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
    highest: u32,
) -> Result<T, Error> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let fail = |source| Error::Document {
        path: path.to_owned(),
        what,
        source,
    };
    let Version { schema } = serde_json::from_slice(&text).map_err(fail)?;
    if schema > highest {
        return Err(Error::Schema {
            path: path.to_owned(),
            found: schema,
            highest,
        });
    }
    serde_json::from_slice(&text).map_err(fail)
}
