//! A picture with its title, its words for those who do not see it, and its numbers. The script
//! shows the numbers of the place that a reader points at.

use maud::{Markup, PreEscaped, Render, html};

pub(super) struct Figure {
    pub(super) title: String,
    /// What the picture shows, in words.
    pub(super) aria_label: String,
    /// `None` if the words say it all.
    pub(super) svg: Option<Markup>,
    pub(super) numbers: Numbers,
}

/// Where the numbers of a picture are.
pub(super) enum Numbers {
    Nowhere,
    /// Below it.
    Own(Sheet),
    /// In these columns of the table below all pictures of its kind.
    Common(Vec<usize>),
}

/// A table of numbers.
pub(super) struct Sheet {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row of numbers.
pub(super) struct Row {
    /// Where the picture shows it, in percent of its width.
    pub(super) across: f64,
    pub(super) cells: Vec<String>,
}

impl Figure {
    /// Something that needs no picture.
    pub(super) fn in_words(title: &str, words: String) -> Self {
        Self {
            title: title.into(),
            aria_label: words,
            svg: None,
            numbers: Numbers::Nowhere,
        }
    }

    fn plot(&self, svg: &Markup) -> Markup {
        match &self.numbers {
            Numbers::Nowhere => html! { (self.picture(svg, None)) },
            Numbers::Own(sheet) => html! {
                (self.picture(svg, None))
                (sheet.folded("Numbers"))
            },
            Numbers::Common(columns) => {
                let columns: Vec<_> = columns.iter().map(usize::to_string).collect();
                html! { (self.picture(svg, Some(&columns.join(" ")))) }
            }
        }
    }

    fn picture(&self, svg: &Markup, columns: Option<&str>) -> Markup {
        html! {
            div.plot role="img" aria-label=(self.aria_label) data-columns=[columns] { (svg) }
        }
    }
}

impl Render for Figure {
    fn render(&self) -> Markup {
        html! {
            figure {
                figcaption { (self.title) }
                @match &self.svg {
                    Some(svg) => (self.plot(svg)),
                    None => p.plain { (self.aria_label) }
                }
            }
        }
    }
}

impl Sheet {
    pub(super) fn folded(&self, title: &str) -> Markup {
        html! {
            details.numbers {
                summary { (title) }
                div.sheet tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead { tr { @for name in &self.columns { th scope="col" { (name) } } } }
                        tbody { @for row in &self.rows { (row) } }
                    }
                }
            }
        }
    }
}

impl Render for Row {
    fn render(&self) -> Markup {
        // HTML lets end tags be left out; those of all rounds are a tenth of a large page.
        let cells = self.cells.iter().map(|cell| html! { (cell) });
        let cells: String = cells.map(|cell| format!("<td>{}", cell.0)).collect();
        PreEscaped(format!("<tr data-x={}>{cells}", self.across))
    }
}
