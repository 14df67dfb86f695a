//! Stored runs as pages: one of all servers and endpoints, and one for each with its series.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use super::axis::Axis;
use super::chart::{BAD, BASE, Chart, HEAD, ODD};
use super::checks::{self, Check};
use super::figure::{Figure, Numbers, Row, Sheet};
use super::page::{self, Page};
use super::plain;
use super::site_page::{INDEX, SitePage, commit_link, is_hex, link, slug, unused_name};
use crate::model::{Acceptance, CellSeries, Outcome, Report, RunMark, Series, Step, Trend};
use crate::report::{sparkline, text};

/// Places of a picture that have a dot of their own; where there are more runs, each stands for several.
const MOST_DOTS: usize = 240;
/// Runs of the small pictures of the first page.
const SPARKS: usize = 30;
/// Newest runs that two dates are compared by: more make a page too large.
const MOST_COMPARED: usize = 5_000;

/// What pages say beside the runs.
#[derive(Debug, Clone, Default)]
pub struct SiteContext {
    /// Address of the repository that commits are shown in; `None` if it is not known.
    pub repository: Option<String>,
    pub accepted: Vec<Acceptance>,
    /// Reports of checks, the newest first.
    pub reports: Vec<Report>,
}

/// The pages of all series, the first of which names the others.
pub fn site(trend: &Trend, context: &SiteContext) -> Vec<SitePage> {
    let mut cells: BTreeMap<(&str, &str), Vec<&CellSeries>> = BTreeMap::new();
    for series in &trend.cells {
        let cell = (series.server.as_str(), series.endpoint.as_str());
        cells.entry(cell).or_default().push(series);
    }
    for keys in cells.values_mut() {
        // That of the newest run comes first.
        keys.sort_by_key(|it| !it.differs.is_empty());
    }
    let mut names = BTreeSet::from([INDEX, checks::LIST].map(str::to_owned));
    let cells: Vec<_> = cells
        .into_iter()
        .map(|((server, endpoint), keys)| Cell {
            file: unused_name(&mut names, &format!("{}--{}", slug(server), slug(endpoint))),
            server,
            endpoint,
            keys,
        })
        .collect();
    let checks = checks::named(&context.reports, &mut names);
    let index = SitePage {
        file: INDEX.into(),
        text: index(trend, &cells, checks.len()),
    };
    let pages = cells.iter().map(|cell| SitePage {
        file: cell.file.clone(),
        text: cell.page(context, &checks),
    });
    let of_checks = checks::pages(&checks, context.repository.as_deref());
    std::iter::once(index)
        .chain(pages)
        .chain(of_checks)
        .collect()
}

/// A server and endpoint, with the series of each key.
struct Cell<'a> {
    file: String,
    server: &'a str,
    endpoint: &'a str,
    keys: Vec<&'a CellSeries>,
}

fn index(trend: &Trend, cells: &[Cell<'_>], checks: usize) -> String {
    let runs: usize = trend.cells.iter().map(|it| it.runs.len()).sum();
    let newest = trend
        .cells
        .iter()
        .flat_map(|it| &it.runs)
        .map(|it| it.time)
        .max();
    let headline = format!("{} servers and endpoints, {runs} stored runs", cells.len());
    let page = Page {
        headline: &headline,
        tone: "quiet",
        about: newest
            .map(|it| format!("newest run {}", page::moment(it)))
            .into_iter()
            .collect(),
        notes: &[],
        next: None,
        facts: Vec::new(),
    };
    page.around(&html! {
        @if checks > 0 { p { a href=(checks::LIST) { "Checks of pull requests: " (checks) } } }
        section {
            p.search hidden { label { "Find " input type="search" data-filter="series" placeholder="server, endpoint or metric"; } " " output {} }
            div.sheet tabindex="0" role="region" aria-label="All series" {
                table #series .sortable {
                    thead { tr {
                        @for head in ["server", "endpoint", "metric", "newest", "last step", "when", "newest runs", "machine or load"] {
                            th scope="col" { (head) }
                        }
                    } }
                    tbody { @for cell in cells { @for key in &cell.keys { @for series in &key.series {
                        (line(cell, key, series))
                    } } } }
                }
            }
            p.key { "A step is where a series moves from one level to another and stays there. Select a column's head to sort by it." }
        }
    })
}

/// A series of the first page.
fn line(cell: &Cell<'_>, key: &CellSeries, series: &Series) -> Markup {
    let metric = series.metric.name();
    let step = series.steps.last();
    let from = series.values.len().saturating_sub(SPARKS);
    html! {
        tr {
            td { (plain(cell.server)) }
            td { a href=(cell.file) { (plain(cell.endpoint)) } }
            td { a href={ (cell.file) "#" (anchor(key, metric)) } { (metric) } }
            td.number data-v=(series.newest) { (text::value(series.newest, series.unit)) }
            td.number data-v=[step.and_then(|it| it.change)] {
                @if let Some(step) = step { span.badge.(tone(step)) { (moved(step, series)) } }
            }
            td { @if let Some(step) = step { (step.time.strftime("%Y-%m-%d").to_string()) } }
            td.sparks aria-hidden="true" { (sparkline::sparkline(series.values[from..].iter().copied())) }
            td { (differs(key)) }
        }
    }
}

fn anchor(key: &CellSeries, metric: &str) -> String {
    if key.differs.is_empty() {
        metric.to_owned()
    } else {
        format!("other-{metric}")
    }
}

const fn tone(step: &Step) -> &'static str {
    if step.worse { "bad" } else { "good" }
}

/// By how much a series stepped.
fn moved(step: &Step, series: &Series) -> String {
    let counts = || [step.before, step.after].map(|it| text::value(it, series.unit));
    match step.change {
        Some(change) => text::change(change),
        None => counts().join(" → "),
    }
}

fn differs(key: &CellSeries) -> String {
    if key.differs.is_empty() {
        return String::new();
    }
    let differs: Vec<_> = key.differs.iter().map(ToString::to_string).collect();
    format!("other {}", differs.join(", "))
}

impl Cell<'_> {
    fn page(&self, context: &SiteContext, checks: &[Check<'_>]) -> String {
        let headline = format!("{} {}", self.server, self.endpoint);
        let newest = self.keys.first().and_then(|it| it.runs.last());
        let is_own = |it: &&Acceptance| it.server == self.server && it.endpoint == self.endpoint;
        let accepted: Vec<_> = context.accepted.iter().filter(is_own).collect();
        let headline = plain(&headline);
        let page = Page {
            headline: &headline,
            tone: "quiet",
            about: newest
                .map(|it| format!("newest run {}", page::moment(it.time)))
                .into_iter()
                .collect(),
            notes: &[],
            next: None,
            facts: Vec::new(),
        };
        page.around(&html! {
            p { a href=(INDEX) { "All servers and endpoints" } }
            @if !accepted.is_empty() {
                section {
                    h2 { "Accepted" }
                    ul { @for it in accepted { li {
                        (it.metric.name()) " until " (it.until.to_string()) ": " (plain(&it.reason))
                    } } }
                }
            }
            @for key in &self.keys { (section(key, context)) }
            (checks::of_cell(checks, (self.server, self.endpoint), &self.keys, context.repository.as_deref()))
        })
    }
}

/// The runs of one key.
fn section(key: &CellSeries, context: &SiteContext) -> Markup {
    let mut title = format!("{} runs", key.runs.len());
    if !key.differs.is_empty() {
        title.push_str(&format!(" with {}", differs(key)));
    }
    let steps: Vec<_> = key
        .series
        .iter()
        .flat_map(|series| series.steps.iter().map(move |step| (series, step)))
        .collect();
    html! {
        section.runs {
            h2 { (plain(&title)) }
            @if key.other_runs > 0 {
                p.note { (key.other_runs) " runs of other machines or loads are too few to be shown." }
            }
            div.figures { @for series in &key.series {
                div id=(anchor(key, series.metric.name())) { (figure(key, series)) }
            } }
            @if !steps.is_empty() {
                h3 { b { "Steps" } }
                div.sheet tabindex="0" role="region" aria-label="Steps" {
                    table.sortable {
                        thead { tr { @for head in ["when", "metric", "change", "before", "after", "commits"] { th scope="col" { (head) } } } }
                        tbody { @for (series, step) in steps { tr {
                            td { (page::moment(step.time)) }
                            td { (series.metric.name()) }
                            td.number data-v=[step.change] { span.badge.(tone(step)) { (moved(step, series)) } }
                            td.number { (text::value(step.before, series.unit)) }
                            td.number { (text::value(step.after, series.unit)) }
                            td { (commits(step, context.repository.as_deref())) }
                        } } }
                    }
                }
            }
            (comparison(key))
        }
    }
}

/// What a step lies between.
fn commits(step: &Step, repository: Option<&str>) -> Markup {
    let (Some(since), Some(commit)) = (&step.since, &step.commit) else {
        return commit_link(step.commit.as_deref(), repository);
    };
    let words = format!("{}..{}", text::commit(since), text::commit(commit));
    let place = (is_hex(since) && is_hex(commit)).then(|| format!("compare/{since}...{commit}"));
    link(repository, place.as_deref(), &words)
}

/// Runs beside each other that a picture shows as one place: their lowest, median and highest value.
struct Place {
    /// Number of the middle run, from 1.
    at: f64,
    values: [f64; 3],
    last: usize,
}

fn places(series: &Series) -> Vec<Place> {
    let each = series.values.len().div_ceil(MOST_DOTS).max(1);
    let of_chunk = |(number, chunk): (usize, &[Option<f64>])| {
        let mut known: Vec<f64> = chunk.iter().flatten().copied().collect();
        known.sort_by(f64::total_cmp);
        let first = number * each;
        Some(Place {
            at: first as f64 + 0.5 + chunk.len() as f64 / 2.0,
            values: [*known.first()?, known[known.len() / 2], *known.last()?],
            last: first + chunk.len() - 1,
        })
    };
    series
        .values
        .chunks(each)
        .enumerate()
        .filter_map(of_chunk)
        .collect()
}

fn figure(key: &CellSeries, series: &Series) -> Figure {
    let (unit, runs) = (series.unit, &key.runs);
    let places = places(series);
    let alone = places.len() == series.values.iter().flatten().count();
    let values = places.iter().flat_map(|it| it.values);
    let y = Axis::around(values, unit);
    let chart = Chart::new(Axis::numbered(runs.len()), y, "stored run, oldest first");
    let medians: Vec<_> = places.iter().map(|it| (it.at, it.values[1])).collect();
    let svg = chart.drawn(|canvas| {
        if alone {
            canvas.dotted_line(&medians, BASE);
            let regressed = |it: &&Place| runs[it.last].verdict == Outcome::Regression;
            for place in places.iter().filter(regressed) {
                canvas.ring((place.at, place.values[1]), ODD);
            }
        } else {
            for place in &places {
                let half = 0.5 * runs.len() as f64 / places.len() as f64;
                let [low, _, high] = place.values;
                canvas.area([(place.at - half, low), (place.at + half, high)], HEAD);
            }
            canvas.line(&medians, HEAD);
        }
        for step in &series.steps {
            canvas.upright(step.run as f64 + 0.5, if step.worse { BAD } else { ODD });
        }
    });
    let mut columns = vec!["run".to_owned(), "value".to_owned()];
    if !alone {
        columns.push("lowest to highest".into());
    }
    let rows = places.iter().map(|place| {
        let [low, median, high] = place.values.map(|it| text::value(it, unit));
        let mut cells = vec![name(&runs[place.last]), median];
        if !alone {
            cells.push(format!("{low} to {high}"));
        }
        Row {
            across: chart.across(place.at),
            cells,
        }
    });
    Figure {
        title: series.metric.name().into(),
        aria_label: aria_label(series),
        svg: Some(svg),
        numbers: Numbers::Own(Sheet {
            columns,
            rows: rows.collect(),
        }),
    }
}

fn name(run: &RunMark) -> String {
    let commit = run
        .commit
        .as_deref()
        .map_or_else(|| "no commit".to_owned(), text::commit);
    format!("{} {commit}", run.time.strftime("%Y-%m-%d %H:%M"))
}

fn aria_label(series: &Series) -> String {
    let value = |it| text::value(it, series.unit);
    let mut words = format!(
        "{} of {} stored runs: newest {}, median {}",
        series.metric.name(),
        series.values.len(),
        value(series.newest),
        value(series.median)
    );
    for step in &series.steps {
        words.push_str(&format!("; a step: {}", text::step(step, series.unit)));
    }
    words + "."
}

/// Two dates beside each other: the script reads the runs and fills the table.
fn comparison(key: &CellSeries) -> Markup {
    let from = key.runs.len().saturating_sub(MOST_COMPARED);
    let times: Vec<_> = key.runs[from..]
        .iter()
        .map(|it| it.time.as_second())
        .collect();
    let series = key.series.iter().map(|it| {
        let values: Vec<_> = it.values[from..]
            .iter()
            .map(|value| rounded(*value))
            .collect();
        json!({ "metric": it.metric.name(), "unit": it.unit, "values": values })
    });
    let data = json!({ "times": times, "series": series.collect::<Vec<_>>() });
    // Names of metrics and units alone, and numbers: nothing of it ends a script.
    html! {
        @if key.runs.len() > 1 {
            div.compare hidden {
                h3 { b { "Two dates" } }
                p {
                    label { "From " input type="date" name="from"; } " "
                    label { "to " input type="date" name="to"; }
                }
                div.sheet tabindex="0" role="region" aria-label="Two dates" {
                    table {
                        thead { tr { @for head in ["metric", "from", "to", "change"] { th scope="col" { (head) } } } }
                        tbody {}
                    }
                }
                p.key { "Medians of the five runs up to the end of each day (UTC)." }
                script type="application/json" { (PreEscaped(data.to_string())) }
            }
        }
    }
}

/// Four digits are more than two runs agree in.
fn rounded(value: Option<f64>) -> Value {
    let Some(value) = value.filter(|it| it.is_finite()) else {
        return Value::Null;
    };
    let text = format!("{value:.3e}");
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Difference, Metric};
    use crate::report::trend::tests::{cell, marks, series};

    /// A series that steps up in its middle.
    fn stepping(runs: usize) -> CellSeries {
        let marks = marks(runs);
        let value =
            |run: usize| 800.0 + (run % 7) as f64 + if run < runs / 2 { 0.0 } else { 100.0 };
        let values: Vec<_> = (0..runs).map(value).collect();
        let metrics = [
            Metric::Throughput,
            Metric::LatencyP50,
            Metric::CpuPerRequest,
            Metric::MemoryPeak,
            Metric::SqlPerRequest,
        ];
        let all = metrics.map(|metric| series(metric, &marks, &values, &[runs / 2]));
        cell(marks, all.into())
    }

    fn pages(cells: Vec<CellSeries>) -> Vec<SitePage> {
        let trend = Trend {
            schema: Trend::SCHEMA,
            cells,
        };
        let context = SiteContext {
            repository: Some("https://git.test/shop".into()),
            accepted: Vec::new(),
            reports: Vec::new(),
        };
        site(&trend, &context)
    }

    #[test]
    fn each_cell_has_a_page_that_the_first_names() {
        let other = CellSeries {
            differs: vec![Difference::Runner],
            ..stepping(8)
        };
        // Names that are one in a file system.
        let twin = CellSeries {
            endpoint: "MOVIES".into(),
            ..stepping(8)
        };
        let pages = pages(vec![stepping(40), other, twin]);
        let files: Vec<_> = pages.iter().map(|it| it.file.as_str()).collect();
        assert_eq!(
            files,
            [
                "index.html",
                "gunicorn--movies.html",
                "gunicorn--movies-2.html"
            ]
        );
        for file in &files[1..] {
            assert!(
                pages[0].text.contains(&format!("href=\"{file}\"")),
                "{file}"
            );
        }
        let mut own = pages[1..].iter();
        let page = own.find(|it| it.text.contains("other runner class"));
        let page = &page.expect("a page of two machine classes").text;
        assert!(page.contains("40 runs") && page.contains("8 runs with other runner class"));
        assert!(page.contains("href=\"https://git.test/shop/commit/14c1ab4d2e1908f7a6b5\""));
        assert!(page.contains("id=\"other-throughput\""));
    }

    #[test]
    fn five_thousand_runs_fit_into_half_a_megabyte() {
        let pages = pages(vec![stepping(5_000)]);
        for page in pages {
            let size = page.text.len();
            assert!(size < 500_000, "{}: {size} bytes", page.file);
        }
    }

    #[test]
    fn names_cannot_leave_the_folder_or_the_text() {
        let hostile = CellSeries {
            server: "../<script>".into(),
            endpoint: "/etc\u{202e}".into(),
            ..stepping(8)
        };
        let pages = pages(vec![hostile]);
        assert_eq!(pages[1].file, "----script----etc-.html");
        assert!(!pages[1].text.contains("../<script>"));
        assert!(!pages[0].text.contains('\u{202e}'));
    }
}
