//! A perfgate.toml that was proposed → the same after a trial: an endpoint that answers otherwise becomes a comment,
//! one that leads elsewhere has the path it leads to.

use super::syntax::quoted;
use crate::report::printable;

/// Letters of what an endpoint answers that a comment shows.
const SHOWN: usize = 120;

/// Makes the table of an endpoint a comment that says what it answered; nothing where the text has no such table.
pub fn commented_out(text: &str, endpoint: &str, answered: &str) -> Option<String> {
    let (before, table, after) = table(text, endpoint)?;
    let lines = table.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("# {line}\n"),
    });
    let answered: String = printable(answered).chars().take(SHOWN).collect();
    let table: String = lines.collect();
    Some(format!(
        "{before}# It answered with {answered}:\n{table}{after}"
    ))
}

/// Gives an endpoint the path that its answer leads to.
pub fn moved(text: &str, endpoint: &str, path: &str) -> Option<String> {
    let (before, table, after) = table(text, endpoint)?;
    let line = table.lines().find(|line| {
        line.split('=')
            .next()
            .is_some_and(|key| key.trim() == "path")
    })?;
    let (key, _) = line.split_once('=')?;
    let table = table.replacen(line, &format!("{key}= {}", quoted(path)), 1);
    Some(format!("{before}{table}{after}"))
}

/// The path on the same server that a redirection leads to, as an endpoint may have it.
pub fn path_of(location: &str) -> Option<String> {
    let of_this_machine = ["http://127.0.0.1", "http://localhost"];
    let rest = of_this_machine
        .iter()
        .find_map(|it| location.strip_prefix(it));
    let path = match rest {
        // A longer name is that of another machine.
        Some(rest) if rest.starts_with([':', '/']) => &rest[rest.find('/')?..],
        _ => location,
    };
    let path = path.split('#').next().unwrap_or(path);
    let is_own = path.starts_with('/') && !path.starts_with("//");
    // Braces would be placeholders.
    let is_plain = path.bytes().all(|it| it.is_ascii_graphic()) && !path.contains(['{', '}']);
    (is_own && is_plain).then(|| path.to_owned())
}

/// What is before the table of an endpoint, the table up to the first blank line, and what is after it.
fn table<'a>(text: &'a str, endpoint: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let head = format!("[endpoint.{endpoint}]\n");
    let begin = if text.starts_with(&head) {
        0
    } else {
        text.find(&format!("\n{head}"))? + 1
    };
    let end = text[begin..]
        .find("\n\n")
        .map_or(text.len(), |it| begin + it + 1);
    Some((&text[..begin], &text[begin..end], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[server.app]\nrun = [\"x\"]\n\n[endpoint.home]\npath    = \"/\"\nheaders = { Host = \"a\" }\n\n\
                        [endpoint.home-2]\npath = \"/b\"\n";

    #[test]
    fn a_table_becomes_a_comment_and_others_stay() {
        let text = commented_out(TEXT, "home", "1 wrong status (status 404)").expect("a table");
        assert_eq!(
            text,
            "[server.app]\nrun = [\"x\"]\n\n# It answered with 1 wrong status (status 404):\n# [endpoint.home]\n\
             # path    = \"/\"\n# headers = { Host = \"a\" }\n\n[endpoint.home-2]\npath = \"/b\"\n"
        );
        let last = commented_out(TEXT, "home-2", "x\n[endpoint.y]").expect("a table");
        assert!(
            last.ends_with("# [endpoint.home-2]\n# path = \"/b\"\n"),
            "{last}"
        );
        assert!(!last.contains("\n[endpoint.y]"), "{last}");
        assert_eq!(commented_out(TEXT, "other", "x"), None);
    }

    #[test]
    fn an_endpoint_has_the_path_that_its_answer_leads_to() {
        let text = moved(TEXT, "home", "/login?next=%2F").expect("a table");
        assert!(
            text.contains("[endpoint.home]\npath    = \"/login?next=%2F\"\nheaders"),
            "{text}"
        );
        assert!(text.contains("path = \"/b\"\n"), "{text}");
    }

    #[test]
    fn a_redirection_within_the_server_has_a_path() {
        for (location, path) in [
            ("/login?next=/", Some("/login?next=/")),
            ("http://127.0.0.1:4711/docs#top", Some("/docs")),
            ("http://localhost/x", Some("/x")),
            ("https://example.org/login", None),
            ("//example.org/login", None),
            ("http://127.0.0.1.example.org", None),
            ("login", None),
            ("/{a}", None),
            ("/a b", None),
        ] {
            assert_eq!(path_of(location).as_deref(), path, "{location}");
        }
    }
}
