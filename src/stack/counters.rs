//! What the services have counted at one moment; the difference of two moments is what the
//! requests between them made the server ask for.

use std::collections::BTreeMap;

use super::services::{Counted, Executed, Statements, Work};
use super::{Stack, Tenancy};
use crate::model::{Metric, QueryPlan, Statement};

/// One moment's counts, by service. One that reports none is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count(BTreeMap<String, Counted>);

impl Stack {
    /// Asks the services for their counts: of the tenant's rooms where they distinguish these. Why
    /// one of them reports none goes to `missing`.
    pub async fn count(&self, tenancy: &Tenancy, mut missing: impl FnMut(String)) -> Count {
        let mut count = Count::default();
        for (name, service) in &self.services {
            match service.count(tenancy.room(name)).await {
                Ok(Some(counted)) => {
                    counted.missing.iter().cloned().for_each(&mut missing);
                    count.0.insert(name.clone(), counted);
                }
                Ok(None) => {}
                Err(reason) => missing(format!("cannot read the counts of `{name}`: {reason}")),
            }
        }
        count
    }

    /// Statements of several services, with their plans where a service reports them. Why one does not
    /// goes to `missing`.
    pub async fn explained(
        &self,
        tenancy: &Tenancy,
        mut statements: BTreeMap<String, Vec<Statement>>,
        mut missing: impl FnMut(String),
    ) -> Vec<Statement> {
        for (name, service) in &self.services {
            let Some(made) = statements.get_mut(name).filter(|made| !made.is_empty()) else {
                continue;
            };
            if let Err(reason) = service.explain(tenancy.room(name), made).await {
                missing(format!(
                    "cannot read the plans of statements of `{name}`: {reason}"
                ));
            }
        }
        statements.into_values().flatten().collect()
    }

    /// Jobs that wait in the queues of a tenant's rooms; `None` if no service reports them.
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
        for (_, after, before) in self.with_earlier(before) {
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

    /// The kinds of statements made since `before`, per request, by service.
    pub fn statements_since(
        &self,
        before: &Self,
        requests: u64,
    ) -> BTreeMap<String, Vec<Statement>> {
        let made = |(name, after, before): (&String, &Counted, &Counted)| {
            let made = made(&after.statements, &before.statements, requests);
            (name.clone(), made)
        };
        self.with_earlier(before).map(made).collect()
    }

    /// The counts of services that had them at both moments, by name.
    fn with_earlier<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a String, &'a Counted, &'a Counted)> {
        let both =
            |(name, after): (&'a String, &'a Counted)| Some((name, after, before.0.get(name)?));
        self.0.iter().filter_map(both)
    }
}

fn made(after: &Statements, before: &Statements, requests: u64) -> Vec<Statement> {
    let per_request =
        |after: u64, before: u64| after.saturating_sub(before) as f64 / requests as f64;
    let made = after.iter().filter_map(|(text, after)| {
        let before = before.get(text).copied().unwrap_or_default();
        let work = |of: fn(&Work) -> Option<u64>| {
            let of = |it: &Executed| of(&it.work?);
            Some(per_request(of(after)?, of(&before).unwrap_or_default()))
        };
        (after.calls > before.calls).then(|| Statement {
            text: text.clone(),
            calls: per_request(after.calls, before.calls),
            rows: per_request(after.rows, before.rows),
            blocks: work(|it| Some(it.blocks)),
            temporary_blocks: work(|it| Some(it.temporary_blocks)),
            wal: work(|it| it.wal),
            plan: QueryPlan::default(),
            at_largest: None,
        })
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(calls: u64, blocks: u64, wal: Option<u64>) -> Count {
        let work = Work {
            blocks,
            temporary_blocks: blocks / 2,
            wal,
        };
        let executed = Executed {
            calls,
            rows: calls * 3,
            work: Some(work),
        };
        let counted = Counted {
            statements: Statements::from([("select $1".to_owned(), executed)]),
            ..Counted::default()
        };
        Count(BTreeMap::from([("postgres".to_owned(), counted)]))
    }

    #[test]
    fn what_statements_did_is_counted_from_one_moment_to_the_next() {
        let (before, after) = (counted(10, 100, None), counted(20, 400, Some(50)));
        let made = after.statements_since(&before, 5);
        let expected = Statement {
            text: "select $1".into(),
            calls: 2.0,
            rows: 6.0,
            blocks: Some(60.0),
            temporary_blocks: Some(30.0),
            wal: Some(10.0),
            plan: QueryPlan::default(),
            at_largest: None,
        };
        assert_eq!(made["postgres"], [expected]);
        let silent = counted(20, 400, None).statements_since(&before, 5);
        assert_eq!(silent["postgres"][0].wal, None);
        assert_eq!(after.statements_since(&after, 5)["postgres"], []);
    }
}
