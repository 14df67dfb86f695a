//! A page that grows up to a size.

use super::escaping::escape;

/// A text that grows up to a size.
pub(super) struct Page<'a> {
    text: String,
    budget: usize,
    link: Option<&'a str>,
    left_out: usize,
}

impl<'a> Page<'a> {
    /// Room for the line that says what was left out.
    const RESERVE: usize = 400;

    pub(super) fn new(budget: usize, link: Option<&'a str>) -> Self {
        Self {
            text: String::new(),
            budget: budget.saturating_sub(Self::RESERVE),
            link,
            left_out: 0,
        }
    }

    /// Adds what must be there; names are cut to what is left.
    pub(super) fn must(&mut self, text: &str) {
        let mut end = text.len().min(self.budget.saturating_sub(self.text.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
    }

    /// Adds a part where it fits whole; whether it did.
    pub(super) fn may(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.budget;
        if fits {
            self.text.push_str(part);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// Adds rows under a head; the first ones where not all of them fit.
    pub(super) fn table(&mut self, head: &str, rows: &[String]) {
        if rows.is_empty() || !self.may(head) {
            return;
        }
        for row in rows {
            self.may(row);
        }
        self.may("\n");
    }

    /// Adds what is shown on demand.
    pub(super) fn folded(&mut self, title: &str, contents: &str) {
        if !contents.is_empty() {
            let title = escape(title);
            self.may(&format!(
                "<details><summary>{title}</summary>\n\n{contents}\n\n</details>\n\n"
            ));
        }
    }

    pub(super) fn end(self) -> String {
        let mut text = self.text.trim_end().to_owned() + "\n";
        if self.left_out > 0 {
            let parts = self.left_out;
            text.push_str(&format!("\n{parts} rows or parts did not fit here"));
        }
        match self.link {
            Some(link) => text.push_str(&format!("\n[The whole report]({link})\n")),
            None if self.left_out > 0 => text.push('\n'),
            None => {}
        }
        text
    }
}
