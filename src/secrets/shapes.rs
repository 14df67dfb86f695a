//! Secrets that are seen for what they are, wherever they stand.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::INSTEAD;

/// Tokens of well-known services, by the beginnings that they were given to be found by; private keys,
/// also where the text begins or ends in the middle of one.
const TOKENS: &str = concat!(
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"|\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"|\bgl(?:pat|rt|dt|cbt)-[A-Za-z0-9_-]{20,}",
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"|\bsk-[A-Za-z0-9_-]{32,}",
    r"|\bnpm_[A-Za-z0-9]{36}\b",
    r"|\bpypi-[A-Za-z0-9_-]{50,}",
    r"|\bAIza[A-Za-z0-9_-]{35}",
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
    r"|(?:[A-Za-z0-9+/=]{16,}\s+)+-----END [A-Z0-9 ]*PRIVATE KEY-----",
);
/// Where a secret stands behind what names it; the last group is the secret. What is empty, or stands for
/// another value, is none.
const PLACES: [&str; 3] = [
    r#"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"<>?#]*:)(?P<secret>[^\s/@'"<>]+)@"#,
    r#"(?i)(?P<before>\bauthorization["']?\s*[:=]\s*["']?(?:basic|bearer|token)\s+)(?P<secret>[^\s"',;]+)"#,
    r#"(?i)(?P<before>\b(?:password|passwd|pwd)=)(?P<secret>[^\s"'&;,]+)"#,
];
/// First characters of what stands for a value: `{env.A}`, `$A`, `<password>`, `***`.
const STAND_INS: [char; 5] = ['{', '$', '<', '*', '('];

static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(TOKENS).expect("a constant"));
static PLACED: LazyLock<[Regex; 3]> =
    LazyLock::new(|| PLACES.map(|it| Regex::new(it).expect("a constant")));

/// A text without them.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let mut masked = TOKEN.replace_all(text, INSTEAD);
    for pattern in PLACED.iter() {
        let instead = |found: &Captures<'_>| {
            let (all, secret) = (&found[0], &found["secret"]);
            if secret.starts_with(STAND_INS) {
                return all.to_owned();
            }
            let end = if all.ends_with('@') { "@" } else { "" };
            format!("{}{INSTEAD}{end}", &found["before"])
        };
        if let Cow::Owned(text) = pattern.replace_all(&masked, instead) {
            masked = Cow::Owned(text);
        }
    }
    masked
}

/// Whether there is a token or a key in a text.
pub(super) fn has_token(text: &str) -> bool {
    TOKEN.is_match(text)
}

/// The secrets that stand behind what names them.
pub(super) fn placed(text: &str) -> Vec<String> {
    let found = PLACED
        .iter()
        .flat_map(|pattern| pattern.captures_iter(text));
    let secrets = found.map(|it| it["secret"].to_owned());
    secrets.filter(|it| !it.starts_with(STAND_INS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_known_shapes_are_masked() {
        for token in [
            format!("ghp_{}", "a1B2".repeat(9)),
            format!("github_pat_{}", "a1B2_".repeat(9)),
            format!("AKIA{}", "A1B2".repeat(4)),
            format!("eyJ{0}.eyJ{0}.{0}", "a1-_".repeat(4)),
            format!("glpat-{}", "a1B2".repeat(5)),
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----".into(),
            "-----BEGIN PRIVATE KEY-----\nMIIE\nabc".into(),
            format!("{}\n-----END PRIVATE KEY-----", "A1b2".repeat(16)),
        ] {
            assert!(has_token(&token), "{token}");
            let text = format!("no login with {token}");
            assert_eq!(masked(&text), "no login with (hidden)");
        }
        let plain = "ghp_short AKIA eyJ.a.b npm_run BEGIN PUBLIC KEY sk-learn";
        assert_eq!(masked(plain), plain);
    }

    #[test]
    fn passwords_are_masked_where_they_stand() {
        for (text, expected) in [
            (
                "cannot reach postgres://app:hunter2@db:5432/app",
                "cannot reach postgres://app:(hidden)@db:5432/app",
            ),
            ("redis://:p%40ss@a/0", "redis://:(hidden)@a/0"),
            (
                "Authorization: Bearer abc.def",
                "Authorization: Bearer (hidden)",
            ),
            (
                "host=a password=hunter2 user=b",
                "host=a password=(hidden) user=b",
            ),
        ] {
            assert_eq!(masked(text), expected);
        }
        for plain in [
            "http://localhost:8080/users?mail=a@b.org",
            "http://127.0.0.1:80",
            "https://user@example.org/a",
            "postgres://app:{env.PASS}@db/app",
            "postgres://app:${PASS}@db/app",
            "password=$PASS",
        ] {
            assert_eq!(masked(plain), plain);
        }
    }
}
