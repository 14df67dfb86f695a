//! Markdown tables. Takes cells that are text already, gives a table whose numbers stand on the
//! right, and promises that its source is readable as it is.

use crate::samples::Samples;

/// A table; its first columns are labels, the others numbers.
#[derive(Debug)]
pub(crate) struct Table {
    labels: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(labels: usize, head: impl IntoIterator<Item = String>) -> Self {
        Self {
            labels,
            rows: vec![head.into_iter().collect()],
        }
    }

    pub(crate) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(crate) fn markdown(&self) -> String {
        let mut lines: Vec<_> = self.rows.iter().map(|row| self.line(row)).collect();
        lines.insert(1, self.rule());
        lines.join("\n") + "\n"
    }

    fn line(&self, row: &[String]) -> String {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = self.width(column);
            if column < self.labels {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    }

    fn rule(&self) -> String {
        let dashes = (0..self.rows[0].len()).map(|column| {
            let dashes = "-".repeat(self.width(column).max(2) - 1);
            if column < self.labels {
                format!("{dashes}-")
            } else {
                format!("{dashes}:")
            }
        });
        format!("| {} |", dashes.collect::<Vec<_>>().join(" | "))
    }

    fn width(&self, column: usize) -> usize {
        let widths = self.rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    }
}

/// Median and range of ratios.
pub(crate) fn ratios(ratios: &Samples) -> String {
    format!(
        "{:.2} ({:.2}–{:.2})",
        ratios.median(),
        ratios.min(),
        ratios.max()
    )
}

/// Microseconds as milliseconds; a dash for what is not there.
pub(crate) fn milliseconds(micros: Option<f64>) -> String {
    micros.map_or_else(|| "–".into(), |micros| format!("{:.2}", micros / 1e3))
}
