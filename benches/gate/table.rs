use crate::case::Case;
use crate::peers::Peers;
use crate::record::{Record, Records};
use crate::testbed::{Subject, Verdict};

/// A rule of a peer; `None` if it had too little to judge by.
type Rule = fn(&Peers) -> Option<bool>;

const PEERS: [(&str, Rule); 3] = [
    ("newest stored run, 10 %", |it| it.newest),
    ("stored runs, Student's t", |it| it.prediction),
    ("two blocks, Mann-Whitney", |it| Some(it.blocks)),
];

/// A table for each service that has records.
pub(crate) fn markdown(records: &Records) -> String {
    let subjects = [Subject::Sample, Subject::Fixture];
    let tables = subjects.map(|subject| of_subject(records, subject));
    tables.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn of_subject(records: &Records, subject: Subject) -> Option<String> {
    let cases: Vec<_> = Case::ALL
        .into_iter()
        .map(|case| (case, records.select(subject, case).collect::<Vec<_>>()))
        .filter(|(_, records)| !records.is_empty())
        .collect();
    if cases.is_empty() {
        return None;
    }
    let peers = PEERS.map(|(name, _)| name).join(" | ");
    let mut lines = vec![
        format!("{}:\n", subject.name()),
        format!("| head | checks | flagged | passed | inconclusive | seconds | {peers} |"),
        format!("| --- |{}", " ---: |".repeat(5 + PEERS.len())),
    ];
    lines.extend(cases.iter().map(|(case, records)| row(*case, records)));
    lines.push(String::new());
    Some(lines.join("\n"))
}

fn row(case: Case, records: &[&Record]) -> String {
    let count = |verdict| {
        records
            .iter()
            .filter(|it| it.judged.verdict == verdict)
            .count()
    };
    let mut seconds: Vec<_> = records.iter().map(|it| it.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let (median, longest) = (seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
    let of_peer = |rule: Rule| {
        let judged = records.iter().filter_map(|it| rule(it.peers.as_ref()?));
        let judged: Vec<_> = judged.collect();
        let flagged = judged.iter().filter(|it| **it).count();
        format!("{flagged} of {}", judged.len())
    };
    format!(
        "| {} | {} | {} | {} | {} | {median:.0}, at most {longest:.0} | {} |",
        case.name(),
        records.len(),
        count(Verdict::Flagged),
        count(Verdict::Passed),
        count(Verdict::Inconclusive),
        PEERS.map(|(_, rule)| of_peer(rule)).join(" | ")
    )
}
