//! Values as the text of TOML.

/// A key with a list of words; empty if there are none.
pub(super) fn string_list(name: &str, words: &[String]) -> String {
    match words {
        [] => String::new(),
        words => format!("{name} = {}\n", list(words)),
    }
}

pub(super) fn table(name: &str, pairs_of: &[(String, String)]) -> String {
    match pairs_of {
        [] => String::new(),
        some => format!("{name} = {}\n", pairs(some)),
    }
}

pub(super) fn pairs(pairs: &[(String, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), quoted(value)));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

pub(super) fn list(words: &[impl AsRef<str>]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word.as_ref())).collect();
    format!("[{}]", words.join(", "))
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key as it may stand without quotes, else with them.
pub(super) fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}
