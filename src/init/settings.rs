//! Source files of a server → the variables that they read, each with the value that it has otherwise. They say how
//! variables are called that no file of them lists.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::requests::sources;
use super::variables::Variables;

/// What reads a variable: `os.environ.get("X", "y")`, `getenv("X")`, `env.str("X", default="y")`, `config("X")`.
const READ: &str = r#"\b(?:os\.environ\.get|os\.getenv|getenv|environ\.get|env(?:\.\w+)?|config|get_?[eE]nv\w*|GetEnv\w*|Getenv|EnvOr\w*|LookupEnv)\(\s*["'](?P<name>[A-Z][A-Z0-9_]+)["'](?:\s*,\s*(?:default\s*=\s*)?["'](?P<value>[^"'\n]*)["'])?"#;
const INDEXED: &str = r#"\bos\.environ\[\s*["'](?P<name>[A-Z][A-Z0-9_]+)["']\s*\]"#;
const OF_PROCESS: &str = r#"\bprocess\.env(?:\.(?P<name>[A-Z][A-Z0-9_]+)|\[\s*["'](?P<indexed>[A-Z][A-Z0-9_]+)["']\s*\])(?:\s*(?:\|\||\?\?)\s*["'`](?P<value>[^"'`\n$]*)["'`])?"#;
/// A field of a class that takes its values from variables.
const FIELD: &str = r#"(?m)^[ \t]+(?P<name>[A-Za-z]\w+)\s*:\s*(?P<type>[\w.]+)[^=\n]*(?:=\s*(?:Field\(\s*(?:default\s*=\s*)?)?["'](?P<value>[^"'\n]*)["'])?"#;
const CLASS: &str =
    r"(?m)^class\s+\w+\([^)\n]*BaseSettings[^)\n]*\):[^\n]*\n(?P<body>(?:[ \t]+[^\n]*\n|\n)*)";
/// A tag of a field in Go: `env:"X" envDefault:"y"`.
const TAG: &str = r#"`[^`\n]*\benv:"(?P<name>[A-Z][A-Z0-9_]+)[^"`]*"(?:[^`\n]*?\b(?:envDefault|env-default|default):"(?P<value>[^"`]*)")?"#;

static PATTERNS: LazyLock<[Regex; 6]> = LazyLock::new(|| {
    [READ, INDEXED, OF_PROCESS, TAG, CLASS, FIELD].map(|it| Regex::new(it).expect("a constant"))
});

/// Those of the sources below a folder, in the file of the first.
pub(super) fn variables(root: &Path, source: &Path) -> Option<Variables> {
    let mut all = Variables::default();
    for (path, text) in sources(root, source) {
        // What is read in Rust is known better.
        let is_rust = path.extension().is_some_and(|it| it == "rs");
        for (name, value) in read(&text).into_iter().filter(|_| !is_rust) {
            if all.pairs.is_empty() {
                all.path = path
                    .strip_prefix(root)
                    .map_or_else(|_| path.clone(), PathBuf::from);
            }
            let known = all.pairs.iter_mut().find(|(it, _)| *it == name);
            match known {
                Some((_, known)) if known.is_empty() => *known = value,
                Some(_) => {}
                None => all.pairs.push((name, value)),
            }
        }
    }
    (!all.pairs.is_empty()).then_some(all)
}

fn read(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for pattern in &PATTERNS[..4] {
        for read in pattern.captures_iter(text) {
            let name = read.name("name").or_else(|| read.name("indexed"));
            let Some(name) = name else { continue };
            let value = read.name("value").map_or("", |it| it.as_str());
            found.push((name.start(), name.as_str().to_owned(), value.to_owned()));
        }
    }
    for class in PATTERNS[4].captures_iter(text) {
        let body = class.name("body").map_or("", |it| it.as_str());
        let begin = class.name("body").map_or(0, |it| it.start());
        // A prefix of all names is not looked for: without one they are plain.
        if body.contains("env_prefix") {
            continue;
        }
        for field in PATTERNS[5].captures_iter(body) {
            let (name, value) = (&field["name"], field.name("value"));
            let is_model = name == "model_config" || name.eq_ignore_ascii_case("config");
            if !is_model {
                let at = begin + field.get(0).map_or(0, |it| it.start());
                let value = value.map_or("", |it| it.as_str());
                found.push((at, name.to_uppercase(), value.to_owned()));
            }
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    found
        .into_iter()
        .map(|(_, name, value)| (name, value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<String> {
        let pairs = read(text).into_iter();
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn variables_are_read_in_many_ways() {
        let python = "A = os.environ.get(\"SQL_HOST\", 'localhost')\nB = os.environ['SECRET_KEY']\n\
                      C = os.getenv('MONGO_URL')\nD = env.str(\"BROKER\", default=\"amqp://mq\")\n\
                      E = config('DB_NAME', default='shop')\nF = load('NOT_ONE')\n";
        assert_eq!(
            pairs(python),
            [
                "SQL_HOST=localhost",
                "SECRET_KEY=",
                "MONGO_URL=",
                "BROKER=amqp://mq",
                "DB_NAME=shop"
            ]
        );
        let node = "const a = process.env.PORT || 3000;\nconst b = process.env['DB_HOST'] ?? 'db';\n\
                    const c = process.env.MONGO_URI || `mongodb://localhost/x`;\n";
        assert_eq!(
            pairs(node),
            ["PORT=", "DB_HOST=db", "MONGO_URI=mongodb://localhost/x"]
        );
        let go = "a := os.Getenv(\"DSN\")\nb := getEnv(\"REDIS_ADDR\", \"localhost:6379\")\n\
                  type C struct {\n\tD string `env:\"DB_URL,required\" envDefault:\"postgres://x/y\"`\n}\n";
        assert_eq!(
            pairs(go),
            ["DSN=", "REDIS_ADDR=localhost:6379", "DB_URL=postgres://x/y"]
        );
    }

    #[test]
    fn fields_of_settings_are_variables() {
        let text = "class Settings(BaseSettings):\n    mongo_url: str = \"mongodb://localhost:27017\"\n    \
                    DB_HOST: str\n    port: int = 5\n\n    class Config:\n        env_file = \".env\"\n\n\
                    class Other(BaseModel):\n    name: str = \"x\"\n";
        assert_eq!(
            pairs(text),
            ["MONGO_URL=mongodb://localhost:27017", "DB_HOST=", "PORT="]
        );
        let prefixed = "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='A_')\n    x: str\n";
        assert_eq!(pairs(prefixed), Vec::<String>::new());
    }
}
