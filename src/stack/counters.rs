//! What the services have counted at one moment; the difference of two moments is what the
//! requests between them made the server ask for.

use std::collections::BTreeMap;

use super::services::{Counted, Statements};
use super::{Stack, Tenancy};
use crate::model::{Metric, Statement};

/// One moment's counts, by service. One that does not tell is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count(BTreeMap<String, Counted>);

impl Stack {
    /// Asks the services for their counts: of the tenant's rooms where they tell these apart. Why
    /// one of them does not tell goes to `missing`.
    pub async fn count(&self, tenancy: &Tenancy, mut missing: impl FnMut(String)) -> Count {
        let mut count = Count::default();
        for (name, service) in &self.services {
            match service.count(tenancy.room(name)).await {
                Ok(Some(counted)) => {
                    counted.missing.iter().cloned().for_each(&mut missing);
                    count.0.insert(name.clone(), counted);
                }
                Ok(None) => {}
                Err(reason) => missing(format!("`{name}` does not tell its counts: {reason}")),
            }
        }
        count
    }

    /// Jobs that wait in the queues of a tenant's rooms; nothing where no service tells.
    pub async fn jobs_left(&self, tenancy: &Tenancy) -> Option<u64> {
        let mut left = None;
        for (name, service) in &self.services {
            if let Some(jobs) = service.jobs(tenancy.room(name)).await {
                left = Some(left.unwrap_or(0) + jobs);
            }
        }
        left
    }
}

impl Count {
    /// Connections open now, to all services.
    pub fn open(&self) -> u64 {
        self.0.values().map(|it| it.open).sum()
    }

    /// What has been counted since `before`, per request.
    pub fn since(&self, before: &Self, requests: u64) -> BTreeMap<Metric, f64> {
        let mut values = BTreeMap::new();
        for (after, before) in self.with_earlier(before) {
            for (metric, total) in &after.totals {
                let Some(earlier) = before.totals.get(metric) else {
                    continue;
                };
                // A leak can be negative: a pool that gave connections back.
                let grown = (*total as f64 - *earlier as f64) / requests as f64;
                *values.entry(*metric).or_default() += grown;
            }
        }
        values
    }

    /// The kinds of statements made since `before`, per request.
    pub fn statements_since(&self, before: &Self, requests: u64) -> Vec<Statement> {
        let made = |(after, before): (&Counted, &Counted)| {
            made(&after.statements, &before.statements, requests)
        };
        self.with_earlier(before).flat_map(made).collect()
    }

    /// The counts of services that had them at both moments.
    fn with_earlier<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a Counted, &'a Counted)> {
        let both = |(name, after): (&'a String, &'a Counted)| Some((after, before.0.get(name)?));
        self.0.iter().filter_map(both)
    }
}

fn made(after: &Statements, before: &Statements, requests: u64) -> Vec<Statement> {
    let made = after.iter().filter_map(|(text, (calls, rows))| {
        let (calls_before, rows_before) = before.get(text).copied().unwrap_or_default();
        let made = calls.saturating_sub(calls_before);
        let per_request = |count: u64| count as f64 / requests as f64;
        (made > 0).then(|| Statement {
            text: text.clone(),
            calls: per_request(made),
            rows: per_request(rows.saturating_sub(rows_before)),
        })
    });
    made.collect()
}
