//! What the services have counted at one moment; the difference of two moments is what the
//! requests between them made the server ask for.

use std::collections::BTreeMap;

use super::{Stack, Tenancy, postgres, redis};
use crate::model::{Metric, Statement};

/// One moment's counts. A service that is not there, or does not tell, counts nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    postgres: Option<postgres::Count>,
    redis: Option<redis::Count>,
}

impl Stack {
    /// Asks the services for their counts: Postgres for those of the tenant's database, Redis for
    /// all. Why one of them does not tell goes to `missing`.
    pub async fn count(&self, tenancy: &Tenancy, mut missing: impl FnMut(String)) -> Count {
        let mut postgres = None;
        if let Some(service) = &self.postgres {
            match service.count(tenancy).await {
                Ok(count) => {
                    count.missing.iter().cloned().for_each(&mut missing);
                    postgres = Some(count);
                }
                Err(reason) => missing(format!("Postgres does not tell its counts: {reason}")),
            }
        }
        let mut redis = None;
        if let Some(service) = &self.redis {
            match service.count().await {
                Ok(count) => redis = Some(count),
                Err(reason) => missing(format!("Redis does not tell its counts: {reason}")),
            }
        }
        Count { postgres, redis }
    }
}

impl Count {
    /// Connections open now, to all services.
    pub fn open(&self) -> u64 {
        let postgres = self.postgres.as_ref().map_or(0, |it| it.open);
        postgres + self.redis.as_ref().map_or(0, |it| it.open)
    }

    /// What has been counted since `before`, per request.
    pub fn since(&self, before: &Self, requests: u64) -> BTreeMap<Metric, f64> {
        let each = |after: u64, before: u64| {
            // A leak can be negative: a pool that gave connections back.
            (after as f64 - before as f64) / requests as f64
        };
        let mut values = BTreeMap::new();
        if let Some((after, before)) = self.postgres.as_ref().zip(before.postgres.as_ref()) {
            if let Some((after, before)) = after.statements.as_ref().zip(before.statements.as_ref())
            {
                let (after, before) = (totals(after), totals(before));
                values.insert(Metric::SqlPerRequest, each(after.0, before.0));
                values.insert(Metric::RowsPerRequest, each(after.1, before.1));
            }
            if let Some((after, before)) = after.sessions.zip(before.sessions) {
                let opened = each(after, before);
                values.insert(Metric::PostgresConnectionsPerRequest, opened);
            }
            let leaked = each(after.open, before.open);
            values.insert(Metric::PostgresConnectionsLeaked, leaked);
        }
        if let Some((after, before)) = self.redis.as_ref().zip(before.redis.as_ref()) {
            let commands = each(after.commands, before.commands);
            let opened = each(after.connections, before.connections);
            values.insert(Metric::RedisCommandsPerRequest, commands);
            values.insert(Metric::RedisConnectionsPerRequest, opened);
            values.insert(
                Metric::RedisConnectionsLeaked,
                each(after.open, before.open),
            );
        }
        values
    }

    /// The kinds of statements made since `before`, per request.
    pub fn statements_since(&self, before: &Self, requests: u64) -> Vec<Statement> {
        let of = |count: &Self| count.postgres.as_ref().and_then(|it| it.statements.clone());
        let (after, before) = (of(self).unwrap_or_default(), of(before).unwrap_or_default());
        let made = after.into_iter().filter_map(|(text, (calls, rows))| {
            let (calls_before, rows_before) = before.get(&text).copied().unwrap_or_default();
            let made = calls.saturating_sub(calls_before);
            let per_request = |count: u64| count as f64 / requests as f64;
            (made > 0).then(|| Statement {
                text,
                calls: per_request(made),
                rows: per_request(rows.saturating_sub(rows_before)),
            })
        });
        made.collect()
    }
}

fn totals(statements: &postgres::Statements) -> (u64, u64) {
    let sum = |(calls, rows): (u64, u64), (more, wider): &(u64, u64)| (calls + more, rows + wider);
    statements.values().fold((0, 0), sum)
}
