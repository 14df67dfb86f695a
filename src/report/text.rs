//! The only place that formats a value.

use jiff::civil::Date;

use crate::model::{
    CellName, CpuProfile, Doubt, Failure, Failures, Finding, FirstFailure, FunctionChange,
    Incident, Lenience, Metric, Outcome, PlanChange, Reason, Sides, SizeChange, StatementChange,
    Step, Unit, Verdict,
};

/// Letters of an abbreviated commit.
pub(super) const COMMIT: usize = 12;
/// Letters that a commit is abbreviated to, at the least.
const SHORTEST_COMMIT: usize = 7;

/// A value in its unit: `812/s`, `4.21 ms`, `58 MiB`, `0.10 %`.
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => rate(value),
        Unit::Microseconds => micros(value),
        Unit::Seconds => micros(value * 1e6),
        Unit::Bytes => bytes(value),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Count => count(value),
        Unit::Multiple => format!("×{}", significant(value)),
    }
}

/// A rate per second with three significant digits.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", significant(per_second))
}

/// A time given in microseconds, in the unit that reads best.
pub fn micros(micros: f64) -> String {
    // What would round up to 1000 goes into the next unit.
    if micros < 999.5 {
        format!("{} µs", significant(micros))
    } else if micros < 999_500.0 {
        format!("{} ms", significant(micros / 1e3))
    } else {
        format!("{} s", significant(micros / 1e6))
    }
}

/// An amount of bytes in the unit that reads best.
pub fn bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = bytes;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", significant(scaled), units[unit])
}

/// A number of things, with two decimals where it is an average.
pub(super) fn count(value: f64) -> String {
    if (value - value.round()).abs() < 0.005 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A relative change: `+4.2 %`, `−0.3 %`; beyond a tripling as a factor.
pub(super) fn change(change: f64) -> String {
    if change > 2.0 {
        return format!("×{}", significant(1.0 + change));
    }
    let percent = change * 100.0;
    let digits = usize::from(percent.abs() < 9.95);
    let text = format!("{percent:+.digits$} %");
    text.replace('-', "−")
}

/// A share: `83.2 %`, `5 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = usize::from((percent - percent.round()).abs() >= 0.05);
    format!("{percent:.digits$} %")
}

/// Why a verdict is what it is, in words; empty where the numbers say it.
pub(super) fn reason(finding: &Finding) -> String {
    match finding.reason.as_ref() {
        None => String::new(),
        Some(Reason::NoBaseline) => "no baseline".into(),
        Some(Reason::Incomparable { differs }) => {
            let parts: Vec<_> = differs.iter().map(ToString::to_string).collect();
            format!("stored runs are incomparable: other {}", parts.join(", "))
        }
        Some(Reason::ShortHistory { runs, needed }) => format!("{runs} of {needed} stored runs"),
        Some(Reason::TooFewRequests { requests, needed }) => {
            format!("{requests} requests, {needed} needed")
        }
        Some(Reason::NoThreshold) => "no threshold".into(),
        Some(Reason::Unavailable) => "cannot be read from this server".into(),
        Some(Reason::NoRatio) => "zero cannot be compared as a ratio".into(),
        Some(Reason::SilentBase) => "the base completes nothing: nothing to compare with".into(),
        Some(Reason::Failing { side }) => format!("requests of the {} fail", side.name()),
        Some(Reason::New) => "new: nothing to compare with".into(),
        Some(Reason::MachineBusy) => "only while other programs used the CPUs".into(),
        Some(Reason::InvalidLoad { doubt }) => self::doubt(*doubt).into(),
        Some(Reason::WithinNoise) => "beyond the margin but within the noise of stored runs".into(),
        Some(Reason::Improved) => "improved".into(),
        Some(Reason::Varies) => "higher, but it varies between requests".into(),
        Some(Reason::Undecided) => "not enough pairs within the budget to decide".into(),
        Some(Reason::TooNoisy) => "too noisy to decide within twelve starts".into(),
        Some(Reason::NotReproduced) => "not reproduced in fresh containers".into(),
        Some(Reason::SeenInControl) => "the base differs as much from itself in a control".into(),
        Some(Reason::BesideReference) => "judged as relative_cpu".into(),
        Some(Reason::NeedsTheMachine) => {
            "an absolute limit, not judged while head and base start on the same CPUs".into()
        }
        Some(Reason::CutShort) => "the run ended early".into(),
        Some(Reason::Ceiling) => "absolute limit".into(),
        Some(Reason::SincePin { day, commit }) => since_pin(finding, *day, commit.as_deref()),
        Some(Reason::Accepted { reason, until }) => {
            format!("accepted until {until}: {}", printable(reason))
        }
        Some(Reason::AcceptanceEnded { until }) => format!("acceptance expired on {until}"),
    }
}

/// The rule as written; with the margin in force, where the floor makes it larger:
/// `max_increase 5% (default); floor 0.20 ms: margin 132 %`.
pub(super) fn rule(finding: &Finding) -> String {
    let rule = finding.rule.clone().unwrap_or_default();
    match finding.floor.zip(finding.margin) {
        Some((floor, margin)) if is_of_floor(finding, floor, margin) => format!(
            "{rule}; floor {}: margin {}",
            value(floor, finding.unit),
            percent(margin)
        ),
        _ => rule,
    }
}

/// Whether the margin is what the floor amounts to on the base.
fn is_of_floor(finding: &Finding, floor: f64, margin: f64) -> bool {
    let of_floor = finding.base.map(|base| floor / base);
    of_floor.is_some_and(|it| (it - margin).abs() <= 0.02 * margin.abs())
}

/// `since the pin of 2026-10-01 at 3f2c1ab4d2e1: +12 %, margin 5 %`.
fn since_pin(finding: &Finding, day: Date, at: Option<&str>) -> String {
    let at = at.map_or_else(String::new, |it| format!(" at {}", commit(it)));
    let change = finding.change.map(change);
    let margin = finding.margin.map(|it| format!("margin {}", percent(it)));
    let facts: Vec<_> = change.into_iter().chain(margin).collect();
    format!("since the pin of {day}{at}: {}", facts.join(", "))
}

/// `+9.8 % at 3f2c1ab4d2e1 2026-10-02`; of what is counted, `1 → 2 at …`.
pub(super) fn step(step: &Step, unit: Unit) -> String {
    let change = step.change.filter(|_| unit != Unit::Count);
    let counts = || [step.before, step.after].map(|it| value(it, unit));
    let change = change.map_or_else(|| counts().join(" → "), self::change);
    let commit = step.commit.as_deref();
    let commit = commit.map_or_else(String::new, |it| format!(" at {}", self::commit(it)));
    let day = step.time.strftime("%Y-%m-%d");
    let better = if step.worse { "" } else { ", better" };
    format!("{change}{commit} {day}{better}")
}

/// Where the runs that something is judged by became worse themselves: of what is worse again, or where
/// some of them regressed.
fn stepped(finding: &Finding) -> Option<String> {
    let unsettled = matches!(finding.verdict, Verdict::Regression | Verdict::Inconclusive);
    let step = finding.step.as_ref().filter(|step| step.worse)?;
    let is_shown = unsettled || has_shifted(finding);
    (is_shown && !finding.strategy.is_paired()).then(|| {
        let cell = CellName::new(&finding.server, &finding.endpoint);
        changed(&cell, finding.metric, step)
    })
}

/// `gunicorn movies latency_p50: stored runs changed …`
pub fn new_step(cell: &CellName, metric: Metric, step: &Step) -> String {
    let names = printable(&format!("{} {}", cell.server, cell.endpoint));
    format!("{names} {}: {}", metric.name(), changed(cell, metric, step))
}

/// Where stored runs became worse, and what finds the commit where there are several.
fn changed(cell: &CellName, metric: Metric, step: &Step) -> String {
    let place = format!("stored runs changed {}", self::step(step, metric.unit()));
    let Some((good, bad)) = step.since.as_deref().zip(step.commit.as_deref()) else {
        return place;
    };
    let words = ["--server", &cell.server, "--endpoint", &cell.endpoint];
    let words = words.map(|it| shell_word(&printable(it)));
    format!(
        "{place}; `perfgate bisect --good {} --bad {} {} --metric {}` finds the commit",
        commit(good),
        commit(bad),
        words.join(" "),
        metric.name()
    )
}

/// A word as a shell takes it for one.
fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Whether a pass is by runs of a level that nobody accepted: the first on it regressed.
pub(super) fn has_shifted(finding: &Finding) -> bool {
    let step = finding.step.as_ref().filter(|step| step.worse);
    let regressed = step.is_some_and(|step| finding.regressed_runs.contains(&step.run));
    regressed && finding.verdict == Verdict::Pass && !finding.strategy.is_paired()
}

/// Why a verdict is what it is, and since when; empty where the numbers say it.
pub(super) fn why(finding: &Finding) -> String {
    let reason = Some(reason(finding)).filter(|it| !it.is_empty());
    let all: Vec<_> = reason.into_iter().chain(stepped(finding)).collect();
    all.join("; ")
}

/// The value that a history goes on with. Beside its base a head shares the machine, and has no
/// place among runs that had it for themselves.
pub(super) fn newest(finding: &Finding) -> Option<f64> {
    finding.head.filter(|_| !finding.strategy.is_paired())
}

/// The name of a commit, abbreviated.
pub fn commit(name: &str) -> String {
    let short: String = name.chars().take(COMMIT).collect();
    printable(&short)
}

/// What is wrong with a load, in words.
pub(super) const fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::GeneratorBusy => "the generator was the bottleneck",
        Doubt::GeneratorLate => "the generator sent too late",
        Doubt::ShortOfRate => "the server did not keep up with the rate",
    }
}

/// One finding in a sentence: what, from where to where, by how much, and by which rule.
pub fn sentence(finding: &Finding) -> String {
    let shown = |number: Option<f64>| {
        number.map_or_else(|| "?".into(), |number| value(number, finding.unit))
    };
    let mut text = format!("{}: ", name(finding));
    match finding.base {
        Some(_) => text.push_str(&format!(
            "{} → {}",
            shown(finding.base),
            shown(finding.head)
        )),
        None => text.push_str(&shown(finding.head)),
    }
    let facts: Vec<_> = finding
        .change
        .map(change)
        .into_iter()
        .chain(grounds(finding))
        .collect();
    if !facts.is_empty() {
        text.push_str(&format!(" ({})", facts.join("; ")));
    }
    text
}

/// What a finding is about.
pub(super) fn name(finding: &Finding) -> String {
    let (server, endpoint) = (printable(&finding.server), printable(&finding.endpoint));
    format!("{server} {endpoint} {}", finding.metric.name())
}

/// What a verdict rests on beside the change itself.
pub(super) fn grounds(finding: &Finding) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(
        finding
            .interval
            .map(|[low, high]| format!("interval {} to {}", change(low), change(high))),
    );
    if finding.strategy.is_paired() && finding.pairs > 0 {
        facts.push(format!("{} pairs", finding.pairs));
        facts.extend(
            finding
                .detectable
                .map(|detectable| format!("detectable: {}", percent(detectable))),
        );
    }
    facts.extend(Some(printable(&rule(finding))).filter(|it| !it.is_empty()));
    facts.extend(sizes(&finding.sizes));
    facts.extend(Some(why(finding)).filter(|text| !text.is_empty()));
    facts
}

/// A counter as the data grew: `data of 1000, 4000: 1, 1 → 1001, 4001`.
fn sizes(sizes: &[SizeChange]) -> Option<String> {
    let list = |value: &dyn Fn(&SizeChange) -> String| {
        let values: Vec<_> = sizes.iter().map(value).collect();
        values.join(", ")
    };
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), count);
    (!sizes.is_empty()).then(|| {
        format!(
            "data of {}: {} → {}",
            list(&|it| it.size.to_string()),
            list(&|it| shown(it.base)),
            list(&|it| shown(it.head)),
        )
    })
}

/// A statement that a counter rose in, with its part of it per request.
pub(super) fn statement(it: &StatementChange, metric: Metric) -> String {
    let text: Vec<_> = it.text.split_whitespace().collect();
    let text = printable(&text.join(" "));
    let kind = metric
        .counter_kind()
        .and_then(|it| it.of_statement.as_ref());
    let of_what = kind.map_or("", |it| it.noun);
    let head = value(it.head, metric.unit());
    let change = match it.base {
        0.0 if metric == Metric::SqlPerRequest => format!("new, {head}"),
        base => format!("{} → {head}", value(base, metric.unit())),
    };
    let temporary = it.temporary_blocks;
    let temporary = temporary.map_or_else(String::new, |it| format!(" ({} temporary)", count(it)));
    format!("{change}{of_what} per request{temporary}: {text}")
}

/// A node of a statement's plan that is another one, in a line.
pub(super) fn plan_change(it: &PlanChange) -> String {
    printable(&match (&it.base, &it.head) {
        (Some(base), Some(head)) => format!("plan: {base} → {head}"),
        (Some(base), None) => format!("plan: no longer {base}"),
        (None, head) => format!("plan: new {}", head.as_deref().unwrap_or_default()),
    })
}

/// Functions that are named where there is little room.
pub(super) const MOST_NAMED: usize = 3;

/// What names a profile.
pub(super) fn profile(it: &CpuProfile) -> String {
    let Sides { head, base } = it.cpu.map(micros);
    printable(&format!(
        "CPU time of {} {} ({base} → {head} per request while sampled)",
        it.server, it.endpoint
    ))
}

/// A function that takes more CPU time: its name, where it stands, how much more.
pub(super) fn function(it: &FunctionChange) -> [String; 3] {
    let (cost, with_callees) = it.shown();
    let with_callees = if with_callees {
        ", with what it calls"
    } else {
        ""
    };
    let mut location = location(it);
    if it.in_change {
        location = format!("{location}, in your change");
    }
    let [low, high] = cost.interval.map(signed_micros);
    let more = signed_micros(cost.difference());
    let change = format!("{more} CPU per request{with_callees} ({low} to {high})");
    [printable(&it.name), printable(&location), change]
}

/// The file and the line of a function.
pub(super) fn location(it: &FunctionChange) -> String {
    let file = it.file.as_deref().unwrap_or("unknown file");
    match it.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }
}

/// A difference of times.
pub(super) fn signed_micros(difference: f64) -> String {
    let sign = if difference < 0.0 { "−" } else { "+" };
    format!("{sign}{}", micros(difference.abs()))
}

/// What befell a server, in a line.
pub fn incident(it: &Incident) -> String {
    let weight = if it.fatal { "FAILED" } else { "unsound" };
    printable(&format!(
        "{} {weight} ({}): {}",
        it.server, it.during, it.what
    ))
}

/// The same with the last lines of the server's output.
pub(super) fn incident_at_length(it: &Incident) -> String {
    let output = it
        .output
        .lines()
        .map(|line| format!("  | {}", printable(line)));
    let lines: Vec<_> = std::iter::once(incident(it)).chain(output).collect();
    lines.join("\n")
}

/// How many requests of a build failed, by kind, and what was answered.
pub(super) fn failures(it: &Failures) -> String {
    let location = format!("{} {}, {}", it.server, it.endpoint, it.side.name());
    let status = listed(
        it.status
            .iter()
            .map(|(code, count)| format!("{code}: {count}")),
    );
    let status = status.map_or_else(String::new, |all| format!("; by status {all}"));
    let text = match listed(
        it.kinds
            .iter()
            .map(|(kind, of)| format!("{} {of}", failure_name(*kind))),
    ) {
        None => format!(
            "{location}: none of {} requests failed{status}",
            it.requests
        ),
        Some(kinds) => format!(
            "{location}: {} of {} requests failed ({kinds}){status}",
            it.failed(),
            it.requests
        ),
    };
    printable(&text)
}

/// Parts between commas; nothing of none.
fn listed(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Which request failed first, how, and what was expected of it.
pub(super) fn first_failure(it: &FirstFailure) -> String {
    let after = micros(it.after.as_secs_f64() * 1e6);
    let kind = failure_name(it.kind);
    let mut text = format!("first, {after} into its window: {}: {kind}", it.request);
    text.extend(it.status_line.iter().map(|line| format!("; {line}")));
    text.extend(it.expected.iter().map(|it| format!("; expected: {it}")));
    text.extend(it.found.iter().map(|it| format!("; found: {it}")));
    printable(&text)
}

/// The start of the body of the first response that failed.
pub(super) fn failed_body(it: &FirstFailure) -> Option<String> {
    (!it.body.is_empty()).then(|| format!("its body: {}", printable(&it.body)))
}

/// What is no HTTP and was read all the same, in words.
pub fn lenience(it: Lenience) -> &'static str {
    match it {
        Lenience::FoldedLine => {
            "header fields that go on in the next line (RFC 9112, 5.2), read as one line"
        }
        Lenience::BlankBeforeColon => {
            "header fields with a blank before the colon (RFC 9112, 5.1), read without it"
        }
        Lenience::JunkLine => "header lines that are no fields, passed over",
        Lenience::LineEndAfterBody => {
            "ends of lines behind bodies that were complete, passed over (RFC 9112, 2.2)"
        }
    }
}

/// A name in one line, without what a terminal would obey.
pub fn printable(name: &str) -> String {
    let line = name.replace(['\n', '\t'], " ");
    line.chars().filter(|letter| !is_obeyed(*letter)).collect()
}

/// Lines without what a terminal would obey; colours, which are ours, stay.
pub fn clean(text: &str) -> String {
    let stays = |letter: &char| matches!(letter, '\n' | '\t') || !is_obeyed(*letter);
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let mut kept: String = first.chars().filter(stays).collect();
    for part in parts {
        if is_colour(part) {
            kept.push('\u{1b}');
        }
        kept.extend(part.chars().filter(stays));
    }
    kept
}

/// Whether the rest of an escape sequence chooses a colour: `[`, numbers, `m`.
fn is_colour(rest: &str) -> bool {
    let numbers = rest.strip_prefix('[').and_then(|it| it.split_once('m'));
    numbers.is_some_and(|(numbers, _)| numbers.chars().all(|it| it.is_ascii_digit() || it == ';'))
}

/// Lines of somebody else's output: none of them can be taken for one of ours, or for a command to
/// the runner of a workflow.
pub fn quoted(output: &str) -> String {
    let lines: Vec<_> = output
        .lines()
        .map(|line| format!("| {}", printable(line)))
        .collect();
    lines.join("\n")
}

/// Control characters (escape sequences begin with one), and those that change the direction of
/// the letters after them.
fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regression => "REGRESSED",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotJudged => "not judged",
        Verdict::Pass => "passed",
    }
}

/// What became of a finding, in a word.
pub(super) fn word(finding: &Finding) -> &'static str {
    match (finding.verdict, &finding.reason) {
        (Verdict::Regression, _) if finding.is_broken_bound() => "FAILED",
        (Verdict::Pass, Some(Reason::Accepted { .. })) => "accepted",
        (Verdict::Pass, Some(Reason::Improved)) => "improved",
        (verdict, _) => self::verdict(verdict),
    }
}

/// The same as a picture.
pub(super) const fn icon(finding: &Finding) -> &'static str {
    match (finding.verdict, &finding.reason) {
        (Verdict::Regression, _) => "❌",
        (Verdict::Inconclusive, _) => "⚠️",
        (Verdict::NotJudged, _) => "⚪",
        (Verdict::Pass, Some(Reason::Accepted { .. })) => "📌",
        (Verdict::Pass, Some(Reason::Improved)) => "🚀",
        (Verdict::Pass, _) => "✅",
    }
}

/// The outcome of a run as other programs read it.
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::NoBaseline => "no_baseline",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Regression => "regression",
    }
}

/// The outcome of a run as a picture.
pub const fn outcome_icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✅",
        Outcome::NoBaseline => "⚪",
        Outcome::Inconclusive => "⚠️",
        Outcome::Regression => "❌",
    }
}

/// Whether a base is the name of a commit.
pub(super) fn is_commit(base: &str) -> bool {
    base.len() >= SHORTEST_COMMIT && base.chars().all(|it| it.is_ascii_hexdigit())
}

/// The name of a kind of failure in JSON.
pub(super) fn failure_name(kind: Failure) -> String {
    let name = serde_json::to_value(kind).expect("kinds have a name");
    name.as_str().unwrap_or_default().to_owned()
}
