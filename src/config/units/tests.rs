//! What is read, and that the schema takes the same.

use jsonschema::Validator;
use proptest::prelude::*;
use schemars::schema_for;
use serde::de::DeserializeOwned;

use super::*;

/// Whether the configuration takes a value, which stands in a table as in the file.
fn reads<T: DeserializeOwned>(value: &toml::Value) -> bool {
    #[derive(Deserialize)]
    struct Of<T> {
        #[serde(rename = "value")]
        _value: T,
    }
    let table = toml::Table::from_iter([("value".to_owned(), value.clone())]);
    toml::from_str::<Of<T>>(&table.to_string()).is_ok()
}

fn validator<T: JsonSchema>() -> Validator {
    let schema = serde_json::to_value(schema_for!(T)).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// Asserts that the configuration and its schema agree on a value.
#[track_caller]
fn agree<T: DeserializeOwned + JsonSchema>(schema: &Validator, value: &toml::Value) -> bool {
    let taken = reads::<T>(value);
    let json = serde_json::to_value(value).expect("JSON");
    assert_eq!(schema.is_valid(&json), taken, "{value}");
    taken
}

#[track_caller]
fn takes<T: DeserializeOwned + JsonSchema>(good: &[&str], bad: &[&str]) {
    let schema = validator::<T>();
    for (texts, expected) in [(good, true), (bad, false)] {
        for text in texts {
            let value = toml::Value::from(*text);
            assert_eq!(agree::<T>(&schema, &value), expected, "{text:?}");
        }
    }
}

#[test]
fn a_change_is_a_percentage_or_zero() {
    takes::<Change>(
        &[
            "5%", " 5 %", "0", "+0", "+150%", "100%", "0.1%", ".5%", "100.%",
        ],
        &[
            "5%%%", "++20%", "5", "-5%", "150%", "100.1%", "+ 5%", "5 % %", "", "%", "1e1%", "inf%",
        ],
    );
}

#[test]
fn a_time_has_one_part_or_several() {
    takes::<Time>(
        &[
            "500ms", "2s", "1min", "1m30s", "1h 30min", "1h0m5s", "1.5s", "0.2ms", "3\u{b5}s",
            "7ns",
        ],
        &[
            "5", "s", "0s", "30s1m", "1.5m30s", "1m1m", "0.5ns", "-1s", "1 parsec", "1m 30",
            "1e3ms", "PT1H",
        ],
    );
    assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
    assert_eq!(parse_duration("0.2ms"), Ok(Duration::from_micros(200)));
    assert_eq!(
        parse_duration(" 1h 2min 3s 4ms 5us 6ns "),
        Ok(Duration::new(3723, 4_005_006))
    );
}

#[test]
fn a_size_has_a_unit_of_the_table() {
    takes::<Size>(
        &["8kB", "8KiB", "8MiB", "8GB", "8B", "1.5 GiB"],
        &["8kiB", "8KB", "8", "8mib", "-8B", "8TiB"],
    );
}

#[test]
fn a_rate_is_above_zero() {
    takes::<PerSecond>(
        &["200/s", "2k/s", "0.5 /s", "200"],
        &["0/s", "0", "-1/s", "2K/s", "+2/s", "100..200/s"],
    );
}

#[test]
fn a_quantity_has_any_unit_or_none() {
    takes::<Quantity>(
        &["5", "0", "0.1%", "0.2ms", "1m30s", "8MiB", "100/s", "0s"],
        &["fast", "5%%", "8kiB", "+5", "-5", "5 5", "1e999", "nan"],
    );
    let floor = Quantity::parse("1ms").and_then(|it| it.in_unit(Unit::Microseconds));
    assert_eq!(floor, Some(1000.0));
}

#[test]
fn numbers_without_quotes_are_taken_where_no_unit_is_needed() {
    fn all(value: &toml::Value) -> [bool; 5] {
        [
            agree::<Quantity>(&validator::<Quantity>(), value),
            agree::<Change>(&validator::<Change>(), value),
            agree::<Time>(&validator::<Time>(), value),
            agree::<PerSecond>(&validator::<PerSecond>(), value),
            agree::<Size>(&validator::<Size>(), value),
        ]
    }
    assert_eq!(all(&0.into()), [true, true, false, false, false]);
    assert_eq!(all(&5.into()), [true, false, false, true, false]);
    assert_eq!(all(&0.5.into()), [true, false, false, true, false]);
    assert_eq!(all(&(-5).into()), [false; 5]);
}

/// Texts that are nearly quantities: numbers, units and what stands between them, in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[0-9]{1,3}",
        1 => "[0-9]{1,17}",
        1 => "0{1,3}",
        2 => Just(".".to_owned()),
        2 => "[ \t]{1,2}",
        1 => prop::sample::select(vec!["+", "++", "-", "e", "\u{a0}", "\n", "k", "inf", ""])
            .prop_map(str::to_owned),
        6 => prop::sample::select(vec![
            "%", "k/s", "/s", "h", "min", "m", "s", "ms", "us", "\u{b5}s", "\u{3bc}s", "ns", "B",
            "kB", "KB", "kiB", "KiB", "MiB", "GB",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn schema_and_configuration_take_the_same_texts(texts in prop::collection::vec(nearly(), 1..4)) {
        thread_local! {
            static SCHEMAS: [Validator; 5] = [
                validator::<Quantity>(),
                validator::<Change>(),
                validator::<Time>(),
                validator::<PerSecond>(),
                validator::<Size>(),
            ];
        }
        SCHEMAS.with(|[quantity, change, time, rate, size]| {
            for value in texts.into_iter().map(toml::Value::from) {
                agree::<Quantity>(quantity, &value);
                agree::<Change>(change, &value);
                agree::<Time>(time, &value);
                agree::<PerSecond>(rate, &value);
                agree::<Size>(size, &value);
            }
        });
    }
}
