//! More rows for a table: copies of its own, with new values where a unique index wants them.

use tokio_postgres::{Client, Row};

use super::connection::describe;

/// A column that rows have a value for: one that is generated has none.
struct Column {
    /// Quoted.
    name: String,
    type_name: String,
    /// Longest text, where there is a limit.
    length: Option<i32>,
    is_unique: bool,
    is_reference: bool,
}

/// Columns in their order, with whether a unique index or a foreign key is about them. What an index of
/// expressions is about stands among its dependencies.
const COLUMNS: &str = "/* perfgate */ \
    select quote_ident(a.attname), t.typname::text, \
      case when t.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4 end, \
      exists (select 1 from pg_index i where i.indrelid = a.attrelid and i.indisunique and ( \
        a.attnum = any (i.indkey) or exists (select 1 from pg_depend d where d.objid = i.indexrelid \
          and d.classid = 'pg_class'::regclass and d.refobjid = a.attrelid \
          and d.refobjsubid = a.attnum))), \
      exists (select 1 from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'f' \
        and a.attnum = any (c.conkey)) \
    from pg_attribute a join pg_type t on t.oid = a.atttypid \
    where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped \
      and a.attgenerated = '' order by a.attnum";
/// Unique indexes that are about references alone: new values would refer to nothing.
const ONLY_REFERENCES: &str = "/* perfgate */ select i.indexrelid::regclass::text from pg_index i \
    where i.indrelid = to_regclass($1) and i.indisunique and not exists ( \
      select 1 from unnest(i.indkey) key where not exists ( \
        select 1 from pg_constraint c where c.conrelid = i.indrelid and c.contype = 'f' \
          and key = any (c.conkey))) \
    limit 1";
const NAME: &str = "/* perfgate */ select to_regclass($1)::text";

/// Brings a table to so many rows; why it cannot be, otherwise.
pub(super) async fn grow(client: &Client, table: &str, rows: u64) -> Result<(), String> {
    let found = client.query_one(NAME, &[&table]).await.map_err(describe)?;
    let Some(name) = found.get::<_, Option<String>>(0) else {
        return Err("the database has no such table".into());
    };
    // As a statement of another shape than a server's, whose counts would be kept under the text of this one.
    let count = format!("/* perfgate */ select (select count(*) from {name}) as perfgate");
    let count = client.query_one(&count, &[]).await.map_err(describe)?;
    let there = count.get::<_, i64>(0).unsigned_abs();
    if there == 0 {
        return Err("it has no row that could be copied; seed one, or use `command`".into());
    }
    if there > rows {
        return Err(format!(
            "it has {there} rows already: name sizes from {there} on"
        ));
    }
    if let Some(index) = client
        .query_opt(ONLY_REFERENCES, &[&table])
        .await
        .map_err(describe)?
    {
        let index: String = index.get(0);
        return Err(format!(
            "its unique index {index} is about references alone, and copies would refer to the same; use \
             `command`"
        ));
    }
    let columns = client.query(COLUMNS, &[&table]).await.map_err(describe)?;
    let columns: Vec<_> = columns.iter().map(Column::from_row).collect();
    let missing = rows - there;
    if missing > 0 {
        let insert = insert(&name, &columns, there, missing);
        client.batch_execute(&insert).await.map_err(describe)?;
        for column in columns.iter().filter(|it| it.is_unique) {
            let sequence = column.sequence(&name);
            client.batch_execute(&sequence).await.map_err(describe)?;
        }
    }
    let vacuum = format!("/* perfgate */ vacuum (analyze) {name}");
    client.batch_execute(&vacuum).await.map_err(describe)
}

/// Copies of the first `there` rows, one after the other.
fn insert(table: &str, columns: &[Column], there: u64, missing: u64) -> String {
    let names: Vec<_> = columns.iter().map(|it| it.name.as_str()).collect();
    let values: Vec<_> = columns.iter().map(|it| it.value(table)).collect();
    format!(
        "/* perfgate */ insert into {table} ({}) overriding system value select {} from \
         generate_series({there} + 1, {there} + {missing}) as perfgate(number) join \
         (select *, row_number() over (order by ctid) - 1 as perfgate_row from {table}) as own \
         on own.perfgate_row = (perfgate.number - 1) % {there}",
        names.join(", "),
        values.join(", "),
    )
}

impl Column {
    fn from_row(row: &Row) -> Self {
        Self {
            name: row.get(0),
            type_name: row.get(1),
            length: row.get(2),
            is_unique: row.get(3),
            is_reference: row.get(4),
        }
    }

    /// What a copy has: what a unique index is about becomes new. Of other types it stays, and the
    /// database says so.
    fn value(&self, table: &str) -> String {
        let Self { name, .. } = self;
        let own = format!("own.{name}");
        if !self.is_unique || self.is_reference {
            return own;
        }
        let beyond =
            |step: &str| format!("(select max({name}) from {table}) + (perfgate.number * {step})");
        match (self.type_name.as_str(), self.length) {
            ("int2" | "int4" | "int8", _) => {
                format!("({})::{}", beyond("1"), self.type_name)
            }
            ("numeric" | "float4" | "float8", _) => beyond("1"),
            ("date", _) => format!(
                "({})::date",
                beyond("1").replace("perfgate.number", "perfgate.number::int")
            ),
            ("timestamp" | "timestamptz", _) => beyond("interval '1 second'"),
            ("uuid", _) => "md5('perfgate' || perfgate.number)::uuid".into(),
            ("text" | "citext", _) | ("varchar" | "bpchar", None) => {
                format!("{own} || '-' || perfgate.number")
            }
            ("varchar" | "bpchar", Some(length)) => format!(
                "left({own}, greatest({length} - 1 - length(perfgate.number::text), 0)) || '-' || \
                 perfgate.number"
            ),
            _ => own,
        }
    }

    /// Sets the sequence that the column takes its values from, if it does, behind them.
    fn sequence(&self, table: &str) -> String {
        let plain = self.name.trim_matches('"').replace("\"\"", "\"");
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        format!(
            "/* perfgate */ select setval(sequence, (select max({}) from {table})::bigint) from \
             (select pg_get_serial_sequence({}, {}) as sequence) as own where sequence is not null",
            self.name,
            quoted(table),
            quoted(&plain),
        )
    }
}
