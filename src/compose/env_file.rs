//! Files of variables, `NAME=value` in each line.

/// The variables of a file in their order; why it has none, otherwise.
pub fn variables_in(text: &str) -> Result<Vec<(String, String)>, String> {
    let text = with_quotes(text);
    let variables = dotenvy::from_read_iter(text.as_bytes());
    variables
        .map(|variable| variable.map_err(|error| error.to_string()))
        .collect()
}

/// Variables as compose files take them, for a parser that wants values with blanks in quotes. Values that
/// have some are left, over several lines too.
fn with_quotes(text: &str) -> String {
    let mut quote: Option<char> = None;
    let line = |line: &str| {
        if let Some(open) = quote {
            quote = Some(open).filter(|it| !line.contains(*it));
            return line.to_owned();
        }
        // Names have no blanks, and comments no names.
        let is_name = |name: &str| {
            let name = name.trim_start();
            let name = name.strip_prefix("export ").unwrap_or(name);
            !name.contains(char::is_whitespace) && !name.starts_with('#')
        };
        let pair = line.split_once('=').filter(|(name, _)| is_name(name));
        let Some((name, value)) = pair else {
            return line.to_owned();
        };
        let value = value.trim();
        if let Some(open) = value.chars().next().filter(|it| "'\"".contains(*it)) {
            quote = Some(open).filter(|it| !value[1..].contains(*it));
            return line.to_owned();
        }
        let value = value.split(" #").next().unwrap_or(value).trim_end();
        if !value.contains(char::is_whitespace) {
            return line.to_owned();
        }
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{escaped}\"")
    };
    let lines: Vec<_> = text.lines().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_blanks_need_no_quotes() {
        let text = "# a = b c\nHOSTS=localhost 127.0.0.1 [::1]  # here\nSAID=don't a \"b\" c\nKEY=\"one=two three\nfour=five six\"\nPLAIN=x # y z\n";
        let read = variables_in(text).expect("variables");
        let read: Vec<_> = read
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("HOSTS", "localhost 127.0.0.1 [::1]"),
                ("SAID", "don't a \"b\" c"),
                ("KEY", "one=two three\nfour=five six"),
                ("PLAIN", "x"),
            ]
        );
    }
}
