//! Variables that are secrets by their names.

/// Parts of a name, between underscores, that say so.
const PARTS: [&str; 16] = [
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "JWT",
    "KEY",
    "KEYS",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PASSWORDS",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
];
/// Ends of a part that say so, as of `PGPASSWORD`.
const ENDS: [&str; 5] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY"];
/// Ends of names whose values say where something is, or what it is called.
const PLACES: [&str; 9] = [
    "_COUNT", "_DIR", "_FILE", "_ID", "_NAME", "_PATH", "_TYPE", "_URI", "_URL",
];
/// A setting of git is named in these, and its value is in another.
const OF_GIT: &str = "GIT_CONFIG_KEY_";
/// perfgate's own inputs, but for the token.
const OWN: &str = "PERFGATE_";
const OWN_TOKEN: &str = "PERFGATE_PUSH_TOKEN";

/// Whether the value of a variable is secret, as far as its name says it.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_own = name.starts_with(OWN) && name != OWN_TOKEN;
    if is_own || name.starts_with(OF_GIT) || PLACES.iter().any(|end| name.ends_with(end)) {
        return false;
    }
    let mut parts = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    name.ends_with("_PWD")
        || parts.any(|part| PARTS.contains(&part) || ENDS.iter().any(|end| part.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "GH_TOKEN",
            "PGPASSWORD",
            "MYSQL_PWD",
            "STRIPE_SECRET_KEY",
            "npm_token",
            "AZURE_CREDENTIALS",
            "CARGO_REGISTRIES_OURS_TOKEN",
            "SIGNING_KEY",
            "PERFGATE_PUSH_TOKEN",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "OLDPWD",
            "KEYBOARD",
            "MONKEY",
            "COMPASS",
            "GIT_CONFIG_KEY_0",
            "PERFGATE_KEY",
            "GOOGLE_CREDENTIALS_FILE",
            "TOKENIZERS_PARALLELISM",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
