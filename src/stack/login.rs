//! Requests to a server that has just started, and what of their answers later requests take.

use hyper::header::{HeaderMap, SET_COOKIE};
use hyper::http::response::Parts;
use regex::Regex;
use serde_json::Value;

use super::Error;
use super::answer::Answer;
use super::ready::{answer, in_full};
use super::substitutions::variables;
use crate::coding::LONGEST;
use crate::dial::Dialer;
use crate::model::{
    AnswerPart, Capture, Login, Origin, Placeholder, Ready, Target, Values, body_filled, filled,
    path_filled,
};
use crate::secrets;

/// The state of a sequence of logins.
#[derive(Default)]
struct Session {
    captured: Values,
    /// Cookies that the server has set, which each later request of the sequence sends.
    cookies: Vec<(String, String)>,
}

/// Makes a server's logins, one after the other; what they captured.
pub(super) async fn log_in(target: &Target, origin: &Origin) -> Result<Values, Error> {
    let mut session = Session::default();
    if target.logins.is_empty() {
        return Ok(session.captured);
    }
    let dialer = Dialer::new(origin)?;
    for login in &target.logins {
        let request = session.request(login);
        let fail = |why: String| Error::Login {
            name: target.name.clone(),
            login: login.name.clone(),
            request: format!("{} {}", request.method, login.request.path),
            why,
            output: String::new(),
        };
        // What is captured may stand anywhere in it.
        let answered = answer(&request, origin, &dialer, LONGEST);
        let asked = tokio::time::timeout(request.timeout, answered).await;
        let (head, body) = match asked {
            Err(_) => return Err(fail(format!("no answer within {:?}", request.timeout))),
            Ok(Err(error)) => return Err(fail(in_full(&*error))),
            Ok(Ok(answer)) => answer,
        };
        if let Some(wrong) = Answer::wrong(&request, &head, &body) {
            return Err(fail(wrong.to_string()));
        }
        session.take(login, &head, &body).map_err(fail)?;
    }
    Ok(session.captured)
}

impl Session {
    /// A request with what was captured, and with the cookies unless it has its own.
    fn request(&self, login: &Login) -> Ready {
        let mut request = login.request.clone();
        let variables = variables(login.takes(Placeholder::ENV));
        for (space, values) in [
            (Placeholder::ENV, &variables),
            (Placeholder::LOGIN, &self.captured),
        ] {
            request.path = path_filled(&request.path, space, values);
            for (_, value) in &mut request.headers {
                *value = filled(value, space, values);
            }
            request.body = body_filled(&request.body, space, values);
        }
        let has_own = request
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        if !has_own && !self.cookies.is_empty() {
            let pairs = self.cookies.iter();
            let pairs: Vec<_> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request.headers.push(("Cookie".into(), pairs.join("; ")));
        }
        request
    }

    /// Keeps what an answer has; what it lacks, otherwise.
    fn take(&mut self, login: &Login, head: &Parts, body: &[u8]) -> Result<(), String> {
        for (name, value) in set_cookies(&head.headers) {
            secrets::know_secret(&value);
            self.cookies.retain(|(known, _)| *known != name);
            self.cookies.push((name, value));
        }
        for Capture { name, part } in &login.captures {
            let value = self.part(part, head, body);
            let value =
                value.ok_or_else(|| format!("its answer has no `{name}` ({})", part_name(part)))?;
            if value.chars().any(char::is_control) {
                return Err(format!("`{name}` of its answer holds control characters"));
            }
            secrets::know_secret(&value);
            self.captured.insert(name.clone(), value);
        }
        Ok(())
    }

    fn part(&self, part: &AnswerPart, head: &Parts, body: &[u8]) -> Option<String> {
        match part {
            AnswerPart::Json(pointer) => {
                let document: Value = serde_json::from_slice(body).ok()?;
                match document.pointer(pointer)? {
                    Value::String(text) => Some(text.clone()),
                    value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
                    Value::Null | Value::Array(_) | Value::Object(_) => None,
                }
            }
            AnswerPart::Header(name) => {
                let value = head.headers.get(name)?;
                Some(value.to_str().ok()?.to_owned())
            }
            AnswerPart::Cookie(wanted) => {
                let mut cookies = self.cookies.iter();
                let cookie = cookies.find(|(name, _)| name == wanted);
                cookie.map(|(_, value)| value.clone())
            }
            AnswerPart::Pattern(pattern) => {
                let text = String::from_utf8_lossy(body);
                let found = Regex::new(pattern).ok()?.captures(&text)?;
                let group = found.get(1).or_else(|| found.get(0))?;
                Some(group.as_str().to_owned())
            }
        }
    }
}

fn part_name(part: &AnswerPart) -> String {
    match part {
        AnswerPart::Json(pointer) => format!("JSON `{pointer}`"),
        AnswerPart::Header(name) => format!("header field `{name}`"),
        AnswerPart::Cookie(name) => format!("cookie `{name}`"),
        AnswerPart::Pattern(pattern) => format!("text like `{pattern}`"),
    }
}

/// Names and values of the cookies that an answer sets, RFC 6265, section 5.2.
fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.get_all(SET_COOKIE).iter().filter_map(|field| {
        let pair = field.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    fn head(fields: &[(&str, &str)]) -> Parts {
        let builder = Response::builder().status(200);
        let builder = fields
            .iter()
            .fold(builder, |it, (name, value)| it.header(*name, *value));
        builder.body(()).expect("a response").into_parts().0
    }

    #[test]
    fn parts_of_an_answer_are_found() {
        let head = head(&[
            ("set-cookie", "csrf=a=b; Path=/; HttpOnly"),
            ("set-cookie", "other=1"),
            ("x-token", "t"),
        ]);
        let body = br#"{"user": {"id": 7, "name": "n"}, "none": null, "form": "csrf=\"xyz\""}"#;
        let login = Login {
            name: "user".into(),
            request: Ready::get("/"),
            captures: Vec::new(),
        };
        let mut session = Session::default();
        session
            .take(&login, &head, body)
            .expect("nothing is captured");
        let part = |part: AnswerPart| session.part(&part, &head, body);
        assert_eq!(
            part(AnswerPart::Json("/user/id".into())).as_deref(),
            Some("7")
        );
        assert_eq!(part(AnswerPart::Json("/none".into())), None);
        assert_eq!(
            part(AnswerPart::Header("X-Token".into())).as_deref(),
            Some("t")
        );
        assert_eq!(
            part(AnswerPart::Cookie("csrf".into())).as_deref(),
            Some("a=b")
        );
        let pattern = AnswerPart::Pattern("\"name\": \"(.)\"".into());
        assert_eq!(part(pattern).as_deref(), Some("n"));
        let request = session.request(&login);
        assert_eq!(request.headers[0].1, "csrf=a=b; other=1");
    }

    #[test]
    fn what_an_answer_lacks_is_named() {
        let login = Login {
            name: "user".into(),
            request: Ready::get("/"),
            captures: vec![Capture {
                name: "token".into(),
                part: AnswerPart::Json("/access".into()),
            }],
        };
        let why = Session::default().take(&login, &head(&[]), b"{}");
        let expected = "its answer has no `token` (JSON `/access`)";
        assert_eq!(why, Err(expected.to_owned()));
    }
}
