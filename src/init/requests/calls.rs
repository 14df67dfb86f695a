//! Calls in source text of Python and JavaScript → their arguments, however many lines these take.

/// The arguments of a call whose parenthesis opens at a place, and where it closes; nothing where it does not.
pub(super) fn arguments(text: &str, open: usize) -> Option<(Vec<&str>, usize)> {
    let mut depth = 0_usize;
    let mut begin = open + 1;
    let mut found = Vec::new();
    let mut quote: Option<char> = None;
    let mut is_escaped = false;
    let mut is_comment = false;
    for (at, letter) in text.get(open..)?.char_indices() {
        let at = open + at;
        if is_comment {
            is_comment = letter != '\n';
            continue;
        }
        if let Some(open) = quote {
            if is_escaped {
                is_escaped = false;
            } else if letter == '\\' {
                is_escaped = true;
            } else if letter == open || letter == '\n' && open != '`' {
                quote = None;
            }
            continue;
        }
        match letter {
            '"' | '\'' | '`' => quote = Some(letter),
            '#' => is_comment = true,
            '/' if text[at..].starts_with("//") => is_comment = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push(without_comments(&text[begin..at]));
                    found.retain(|it| !it.is_empty());
                    return Some((found, at));
                }
            }
            ',' if depth == 1 => {
                found.push(without_comments(&text[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// An argument without the comments before it.
fn without_comments(text: &str) -> &str {
    let mut text = text.trim();
    while text.starts_with("//") || text.starts_with('#') {
        text = text.split_once('\n').map_or("", |(_, rest)| rest.trim());
    }
    text
}

/// The items of a list that is written out.
pub(super) fn items(text: &str) -> Option<Vec<&str>> {
    let text = text.trim();
    let is_list = text.starts_with(['[', '(']);
    is_list.then(|| arguments(text, 0))?.map(|(items, _)| items)
}

/// A text that is spelled out in quotes, with nothing put into it.
pub(super) fn literal(argument: &str) -> Option<&str> {
    let argument = argument.trim();
    let quote = argument.chars().next().filter(|it| "'\"`".contains(*it))?;
    let inner = argument.strip_prefix(quote)?.strip_suffix(quote)?;
    let is_filled = quote == '`' && inner.contains("${");
    (!inner.contains(quote) && !is_filled).then_some(inner)
}

/// The value of an argument by its name: `path="/x"`, or `prefix: '/x'` of an object.
pub(super) fn named<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    let value = |argument: &&'a str| {
        let rest = argument.trim().strip_prefix(name)?.trim_start();
        let value = rest.strip_prefix(['=', ':'])?;
        (!value.starts_with('=')).then(|| value.trim())
    };
    arguments.iter().find_map(value)
}

/// A path of JavaScript's frameworks below another: its root is the other itself.
pub(super) fn joined(prefix: &str, path: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    match path {
        "" | "/" if !prefix.is_empty() => prefix.to_owned(),
        path if path.starts_with('/') => format!("{prefix}{path}"),
        path => format!("{prefix}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_told_apart() {
        let text =
            "x.use('/a, (b', f(1, [2, 3]), // no, comment\n  { prefix: \"/p\", y: 1 },\n) + 1";
        let (found, end) = arguments(text, 5).expect("it closes");
        assert_eq!(found[0], "'/a, (b'");
        assert_eq!(found[1], "f(1, [2, 3])");
        assert_eq!(&text[end..], ") + 1");
        let options = found.last().and_then(|it| arguments(it, 0)).map(|it| it.0);
        let options = options.expect("an object");
        assert_eq!(named(&options, "prefix").and_then(literal), Some("/p"));
        assert_eq!(named(&options, "pre"), None);
        assert_eq!(arguments("f(1", 1), None);
        assert_eq!(items("[a, 'b',]"), Some(vec!["a", "'b'"]));
        assert_eq!(literal("`/${x}`"), None);
        assert_eq!(literal("'a' + 'b'"), None);
    }
}
