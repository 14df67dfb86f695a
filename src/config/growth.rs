//! `[growth]`: how data grow while single requests are counted.

use std::ops::Range;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::{Error, file};
use crate::model::{self, ServiceKind};
use indexmap::IndexMap;

/// Two points make a line.
const FEWEST_SIZES: usize = 2;

impl Resolver<'_> {
    pub(super) fn growth(
        &self,
        growth: Option<&Spanned<file::Growth>>,
    ) -> Result<Option<model::Growth>, Error> {
        let Some(growth) = growth else {
            return Ok(None);
        };
        let span = growth.span();
        let invalid = |span: &Range<usize>, message: String, hint: &str| {
            Err(self.spans.invalid(span, message, Some(hint.to_owned())))
        };
        let file::Growth {
            rows,
            command,
            sizes,
        } = growth.get_ref();
        match (rows.is_empty(), command.is_empty()) {
            (true, true) | (false, false) => invalid(
                &span,
                "it takes one of `rows` and `command`".into(),
                "name tables: rows = { movie = [1000, 4000, 16000] }",
            ),
            (false, true) => {
                if let Some(sizes) = sizes {
                    let message = "`sizes` are those of a `command`".into();
                    return invalid(&sizes.span(), message, "write sizes of tables into `rows`");
                }
                self.rows(&span, rows).map(Some)
            }
            (true, false) => {
                let Some(sizes) = sizes else {
                    let message = "the command has no sizes".into();
                    return invalid(&span, message, "add sizes = [1000, 4000, 16000]");
                };
                let words = self.fill_all(command)?;
                if !words.iter().any(|it| it.contains(model::Growth::SCALE)) {
                    let message = format!("`command` does not say {}", model::Growth::SCALE);
                    let hint = "let the command know how much data is wanted: \
                                [\"./seed.sh\", \"{scale}\"]";
                    return invalid(&command[0].span(), message, hint);
                }
                let sizes = self.sizes(sizes)?;
                Ok(Some(model::Growth::Command { words, sizes }))
            }
        }
    }

    fn rows(
        &self,
        span: &Range<usize>,
        rows: &IndexMap<String, Spanned<Vec<u64>>>,
    ) -> Result<model::Growth, Error> {
        let mut kinds = self.services.iter().map(|it| &it.kind);
        if !kinds.any(|it| matches!(it, ServiceKind::Postgres(_))) {
            let message = "`rows` are those of tables of Postgres, and the file has no [postgres]";
            let hint = "fill the database by a `command` of the server";
            return Err(self.spans.invalid(span, message, Some(hint.into())));
        }
        let mut tables: Vec<(String, Vec<u64>)> = Vec::new();
        for (table, sizes) in rows {
            let own = self.sizes(sizes)?;
            if let Some((first, of_first)) = tables.first()
                && of_first.len() != own.len()
            {
                let message = format!("`{table}` has other sizes in number than `{first}`");
                let hint = format!("name {} sizes: all tables grow together", of_first.len());
                return Err(self.spans.invalid(&sizes.span(), message, Some(hint)));
            }
            tables.push((table.clone(), own));
        }
        Ok(model::Growth::Rows(tables))
    }

    fn sizes(&self, sizes: &Spanned<Vec<u64>>) -> Result<Vec<u64>, Error> {
        let own = sizes.get_ref();
        let ascends = own.windows(2).all(|it| it[0] < it[1]);
        if own.len() >= FEWEST_SIZES && ascends && own[0] > 0 {
            return Ok(own.clone());
        }
        let message = format!("{own:?} are not two sizes or more, ascending from 1 on");
        let hint = "such as [1000, 4000, 16000]";
        Err(self
            .spans
            .invalid(&sizes.span(), message, Some(hint.into())))
    }
}
