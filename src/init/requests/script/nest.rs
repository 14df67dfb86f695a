//! Classes of `NestJS` → their GET routes.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::super::calls::{arguments, joined, literal};
use super::super::route::{Route, UNKNOWN};

const CONTROLLER: &str = r"@Controller(?P<open>\()";
const GET: &str = r"@Get(?P<open>\()";
const GLOBAL: &str = r#"setGlobalPrefix\(\s*["'`](?P<path>[^"'`]*)["'`]\s*[,)]"#;

static PATTERNS: LazyLock<[Regex; 3]> =
    LazyLock::new(|| [CONTROLLER, GET, GLOBAL].map(|it| Regex::new(it).expect("a constant")));

/// The routes of classes of `NestJS`.
pub(super) fn of_controllers(files: &[(PathBuf, String)], at: usize, text: &str) -> Vec<Route> {
    let global = files.iter().find_map(|(_, it)| PATTERNS[2].captures(it));
    let global = global.map_or_else(String::new, |it| it["path"].to_owned());
    let has_versions = files.iter().any(|(_, it)| it.contains("enableVersioning("));
    let starts: Vec<_> = PATTERNS[0]
        .captures_iter(text)
        .filter_map(|it| it.name("open"))
        .collect();
    let mut found = Vec::new();
    for (number, open) in starts.iter().enumerate() {
        let end = starts
            .get(number + 1)
            .map_or(text.len(), regex::Match::start);
        let Some((arguments_of_class, after)) = arguments(text, open.start()) else {
            continue;
        };
        let prefix = match arguments_of_class.as_slice() {
            [] => Some(""),
            [path] => literal(path),
            _ => None,
        };
        let Some(prefix) = prefix.filter(|_| !has_versions) else {
            continue;
        };
        let class_guard = text[after..end]
            .split("class ")
            .next()
            .is_some_and(|it| it.contains("@UseGuards"));
        for get in PATTERNS[1].captures_iter(&text[after..end]) {
            let open = get.name("open").map_or(0, |it| it.start()) + after;
            let Some((own, close)) = arguments(text, open) else {
                continue;
            };
            let own = match own.as_slice() {
                [] => "",
                [path] => match literal(path) {
                    Some(path) => path,
                    None => continue,
                },
                _ => continue,
            };
            // Decorators beside it, up to the body of its method.
            let around = text[close..end].split('{').next().unwrap_or_default();
            let is_guarded = class_guard || around.contains("@UseGuards");
            let asks =
                around.contains("@Query(") && !around.contains('?') && !around.contains(" = ");
            let path = joined(&joined(&joined("", &global), prefix), own);
            found.push(Route {
                file: at,
                path: if asks { path + UNKNOWN } else { path },
                is_get: true,
                words: if is_guarded {
                    "requireauth".into()
                } else {
                    String::new()
                },
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_controllers_lie_below_their_paths() {
        let main = "app.setGlobalPrefix('api');\n";
        let cats = "@Controller('cats')\nexport class Cats {\n  @Get()\n  all() { return []; }\n  @UseGuards(A)\n  \
                    @Get('mine')\n  mine() {}\n  @Get(':id')\n  one() {}\n}\n";
        let files = [("main.ts", main), ("cats.ts", cats)];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        let found = of_controllers(&files, 1, cats)
            .into_iter()
            .map(|it| it.path);
        let found: Vec<_> = found.collect();
        assert_eq!(found, ["/api/cats", "/api/cats/mine", "/api/cats/:id"]);
    }
}
