use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a database goes about a statement, without what it costs: a node a line, those below it two
/// blanks further in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct QueryPlan(Vec<String>);

/// A node that a plan has in place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanChange {
    /// Absent if the head's plan has it in addition.
    pub base: Option<String>,
    /// Absent if the head's plan does without.
    pub head: Option<String>,
}

/// Nodes that are kept and compared: a scan of each of a thousand partitions says no more.
const MOST_NODES: usize = 100;
/// Changes shown for one statement.
const MOST_SHOWN: usize = 3;

impl QueryPlan {
    /// Adds a node below the newest one that is less deep.
    pub fn add(&mut self, depth: usize, node: &str) {
        if self.0.len() < MOST_NODES {
            self.0.push(format!("{}{node}", "  ".repeat(depth)));
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The nodes that differ from those of `base`; none where one of the two is not known. First come
    /// those about the same relation, then joins in place of joins and the rest. Where all nodes are
    /// alike they come in another order.
    pub fn changes(&self, base: &Self) -> Vec<PlanChange> {
        if self.is_empty() || base.is_empty() || self == base {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let mut gone = without(base, self);
        let mut new = VecDeque::from(without(self, base));
        if gone.is_empty() && new.is_empty() {
            let pairs = base.nodes().zip(self.nodes());
            let differ = pairs.filter(|(base, head)| base != head);
            changes.extend(differ.map(|(base, head)| changed(Some(base), Some(head))));
        }
        gone.retain(|base| {
            let alike = |head: &&str| relation(head).is_some() && relation(head) == relation(base);
            let Some(position) = new.iter().position(alike) else {
                return true;
            };
            changes.push(changed(Some(base), new.remove(position)));
            false
        });
        for base in gone {
            let position = new.iter().position(|head| is_join(head) == is_join(base));
            let head = position.and_then(|it| new.remove(it));
            changes.push(changed(Some(base), head));
        }
        changes.extend(new.into_iter().map(|head| changed(None, Some(head))));
        changes.truncate(MOST_SHOWN);
        changes
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.lines().take(MOST_NODES).map(str::trim_start)
    }
}

/// The nodes of a plan that another one has not, or has fewer of.
fn without<'a>(plan: &'a QueryPlan, other: &QueryPlan) -> Vec<&'a str> {
    let mut others: Vec<_> = other.nodes().collect();
    let mut left: Vec<_> = plan.nodes().collect();
    left.retain(|node| match others.iter().position(|it| it == node) {
        Some(position) => {
            others.swap_remove(position);
            false
        }
        None => true,
    });
    left
}

/// What a node is about.
fn relation(node: &str) -> Option<&str> {
    node.rsplit_once(" on ").map(|(_, relation)| relation)
}

fn is_join(node: &str) -> bool {
    node.starts_with("Nested Loop") || node.ends_with(" Join")
}

fn changed(base: Option<&str>, head: Option<&str>) -> PlanChange {
    PlanChange {
        base: base.map(str::to_owned),
        head: head.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(nodes: &[(usize, &str)]) -> QueryPlan {
        let mut plan = QueryPlan::default();
        for (depth, node) in nodes {
            plan.add(*depth, node);
        }
        plan
    }

    fn shown(head: &QueryPlan, base: &QueryPlan) -> Vec<(Option<String>, Option<String>)> {
        let changes = head.changes(base).into_iter();
        changes.map(|it| (it.base, it.head)).collect()
    }

    fn pair(base: &str, head: &str) -> (Option<String>, Option<String>) {
        let known = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
        (known(base), known(head))
    }

    #[test]
    fn a_lost_index_is_one_node_in_place_of_another() {
        let by_index = "Index Scan using movie_title on movie";
        let base = plan(&[(0, "Limit"), (1, by_index)]);
        let head = plan(&[(0, "Limit"), (1, "Seq Scan on movie")]);
        assert_eq!(shown(&head, &base), [pair(by_index, "Seq Scan on movie")]);
        assert_eq!(shown(&base, &base), []);
        assert_eq!(shown(&head, &QueryPlan::default()), []);
        assert_eq!(shown(&QueryPlan::default(), &base), []);
    }

    #[test]
    fn relations_come_first_and_no_more_than_three_changes() {
        let (index, on_rating) = (
            "Index Scan using a on movie",
            "Index Scan using b on rating",
        );
        let base = plan(&[(0, "Nested Loop"), (1, index), (1, on_rating)]);
        let head = plan(&[
            (0, "Sort"),
            (1, "Hash Join"),
            (2, "Seq Scan on rating"),
            (2, "Hash"),
            (3, "Seq Scan on movie"),
        ]);
        let expected = [
            pair(index, "Seq Scan on movie"),
            pair(on_rating, "Seq Scan on rating"),
            pair("Nested Loop", "Hash Join"),
        ];
        assert_eq!(shown(&head, &base), expected);
        let sorted = plan(&[(0, "Sort"), (1, index)]);
        let plain = plan(&[(0, index)]);
        assert_eq!(shown(&sorted, &plain), [pair("", "Sort")]);
        assert_eq!(shown(&plain, &sorted), [pair("Sort", "")]);
    }

    #[test]
    fn the_same_nodes_in_another_order_are_a_change() {
        let of = |first, second| plan(&[(0, "Nested Loop"), (1, first), (1, second)]);
        let (a, b) = ("Seq Scan on a", "Seq Scan on b");
        assert_eq!(shown(&of(b, a), &of(a, b)), [pair(a, b), pair(b, a)]);
    }

    #[test]
    fn a_plan_of_a_thousand_partitions_is_cut() {
        let mut all = QueryPlan::default();
        for number in 0..1000 {
            all.add(1, &format!("Seq Scan on part_{number}"));
        }
        assert_eq!(all.lines().count(), MOST_NODES);
    }
}
