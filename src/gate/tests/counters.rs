use super::*;

const MOVIES: &str = "select * from movie limit $1";
const DIRECTOR: &str = "select * from director where id = $1";

fn stored(sample: &Sample) -> Baselines {
    let time = Timestamp::from_second(1_000_000).expect("a time");
    let verdict = Outcome::Regression;
    Baselines::Stored(vec![Baseline::of_sample(sample, None, time, verdict)])
}

fn sql(head: &Sample, base: &Sample, margin: f64) -> Finding {
    let rules = self::margin(Metric::SqlPerRequest, margin, None);
    judged(head, &stored(base), &rules, Metric::SqlPerRequest)
}

#[test]
fn one_more_statement_is_a_regression_and_is_shown() {
    let base = counted(&[1.0; 5], &[(MOVIES, 1.0)]);
    let head = counted(&[21.0; 5], &[(DIRECTOR, 20.0), (MOVIES, 1.0)]);
    let finding = sql(&head, &base, 0.0);
    assert_eq!(finding.verdict, Verdict::Regression);
    assert_eq!((finding.base, finding.head), (Some(1.0), Some(21.0)));
    let shown: Vec<_> = finding
        .statements
        .iter()
        .map(|it| (it.text.as_str(), it.base, it.head))
        .collect();
    assert_eq!(shown, [(DIRECTOR, 0.0, 20.0)]);
}

#[test]
fn counters_are_compared_across_machines_and_loads_but_not_across_requests() {
    let base = counted(&[1.0; 5], &[]);
    let mut head = counted(&[2.0; 5], &[]);
    head.key.runner.cores = 64;
    head.key.load.connections = 1;
    assert_eq!(sql(&head, &base, 0.0).verdict, Verdict::Regression);
    head.key.load.request = "other".into();
    let finding = sql(&head, &base, 0.0);
    assert_eq!(finding.verdict, Verdict::NotJudged);
    assert!(finding.reason.expect("a reason").lacks_baseline());
}

#[test]
fn a_counter_within_its_margin_the_same_or_less_passes() {
    let base = counted(&[10.0; 5], &[]);
    let verdict = |head: f64, margin| {
        let finding = sql(&counted(&[head; 5], &[]), &base, margin);
        (finding.verdict, finding.reason)
    };
    assert_eq!(verdict(10.0, 0.0), (Verdict::Pass, None));
    assert_eq!(verdict(11.0, 0.1), (Verdict::Pass, None));
    assert_eq!(verdict(11.1, 0.1), (Verdict::Regression, None));
    assert_eq!(verdict(9.0, 0.0), (Verdict::Pass, Some(Reason::Improved)));
}

#[test]
fn what_varies_from_request_to_request_must_leave_its_range() {
    let base = counted(&[1.0, 1.4, 1.2, 1.0, 1.2], &[]);
    let varies = sql(&counted(&[1.4, 1.3, 1.4, 1.4, 1.2], &[]), &base, 0.0);
    assert_eq!(
        (varies.verdict, varies.reason),
        (Verdict::Inconclusive, Some(Reason::Varies))
    );
    let beyond = sql(&counted(&[1.6, 1.5, 1.8, 1.6, 1.6], &[]), &base, 0.0);
    assert_eq!(beyond.verdict, Verdict::Regression);
    // A connection renewed in one batch of five is nobody's fault.
    let flat = counted(&[1.0; 5], &[]);
    let once = sql(&counted(&[1.0, 1.0, 1.2, 1.0, 1.0], &[]), &flat, 0.0);
    assert_eq!(once.verdict, Verdict::Pass);
    // In two of five it is more than chance, though the median is the same.
    let twice = sql(&counted(&[1.0, 4.0, 1.0, 4.0, 1.0], &[]), &flat, 0.0);
    assert_eq!(
        (twice.verdict, twice.reason),
        (Verdict::Inconclusive, Some(Reason::Varies))
    );
    let allowed = sql(&counted(&[1.0, 4.0, 1.0, 4.0, 1.0], &[]), &flat, 3.0);
    assert_eq!(allowed.verdict, Verdict::Pass);
}

#[test]
fn a_lost_index_is_a_regression_of_blocks_with_its_plans() {
    let of = |blocks: f64, node: &str| {
        let mut plan = QueryPlan::default();
        plan.add(0, node);
        let statement = Statement {
            text: MOVIES.into(),
            calls: 1.0,
            blocks: Some(blocks),
            plan,
            ..Statement::default()
        };
        let counters = Counters {
            requests: 25,
            batches: BTreeMap::from([(Metric::BlocksPerRequest, vec![blocks; 5])]),
            statements: vec![statement],
            sizes: Vec::new(),
        };
        Sample {
            counters: Some(counters),
            ..sample(1000, Duration::from_millis(1))
        }
    };
    let rules = margin(Metric::BlocksPerRequest, 0.1, Some(8.0));
    let by_index = "Index Scan using movie_title on movie";
    let base = of(40.0, by_index);
    let judged = |head: &Sample| judged(head, &stored(&base), &rules, Metric::BlocksPerRequest);
    let finding = judged(&of(97.0, "Seq Scan on movie"));
    assert_eq!(finding.verdict, Verdict::Regression);
    let statement = &finding.statements[0];
    assert_eq!((statement.base, statement.head), (40.0, 97.0));
    let change = PlanChange {
        base: Some(by_index.into()),
        head: Some("Seq Scan on movie".into()),
    };
    assert_eq!(statement.plan, [change]);
    // A block more is what a larger table takes.
    let within = judged(&of(48.0, "Seq Scan on movie"));
    assert_eq!((within.verdict, within.statements), (Verdict::Pass, vec![]));
}
