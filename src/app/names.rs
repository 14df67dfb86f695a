//! Names of servers, endpoints and proxies that somebody typed.

use std::collections::BTreeSet;

use crate::config;
use crate::error::Error;
use crate::model::Plan;

/// Whether a name is among those that were asked for; all are where none was.
pub(super) fn is_wanted(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
}

/// Refuses a name that is not a known one.
pub(super) fn check<'a>(
    plan: &Plan,
    what: &'static str,
    names: impl IntoIterator<Item = &'a String>,
    known: impl IntoIterator<Item = &'a String>,
) -> Result<(), Error> {
    let known: BTreeSet<&String> = known.into_iter().collect();
    match names.into_iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::Config(config::Error::UnknownName {
            path: plan.file.clone(),
            what,
            name: name.clone(),
            known: known.into_iter().cloned().collect(),
        })),
    }
}
