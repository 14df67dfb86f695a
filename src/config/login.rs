//! `[login.NAME]`: requests before the load, and what later ones take of their answers.

use indexmap::IndexMap;

use super::endpoint::Parts;
use super::ready::of_request;
use super::resolve::Resolver;
use super::spanned::Spanned;
use super::units::Time;
use super::{Error, file};
use crate::model::{AnswerPart, Capture, Login, Placeholder, Request};

/// Longest wait for an answer: passwords are hashed slowly on purpose.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(10);

impl Resolver<'_> {
    /// Adds all logins in their order; each may use what those before it captured.
    pub(super) fn logins(
        &mut self,
        logins: &IndexMap<String, Spanned<file::Login>>,
    ) -> Result<(), Error> {
        for (name, login) in logins {
            let login = self.login(name, login)?;
            self.logins.push(login);
        }
        Ok(())
    }

    fn login(&self, name: &str, login: &Spanned<file::Login>) -> Result<Login, Error> {
        let own = login.get_ref();
        let request = self.request(&Parts::of_login(own), &login.span())?;
        let timeout = own.timeout.map_or(ANSWER, |Time(time)| time);
        let captures = own.capture.iter();
        let captures = captures.map(|(name, part)| self.capture(name, part));
        Ok(Login {
            name: name.to_owned(),
            request: of_request(&request, timeout),
            captures: captures.collect::<Result<_, _>>()?,
        })
    }

    fn capture(&self, name: &str, capture: &Spanned<file::Capture>) -> Result<Capture, Error> {
        let refuse = |message: String, hint: &str| {
            let hint = Some(hint.to_owned());
            Err(self.spans.invalid(&capture.span(), message, hint))
        };
        if self.captured().any(|known| known == name) {
            return refuse(
                format!("`{name}` is captured twice"),
                "names of captured values are the same for all of [login]",
            );
        }
        let file::Capture {
            json,
            header,
            cookie,
            regex,
        } = capture.get_ref().clone();
        let part = match (json, header, cookie, regex) {
            (Some(pointer), None, None, None) => AnswerPart::Json(pointer),
            (None, Some(name), None, None) => AnswerPart::Header(name),
            (None, None, Some(name), None) => AnswerPart::Cookie(name),
            (None, None, None, Some(pattern)) => AnswerPart::Pattern(pattern),
            _ => {
                return refuse(
                    format!("`{name}` needs exactly one of `json`, `header`, `cookie`, `regex`"),
                    "write where the value stands: { json = \"/access_token\" }",
                );
            }
        };
        match &part {
            AnswerPart::Json(pointer) if !pointer.is_empty() && !pointer.starts_with('/') => {
                return refuse(
                    format!("`{pointer}` is not a JSON pointer"),
                    "write \"/items/0/id\"; \"\" is the whole document",
                );
            }
            AnswerPart::Pattern(pattern) if regex::Regex::new(pattern).is_err() => {
                return refuse(
                    format!("`{pattern}` is not a regular expression"),
                    "escape what stands for itself, such as `\\(`",
                );
            }
            _ => {}
        }
        Ok(Capture {
            name: name.to_owned(),
            part,
        })
    }

    /// Checks that what a request takes was captured, or is in the environment.
    pub(super) fn takes_what_is_there(
        &self,
        request: &Request,
        span: &std::ops::Range<usize>,
    ) -> Result<(), Error> {
        for name in request.takes(Placeholder::ENV) {
            self.has_variable(name, span)?;
        }
        let known: Vec<_> = self.captured().collect();
        for name in request.takes(Placeholder::LOGIN) {
            if known.contains(&name) {
                continue;
            }
            let hint = match known.as_slice() {
                [] => "capture it: [login.NAME] with `capture`".to_owned(),
                known => format!("captured: {}", known.join(", ")),
            };
            let message = format!("`{{login.{name}}}` stands for nothing");
            return Err(self.spans.invalid(span, message, Some(hint)));
        }
        Ok(())
    }

    fn captured(&self) -> impl Iterator<Item = &str> {
        let captures = self.logins.iter().flat_map(|it| &it.captures);
        captures.map(|it| it.name.as_str())
    }
}
