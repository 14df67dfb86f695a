//! What a Dockerfile takes from elsewhere, as far as its text tells.

use std::collections::BTreeSet;

/// The images that a Dockerfile starts or copies from; nothing where its text does not tell them,
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
    let is_told = images.iter().all(|image| !image.contains('$'));
    is_told.then_some(images)
}

fn is_stage(stages: &BTreeSet<String>, name: &str) -> bool {
    stages.contains(&name.to_lowercase()) || name.parse::<usize>().is_ok()
}

/// The instructions without comments, each in one line; nothing where another letter than a
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
    fn what_the_text_does_not_tell_is_not_guessed() {
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
