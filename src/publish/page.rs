//! The whole comment: the worst of the newest commit first, then the section of every job.

use super::section::{Section, Stamp, Standing};

/// The line at the top of a comment, which readers do not see.
pub(super) const MARKER: &str = "<!-- perfgate comment -->";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    sections: Vec<Section>,
}

impl Page {
    /// What stands in a comment; nothing of one that is not ours.
    pub(super) fn parse(comment: &str) -> Option<Self> {
        let sections = Section::all(comment.strip_prefix(MARKER)?);
        Some(Self { sections })
    }

    pub(super) fn stamp(&self, key: &str) -> Option<&Stamp> {
        let mut stamps = self.sections.iter().map(|it| &it.stamp);
        stamps.find(|it| it.key == key)
    }

    /// Puts a section in the place of the one with its key.
    pub(super) fn put(&mut self, section: Section) {
        self.sections.retain(|it| it.stamp.key != section.stamp.key);
        self.sections.push(section);
        self.sections
            .sort_by(|a, b| (&a.stamp.label, &a.stamp.key).cmp(&(&b.stamp.label, &b.stamp.key)));
    }

    /// Adds what another comment of ours holds; of two sections with one key the newer.
    pub(super) fn merge(&mut self, other: Self, head: Option<&str>) {
        for section in other.sections {
            let is_newer = |there: &Stamp| newer(&section.stamp, there, head);
            if self.stamp(&section.stamp.key).is_none_or(is_newer) {
                self.put(section);
            }
        }
    }

    /// Room for the body of a section beside all others.
    pub(super) fn room(&self, stamp: &Stamp, head: Option<&str>, budget: usize) -> usize {
        let mut others = self.clone();
        others.put(Section::new(stamp, ""));
        budget.saturating_sub(others.text(head).len())
    }

    /// The comment within so many bytes: reports give way to links, those of older commits first,
    /// then the best ones, and the one of `owner` last.
    pub(super) fn render(&self, head: Option<&str>, owner: &str, budget: usize) -> String {
        let mut page = self.clone();
        loop {
            let text = page.text(head);
            if text.len() <= budget {
                return text;
            }
            let commit = page.newest(head).to_owned();
            let long = page.sections.iter_mut().filter(|it| !it.body.is_empty());
            let weight = |it: &Section| {
                let stamp = &it.stamp;
                (stamp.key == owner, stamp.commit == commit, stamp.severity)
            };
            if let Some(section) = long.min_by_key(|it| weight(it)) {
                section.body.clear();
                continue;
            }
            let oldest = page.sections.iter().enumerate();
            let oldest = oldest.filter(|(_, it)| it.stamp.key != owner);
            match oldest.min_by_key(|(_, it)| (it.stamp.commit == commit, it.stamp.run)) {
                Some((at, _)) => drop(page.sections.remove(at)),
                None => return text,
            }
        }
    }

    /// The newest commit: the head of the pull request, or, unless that is known, the commit of
    /// the newest run.
    fn newest<'a>(&'a self, head: Option<&'a str>) -> &'a str {
        let newest = self.sections.iter().max_by_key(|it| it.stamp.run);
        let commit = newest.map_or("", |it| &it.stamp.commit);
        head.unwrap_or(commit)
    }

    fn text(&self, head: Option<&str>) -> String {
        let commit = self.newest(head);
        let is_current = |it: &Section| it.stamp.commit == commit;
        if let [section] = self.sections.as_slice()
            && is_current(section)
        {
            return format!("{MARKER}\n{}", section.render(Standing::Alone));
        }
        let sections = self.sections.iter().map(|section| {
            section.render(if is_current(section) {
                Standing::Current
            } else {
                Standing::Outdated
            })
        });
        let sections: Vec<_> = sections.collect();
        format!(
            "{MARKER}\n{}\n\n{}",
            self.headline(commit),
            sections.join("\n")
        )
    }

    /// The worst of the newest commit, and how each section fares.
    fn headline(&self, commit: &str) -> String {
        let current = || self.sections.iter().filter(|it| it.stamp.commit == commit);
        // Of several that are as bad as each other the first is named.
        let worst = current().rev().max_by_key(|it| it.stamp.severity);
        let short: String = commit.chars().take(7).collect();
        let first = worst.map_or_else(
            || format!("## ⏳ perfgate: no result of commit {short} yet"),
            |it| format!("## {} perfgate: {}", it.stamp.icon(), it.stamp.headline),
        );
        let fares = self.sections.iter().map(|it| {
            let name = it.stamp.shown();
            if it.stamp.commit == commit {
                format!("{} {name}", it.stamp.icon())
            } else {
                format!("⏳ {name} (of commit {})", it.stamp.commit())
            }
        });
        format!("{first}\n\n{}", fares.collect::<Vec<_>>().join(" · "))
    }
}

/// Whether one section is of a newer commit than another, or of a newer run of its commit.
pub(super) fn newer(one: &Stamp, other: &Stamp, head: Option<&str>) -> bool {
    let is_head = |it: &Stamp| head == Some(it.commit.as_str());
    match (is_head(one), is_head(other)) {
        (true, false) => true,
        (false, true) => false,
        _ => one.run > other.run,
    }
}

#[cfg(test)]
mod tests {
    use super::super::section::Severity;
    use super::super::section::tests::stamp;
    use super::*;

    fn page(stamps: &[(&str, &str, u64, Severity)]) -> Page {
        let mut page = Page::default();
        for (key, commit, run, severity) in stamps {
            page.put(Section::new(&stamp(key, commit, *run, *severity), "text"));
        }
        page
    }

    fn text(page: &Page, head: Option<&str>) -> String {
        let head = head.map(|it| it.repeat(40));
        page.render(head.as_deref(), "none", 60_000)
    }

    #[test]
    fn the_headline_is_the_worst_of_the_newest_commit() {
        let both = page(&[
            ("shop", "b", 5, Severity::Regression),
            ("blog", "b", 5, Severity::Pass),
            ("old", "a", 4, Severity::Regression),
        ]);
        let shown = text(&both, Some("b"));
        assert!(
            shown.starts_with(&format!("{MARKER}\n## ❌ perfgate: Regression of shop\n")),
            "{shown}"
        );
        let fares = "✅ blog · ⏳ old (of commit aaaaaaa) · ❌ shop";
        assert!(shown.contains(fares), "{shown}");
        assert_eq!(shown.matches("which is not the newest").count(), 1);
        assert_eq!(Page::parse(&shown), Some(both.clone()));
        // A regression of an older commit is not the headline.
        let pushed = page(&[
            ("shop", "a", 4, Severity::Regression),
            ("blog", "b", 5, Severity::Pass),
        ]);
        for head in [Some("b"), None] {
            let shown = text(&pushed, head);
            assert!(
                shown.contains("\n## ✅ perfgate: Pass of blog\n"),
                "{shown}"
            );
        }
        let waiting = text(&pushed, Some("c"));
        assert!(
            waiting.contains("no result of commit ccccccc yet"),
            "{waiting}"
        );
        assert_eq!(waiting.matches("which is not the newest").count(), 2);
    }

    #[test]
    fn one_section_needs_no_headline_of_all() {
        let one = page(&[("shop", "a", 4, Severity::Regression)]);
        let shown = text(&one, None);
        assert!(shown.contains("\n## ❌ perfgate: Regression of shop\n"));
        assert_eq!(shown.matches("\n## ").count(), 1, "{shown}");
    }

    #[test]
    fn the_newer_of_two_comments_is_kept_key_by_key() {
        let mut ours = page(&[
            ("shop", "b", 5, Severity::Pass),
            ("blog", "b", 5, Severity::Pass),
        ]);
        let theirs = page(&[
            ("shop", "b", 6, Severity::Error),
            ("blog", "a", 9, Severity::Error),
            ("more", "b", 5, Severity::Pass),
        ]);
        ours.merge(theirs, Some(&"b".repeat(40)));
        let run = |key| ours.stamp(key).map(|it| it.run.id);
        assert_eq!([run("shop"), run("blog"), run("more")], [6, 5, 5].map(Some));
    }

    #[test]
    fn what_does_not_fit_gives_way_to_links_the_older_and_better_first() {
        let mut page = page(&[]);
        let long = "x".repeat(20_000);
        for (key, commit, severity) in [
            ("bad", "b", Severity::Regression),
            ("good", "b", Severity::Pass),
            ("mine", "b", Severity::Pass),
            ("old", "a", Severity::Regression),
        ] {
            page.put(Section::new(&stamp(key, commit, 5, severity), &long));
        }
        let head = "b".repeat(40);
        let bodies = |budget: usize| {
            let text = page.render(Some(&head), "mine", budget);
            assert!(text.len() <= budget);
            let page = Page::parse(&text).expect("ours");
            let full = page.sections.iter().filter(|it| !it.body.is_empty());
            full.map(|it| it.stamp.key.clone()).collect::<Vec<_>>()
        };
        assert_eq!(bodies(100_000), ["bad", "good", "mine", "old"]);
        assert_eq!(bodies(65_000), ["bad", "good", "mine"]);
        assert_eq!(bodies(45_000), ["bad", "mine"]);
        assert_eq!(bodies(25_000), ["mine"]);
        let text = page.render(Some(&head), "mine", 1_000);
        let kept = Page::parse(&text).expect("ours");
        assert!(kept.stamp("mine").is_some() && kept.stamp("old").is_none());
    }
}
