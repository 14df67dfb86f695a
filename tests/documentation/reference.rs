//! The page on configuration, made from the schema of perfgate.toml.

use serde_json::Value;

const HEAD: &str = "# Configuration

<!-- Made from the types in src/config/file by `just docs`. -->

`perfgate.toml` is found upwards from the working directory; relative paths start at the file. [One by
example](example.md) holds most of it, and so do the recipes, from [Django](recipes/django.md) on.

Editors that read JSON Schema complete and check it. `perfgate schema config > perfgate.schema.json` writes the schema (it
is also [here](schema/perfgate.toml.json)), and the first line of the configuration names it:

```toml
#:schema ./perfgate.schema.json
```

Values with a unit are texts: a *time* is `\"500ms\"`, `\"2s\"` or `\"1m30s\"`, a *rate* `\"200/s\"` or `\"2k/s\"`, a *size*
`\"512MiB\"`, a *change* `\"5%\"`, and a *quantity* one of these in the unit of its metric.
";

/// The tables, as they are written, and the type that each is.
const TABLES: [(&str, &str); 29] = [
    ("compose, as a table", "ComposeTable"),
    ("[postgres]", "Postgres"),
    ("[redis]", "Redis"),
    ("[service.NAME]", "Service"),
    ("ready, of a service", "ServiceReady"),
    ("counts, of a service", "KnownCounters"),
    ("allow, of a server or service", "Privilege"),
    ("build, as a table", "BuildTable"),
    ("a file, as a table", "CopiedFileTable"),
    ("[proxy.NAME]", "Proxy"),
    ("[server.NAME]", "Server"),
    ("cargo, of a server", "Cargo"),
    ("ready, of a server", "Ready"),
    ("tls, of a server", "Tls"),
    ("[server.NAME.endpoint.NAME]", "ServerEndpoint"),
    ("[server.NAME.worker.NAME]", "Worker"),
    ("[reference]", "Reference"),
    ("[growth]", "Growth"),
    ("[login.NAME]", "Login"),
    ("capture, of a login", "Capture"),
    ("[endpoint.NAME]", "Endpoint"),
    ("requests, of an endpoint", "Request"),
    ("expect, of an endpoint or request", "Expect"),
    ("[load]", "Load"),
    ("[deadlines]", "Deadlines"),
    ("[thresholds]", "Threshold"),
    ("[[accept]]", "Accept"),
    ("[baseline]", "Baseline"),
    ("network", "NetworkPath"),
];

/// The whole page.
pub(crate) fn page(schema: &Value) -> String {
    let types = schema["$defs"].as_object().expect("types");
    for (name, it) in types
        .iter()
        .filter(|(_, it)| it.get("properties").is_some())
    {
        let listed = TABLES.iter().any(|(_, known)| known == name);
        assert!(listed, "`{name}` is in no section: {it}");
    }
    let mut page = format!("{HEAD}\n## Top level\n\n{}", keys(schema));
    for (heading, name) in TABLES {
        let it = &types[name];
        let about = description(it);
        page.push_str(&format!("\n## `{heading}`\n\n{about}\n"));
        if it.get("properties").is_some() {
            page.push_str(&format!("\n{}", keys(it)));
        } else {
            page.push_str(&format!("\n{}", choices(it)));
        }
        if name == "Threshold" {
            page.push_str(&format!("\nMetrics: {}.\n", metrics(&types["Metric"])));
        }
    }
    page
}

fn keys(table: &Value) -> String {
    let required: Vec<_> = table["required"].as_array().into_iter().flatten().collect();
    let keys = table["properties"].as_object().expect("keys");
    let row = |(key, it): (&String, &Value)| {
        let default = match it.get("default") {
            Some(value) if !is_empty(value) => format!(" Default: `{value}`."),
            _ if required.iter().any(|name| *name == key) => " Required.".into(),
            _ => String::new(),
        };
        format!(
            "| `{key}` | {} | {}{default} |\n",
            kind(it),
            description(it)
        )
    };
    let rows: String = keys.iter().map(row).collect();
    format!("| key | value | meaning |\n|---|---|---|\n{rows}")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.values().all(|it| it.is_null() || is_empty(it)),
        Value::Null | Value::Bool(false) => true,
        _ => false,
    }
}

fn choices(it: &Value) -> String {
    let choices = it["oneOf"].as_array().expect("choices").iter();
    choices
        .map(|choice| format!("- `{}`: {}\n", choice["const"], description(choice)))
        .collect()
}

fn metrics(it: &Value) -> String {
    let choices = it["oneOf"].as_array().expect("choices").iter();
    let names = choices.flat_map(|choice| match choice["enum"].as_array() {
        Some(names) => names.clone(),
        None => vec![choice["const"].clone()],
    });
    let mut names: Vec<_> = names
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    format!("`{}`", names.join("`, `"))
}

/// What a value is, in words.
fn kind(it: &Value) -> String {
    if let Some(reference) = it["$ref"].as_str() {
        return named(reference.rsplit('/').next().expect("a name"));
    }
    if let Some(options) = it["anyOf"].as_array() {
        let kinds: Vec<_> = options.iter().map(kind).filter(|it| it != "null").collect();
        return kinds.join(" or ");
    }
    let name = match &it["type"] {
        Value::Array(names) => names[0].as_str(),
        name => name.as_str(),
    };
    match name {
        Some("string") => "text".into(),
        Some("integer") => "whole number".into(),
        Some("boolean") => "true or false".into(),
        Some("array") => format!("list of {}", plural(&kind(&it["items"]))),
        Some("object") => format!("table of {}", plural(&kind(&it["additionalProperties"]))),
        Some(other) => other.into(),
        None => "any value".into(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "command" | "text" | "value" | "whole number" => format!("{kind}s"),
        _ if kind.starts_with("list of") => kind.replacen("list", "lists", 1),
        _ => kind.to_owned(),
    }
}

fn named(name: &str) -> String {
    match name {
        "Command" => "command".into(),
        "Metric" => "metric".into(),
        "Build" => format!("folder, or {}", named("BuildTable")),
        "CopiedFile" => format!("paths, or {}", named("CopiedFileTable")),
        unit if unit.starts_with(char::is_lowercase) => unit.into(),
        table => {
            let heading = TABLES.iter().find(|(_, known)| *known == table);
            let (heading, _) = heading.expect("a section");
            format!("[`{heading}`](#{})", anchor(heading))
        }
    }
}

/// The name that mdBook and GitHub give to a heading.
fn anchor(heading: &str) -> String {
    let letters = heading.to_lowercase();
    let kept = letters
        .chars()
        .filter(|it| it.is_alphanumeric() || *it == ' ' || *it == '-');
    kept.collect::<String>().replace(' ', "-")
}

fn description(it: &Value) -> String {
    let text = it["description"].as_str().unwrap_or_default();
    text.replace('\n', " ")
}
