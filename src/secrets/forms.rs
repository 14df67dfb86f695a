//! The ways in which a secret is written.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 has encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Bytes of the longest secret that is looked for in other forms than its own.
const LONGEST: usize = 4096;
/// Letters of the shortest encoding, and of the shortest line, that is a secret by itself.
const SHORTEST_CODE: usize = 10;
const SHORTEST_LINE: usize = 16;

/// A secret as it is, its lines, and as URLs, JSON and Base64 have it.
pub(super) fn encodings(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let lines = secret.lines().map(str::trim);
    forms.extend(
        lines
            .filter(|it| it.len() >= SHORTEST_LINE)
            .map(str::to_owned),
    );
    if secret.len() <= LONGEST {
        forms.push(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
        forms.push(utf8_percent_encode(secret, RESERVED).to_string());
        let json = serde_json::Value::from(secret).to_string();
        forms.push(json[1..json.len() - 1].to_owned());
        forms.extend((0..3).flat_map(|before| encoded(secret, before)));
    }
    forms
}

/// The letters of Base64 that stand for a secret alone, `before` bytes (modulo three) into what is
/// encoded: `user:password` has the password in its middle.
fn encoded(secret: &str, before: usize) -> Vec<String> {
    let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
    // Letters of six bits that have a bit of what stands before or behind.
    let first = (before * 8).div_ceil(6);
    let behind = bytes.len() * 8 / 6;
    let codes = [
        BASE64_STANDARD_NO_PAD.encode(&bytes),
        BASE64_URL_SAFE_NO_PAD.encode(&bytes),
    ];
    let alone = codes
        .iter()
        .filter_map(|code| code.get(first..behind.max(first)));
    let alone = alone.filter(|it| it.len() >= SHORTEST_CODE);
    alone.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_whatever_is_encoded() {
        let secret = "päss/w+rd \"1\"";
        let forms = encodings(secret);
        for user in ["", "a", "ab", "abc", "user:"] {
            let code = BASE64_STANDARD.encode(format!("{user}{secret}:more"));
            assert!(
                forms.iter().any(|form| code.contains(form.as_str())),
                "{user}: {code}"
            );
        }
        for code in ["p%C3%A4ss%2Fw%2Brd%20%221%22", r#"päss/w+rd \"1\""#] {
            assert!(forms.iter().any(|form| form == code), "{code}: {forms:?}");
        }
    }
}
