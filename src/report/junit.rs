use quick_junit::{
    NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite,
};

use super::summary::Cell;
use super::{summary, text};
use crate::model::{CellName, Finding, Incident, Reason, Report, Verdict, exit_code};

/// The report as `JUnit` XML: a suite for every server and endpoint, in it a test for every metric
/// that has a rule. What could not be judged is skipped and says why; a server that could not be
/// measured is an error.
pub fn junit(report: &Report) -> String {
    let mut document = Document::new("perfgate");
    for cell in summary::cells(report) {
        let mut suite = TestSuite::new(text::printable(&format!(
            "{} {}",
            cell.server, cell.endpoint
        )));
        suite.add_properties(properties(report));
        let failures = failures(report, &cell);
        if !failures.is_empty() {
            suite.set_system_err(failures);
        }
        let tests = cell.findings.iter().filter(|it| has_rule(it));
        suite.add_test_cases(tests.map(|it| test(it, report.exit_code)));
        document.add_test_suite(suite);
    }
    document.add_test_suites(report.not_measured().map(not_measured));
    let identical = report.coverage.identical.iter();
    document.add_test_suites(identical.map(identical_cell));
    let missing = report.coverage.missing.iter();
    document.add_test_suites(missing.map(|it| missing_cell(it, report.exit_code)));
    document.add_test_suites(gate_suite(report));
    let text = document.to_string();
    let text = text.expect("XML strings hold no letter that XML forbids");
    // But for two, which it forbids, too.
    text.replace(['\u{fffe}', '\u{ffff}'], "") + "\n"
}

/// Why requests of a cell failed, with what its servers said.
fn failures(report: &Report, cell: &Cell<'_>) -> String {
    let of_cell = report.failures.iter();
    let of_cell = of_cell.filter(|it| it.server == cell.server && it.endpoint == cell.endpoint);
    let lines = of_cell.flat_map(|it| {
        let first = it.first.as_ref();
        let details = first.map(|it| [Some(text::first_failure(it)), text::failed_body(it)]);
        let log = first.map_or("", |it| &it.log);
        std::iter::once(text::failures(it))
            .chain(details.into_iter().flatten().flatten())
            .chain(
                log.lines()
                    .map(|line| format!("| {}", text::printable(line))),
            )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A metric nobody set a rule for is no test.
fn has_rule(finding: &Finding) -> bool {
    finding.reason != Some(Reason::NoThreshold)
}

fn test(finding: &Finding, code: u8) -> TestCase {
    let mut test = TestCase::new(finding.metric.name(), status(finding, code));
    let class = format!("{}.{}", finding.server, finding.endpoint);
    test.set_classname(text::printable(&class));
    test.set_assertions(1);
    if finding.verdict == Verdict::Pass {
        test.set_system_out(text::sentence(finding));
    }
    test
}

fn status(finding: &Finding, code: u8) -> TestCaseStatus {
    let mut status = match finding.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Regression => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Inconclusive if code == exit_code::INCONCLUSIVE => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Verdict::Inconclusive | Verdict::NotJudged => TestCaseStatus::skipped(),
    };
    status.set_message(text::sentence(finding));
    status.set_type(text::word(finding));
    let statements = finding.statements.iter().flat_map(|it| {
        let statement = text::statement(it, finding.metric);
        std::iter::once(statement).chain(it.plan.iter().map(text::plan_change))
    });
    let statements: Vec<_> = statements.collect();
    if !statements.is_empty() {
        status.set_description(statements.join("\n"));
    }
    status
}

fn not_measured(incident: &Incident) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(text::incident(incident));
    status.set_type("not measured");
    if !incident.output.is_empty() {
        status.set_description(incident.output.as_str());
    }
    let mut test = TestCase::new("measured", status);
    test.set_classname(incident.server.as_str());
    let mut suite = TestSuite::new(incident.server.as_str());
    suite.add_test_case(test);
    suite
}

/// What the plan has and the measurement lacks did not pass.
fn missing_cell(cell: &CellName, code: u8) -> TestSuite {
    let mut status = match code {
        exit_code::INCONCLUSIVE | exit_code::WEAKER_GATE => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        _ => TestCaseStatus::skipped(),
    };
    status.set_type("missing");
    unmeasured(cell, status, "planned and not measured")
}

fn identical_cell(cell: &CellName) -> TestSuite {
    let mut status = TestCaseStatus::skipped();
    status.set_type("identical");
    unmeasured(cell, status, "identical build, not measured")
}

fn unmeasured(cell: &CellName, mut status: TestCaseStatus, why: &str) -> TestSuite {
    let [server, endpoint] = [&cell.server, &cell.endpoint].map(|it| text::printable(it));
    status.set_message(format!("{server} {endpoint}: {why}"));
    let mut test = TestCase::new("measured", status);
    test.set_classname(format!("{server}.{endpoint}"));
    let mut suite = TestSuite::new(format!("{server} {endpoint}"));
    suite.add_test_case(test);
    suite
}

/// The gate itself as a test, where there is something to say of it.
fn gate_suite(report: &Report) -> Option<TestSuite> {
    let said = summary::warnings(report);
    if said.is_empty() {
        return None;
    }
    let said = said.join("\n");
    let mut status = TestCaseStatus::success();
    if report.exit_code == exit_code::WEAKER_GATE {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(said.as_str());
        status.set_type("gate changed");
    }
    let mut test = TestCase::new("unchanged", status);
    test.set_classname("gate");
    test.set_system_out(said);
    let mut suite = TestSuite::new("gate");
    suite.add_test_case(test);
    Some(suite)
}

fn properties(report: &Report) -> Vec<Property> {
    let facts = summary::facts(report).into_iter();
    facts
        .map(|(name, fact)| Property::new(name, fact))
        .collect()
}
