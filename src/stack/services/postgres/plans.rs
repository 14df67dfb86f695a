//! How a database would go about statements: what its planner makes of their texts, constants left
//! open, so that both sides are asked the same.

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::connection::describe;
use crate::model::{QueryPlan, Statement};

/// A plan for any values, which the text of a counted statement has none of. From Postgres 12.
const ANY_VALUES: &str = "/* perfgate */ set plan_cache_mode = force_generic_plan";
const PREPARE: &str = "/* perfgate */ prepare perfgate_plan as";
const PARAMETERS: &str = "/* perfgate */ select coalesce(cardinality(parameter_types), 0) \
    from pg_prepared_statements where name = 'perfgate_plan'";
const EXPLAIN: &str = "/* perfgate */ explain (format json, costs off) execute perfgate_plan";
const DEALLOCATE: &str = "/* perfgate */ deallocate perfgate_plan";
/// What a statement that has a plan begins with.
const PLANNED: [&str; 6] = ["select", "insert", "update", "delete", "merge", "with"];

/// Adds their plans to statements. One that cannot be prepared by its text alone, such as one about
/// a temporary table of its own session, has none.
pub(super) async fn explain(client: &Client, statements: &mut [Statement]) -> Result<(), String> {
    client.batch_execute(ANY_VALUES).await.map_err(describe)?;
    for statement in statements.iter_mut().filter(|it| is_planned(&it.text)) {
        // By this way of asking nothing but one statement is taken.
        let prepare = format!("{PREPARE} {}", statement.text);
        if client.execute(prepare.as_str(), &[]).await.is_err() {
            continue;
        }
        let plan = explained(client).await;
        statement.plan = plan.unwrap_or_default();
        client.batch_execute(DEALLOCATE).await.map_err(describe)?;
    }
    Ok(())
}

async fn explained(client: &Client) -> Option<QueryPlan> {
    let parameters = client.query_one(PARAMETERS, &[]).await.ok()?;
    let parameters = usize::try_from(parameters.get::<_, i32>(0)).ok()?;
    let values = vec!["null"; parameters].join(", ");
    let explain = match parameters {
        0 => EXPLAIN.to_owned(),
        _ => format!("{EXPLAIN}({values})"),
    };
    let answer = client.simple_query(&explain).await.ok()?;
    let text = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    read(text?)
}

fn is_planned(text: &str) -> bool {
    let text = text.trim_start_matches(|it: char| it == '(' || it.is_whitespace());
    PLANNED.iter().any(|word| {
        let start = text.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    })
}

/// The plan in what `explain (format json)` answers.
fn read(json: &str) -> Option<QueryPlan> {
    let answer: Value = serde_json::from_str(json).ok()?;
    let mut plan = QueryPlan::default();
    add(answer.get(0)?.get("Plan")?, 0, &mut plan);
    Some(plan)
}

fn add(node: &Value, depth: usize, plan: &mut QueryPlan) {
    plan.add(depth, &named(node));
    let below = node.get("Plans").and_then(Value::as_array);
    for node in below.into_iter().flatten() {
        add(node, depth + 1, plan);
    }
}

/// A node as the text of a plan has it: what it does, by which index, and to which relation.
fn named(node: &Value) -> String {
    let field = |name: &str| node.get(name).and_then(Value::as_str);
    let kind = field("Node Type").unwrap_or_default();
    let kind = match (kind, field("Strategy"), field("Operation")) {
        ("Aggregate", Some("Hashed"), _) => "HashAggregate",
        ("Aggregate", Some("Sorted"), _) => "GroupAggregate",
        ("Aggregate", Some("Mixed"), _) => "MixedAggregate",
        ("ModifyTable", _, Some(operation)) => operation,
        _ => kind,
    };
    let mut text = match field("Partial Mode") {
        Some(mode @ ("Partial" | "Finalize")) => format!("{mode} "),
        _ => String::new(),
    };
    if node.get("Parallel Aware").and_then(Value::as_bool) == Some(true) {
        text.push_str("Parallel ");
    }
    text.push_str(&match field("Join Type").filter(|it| *it != "Inner") {
        Some(join) if kind == "Nested Loop" => format!("{kind} {join} Join"),
        Some(join) => format!("{} {join} Join", kind.trim_end_matches(" Join")),
        None => kind.to_owned(),
    });
    if field("Scan Direction") == Some("Backward") {
        text.push_str(" Backward");
    }
    if let Some(index) = field("Index Name") {
        let word = if kind == "Bitmap Index Scan" {
            "on"
        } else {
            "using"
        };
        text.push_str(&format!(" {word} {index}"));
    }
    let about = ["Relation Name", "CTE Name", "Function Name"];
    if let Some(about) = about.into_iter().find_map(field) {
        text.push_str(&format!(" on {about}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(json: &str) -> Vec<String> {
        let plan = read(json).expect("a plan");
        plan.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_plan_is_read_as_nodes_with_indexes_and_relations() {
        let json = r#"[{"Plan": {"Node Type": "Limit", "Plans": [
            {"Node Type": "Nested Loop", "Join Type": "Left", "Plans": [
                {"Node Type": "Index Scan", "Scan Direction": "Backward", "Index Name": "movie_pkey",
                 "Relation Name": "movie", "Alias": "m", "Parallel Aware": false},
                {"Node Type": "Memoize", "Plans": [
                    {"Node Type": "Index Only Scan", "Scan Direction": "Forward",
                     "Index Name": "director_pkey", "Relation Name": "director"}]}]}]}}]"#;
        let expected = [
            "Limit",
            "  Nested Loop Left Join",
            "    Index Scan Backward using movie_pkey on movie",
            "    Memoize",
            "      Index Only Scan using director_pkey on director",
        ];
        assert_eq!(lines(json), expected);
    }

    #[test]
    fn aggregates_joins_bitmaps_and_changes_are_called_as_psql_calls_them() {
        let json = r#"[{"Plan": {"Node Type": "ModifyTable", "Operation": "Update",
            "Relation Name": "movie", "Plans": [
            {"Node Type": "Hash Join", "Join Type": "Semi", "Plans": [
                {"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Finalize", "Plans": [
                    {"Node Type": "Seq Scan", "Parallel Aware": true, "Relation Name": "rating"}]},
                {"Node Type": "Bitmap Heap Scan", "Relation Name": "movie", "Plans": [
                    {"Node Type": "Bitmap Index Scan", "Index Name": "movie_title"}]}]}]}}]"#;
        let expected = [
            "Update on movie",
            "  Hash Semi Join",
            "    Finalize HashAggregate",
            "      Parallel Seq Scan on rating",
            "    Bitmap Heap Scan on movie",
            "      Bitmap Index Scan on movie_title",
        ];
        assert_eq!(lines(json), expected);
    }

    #[test]
    fn only_what_has_a_plan_is_asked_about_and_nonsense_has_none() {
        for text in [
            "SELECT 1",
            " (select 1)",
            "WITH a AS (SELECT 1) SELECT",
            "Update a",
        ] {
            assert!(is_planned(text), "{text}");
        }
        for text in ["BEGIN", "", "sel", "é", "SET a = $1", "CREATE TABLE a ()"] {
            assert!(!is_planned(text), "{text}");
        }
        for json in ["", "[]", "{}", r#"[{"Plan"#, r#"[{"Planning": 1}]"#] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
