use std::collections::BTreeMap;

use crate::model::{Baseline, Key};

/// The places of the documents that are too old to be kept: of every key all but the newest.
pub(super) fn superseded<P: Ord>(documents: Vec<(P, Baseline)>, keep: usize) -> Vec<P> {
    let mut keys: BTreeMap<Key, Vec<_>> = BTreeMap::new();
    for (place, baseline) in documents {
        let of_key = keys.entry(baseline.key).or_default();
        of_key.push((baseline.time, place));
    }
    let mut old = Vec::new();
    for mut of_key in keys.into_values() {
        of_key.sort_unstable();
        let superfluous = of_key.len().saturating_sub(keep);
        old.extend(of_key.into_iter().take(superfluous).map(|(_, place)| place));
    }
    old
}
