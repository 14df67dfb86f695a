//! The versions of perfgate that a configuration is for.

use semver::{Version, VersionReq};
use serde::Deserialize;

use super::Error;
use super::spanned::Spanned;
use super::spans::Spans;

/// The one key that every version understands: what a later one has added would be an error before it.
#[derive(Deserialize)]
struct Head {
    required: Option<Spanned<String>>,
}

/// Refuses a configuration that is for another version than this program's.
pub(super) fn check(text: &str, spans: &Spans<'_>) -> Result<(), Error> {
    let own = Version::parse(env!("CARGO_PKG_VERSION")).expect("cargo checks it");
    check_for(&own, text, spans)
}

fn check_for(own: &Version, text: &str, spans: &Spans<'_>) -> Result<(), Error> {
    // What is wrong elsewhere is said by who reads all of it.
    let Ok(Head {
        required: Some(required),
    }) = toml::from_str(text)
    else {
        return Ok(());
    };
    let (wanted, span) = (required.get_ref(), required.span());
    let versions = VersionReq::parse(wanted).map_err(|error| {
        let hint = "write a version as cargo does: `required = \"0.3\"` or `\">=0.3, <0.5\"`";
        let message = format!("`{wanted}` names no versions: {error}");
        spans.invalid(&span, message, Some(hint.into()))
    })?;
    if versions.matches(own) {
        return Ok(());
    }
    let message = format!("this file is for perfgate {wanted}, and this is perfgate {own}");
    let hint =
        "install a version that it is for (the action's input `version`), or change `required`";
    Err(spans.invalid(&span, message, Some(hint.into())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn checked(own: &str, text: &str) -> Result<(), String> {
        let spans = Spans::new(Path::new("perfgate.toml"), text);
        let own = Version::parse(own).expect("a version");
        check_for(&own, text, &spans).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_that_is_older_says_so_before_anything_else() {
        let text = "a_later_key = 1\nrequired = \"0.3\"\n";
        for own in ["0.3.0", "0.3.9"] {
            checked(own, text).expect("the versions that it is for");
        }
        for own in ["0.2.9", "0.4.0"] {
            let error = checked(own, text).expect_err("another version");
            let expected = format!(
                "cannot use perfgate.toml:2:12: this file is for perfgate 0.3, and this is perfgate {own}"
            );
            assert_eq!(error, expected);
        }
        checked("0.4.0", "required = \">=0.3, <0.5\"").expect("a range");
    }

    #[test]
    fn what_is_no_version_is_an_error_at_its_place() {
        let error = checked("0.3.0", "required = \"newest\"").expect_err("no version");
        assert!(
            error.starts_with("cannot use perfgate.toml:1:12: `newest` names no versions"),
            "{error}"
        );
        checked("0.3.0", "required = 3").expect("the reader of the file says it");
    }
}
