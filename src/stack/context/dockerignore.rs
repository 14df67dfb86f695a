//! `.dockerignore`: which paths of a build folder stay out of the image, as Docker decides it.

use super::pattern::Pattern;

/// The patterns of a `.dockerignore`, in their order: the last one that matches decides.
#[derive(Debug, Default)]
pub(super) struct Dockerignore(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// It began with `!`: what it matches stays in.
    is_exception: bool,
}

/// Which rules hold for a folder, and so for everything below it.
#[derive(Debug, Clone, Default)]
pub(super) struct Holding(Vec<bool>);

impl Dockerignore {
    /// The patterns of a text; the line that Docker refuses, otherwise.
    pub(super) fn parse(text: &str) -> Result<Self, &str> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Only what begins a line begins a comment.
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.map(str::trim).filter(|line| !line.is_empty());
        let rules = lines.map(|line| Rule::parse(line).ok_or(line));
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a path is left out, and the rules that hold for it, given those of its folder; the
    /// pattern that Docker refuses, otherwise.
    pub(super) fn judge(&self, path: &str, above: &Holding) -> Result<(bool, Holding), &str> {
        let mut is_ignored = false;
        let mut holding = Vec::with_capacity(self.0.len());
        for (number, rule) in self.0.iter().enumerate() {
            let inherited = above.0.get(number).copied().unwrap_or_default();
            // One that would change nothing is not asked, and so does not hold below either.
            let is_asked = rule.is_exception == is_ignored;
            let matches = || rule.pattern.matches(path).ok_or(rule.pattern.text());
            let holds = inherited || (is_asked && matches()?);
            if holds {
                is_ignored = !rule.is_exception;
            }
            holding.push(holds);
        }
        Ok((is_ignored, Holding(holding)))
    }

    /// Whether something below a folder that is left out may stay in.
    pub(super) fn may_keep_below(&self, folder: &str) -> bool {
        let mut exceptions = self.0.iter().filter(|rule| rule.is_exception);
        exceptions.any(|rule| rule.pattern.may_match_below(folder))
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let (is_exception, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        let path = if rest.is_empty() {
            String::new()
        } else {
            clean(rest)
        };
        let path = match path.strip_prefix('/') {
            Some(below) if !below.is_empty() => below,
            _ => &path,
        };
        // Docker reads a pattern twice: what was a space behind a slash is one around it now.
        let pattern = if is_exception {
            clean(&format!("!{}", path.trim_end()))
        } else {
            clean(path.trim())
        };
        let (is_exception, pattern) = match pattern.strip_prefix('!') {
            Some("") => return None,
            Some(pattern) => (true, pattern),
            None => (is_exception, pattern.as_str()),
        };
        Some(Self {
            pattern: Pattern::new(pattern)?,
            is_exception,
        })
    }
}

/// The shortest path of the same meaning, by its text alone: `filepath.Clean` of Go.
fn clean(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if !root.is_empty() => {}
            _ => parts.push(part),
        }
    }
    match (root, parts.join("/")) {
        ("", path) if path.is_empty() => ".".into(),
        (root, path) => format!("{root}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ignored(text: &str, path: &str) -> bool {
        let rules = Dockerignore::parse(text).expect("well formed");
        let mut holding = Holding::default();
        let mut ignored = false;
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            (ignored, holding) = rules.judge(&path[..end], &holding).expect("well formed");
        }
        ignored
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(clean("./a//b/"), "a/b");
        assert_eq!(clean("a/../b"), "b");
        assert_eq!(clean("/../a"), "/a");
        assert_eq!(clean("../../a"), "../../a");
        assert_eq!(clean("a/.."), ".");
        for text in [
            "./x",
            "x/",
            "/x",
            "a/../x",
            "//x",
            "x/.",
            "  x  ",
            "\u{feff}x",
            "x\r\n",
        ] {
            assert!(is_ignored(text, "x"), "{text:?}");
            assert!(is_ignored(text, "x/below"), "{text:?}");
        }
    }

    #[test]
    fn what_git_would_ignore_docker_may_not() {
        for (text, path) in [
            ("/", "x"),
            (".", "x"),
            ("X", "x"),
            ("[!a]", "b"),
            ("x", "a/x"),
            ("..", "x"),
            ("../x", "x"),
        ] {
            assert!(!is_ignored(text, path), "{text:?} {path}");
        }
        // A comment begins at the start of its line.
        assert!(is_ignored(" #x", "#x"));
        assert!(!is_ignored("#x", "#x"));
    }

    #[test]
    fn the_last_pattern_that_matches_decides_below_folders_too() {
        let text = "**\n!**/*.py\n!a\na/secret\n";
        assert!(!is_ignored(text, "b/c/x.py"));
        assert!(is_ignored(text, "b/c/x.rs"));
        assert!(!is_ignored(text, "a/x.rs"));
        assert!(is_ignored(text, "a/secret/x.rs"));
        assert!(!is_ignored("a\n!a/b", "a/b/c"));
        assert!(is_ignored("!a/b\na", "a/b/c"));
    }

    #[test]
    fn lines_that_docker_refuses_are_refused() {
        for text in ["!", "! ", "!/", "!//", "x\n[\n"] {
            assert!(Dockerignore::parse(text).is_err(), "{text:?}");
        }
        // As Docker does, one that is never asked is not refused.
        let rules = Dockerignore::parse("!\\q").expect("well formed");
        assert!(rules.judge("x", &Holding::default()).is_ok());
        let rules = Dockerignore::parse("\\q").expect("well formed");
        assert_eq!(rules.judge("x", &Holding::default()).err(), Some("\\q"));
    }
}
