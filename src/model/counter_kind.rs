//! The counters as data: a row for each, which everything that is not particular to where one is counted reads.

use super::{Metric, Statement, Unit};

/// What is known of a counter: a metric that is counted exactly, from single requests.
#[derive(Debug, Clone, Copy)]
pub struct CounterKind {
    pub metric: Metric,
    /// In configuration, JSON and reports.
    pub name: &'static str,
    pub unit: Unit,
    /// What holds where a configuration says nothing; nothing for one that is only shown.
    pub rule: Option<CounterRule>,
    /// What it is of single statements, for one that statements make up.
    pub of_statement: Option<OfStatement>,
    /// What a server sends that uses the service; nothing for a counter that says little about it.
    pub sent: Option<&'static str>,
    /// How it is ordered by its growth with the data, where it is.
    pub ordered: Option<Ordered>,
}

/// A counter whose order of growth is a counter of its own.
#[derive(Debug, Clone, Copy)]
pub struct Ordered {
    pub by: Metric,
    /// Values that are small beside it have no order.
    pub damping: f64,
}

/// A largest increase.
#[derive(Debug, Clone, Copy)]
pub struct CounterRule {
    /// As a share.
    pub margin: f64,
    /// As a configuration has it.
    pub text: &'static str,
    /// Absolute change below which nothing matters.
    pub floor: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
pub struct OfStatement {
    /// A statement's part of it, per request.
    pub part: fn(&Statement) -> Option<f64>,
    /// What follows a number of it.
    pub noun: &'static str,
    /// What statements do of which there is more, before `for SERVER ENDPOINT`; nothing for statements that
    /// are asked more often.
    pub more: Option<&'static str>,
}

const GROWS: Option<&str> = Some("grows with the data, at its largest size");

/// One more is a regression.
const EXACT: CounterRule = CounterRule {
    margin: 0.0,
    text: "max_increase 0",
    floor: None,
};

const fn above(floor: f64, rule: CounterRule) -> CounterRule {
    CounterRule {
        floor: Some(floor),
        ..rule
    }
}

const fn tenth(floor: f64) -> CounterRule {
    CounterRule {
        margin: 0.1,
        text: "max_increase 10%",
        floor: Some(floor),
    }
}

const fn counter(metric: Metric, name: &'static str, rule: CounterRule) -> CounterKind {
    CounterKind {
        metric,
        name,
        unit: Unit::Count,
        rule: Some(rule),
        of_statement: None,
        sent: None,
        ordered: None,
    }
}

const fn shown(metric: Metric, name: &'static str) -> CounterKind {
    CounterKind {
        rule: None,
        ..counter(metric, name, EXACT)
    }
}

const fn in_bytes(kind: CounterKind) -> CounterKind {
    CounterKind {
        unit: Unit::Bytes,
        ..kind
    }
}

const fn of_statements(kind: CounterKind, of_statement: OfStatement) -> CounterKind {
    CounterKind {
        of_statement: Some(of_statement),
        ..kind
    }
}

const fn ordered(by: Metric, damping: f64, kind: CounterKind) -> CounterKind {
    CounterKind {
        ordered: Some(Ordered { by, damping }),
        ..kind
    }
}

/// One that grows by a larger power of the size: from not at all to linearly is 1, an index that becomes
/// deeper is next to nothing.
const fn order(metric: Metric, name: &'static str) -> CounterKind {
    counter(metric, name, above(0.25, EXACT))
}

const fn sent(kind: CounterKind, what: &'static str) -> CounterKind {
    CounterKind {
        sent: Some(what),
        ..kind
    }
}

/// Every counter, in the order of reports.
pub const COUNTERS: [CounterKind; 22] = [
    ordered(
        Metric::BytesGrowthOrder,
        256.0,
        in_bytes(counter(
            Metric::BytesPerResponse,
            "bytes_per_response",
            above(32.0, EXACT),
        )),
    ),
    ordered(
        Metric::SqlGrowthOrder,
        1.0,
        sent(
            of_statements(
                counter(Metric::SqlPerRequest, "sql_per_request", EXACT),
                OfStatement {
                    part: |it| Some(it.calls),
                    noun: "",
                    more: None,
                },
            ),
            "SQL statement",
        ),
    ),
    ordered(
        Metric::RowsGrowthOrder,
        1.0,
        of_statements(
            counter(Metric::RowsPerRequest, "rows_per_request", EXACT),
            OfStatement {
                part: |it| Some(it.rows),
                noun: " rows",
                more: Some("moves more rows"),
            },
        ),
    ),
    ordered(
        Metric::BlocksGrowthOrder,
        16.0,
        of_statements(
            counter(Metric::BlocksPerRequest, "blocks_per_request", tenth(16.0)),
            OfStatement {
                part: |it| it.blocks,
                noun: " blocks",
                more: Some("takes more blocks"),
            },
        ),
    ),
    in_bytes(of_statements(
        counter(Metric::WalPerRequest, "wal_per_request", tenth(64.0)),
        OfStatement {
            part: |it| it.wal,
            noun: " of WAL",
            more: Some("writes more WAL"),
        },
    )),
    counter(
        Metric::PostgresConnectionsPerRequest,
        "postgres_connections_per_request",
        EXACT,
    ),
    counter(
        Metric::PostgresConnectionsLeaked,
        "postgres_connections_leaked",
        EXACT,
    ),
    ordered(
        Metric::RedisCommandsGrowthOrder,
        1.0,
        sent(
            counter(
                Metric::RedisCommandsPerRequest,
                "redis_commands_per_request",
                EXACT,
            ),
            "command to Redis",
        ),
    ),
    counter(
        Metric::RedisConnectionsPerRequest,
        "redis_connections_per_request",
        EXACT,
    ),
    counter(
        Metric::RedisConnectionsLeaked,
        "redis_connections_leaked",
        EXACT,
    ),
    sent(
        counter(Metric::MessagesPerRequest, "messages_per_request", EXACT),
        "message to RabbitMQ",
    ),
    of_statements(
        order(Metric::SqlGrowthOrder, "sql_growth_order"),
        OfStatement {
            part: |it| it.at_largest.map(|it| it.calls),
            noun: "",
            more: GROWS,
        },
    ),
    of_statements(
        order(Metric::RowsGrowthOrder, "rows_growth_order"),
        OfStatement {
            part: |it| it.at_largest.map(|it| it.rows),
            noun: " rows",
            more: GROWS,
        },
    ),
    of_statements(
        order(Metric::BlocksGrowthOrder, "blocks_growth_order"),
        OfStatement {
            part: |it| it.at_largest.and_then(|it| it.blocks),
            noun: " blocks",
            more: GROWS,
        },
    ),
    order(
        Metric::RedisCommandsGrowthOrder,
        "redis_commands_growth_order",
    ),
    order(Metric::BytesGrowthOrder, "bytes_growth_order"),
    shown(
        Metric::ContextSwitchesPerRequest,
        "context_switches_per_request",
    ),
    shown(Metric::PageFaultsPerRequest, "page_faults_per_request"),
    shown(Metric::IoCallsPerRequest, "io_calls_per_request"),
    // What runs beside a request, such as a timer, allocates now and then.
    counter(
        Metric::AllocationsPerRequest,
        "allocations_per_request",
        above(0.5, EXACT),
    ),
    in_bytes(counter(
        Metric::AllocatedBytesPerRequest,
        "allocated_bytes_per_request",
        CounterRule {
            margin: 0.01,
            text: "max_increase 1%",
            floor: Some(64.0),
        },
    )),
    in_bytes(shown(Metric::BinarySize, "binary_size")),
];

impl Metric {
    /// Whether it is by which power of the size of the data a counter grows.
    pub fn is_order_of_growth(self) -> bool {
        let mut ordered = COUNTERS.iter().filter_map(|it| it.ordered);
        ordered.any(|it| it.by == self)
    }

    /// The row of a counter; nothing for what is measured in rounds.
    pub const fn counter_kind(self) -> Option<&'static CounterKind> {
        const ROWS: &[CounterKind] = &COUNTERS;
        let mut at = 0;
        while at < ROWS.len() {
            if ROWS[at].metric as usize == self as usize {
                return Some(&ROWS[at]);
            }
            at += 1;
        }
        None
    }
}
