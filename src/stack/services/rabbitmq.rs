//! What RabbitMQ counts, asked in its container: of its Prometheus plugin where that is on, as in the
//! official images, and of `rabbitmqctl` otherwise, which takes ten times as long.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::super::container::{Answer, Container};
use super::Counted;
use crate::model::{Metric, chain};

/// Messages that publishers sent, by protocol. The node counts them as they come in, where the
/// figures of the management plugin are up to five seconds old.
const PUBLISHED: &str = "rabbitmq_global_messages_received_total";

/// The same of the node itself, over all protocols.
const EXPRESSION: &str = "lists:sum([maps:get(messages_received_total, Counters, 0) || \
    Counters <- maps:values(rabbit_global_counters:overview())]).";

/// Bash opens the connection itself: images have no client of HTTP.
const BY_PLUGIN: &str = r#"
metrics() {
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/15692 &&
        printf "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3 && cat <&3'
}
metrics 2>/dev/null | grep "^$1" || rabbitmqctl eval "$2"
"#;

/// `rabbitmqctl` is a node of its own, which takes its time to start.
const ANSWER: Duration = Duration::from_secs(60);

const TOO_OLD: &str = "published messages are not counted: RabbitMQ is older than 3.9";

/// What it has counted so far; why it reports nothing, otherwise.
pub(super) async fn count(container: &Container) -> Result<Counted, String> {
    // On the host's network the port may be that of another one.
    let words: &[&str] = if container.has_own_network() {
        &["sh", "-c", BY_PLUGIN, "perfgate", PUBLISHED, EXPRESSION]
    } else {
        &["rabbitmqctl", "eval", EXPRESSION]
    };
    let words: Vec<_> = words.iter().map(|it| (*it).to_owned()).collect();
    let answer = timeout(ANSWER, container.ask(&words)).await;
    let answer = answer.map_err(|_| format!("no answer within {ANSWER:?}"))?;
    read(&answer.map_err(|error| chain(&error))?)
}

fn read(answer: &Answer) -> Result<Counted, String> {
    let lines = answer.output.lines();
    let of_protocol = |line: &str| {
        line.strip_prefix(PUBLISHED)?
            .split(' ')
            .next_back()?
            .parse()
            .ok()
    };
    let by_protocol: Vec<u64> = lines.filter_map(of_protocol).collect();
    let published = if by_protocol.is_empty() {
        let last = answer.output.trim().lines().next_back();
        last.and_then(|line| line.trim().parse().ok())
    } else {
        Some(by_protocol.iter().sum())
    };
    if let (0, Some(published)) = (answer.code, published) {
        return Ok(Counted {
            totals: BTreeMap::from([(Metric::MessagesPerRequest, published)]),
            ..Counted::default()
        });
    }
    let said = format!("{}\n{}", answer.output.trim(), answer.complaint.trim());
    if said.contains("undef") && said.contains("rabbit_global_counters") {
        return Ok(Counted {
            missing: vec![TOO_OLD.to_owned()],
            ..Counted::default()
        });
    }
    Err(format!(
        "`rabbitmqctl` ended with {}: {}",
        answer.code,
        said.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64, output: &str, complaint: &str) -> Answer {
        Answer {
            code,
            output: output.to_owned(),
            complaint: complaint.to_owned(),
        }
    }

    #[test]
    fn messages_of_all_protocols_are_added_up() {
        let messages = BTreeMap::from([(Metric::MessagesPerRequest, 42)]);
        let of_node = read(&answer(0, "42\n", "")).expect("counts");
        assert_eq!(of_node.totals, messages);
        let metrics = "rabbitmq_global_messages_received_total{protocol=\"amqp091\"} 40\n\
                       rabbitmq_global_messages_received_total{protocol=\"mqtt311\"} 2\n";
        let of_plugin = read(&answer(0, metrics, "")).expect("counts");
        assert_eq!(of_plugin.totals, messages);
    }

    #[test]
    fn an_old_one_and_one_that_does_not_answer_are_distinguished() {
        let undef = "Error:\n{:undef, [{:rabbit_global_counters, :overview, [], []}]}";
        let counted = read(&answer(70, "", undef)).expect("a note");
        assert_eq!(counted.missing, [TOO_OLD]);
        assert!(counted.totals.is_empty());
        let refused = read(&answer(
            69,
            "",
            "Error: unable to perform an operation on node",
        ));
        let reason = refused.expect_err("no counts");
        assert!(
            reason.starts_with("`rabbitmqctl` ended with 69: Error: unable"),
            "{reason}"
        );
    }
}
