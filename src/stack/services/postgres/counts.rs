//! What a database has counted: statements with the work they made, and connections.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::super::{Counted, Executed, Work};
use super::connection::describe;
use crate::model::Metric;

/// What is asked for, but for the WAL, which older versions do not have. The comment marks the
/// statement as ours, which is not the server's to be counted.
///
/// Each look at a block is a hit or a read, so that their sum does not depend on what is cached.
/// Blocks made dirty are among them already; whether one is made dirty anew depends on checkpoints.
const STATEMENTS: &str = "/* perfgate */ select query, sum(calls)::bigint, sum(rows)::bigint, \
    sum(shared_blks_hit + shared_blks_read + local_blks_hit + local_blks_read)::bigint, \
    sum(temp_blks_read + temp_blks_written)::bigint, {wal} \
    from pg_stat_statements join pg_database on pg_database.oid = dbid \
    where datname = current_database() and query not like '/* perfgate */%' group by query";
const WAL: &str = "sum(wal_bytes)::bigint";
const WITHOUT_WAL: &str = "null::bigint";
const SESSIONS: &str =
    "/* perfgate */ select sessions from pg_stat_database where datname = current_database()";
const OPEN: &str = "/* perfgate */ select count(*) from pg_stat_activity \
    where datname = current_database() and backend_type = 'client backend' \
    and pid <> pg_backend_pid()";

const NO_STATEMENTS: &str = "SQL statements are not counted: put pg_stat_statements into Postgres's \
    shared_preload_libraries and run `create extension pg_stat_statements` in the database";
const NO_WAL: &str = "WAL is not counted: Postgres is older than 13, or its extension is, which \
    `alter extension pg_stat_statements update` renews";
const NO_SESSIONS: &str = "connections to Postgres are not counted: its version is older than 14";

/// What the database has counted so far; why it reports nothing, otherwise.
pub(super) async fn counted(client: &Client) -> Result<Counted, String> {
    let open = client.query_one(OPEN, &[]).await.map_err(describe)?;
    let open = number(&open, 0).unwrap_or_default();
    let mut count = Counted {
        open,
        totals: BTreeMap::from([(Metric::PostgresConnectionsLeaked, open)]),
        ..Counted::default()
    };
    match client.query_one(SESSIONS, &[]).await {
        Ok(row) => {
            let opened = number(&row, 0).unwrap_or_default();
            count
                .totals
                .insert(Metric::PostgresConnectionsPerRequest, opened);
        }
        Err(_) => count.missing.push(NO_SESSIONS.into()),
    }
    let asked = async |wal| {
        let query = STATEMENTS.replace("{wal}", wal);
        client.query(query.as_str(), &[]).await
    };
    let mut rows = asked(WAL).await;
    let is_old = |error: &tokio_postgres::Error| error.code() == Some(&SqlState::UNDEFINED_COLUMN);
    let has_wal = !rows.as_ref().is_err_and(is_old);
    if !has_wal {
        rows = asked(WITHOUT_WAL).await;
    }
    let Ok(rows) = rows else {
        count.missing.push(NO_STATEMENTS.into());
        return Ok(count);
    };
    count.add_statements(rows.iter().map(statement).collect());
    let works: Vec<_> = count.statements.values().filter_map(|it| it.work).collect();
    let blocks = works.iter().map(|it| it.blocks).sum();
    count.totals.insert(Metric::BlocksPerRequest, blocks);
    if has_wal {
        let wal = works.iter().filter_map(|it| it.wal).sum();
        count.totals.insert(Metric::WalPerRequest, wal);
    } else {
        count.missing.push(NO_WAL.into());
    }
    Ok(count)
}

fn statement(row: &Row) -> (String, Executed) {
    let number = |index| number(row, index).unwrap_or_default();
    let temporary_blocks = number(4);
    let work = Work {
        blocks: number(3) + temporary_blocks,
        temporary_blocks,
        wal: self::number(row, 5),
    };
    let executed = Executed {
        calls: number(1),
        rows: number(2),
        work: Some(work),
    };
    (row.get(0), executed)
}

fn number(row: &Row, index: usize) -> Option<u64> {
    row.get::<_, Option<i64>>(index).map(i64::unsigned_abs)
}
