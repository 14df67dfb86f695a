//! Source of a service in Rust → the variables of the environment that it does not start without: those of clap,
//! and those that it reads itself.

use std::fs;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprMethodCall, ExprTry, Field, Ident, ItemFn, ItemMod, Lit, Meta, Token, Type,
};

use crate::bounded;

/// Bytes of a source file, and files.
const LARGEST: u64 = 1 << 18;
const MOST: usize = 400;
/// Calls between a variable and the end of a program that lacks it.
const BETWEEN: [&str; 6] = [
    "context",
    "map_err",
    "ok",
    "with_context",
    "wrap_err",
    "wrap_err_with",
];
const ENDS: [&str; 2] = ["expect", "unwrap"];
const NUMBERS: [&str; 14] = [
    "f32", "f64", "i8", "i16", "i32", "i64", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    "NonZero",
];
/// Words of variables whose URL is that of a service, which a made-up one is not.
const SERVICES: [&str; 11] = [
    "AMQP", "BROKER", "CACHE", "DATABASE", "DB", "KAFKA", "MONGO", "MONGODB", "MYSQL", "POSTGRES",
    "REDIS",
];
/// A text that is long enough for keys, and that can be read as hexadecimal digits and as Base64.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A variable that must be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Required {
    pub(super) name: String,
    /// Where it is read: file and line.
    pub(super) place: String,
    is_number: bool,
}

/// Where a server listens, as its variables have it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: String,
}

impl Required {
    /// Those of the sources in a folder; places are from the root on.
    pub(super) fn find(root: &Path, folder: &Path) -> Vec<Self> {
        // What cargo says is absolute.
        let [root, folder] =
            [root, folder].map(|it| it.canonicalize().unwrap_or_else(|_| it.to_owned()));
        let mut files = Vec::new();
        list(&folder.join("src"), &mut files);
        let mut found: Vec<Self> = Vec::new();
        for file in files {
            let text = bounded::read_text(&file, LARGEST).unwrap_or_default();
            let shown = file.strip_prefix(&root).unwrap_or(&file);
            for required in in_text(&text, &shown.to_string_lossy()) {
                if !found.iter().any(|it| it.name == required.name) {
                    found.push(required);
                }
            }
        }
        found
    }

    /// A value that does no harm; `None` if its name does not say what it is.
    pub(super) fn value(&self, address: &Address) -> Option<String> {
        let name = self.name.as_str();
        let words: Vec<_> = name.split('_').collect();
        let has = |some: &[&str]| words.iter().any(|it| some.contains(it));
        let ends = |some: &[&str]| words.last().is_some_and(|it| some.contains(it));
        let Address { host, port } = address;
        let value = if ends(&["PORT"]) {
            port.clone()
        } else if self.is_number {
            match () {
                () if has(&[
                    "SECS", "SECONDS", "MINUTES", "HOURS", "TTL", "EXPIRY", "TIMEOUT",
                ]) =>
                {
                    "3600"
                }
                () if has(&[
                    "CONNECTIONS",
                    "LIMIT",
                    "MAX",
                    "POOL",
                    "SIZE",
                    "THREADS",
                    "WORKERS",
                ]) =>
                {
                    "10"
                }
                () => return None,
            }
            .to_owned()
        } else if [
            "HOST",
            "IP",
            "BIND_HOST",
            "LISTEN_HOST",
            "SERVER_HOST",
            "APP_HOST",
        ]
        .contains(&name)
        {
            host.clone()
        } else if has(&["BIND", "LISTEN", "SERVER", "SOCKET"])
            && ends(&["ADDR", "ADDRESS", "BIND", "LISTEN"])
        {
            format!("{host}:{port}")
        } else if has(&["KEY", "PASSWORD", "PEPPER", "SALT", "SECRET", "TOKEN"]) {
            SECRET.to_owned()
        } else if name == "RUST_LOG" || name.ends_with("LOG_LEVEL") {
            "info".to_owned()
        } else if ends(&["ORIGIN", "URL"]) && !has(&SERVICES) {
            "http://localhost".to_owned()
        } else {
            return None;
        };
        Some(value)
    }
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|it| it.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") && files.len() < MOST {
            files.push(path);
        }
    }
}

fn in_text(text: &str, file: &str) -> Vec<Required> {
    let Ok(parsed) = syn::parse_file(text) else {
        return Vec::new();
    };
    let mut reads = Reads { found: Vec::new() };
    reads.visit_file(&parsed);
    let place = |read: &Read| {
        // One that follows from the name of a field is found by that.
        let quoted = format!("\"{}\"", read.name);
        let field = read.field.as_ref().map(|it| format!("{it}:"));
        let at = text.find(&quoted).or_else(|| text.find(&field?));
        let line = text[..at.unwrap_or_default()].matches('\n').count() + 1;
        format!("{file}:{line}")
    };
    let required = |read: Read| Required {
        place: place(&read),
        name: read.name,
        is_number: read.is_number,
    };
    reads.found.into_iter().map(required).collect()
}

/// A variable that is read.
struct Read {
    name: String,
    field: Option<String>,
    is_number: bool,
}

struct Reads {
    found: Vec<Read>,
}

impl<'a> Visit<'a> for Reads {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_field(&mut self, field: &'a Field) {
        let read = field.attrs.iter().find_map(|it| of_clap(it, field));
        self.found.extend(read);
    }

    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        if ENDS.iter().any(|it| call.method == it) {
            self.variable(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_try(&mut self, it: &'a ExprTry) {
        self.variable(&it.expr);
        visit::visit_expr_try(self, it);
    }
}

impl Reads {
    /// A variable that a program ends without.
    fn variable(&mut self, expr: &Expr) {
        match expr {
            Expr::MethodCall(call) if BETWEEN.iter().any(|it| call.method == it) => {
                self.variable(&call.receiver);
            }
            Expr::Call(call) => {
                let Expr::Path(path) = call.func.as_ref() else {
                    return;
                };
                let mut names = path
                    .path
                    .segments
                    .iter()
                    .rev()
                    .map(|it| it.ident.to_string());
                let is_var = names.next().is_some_and(|it| it == "var" || it == "var_os");
                let is_of_env = names
                    .next()
                    .is_none_or(|it| ["env", "dotenvy", "dotenv"].contains(&it.as_str()));
                let name = call.args.first().and_then(text_of);
                if let Some(name) = name.filter(|_| is_var && is_of_env) {
                    self.found.push(Read {
                        name,
                        field: None,
                        is_number: false,
                    });
                }
            }
            _ => {}
        }
    }
}

/// The variable of a field, unless there is another value for it.
fn of_clap(attribute: &Attribute, field: &Field) -> Option<Read> {
    let is_clap = ["arg", "clap", "structopt"]
        .iter()
        .any(|it| attribute.path().is_ident(it));
    let metas = is_clap.then(|| {
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        attribute.parse_args_with(parser).ok()
    })??;
    let has_value = metas.iter().any(|it| {
        let name = it.path().get_ident().map(ToString::to_string);
        name.is_some_and(|it| it.starts_with("default") || it == "required" || it == "num_args")
    });
    let env = metas.iter().find(|it| it.path().is_ident("env"))?;
    let own = field.ident.as_ref()?.to_string();
    let name = match env {
        Meta::NameValue(it) => text_of(&it.value)?,
        _ => own.to_uppercase(),
    };
    let kind = last_name(&field.ty)?;
    let is_optional = ["Option", "Vec", "bool"].contains(&kind.as_str());
    (!has_value && !is_optional).then(|| Read {
        name,
        field: Some(own),
        is_number: NUMBERS
            .iter()
            .any(|it| kind == *it || kind.starts_with("NonZero")),
    })
}

fn last_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    Some(path.path.segments.last()?.ident.to_string())
}

fn text_of(expr: &Expr) -> Option<String> {
    let Expr::Lit(lit) = expr else { return None };
    match &lit.lit {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        let is_test = it
            .path()
            .segments
            .last()
            .is_some_and(|it| it.ident == "test");
        is_test
            || it.path().is_ident("cfg") && it.parse_args::<Ident>().is_ok_and(|it| it == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_which_nothing_starts_are_found() {
        let text = "#[derive(clap::Parser)]\nstruct Config {\n    #[clap(long, env)]\n    database_url: String,\n    \
                    #[arg(long, env = \"HMAC_KEY\", hide_env_values = true)]\n    key: String,\n    \
                    #[arg(env, default_value_t = 80)]\n    port: u16,\n    #[arg(env)]\n    name: Option<String>,\n    \
                    #[arg(long, env, value_parser = clap::value_parser!(u32).range(1..))]\n    pool_size: u32,\n}\n\
                    fn main() -> Result<()> {\n    let a = std::env::var(\"SMTP_FROM\").expect(\"SMTP_FROM\");\n    \
                    let b = env::var(\"TOKEN\").context(\"no token\")?;\n    let c = dotenvy::var(\"ADDR\").unwrap();\n    \
                    let d = env::var(\"OTHER\").unwrap_or_default();\n    let e = map.var(\"NONE\").unwrap();\n}\n\
                    #[cfg(test)]\nmod tests { fn f() { std::env::var(\"TEST_DB\").unwrap(); } }\n";
        let found = in_text(text, "src/main.rs");
        let found: Vec<_> = found
            .iter()
            .map(|it| format!("{} {}", it.name, it.place))
            .collect();
        assert_eq!(
            found,
            [
                "DATABASE_URL src/main.rs:4",
                "HMAC_KEY src/main.rs:5",
                "POOL_SIZE src/main.rs:12",
                "SMTP_FROM src/main.rs:15",
                "TOKEN src/main.rs:16",
                "ADDR src/main.rs:17",
            ]
        );
        assert_eq!(in_text("not rust", "x"), []);
    }

    #[test]
    fn names_say_what_does_no_harm() {
        let address = Address {
            host: "0.0.0.0".into(),
            port: "8000".into(),
        };
        let value = |name: &str, is_number: bool| {
            let required = Required {
                name: name.into(),
                place: String::new(),
                is_number,
            };
            required.value(&address)
        };
        for (name, is_number, expected) in [
            ("APP_PORT", true, Some("8000")),
            ("HOST", false, Some("0.0.0.0")),
            ("BIND_ADDR", false, Some("0.0.0.0:8000")),
            ("HMAC_KEY", false, Some(SECRET)),
            ("JWT_SECRET", false, Some(SECRET)),
            ("POOL_SIZE", true, Some("10")),
            ("FRONTEND_URL", false, Some("http://localhost")),
            ("SMTP_FROM", false, None),
            ("DATABASE_URL", false, None),
            ("LEVEL", true, None),
        ] {
            assert_eq!(value(name, is_number).as_deref(), expected, "{name}");
        }
    }
}
