//! What MySQL, MariaDB and Percona Server count, asked with the client in their container. The
//! statements and rows are those of the Performance Schema; without it the server's status has the
//! number of statements alone.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::super::container::{Answer, Container};
use super::{Counted, Statements};
use crate::model::{Metric, chain};

/// Connects as root, or as the application's user where root's password is nobody's. Without a
/// password the server knows the user of the container by its socket. Passwords stay in the
/// environment, where no list of processes and no error shows them.
const CLIENT: &str = r#"
client=$(command -v mariadb || command -v mysql) || {
    echo 'its container has neither `mariadb` nor `mysql`, the client' >&2
    exit 127
}
ask() {
    "$client" --no-auto-rehash --batch --skip-column-names --default-character-set=utf8mb4 \
        --user="$user" --execute="$1"
}
user=root
MYSQL_PWD=${MARIADB_ROOT_PASSWORD:-$MYSQL_ROOT_PASSWORD}
for file in "$MARIADB_ROOT_PASSWORD_FILE" "$MYSQL_ROOT_PASSWORD_FILE"; do
    if [ -z "$MYSQL_PWD" ] && [ -r "$file" ]; then
        MYSQL_PWD=$(cat "$file")
    fi
done
export MYSQL_PWD
if [ -z "$MYSQL_PWD" ]; then
    user=$(id -un)
    own=${MARIADB_USER:-$MYSQL_USER}
    if [ -n "$own" ] && ! ask 'do 0' 2>/dev/null; then
        user=$own
        MYSQL_PWD=${MARIADB_PASSWORD:-$MYSQL_PASSWORD}
    fi
fi
status=$(ask "$1") || exit
echo "$status"
case $status in
    *'performance_schema'*'ON'*) ask "$2" ;;
esac
"#;

/// None of it is among what the status counts.
const STATUS: &str = "\
show global variables like 'performance_schema'; \
show global status where variable_name in ('Com_select', 'Com_insert', 'Com_insert_select', \
    'Com_update', 'Com_update_multi', 'Com_delete', 'Com_delete_multi', 'Com_replace', \
    'Com_replace_select', 'Com_load', 'Com_call_procedure', 'Com_begin', 'Com_commit', \
    'Com_rollback', 'Performance_schema_digest_lost')";

/// What was asked before is a statement itself, so that a table without any shows that none are
/// counted. Connections without a database are perfgate's own and those of health checks.
const DIGESTS: &str = "\
select 'digests', count(*) from performance_schema.events_statements_summary_by_digest; \
select 'statement', count_star, sum_rows_sent + sum_rows_affected, digest_text \
    from performance_schema.events_statements_summary_by_digest \
    where digest_text is not null and schema_name not in \
    ('mysql', 'sys', 'information_schema', 'performance_schema')";

/// A client that answers no sooner has nothing to connect to.
const ANSWER: Duration = Duration::from_secs(20);

const SWITCHED_OFF: &str = "neither rows nor texts of SQL statements are counted: the Performance \
    Schema is off, which `command = [\"--performance-schema=ON\"]` turns on in the images of \
    MySQL and MariaDB";
const NO_DIGESTS: &str = "SQL statements are not counted: the Performance Schema has no digests of \
    them; turn its consumer `statements_digest` and its instruments \
    `statement/%` on";
const NOT_ALLOWED: &str = "SQL statements are not counted: the application's user may not read the \
    Performance Schema; give the service MYSQL_ROOT_PASSWORD or MARIADB_ROOT_PASSWORD in `env`";
const NO_ROOM: &str = "some SQL statements are not counted: the Performance Schema has no room for \
    more kinds of them; raise `performance_schema_digests_size`";

/// What it has counted so far; why it reports nothing, otherwise.
pub(super) async fn count(container: &Container) -> Result<Counted, String> {
    let words = ["sh", "-c", CLIENT, "perfgate", STATUS, DIGESTS].map(str::to_owned);
    let answer = timeout(ANSWER, container.ask(&words)).await;
    let answer = answer.map_err(|_| format!("no answer within {ANSWER:?}"))?;
    read(&answer.map_err(|error| chain(&error))?)
}

/// Where the Performance Schema is on the status is no way out: asking for digests, in vain or not,
/// counts in it.
fn read(answer: &Answer) -> Result<Counted, String> {
    let lines: Vec<Vec<&str>> = answer
        .output
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    let number = |name: &str| {
        lines.iter().find_map(|line| match line.as_slice() {
            [known, value] if known.eq_ignore_ascii_case(name) => value.parse::<u64>().ok(),
            _ => None,
        })
    };
    let is_on = lines
        .iter()
        .any(|line| line.as_slice() == ["performance_schema", "ON"]);
    let status = lines.iter().filter_map(|line| match line.as_slice() {
        [name, value] if name.starts_with("Com_") => value.parse::<u64>().ok(),
        _ => None,
    });
    let status: Vec<_> = status.collect();
    if status.is_empty() {
        return Err(refused(answer));
    }
    let without = |missing: &str| Counted {
        missing: vec![missing.to_owned()],
        ..Counted::default()
    };
    if !is_on {
        return Ok(Counted {
            totals: BTreeMap::from([(Metric::SqlPerRequest, status.iter().sum())]),
            ..without(SWITCHED_OFF)
        });
    }
    if answer.code != 0 {
        return Ok(without(NOT_ALLOWED));
    }
    if number("digests") == Some(0) {
        return Ok(without(NO_DIGESTS));
    }
    let mut statements = Statements::new();
    for line in &lines {
        let ["statement", calls, rows, text] = line.as_slice() else {
            continue;
        };
        let (Ok(calls), Ok(rows)) = (calls.parse::<u64>(), rows.parse::<u64>()) else {
            continue;
        };
        // The same text in several databases.
        let all = statements.entry(unescaped(text.trim_end())).or_default();
        all.calls += calls;
        all.rows += rows;
    }
    let mut counted = Counted::default();
    counted.add_statements(statements);
    if number("Performance_schema_digest_lost").is_some_and(|lost| lost > 0) {
        counted.missing.push(NO_ROOM.into());
    }
    Ok(counted)
}

fn refused(answer: &Answer) -> String {
    let complaint = answer.complaint.trim();
    let remedy = if complaint.contains("Access denied") {
        "; give the service MYSQL_ROOT_PASSWORD or MARIADB_ROOT_PASSWORD in `env`"
    } else {
        ""
    };
    format!("exit code {}: {complaint}{remedy}", answer.code)
}

/// A text as the client writes it in a line of its own.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('0') => plain.push('\0'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            _ => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::Executed;
    use super::*;

    const COMMANDS: &str = "Com_begin\t1\nCom_select\t7\nCom_update\t2\n";

    fn answer(code: i64, output: &str, complaint: &str) -> Answer {
        Answer {
            code,
            output: output.to_owned(),
            complaint: complaint.to_owned(),
        }
    }

    fn statements(counted: &Counted) -> Option<u64> {
        counted.totals.get(&Metric::SqlPerRequest).copied()
    }

    #[test]
    fn statements_are_added_up_by_their_text() {
        let output = format!(
            "performance_schema\tON\n{COMMANDS}Performance_schema_digest_lost\t0\ndigests\t9\n\
             statement\t4\t8\tSELECT `a` FROM `b` WHERE `c` = ?\n\
             statement\t1\t2\tSELECT `a` FROM `b` WHERE `c` = ? \n\
             statement\t3\t0\tSELECT ?\\n, `d\\\\e`\n"
        );
        let counted = read(&answer(0, &output, "")).expect("counts");
        assert_eq!(statements(&counted), Some(8));
        assert_eq!(counted.totals[&Metric::RowsPerRequest], 10);
        let executed = |calls, rows| Executed {
            calls,
            rows,
            work: None,
        };
        let expected = [
            ("SELECT ?\n, `d\\e`".to_owned(), executed(3, 0)),
            (
                "SELECT `a` FROM `b` WHERE `c` = ?".to_owned(),
                executed(5, 10),
            ),
        ];
        assert_eq!(counted.statements, Statements::from(expected));
        assert!(counted.missing.is_empty());
        let full = output.replace("lost\t0", "lost\t2");
        let counted = read(&answer(0, &full, "")).expect("counts");
        assert_eq!(counted.missing, [NO_ROOM]);
    }

    #[test]
    fn without_the_performance_schema_statements_are_counted_and_rows_are_said_to_be_missing() {
        let off = format!("performance_schema\tOFF\n{COMMANDS}");
        let counted = read(&answer(0, &off, "")).expect("counts");
        assert_eq!(statements(&counted), Some(10));
        assert!(!counted.totals.contains_key(&Metric::RowsPerRequest));
        assert_eq!(counted.missing, [SWITCHED_OFF]);
    }

    #[test]
    fn digests_that_cannot_be_had_are_said_to_be_missing() {
        let on = format!("performance_schema\tON\n{COMMANDS}");
        let denied = "ERROR 1142 (42000) at line 1: SELECT command denied to user 'app'";
        let cases = [
            (answer(0, &format!("{on}digests\t0\n"), ""), NO_DIGESTS),
            (answer(1, &on, denied), NOT_ALLOWED),
        ];
        for (answer, missing) in cases {
            let counted = read(&answer).expect("a note");
            assert!(counted.totals.is_empty());
            assert_eq!(counted.missing, [missing]);
        }
    }

    #[test]
    fn a_client_that_is_refused_says_why() {
        let denied = "ERROR 1045 (28000): Access denied for user 'root'@'localhost'";
        let reason = read(&answer(1, "", denied)).expect_err("no counts");
        assert_eq!(
            reason,
            "exit code 1: ERROR 1045 (28000): Access denied for user 'root'@'localhost'; give the \
             service MYSQL_ROOT_PASSWORD or MARIADB_ROOT_PASSWORD in `env`"
        );
        let reason = read(&answer(127, "", "no client")).expect_err("no counts");
        assert_eq!(reason, "exit code 127: no client");
    }
}
