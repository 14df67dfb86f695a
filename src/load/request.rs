//! The request of a workload. Takes the workload and the `Host` field, gives the bytes that every
//! connection sends again and again, and promises that they are one well-formed GET request.

use std::fmt::Write as _;

use super::Error;
use crate::model::Workload;

/// Serialises the request; a `Host` among the workload's own header fields replaces `host`.
pub(super) fn serialise(workload: &Workload, host: &str) -> Result<Vec<u8>, Error> {
    let mut text = request_line(&workload.path)?;
    let fields = workload
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()));
    let names_host = workload
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let default = (!names_host).then_some(("Host", host));
    for (name, value) in default.into_iter().chain(fields) {
        push_field(&mut text, name, value)?;
    }
    text.push_str("\r\n");
    Ok(text.into_bytes())
}

fn request_line(path: &str) -> Result<String, Error> {
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(format!("GET {path} HTTP/1.1\r\n"))
    } else {
        Err(Error::Path { path: path.into() })
    }
}

fn push_field(text: &mut String, name: &str, value: &str) -> Result<(), Error> {
    if !is_token(name) || value.bytes().any(is_control) {
        return Err(Error::Header { name: name.into() });
    }
    write!(text, "{name}: {value}\r\n").expect("writing to a string succeeds");
    Ok(())
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_tchar)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Expect;

    fn request(path: &str, headers: &[(&str, &str)]) -> Result<String, Error> {
        let workload = Workload {
            path: path.into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            expect: Expect::default(),
            connections: 1,
            threads: 1,
            timeout: Duration::from_secs(1),
        };
        serialise(&workload, "app.test")
            .map(|bytes| String::from_utf8(bytes).expect("requests are text"))
    }

    #[test]
    fn request_has_host_and_fields_in_order() {
        assert_eq!(
            request("/a?b=c", &[("Accept", "*/*"), ("X-Id", "7")]).unwrap(),
            "GET /a?b=c HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\nX-Id: 7\r\n\r\n"
        );
    }

    #[test]
    fn own_host_replaces_the_default() {
        assert_eq!(
            request("/", &[("host", "other")]).unwrap(),
            "GET / HTTP/1.1\r\nhost: other\r\n\r\n"
        );
    }

    #[test]
    fn request_cannot_be_split_by_its_parts() {
        for path in ["", "a", "/a b", "/a\r\nX: y", "/ü"] {
            assert!(matches!(request(path, &[]), Err(Error::Path { .. })));
        }
        for field in [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\ny: z")] {
            assert!(matches!(request("/", &[field]), Err(Error::Header { .. })));
        }
    }
}
