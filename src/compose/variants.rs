//! Several files of one kind → which is for what, by the parts of their names.

const DEVELOPMENT: [&str; 4] = ["dev", "develop", "development", "local"];
const PRODUCTION: [&str; 7] = [
    "deploy",
    "live",
    "prod",
    "production",
    "release",
    "stage",
    "staging",
];
/// What starts something else than the server, or nothing but its tests.
const ELSEWHERE: [&str; 20] = [
    "beat",
    "build",
    "builder",
    "celery",
    "ci",
    "client",
    "cron",
    "db",
    "docs",
    "e2e",
    "frontend",
    "migrate",
    "migrations",
    "nginx",
    "postgres",
    "proxy",
    "test",
    "testing",
    "tests",
    "worker",
];

/// How early a file is taken, of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    /// Without anything beside the usual name.
    Plain,
    Development,
    Other,
    Production,
    Elsewhere,
}

impl Variant {
    /// That of a name, by what it has beside the usual one.
    pub(super) fn from_text(rest: &str) -> Self {
        let mut parts = rest
            .split(['.', '-', '_'])
            .filter(|it| !it.is_empty())
            .peekable();
        if parts.peek().is_none() {
            return Self::Plain;
        }
        let parts: Vec<_> = parts.map(str::to_lowercase).collect();
        let has = |words: &[&str]| parts.iter().any(|it| words.contains(&it.as_str()));
        if has(&ELSEWHERE) {
            Self::Elsewhere
        } else if has(&PRODUCTION) {
            Self::Production
        } else if has(&DEVELOPMENT) {
            Self::Development
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names_tell_what_a_file_is_for() {
        for (rest, variant) in [
            ("", Variant::Plain),
            (".local", Variant::Development),
            ("-dev", Variant::Development),
            (".prod", Variant::Production),
            (".aws.production", Variant::Production),
            (".gpu", Variant::Other),
            (".test", Variant::Elsewhere),
            (".worker.dev", Variant::Elsewhere),
        ] {
            assert_eq!(Variant::from_text(rest), variant, "{rest}");
        }
        assert!(Variant::Development < Variant::Production);
    }
}
