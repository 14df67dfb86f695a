//! Names that users choose: they become parts of container names, files and reports.

use toml::Spanned;

use super::resolve::Resolver;
use super::{Error, file};

/// Letters of a server's or proxy's name: with its run it must be the name of a host.
const LONGEST: usize = 40;
/// Letters of an endpoint's name.
const LONGEST_ENDPOINT: usize = 100;

impl Resolver<'_> {
    /// Checks every name of the file.
    pub(super) fn names(&self, file: &file::File) -> Result<(), Error> {
        for (name, server) in &file.server {
            self.name("server", name, server, is_host)?;
        }
        for (name, service) in &file.service {
            self.name("service", name, service, is_host)?;
            if file.server.contains_key(name) {
                let message = format!("a server and a service are both called `{name}`");
                let hint = "their containers would be, too: call one of them otherwise";
                let span = service.span();
                return Err(self.spans.invalid(&span, message, Some(hint.into())));
            }
        }
        for (name, proxy) in &file.proxy {
            self.name("proxy", name, proxy, is_host)?;
        }
        for (name, endpoint) in &file.endpoint {
            self.name("endpoint", name, endpoint, is_line)?;
        }
        Ok(())
    }

    fn name<T>(
        &self,
        what: &str,
        name: &str,
        of: &Spanned<T>,
        is_good: fn(&str) -> Result<(), &'static str>,
    ) -> Result<(), Error> {
        is_good(name).map_err(|hint| {
            let message = format!("`{}` is no name of a {what}", name.escape_debug());
            self.spans
                .invalid(&of.span(), message, Some(hint.to_owned()))
        })
    }
}

fn is_host(name: &str) -> Result<(), &'static str> {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST && name.chars().all(letters) {
        return Ok(());
    }
    Err("write a letter or digit and then letters, digits, `-`, `_` and `.`, 40 at most")
}

fn is_line(name: &str) -> Result<(), &'static str> {
    let count = name.chars().count();
    if (1..=LONGEST_ENDPOINT).contains(&count) && !name.contains(char::is_control) {
        return Ok(());
    }
    Err("write 1 to 100 letters in one line")
}
