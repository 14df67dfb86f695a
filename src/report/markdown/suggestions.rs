//! What readers may do about a regression.

use super::super::text;
use super::escaping::fenced;
use super::page::Page;
use crate::model::{Finding, Provenance, Report, Verdict};

/// Days that a suggested acceptance holds.
const ACCEPTED_FOR: i64 = 90;
/// Cells that the commands for looking further are given for.
const SUGGESTIONS: usize = 3;

/// How to see a regression again, and how to live with it; `moved` has the worst first.
pub(super) fn suggestions(report: &Report, moved: &[&Finding], page: &mut Page<'_>) {
    let regressed = moved.iter().copied();
    let regressed = regressed.filter(|it| it.verdict == Verdict::Regression);
    let regressed: Vec<_> = regressed.collect();
    let commands = regressed.iter().filter_map(|it| command(it, report));
    let mut commands: Vec<_> = commands.collect();
    commands.dedup();
    commands.truncate(SUGGESTIONS);
    if !commands.is_empty() {
        let commands = commands.join("\n");
        page.may(&format!("See it again:\n\n{}\n", fenced("sh", &commands)));
    }
    let accepted: Vec<_> = regressed.iter().take(SUGGESTIONS).collect();
    if !accepted.is_empty() {
        let text: Vec<_> = accepted
            .iter()
            .map(|it| acceptance(it, &report.provenance))
            .collect();
        let text = fenced("toml", &text.join("\n"));
        page.folded(
            "If it is worth it: accept it in perfgate.toml",
            text.trim_end(),
        );
    }
}

/// Nothing for what another load generator measured.
fn command(finding: &Finding, report: &Report) -> Option<String> {
    let provenance = &report.provenance;
    let seed = provenance.seed?;
    let against = match provenance.base.as_deref() {
        Some(base) if text::is_commit(base) => format!(" --against {base}"),
        _ => String::new(),
    };
    Some(format!(
        "perfgate check {} {} --seed {seed}{against}",
        option("server", &finding.server),
        option("endpoint", &finding.endpoint),
    ))
}

/// A name as the value of an option, also where it looks like an option itself.
fn option(option: &str, name: &str) -> String {
    let word = shell_word(name);
    let is_option = word.trim_start_matches('\'').starts_with('-');
    let separator = if is_option { '=' } else { ' ' };
    format!("--{option}{separator}{word}")
}

/// A name as one word of a shell.
fn shell_word(name: &str) -> String {
    let name = text::printable(name);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        name
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

fn acceptance(finding: &Finding, provenance: &Provenance) -> String {
    let quoted = |name: &str| toml::Value::String(text::printable(name)).to_string();
    let zone = jiff::tz::TimeZone::UTC;
    let day = zone.to_datetime(provenance.started).date();
    let until = day.saturating_add(jiff::Span::new().days(ACCEPTED_FOR));
    format!(
        "[[accept]]\nserver   = {}\nendpoint = {}\nmetric   = \"{}\"\nreason   = \"why it is worth it\"\nuntil    = {until}\n",
        quoted(&finding.server),
        quoted(&finding.endpoint),
        finding.metric.name(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_like_an_option_is_the_value_of_one() {
        assert_eq!(option("endpoint", "home"), "--endpoint home");
        assert_eq!(option("endpoint", "--help me"), "--endpoint='--help me'");
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_shell_word_or_its_fence(name in "\\PC*|[`'\n$(); ]*") {
            let word = shell_word(&name);
            let inside = word.replace("'\\''", "");
            let quotes = inside.matches('\'').count();
            prop_assert!(quotes == 0 || (quotes == 2 && inside.starts_with('\'') && inside.ends_with('\'')));
            let block = fenced("sh", &word);
            let fence = block.split("sh\n").next().expect("a fence").to_owned();
            prop_assert_eq!(block.matches(&fence).count(), 2, "{}", block);
        }
    }
}
