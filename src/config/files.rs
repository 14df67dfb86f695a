//! Files that are put into containers: where they lie, and what is replaced in them.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::Error;
use super::copied::{CopiedFile, Replacements};
use super::resolve::Resolver;
use super::spanned::Spanned;
use crate::model::{self, FileSource};

impl Resolver<'_> {
    /// Files that are put into a container.
    pub(super) fn files(
        &self,
        files: &IndexMap<Spanned<String>, Spanned<CopiedFile>>,
    ) -> Result<Vec<model::CopiedFile>, Error> {
        let files = files.iter();
        files.map(|(there, file)| self.file(there, file)).collect()
    }

    fn file(
        &self,
        there: &Spanned<String>,
        file: &Spanned<CopiedFile>,
    ) -> Result<model::CopiedFile, Error> {
        let span = file.span();
        let at = |path: &PathBuf| {
            let full = self.inside_of(path, &span)?;
            Ok::<_, Error>(FileSource::Path(self.or_beside(full, path)))
        };
        let wrong = |message: &str, hint: &str| {
            let hint = Some(hint.to_owned());
            Err(self.spans.invalid(&span, message, hint))
        };
        let (source, replace) = match file.get_ref() {
            CopiedFile::Path(path) => (at(path)?, Vec::new()),
            CopiedFile::Table(table) => match (&table.path, &table.text) {
                (Some(path), None) => (at(path)?, self.replacements(&table.replace)?),
                (None, Some(text)) if table.replace.is_empty() => {
                    (FileSource::Text(self.filled_later(text)?), Vec::new())
                }
                (None, Some(_)) => {
                    let message = "`replace` is for the text of a `path`";
                    return wrong(message, "write the placeholders into `text`");
                }
                _ => {
                    let message = "a file has one of `path` and `text`";
                    return wrong(message, "name a file here, or write what it holds");
                }
            },
        };
        Ok(model::CopiedFile {
            inside: self.is_inside_a_container(there)?,
            source,
            replace,
        })
    }

    fn replacements(&self, replace: &Replacements) -> Result<Vec<(String, String)>, Error> {
        let pair = |(text, with): (&Spanned<String>, &Spanned<String>)| {
            if text.get_ref().is_empty() {
                let hint = "write a text of the file before the `=`";
                let message = "nothing is to be replaced";
                return Err(self.spans.invalid(&text.span(), message, Some(hint.into())));
            }
            Ok((text.get_ref().clone(), self.filled_later(with)?))
        };
        replace.iter().map(pair).collect()
    }
}
