//! Rows of a file → requests that take turns.

use std::path::Path;

use serde_json::Value;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::{Error, LARGEST, file};
use crate::bounded;
use crate::model::{Placeholder, Request, Values};

/// Requests of an endpoint, which are all prepared before the load.
const MOST_REQUESTS: usize = 10_000;
/// Bytes of their bodies and paths.
pub(super) const MOST_BYTES: usize = 64 << 20;

impl Resolver<'_> {
    /// The requests of an endpoint, each once for every row of its data.
    pub(super) fn with_data(
        &self,
        requests: Vec<Request>,
        endpoint: &Spanned<file::Endpoint>,
    ) -> Result<Vec<Request>, Error> {
        let Some(file) = &endpoint.get_ref().data else {
            let taken = requests
                .iter()
                .flat_map(|it| it.takes(Placeholder::DATA))
                .next();
            return match taken {
                None => Ok(requests),
                Some(name) => Err(self.spans.invalid(
                    &endpoint.span(),
                    format!("`{{data.{name}}}` is used and the endpoint has no `data`"),
                    Some("name a file of rows: data = \"ids.csv\"".into()),
                )),
            };
        };
        let invalid = |message: String, hint: &str| {
            let hint = Some(hint.to_owned());
            self.spans.invalid(&file.span(), message, hint)
        };
        let path = self.inside(file)?;
        let name = file.get_ref().display();
        let text = bounded::read_text(&path, LARGEST).map_err(|error| {
            let hint = "paths start at the folder of this file";
            invalid(format!("`{name}` cannot be read: {error}"), hint)
        })?;
        let rows = rows(&path, &text).map_err(|why| {
            let hint =
                "write CSV with names in its first line, or a JSON object in each line of a .jsonl";
            invalid(format!("`{name}` holds no rows: {why}"), hint)
        })?;
        let columns = rows.first().cloned().unwrap_or_default();
        for taken in requests.iter().flat_map(|it| it.takes(Placeholder::DATA)) {
            if !columns.contains_key(taken) {
                let known: Vec<_> = columns.keys().cloned().collect();
                let message = format!("`{{data.{taken}}}` is no column of `{name}`");
                return Err(invalid(message, &format!("columns: {}", known.join(", "))));
            }
        }
        if rows.len() * requests.len() > MOST_REQUESTS {
            let message = format!("`{name}` makes more than {MOST_REQUESTS} requests");
            return Err(invalid(
                message,
                "leave rows out: each is sent again and again",
            ));
        }
        let of_row = |row: &Values| {
            let filled = requests.iter().map(|it| it.filled(Placeholder::DATA, row));
            filled.collect::<Vec<_>>()
        };
        let filled: Vec<_> = rows.iter().flat_map(of_row).collect();
        let bytes: usize = filled.iter().map(|it| it.path.len() + it.body.len()).sum();
        if bytes > MOST_BYTES {
            let message = format!(
                "`{name}` makes requests of more than {} MiB",
                MOST_BYTES >> 20
            );
            return Err(invalid(
                message,
                "leave rows out: each is sent again and again",
            ));
        }
        Ok(filled)
    }
}

/// The rows of a file by column, all with the same columns; why there are none, otherwise.
fn rows(path: &Path, text: &str) -> Result<Vec<Values>, String> {
    let is_json = path
        .extension()
        .is_some_and(|it| it == "jsonl" || it == "ndjson");
    let rows = if is_json { of_json(text) } else { of_csv(text) }?;
    if rows.is_empty() {
        return Err("it is empty".into());
    }
    Ok(rows)
}

fn of_csv(text: &str) -> Result<Vec<Values>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = reader.headers().map_err(|error| error.to_string())?.clone();
    let rows = reader.records().map(|record| {
        let record = record.map_err(|error| error.to_string())?;
        let pairs = columns.iter().zip(record.iter());
        Ok(pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    });
    rows.collect()
}

fn of_json(text: &str) -> Result<Vec<Values>, String> {
    let mut rows: Vec<Values> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = row(line).map_err(|why| format!("line {}: {why}", number + 1))?;
        if rows
            .first()
            .is_some_and(|first| !first.keys().eq(row.keys()))
        {
            return Err(format!(
                "line {}: it has other names than the first",
                number + 1
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(line: &str) -> Result<Values, String> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_str(line).map_err(|error| error.to_string())?;
    let plain = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("`{name}` is neither text, number, true nor false"))
        }
    };
    object.into_iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Vec<(String, String)>>, String> {
        let rows = rows(Path::new(name), text)?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().collect())
            .collect())
    }

    #[test]
    fn rows_of_both_forms_are_the_same() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = Ok(vec![
            vec![pair("id", "1"), pair("name", "a, b")],
            vec![pair("id", "2"), pair("name", "c")],
        ]);
        assert_eq!(read("x.csv", "id,name\n1,\"a, b\"\n2 , c\n"), expected);
        let json = "{\"id\": 1, \"name\": \"a, b\"}\n\n{\"name\": \"c\", \"id\": 2}\n";
        assert_eq!(read("x.jsonl", json), expected);
    }

    #[test]
    fn what_is_no_row_is_named() {
        for (name, text, why) in [
            ("x.csv", "id,name\n", "it is empty"),
            ("x.csv", "id,name\n1\n", "found record with 1 fields"),
            ("x.jsonl", "[1]\n", "line 1: invalid type"),
            ("x.jsonl", "{\"a\": []}\n", "line 1: `a` is neither text"),
            (
                "x.jsonl",
                "{\"a\": 1}\n{\"b\": 1}\n",
                "line 2: it has other names",
            ),
        ] {
            let found = read(name, text).expect_err("no rows");
            assert!(found.contains(why), "{found}");
        }
    }
}
