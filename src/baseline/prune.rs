use std::collections::BTreeMap;
use std::ptr;

use crate::model::{Baseline, Key, Pin, history};

/// The places of the documents that are too old to be kept: of these keys all but the newest, and
/// those that the pin is about.
pub(super) fn superseded<'a, P: Ord>(
    documents: impl IntoIterator<Item = (P, &'a Baseline)>,
    of: &dyn Fn(&Key) -> bool,
    keep: usize,
    pin: Option<&Pin>,
) -> Vec<P> {
    let mut keys: BTreeMap<&Key, Vec<_>> = BTreeMap::new();
    let documents = documents.into_iter();
    for (position, baseline) in documents.filter(|(_, run)| of(&run.key)) {
        let of_key = keys.entry(&baseline.key).or_default();
        of_key.push((baseline, position));
    }
    let mut old = Vec::new();
    for mut of_key in keys.into_values() {
        of_key.sort_unstable_by(|a, b| (a.0.time, &a.1).cmp(&(b.0.time, &b.1)));
        let superfluous = of_key.len().saturating_sub(keep);
        let needed = needed(&of_key, pin);
        let of_key = of_key.into_iter().zip(needed).take(superfluous);
        old.extend(
            of_key
                .filter(|(_, needed)| !needed)
                .map(|((_, position), _)| position),
        );
    }
    old
}

/// Which runs of a key, oldest first, a pin is about: its history, and for what is counted the
/// newest run up to it, whatever its verdict.
fn needed<P>(of_key: &[(&Baseline, P)], pin: Option<&Pin>) -> Vec<bool> {
    let runs = of_key.iter().map(|(run, _)| *run);
    let covered: Vec<_> =
        pin.map_or_else(Vec::new, |pin| runs.filter(|it| pin.covers(it)).collect());
    let mut needed = history(covered.iter().copied());
    needed.extend(covered.last().copied());
    of_key
        .iter()
        .map(|(run, _)| needed.iter().any(|it| ptr::eq(*it, *run)))
        .collect()
}
