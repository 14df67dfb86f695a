//! Which lines of which files a change touched.

use std::collections::BTreeMap;

use super::{Error, Git};

/// First and last line of each stretch that differs, by file, in the files as they are now.
pub type ChangedLines = BTreeMap<String, Vec<[u32; 2]>>;

impl Git {
    /// What differs from a commit in the files that lie here, those that no commit holds yet included. Paths
    /// start at the top of the work tree.
    pub fn changed_lines(&self, since: &str) -> Result<ChangedLines, Error> {
        let words = [
            "diff",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-prefix",
            "--end-of-options",
            since,
            "--",
            ":/",
        ];
        let diff = self.call(&words).settings(&[("core.quotePath", "false")]);
        let mut changed = read(&diff.text()?);
        for file in self.listed(&["--others", "--exclude-standard"])? {
            changed.insert(file, vec![[1, u32::MAX]]);
        }
        Ok(changed)
    }

    /// The files that differ from a commit, those that no commit holds yet included, from the top of the work tree.
    pub fn changed_files(&self, since: &str) -> Result<Vec<String>, Error> {
        let words = [
            "diff",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            "-z",
            "--end-of-options",
            since,
            "--",
            ":/",
        ];
        let answer = self.call(&words).text()?;
        let names = answer.split('\0').filter(|it| !it.is_empty());
        let mut all: Vec<_> = names.map(str::to_owned).collect();
        all.extend(self.listed(&["--others", "--exclude-standard"])?);
        Ok(all)
    }

    /// The files that git knows, from the top of the work tree.
    pub fn tracked(&self) -> Result<Vec<String>, Error> {
        self.listed(&[])
    }

    fn listed(&self, which: &[&str]) -> Result<Vec<String>, Error> {
        let words = [&["ls-files", "-z", "--full-name"], which, &["--", ":/"]].concat();
        let answer = self.call(&words).text()?;
        let files = answer.split('\0').filter(|it| !it.is_empty());
        Ok(files.map(str::to_owned).collect())
    }
}

/// A diff without context.
fn read(diff: &str) -> ChangedLines {
    let mut changed = ChangedLines::new();
    let mut file = None;
    // Lines of the files that are yet to come: one of them may look like a head.
    let mut left = 0;
    for line in diff.lines() {
        if left > 0 && line.starts_with(['-', '+']) {
            left -= 1;
        } else if let Some(name) = line.strip_prefix("+++ ") {
            // A name with a blank is followed by a tab.
            let name = name.trim_end_matches('\t');
            file = (name != "/dev/null").then(|| name.to_owned());
        } else if let Some((stretch, lines)) = line.strip_prefix("@@ ").and_then(changed_lines) {
            left = lines;
            if let Some(file) = &file {
                changed.entry(file.clone()).or_default().push(stretch);
            }
        }
    }
    changed
}

/// `-5,2 +5 @@`: the lines that there are now, and how many follow of both. Where lines were taken away, those
/// around them.
fn changed_lines(head: &str) -> Option<([u32; 2], u32)> {
    let mut words = head.split(' ');
    let (_, gone) = part(words.next()?.strip_prefix('-')?)?;
    let (first, count) = part(words.next()?.strip_prefix('+')?)?;
    let stretch = match count {
        0 => [first, first.saturating_add(1)],
        count => [first, first.saturating_add(count - 1)],
    };
    Some((stretch, gone.saturating_add(count)))
}

fn part(text: &str) -> Option<(u32, u32)> {
    match text.split_once(',') {
        Some((first, count)) => Some((first.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_those_of_the_new_files() {
        let diff = "diff --git views.py views.py\n\
            --- views.py\n+++ views.py\n\
            @@ -5,2 +5 @@ def serialize():\n-a\n-b\n+c\n\
            @@ -9 +8,0 @@\n--- looks like a head\n\
            @@ -20,0 +20,3 @@\n+++ other.py\n+b\n+c\n\
            --- gone.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n\
            --- a b.py\t\n+++ a b.py\t\n@@ -1 +1 @@\n-a\n+b\n";
        let expected = ChangedLines::from([
            ("views.py".into(), vec![[5, 5], [8, 9], [20, 22]]),
            ("a b.py".into(), vec![[1, 1]]),
        ]);
        assert_eq!(read(diff), expected);
    }
}
