//! Where the CPU time went: the functions that changed in a table, and all calls as a flame graph whose
//! widths are the head's time and whose colours are the difference from the base.

use maud::{Markup, html};

use super::plain;
use crate::model::{Call, CostChange, CpuProfile, FunctionChange, Report};
use crate::report::text;

/// Height of a call in pixels.
const ROW: usize = 18;
/// Calls that are drawn below each other.
const DEEPEST: usize = 120;
/// Calls that are drawn.
const MOST_CALLS: usize = 3000;
/// A change of this share of a call's time has the full colour.
const FULL_COLOUR: f64 = 0.5;
/// How opaque that is: names must be readable on it.
const MOST_OPAQUE: f64 = 0.6;

pub(super) fn sections(report: &Report) -> Markup {
    html! {
        @for profile in &report.profiles {
            section.profile {
                h2 { "Where the CPU time went: " (plain(&profile.server)) " " (plain(&profile.endpoint)) }
                p.key {
                    (text::profile(profile)) ". Sampled in rounds of their own, which were not judged: "
                    (profile.samples.head) " samples of the head, " (profile.samples.base) " of the base, "
                    (profile.compared) " functions compared; all intervals hold together at 95 %."
                }
                (functions(profile))
                (flame_graph(profile))
            }
        }
    }
}

fn functions(profile: &CpuProfile) -> Markup {
    if profile.functions.is_empty() {
        return html! { p { "No function changed for certain." } };
    }
    let caption = "Functions whose CPU time per request changed, the most important first";
    html! {
        div.sheet tabindex="0" role="region" aria-label=(caption) {
            table.sortable {
                caption.hidden { (caption) }
                thead { tr {
                    th scope="col" { "Function" }
                    th scope="col" { "Where" }
                    @for name in ["Its own code", "Interval", "With what it calls", "Interval"] {
                        th.number scope="col" { (name) }
                    }
                } }
                tbody { @for it in &profile.functions { (row(it)) } }
            }
        }
    }
}

fn row(it: &FunctionChange) -> Markup {
    html! {
        tr {
            td { b { (plain(&it.name)) } }
            td { (plain(&text::location(it))) @if it.in_change { " " span.badge.unsure { "in your change" } } }
            (cost(&it.own))
            (cost(&it.total))
        }
    }
}

fn cost(it: &CostChange) -> Markup {
    let [low, high] = it.interval.map(text::signed_micros);
    html! {
        td.number data-v=(it.difference()) { (text::signed_micros(it.difference())) }
        td.number { (low) " to " (high) }
    }
}

/// A call in its place: shares of the whole width.
struct Drawn<'a> {
    name: &'a str,
    call: &'a Call,
    left: f64,
    width: f64,
    depth: usize,
}

/// Each call below its caller, side by side with those that the caller makes beside it.
fn drawn(profile: &CpuProfile) -> Vec<Drawn<'_>> {
    let roots = profile.calls.iter().filter(|it| it.depth == 0);
    let whole: f64 = roots.map(|it| it.head).sum();
    let mut drawn = Vec::new();
    // Where the next call of each depth begins.
    let mut next = vec![0.0];
    for call in profile.calls.iter().take(MOST_CALLS) {
        if call.depth >= DEEPEST || call.depth >= next.len() {
            continue;
        }
        next.truncate(call.depth + 1);
        let left = next[call.depth];
        let width = call.head / whole;
        if !(width > 0.0 && left + width <= 1.001) {
            continue;
        }
        next[call.depth] += width;
        next.push(left);
        let name = profile.frames.get(call.frame);
        drawn.push(Drawn {
            name: name.map_or("?", String::as_str),
            call,
            left,
            width,
            depth: call.depth,
        });
    }
    drawn
}

fn flame_graph(profile: &CpuProfile) -> Markup {
    let drawn = drawn(profile);
    let Some(deepest) = drawn.iter().map(|it| it.depth).max() else {
        return html! {};
    };
    let height = (deepest + 1) * ROW;
    html! {
        details.flame {
            summary { "Flame graph of all calls" }
            p.key {
                "A call lies below its caller and is as wide as its share of the head's CPU time per request. Red \
                 takes more than in the base, blue less, each in its own code. The table above says the same of \
                 functions that changed."
            }
            p.search hidden { label { "Find " input type="search" spellcheck="false"; } " " output {} }
            svg width="100%" height=(height) role="img" aria-label="Flame graph of the calls of both sides" {
                @for it in &drawn { (boxed(it, own_change(it, &drawn))) }
            }
        }
    }
}

/// What a call's own code takes more than in the base, as a share of what the call takes.
fn own_change(it: &Drawn<'_>, drawn: &[Drawn<'_>]) -> f64 {
    let right = it.left + it.width + 1e-9;
    let is_below = |below: &&Drawn<'_>| {
        below.depth == it.depth + 1 && below.left + 1e-9 >= it.left && below.left < right
    };
    let of_calls = drawn.iter().filter(is_below);
    let of_calls: f64 = of_calls.map(|it| it.call.head - it.call.base).sum();
    let own = it.call.head - it.call.base - of_calls;
    own / it.call.head.max(f64::MIN_POSITIVE)
}

fn boxed(it: &Drawn<'_>, change: f64) -> Markup {
    let percent = |share: f64| format!("{:.3}%", share * 100.0);
    let tone = if change < 0.0 { "less" } else { "more" };
    let opacity = format!("{:.2}", (change.abs() / FULL_COLOUR).min(1.0) * MOST_OPAQUE);
    let Call { base, head, .. } = it.call;
    let title = format!(
        "{}: {} CPU per request, base {} ({})",
        plain(it.name),
        text::micros(*head),
        text::micros(*base),
        text::signed_micros(head - base)
    );
    html! {
        svg x=(percent(it.left)) y=(it.depth * ROW) width=(percent(it.width)) height=(ROW - 1) {
            title { (title) }
            rect.call width="100%" height="100%" {}
            rect class=(tone) width="100%" height="100%" fill-opacity=(opacity) {}
            text x="3" y="13" { (plain(it.name)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sides;

    fn profile(calls: &[(usize, usize, f64, f64)]) -> CpuProfile {
        let call = |&(depth, frame, base, head)| Call {
            depth,
            frame,
            base,
            head,
        };
        CpuProfile {
            server: "app".into(),
            endpoint: "home".into(),
            cpu: Sides::default(),
            samples: Sides::default(),
            compared: 3,
            functions: Vec::new(),
            frames: ["run", "<view>", "log"].map(str::to_owned).to_vec(),
            calls: calls.iter().map(call).collect(),
        }
    }

    #[test]
    fn calls_lie_below_their_callers() {
        let profile = profile(&[
            (0, 0, 80.0, 100.0),
            (1, 1, 40.0, 60.0),
            (2, 2, 10.0, 30.0),
            (1, 2, 40.0, 40.0),
        ]);
        let drawn = drawn(&profile);
        let positions: Vec<_> = drawn
            .iter()
            .map(|it| (it.depth, it.left, it.width))
            .collect();
        let expected = [(0, 0.0, 1.0), (1, 0.0, 0.6), (2, 0.0, 0.3), (1, 0.6, 0.4)];
        assert_eq!(positions, expected);
        let changes = drawn.iter().map(|it| own_change(it, &drawn));
        let changes: Vec<_> = changes.map(|it| (it * 1000.0).round()).collect();
        assert_eq!(changes, [0.0, 0.0, 667.0, 0.0]);
        let page = flame_graph(&profile).into_string();
        assert!(
            page.contains("&lt;view&gt;") && !page.contains("<view>"),
            "{page}"
        );
    }

    #[test]
    fn a_document_of_nonsense_draws_nothing_wrong() {
        for calls in [
            &[(5, 0, 1.0, 1.0)][..],
            &[(0, 77, 1.0, 1.0), (9, 0, 1.0, 1.0), (1, 0, 1.0, 5.0)],
            &[(0, 0, f64::NAN, f64::NAN)],
            &[(0, 0, -1.0, -1.0), (0, 0, 1.0, 0.0)],
        ] {
            let profile = profile(calls);
            for it in drawn(&profile) {
                assert!(it.left >= 0.0 && it.left + it.width <= 1.01);
            }
            assert!(!flame_graph(&profile).into_string().contains("NaN%"));
        }
    }
}
