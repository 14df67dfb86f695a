//! What a Dockerfile takes from elsewhere, as far as its text shows.

use std::collections::BTreeSet;

/// The images that a Dockerfile starts or copies from; `None` if its text does not name them,
/// or where it adds what lies behind a URL.
pub(super) fn images(text: &str) -> Option<BTreeSet<String>> {
    let mut stages = BTreeSet::new();
    let mut images = BTreeSet::new();
    for line in instructions(text)? {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_lowercase();
        let words: Vec<_> = words.collect();
        let (options, words): (Vec<&str>, Vec<&str>) =
            words.into_iter().partition(|word| word.starts_with("--"));
        match instruction.as_str() {
            "from" => {
                let image = *words.first()?;
                if image != "scratch" && !stages.contains(&image.to_lowercase()) {
                    images.insert(image.to_owned());
                }
                stages.extend(words.get(2).map(|stage| stage.to_lowercase()));
            }
            "copy" => {
                let mut from = options.iter().filter_map(|it| it.strip_prefix("--from="));
                let from = from.find(|it| !is_stage(&stages, it));
                images.extend(from.map(str::to_owned));
            }
            "add" if line.contains("://") || line.contains(['$', '@']) => return None,
            _ => {}
        }
    }
    let is_known = images.iter().all(|image| !image.contains('$'));
    is_known.then_some(images)
}

/// Variables that BuildKit alone sets.
const OF_BUILDKIT: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// What of a Dockerfile BuildKit alone takes.
pub(super) fn needs_buildkit(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim_start);
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    lines.find_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let word = word.to_ascii_uppercase();
        let options = rest
            .split_whitespace()
            .take_while(|it| it.starts_with("--"));
        let mut options = options.map(|it| it.split('=').next().unwrap_or(it));
        let option = options.find(|option| match word.as_str() {
            "RUN" => true,
            "COPY" | "ADD" => !["--from", "--chown"].contains(option),
            _ => false,
        });
        let option = option.map(|option| format!("`{word} {option}`"));
        let takes_heredoc = matches!(word.as_str(), "RUN" | "COPY" | "ADD");
        let heredoc = || (takes_heredoc && has_heredoc(rest)).then(|| format!("`{word} <<…`"));
        let variable = || {
            let mut used = OF_BUILDKIT.iter();
            let used = used.find(|name| has_variable(line, name))?;
            Some(format!("`{used}`"))
        };
        option.or_else(heredoc).or_else(variable)
    })
}

fn has_heredoc(rest: &str) -> bool {
    rest.match_indices("<<").any(|(at, _)| {
        let before = rest[..at].chars().next_back();
        let after = rest[at + 2..].trim_start_matches('-');
        // `<<<` is a string for the shell.
        before != Some('<')
            && after.starts_with(|it: char| it.is_alphabetic() || "_\"'".contains(it))
    })
}

fn has_variable(line: &str, name: &str) -> bool {
    let ends_name = |rest: &str| !rest.starts_with(|it: char| it.is_alphanumeric() || it == '_');
    let mut found = line.match_indices(name);
    found.any(|(at, _)| {
        let before = &line[..at];
        let is_read = before.ends_with('$') || before.ends_with("${");
        is_read && ends_name(&line[at + name.len()..])
    })
}

fn is_stage(stages: &BTreeSet<String>, name: &str) -> bool {
    stages.contains(&name.to_lowercase()) || name.parse::<usize>().is_ok()
}

/// The instructions without comments, each in one line; `None` if another letter than a
/// backslash joins lines.
fn instructions(text: &str) -> Option<Vec<String>> {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let mut comments = text.lines().filter(is_comment);
    if comments.any(|it| it.to_lowercase().replace(' ', "").contains("#escape=")) {
        return None;
    }
    let lines = text.lines().filter(|line| !is_comment(line));
    let joined = lines.fold(String::new(), |joined, line| {
        match line.trim_end().strip_suffix('\\') {
            Some(start) => joined + start + " ",
            None => joined + line + "\n",
        }
    });
    Some(joined.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Vec<String>> {
        images(text).map(Vec::from_iter)
    }

    #[test]
    fn images_of_stages_and_copies_are_found() {
        let text = "# FROM comment\nARG X=1\nFROM --platform=linux/amd64 golang:1 AS Build\n\
                    COPY . \\\n  # within\n  /src\nfrom build as test\nFROM scratch\n\
                    COPY --from=build --chown=1 /a /a\nCOPY --from=0 /b /b\n\
                    COPY --from=busybox:1 /c /c\n";
        let expected = ["busybox:1", "golang:1"].map(str::to_owned);
        assert_eq!(found(text), Some(expected.to_vec()));
        assert_eq!(found("FROM scratch\nADD a /a"), Some(Vec::new()));
    }

    #[test]
    fn what_buildkit_alone_takes_is_named() {
        for (text, expected) in [
            (
                "FROM a\nRUN --mount=type=cache,target=/c make",
                Some("`RUN --mount`"),
            ),
            ("FROM a\nrun --network=none make", Some("`RUN --network`")),
            ("FROM a\nCOPY --chown=1 --link a /a", Some("`COPY --link`")),
            (
                "FROM a\nCOPY --from=b --chmod=755 a /a",
                Some("`COPY --chmod`"),
            ),
            ("FROM a\nRUN <<EOF\nmake\nEOF", Some("`RUN <<…`")),
            ("FROM a\nCOPY <<-\"END\" /a\nx\nEND", Some("`COPY <<…`")),
            ("FROM --platform=$BUILDPLATFORM a", Some("`BUILDPLATFORM`")),
            ("FROM a\nRUN make ${TARGETARCH:-x}", Some("`TARGETARCH`")),
            (
                "# syntax=docker/dockerfile:1\nFROM --platform=linux/amd64 a\nCOPY --from=b a /a",
                None,
            ),
            ("FROM a\nRUN cat <<<word && echo $TARGETARCHES", None),
            ("FROM a\n# RUN --mount=type=cache make", None),
        ] {
            assert_eq!(needs_buildkit(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_the_text_does_not_say_is_not_guessed() {
        for text in [
            "ARG V=3\nFROM python:${V}",
            "FROM scratch\nADD https://example.org/x /x",
            "FROM scratch\nADD [\"git@example.org:x\", \"/x\"]",
            "# escape=`\nFROM scratch",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
