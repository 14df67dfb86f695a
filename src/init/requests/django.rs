//! `urls.py` of a Django project → its routes, on through what it includes; those of the Django REST framework's
//! routers too.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::route::{Route, UNKNOWN};

/// Modules of URLs within one another.
const DEEPEST: usize = 5;
/// What lies beside the module of a project's URLs.
const PROJECT: [&str; 4] = ["wsgi.py", "asgi.py", "settings.py", "settings"];

const PATH: &str = r#"\b(?P<how>path|re_path|url)\(\s*r?["'](?P<path>[^"']*)["']\s*,\s*(?P<view>include\([^)]*\)|[^,)\n]*)"#;
const INCLUDE: &str = r#"^include\(\s*\(?\s*["'](?P<module>[\w.]+)["']"#;
const ROUTER: &str = r"^include\(\s*\(?\s*(?P<object>\w+)\.urls\b";
const REGISTERED: &str = r#"\b(?P<object>\w+)\.register\(\s*r?["'](?P<path>[^"'<{(]*)["']\s*,\s*(?:\w+\.)*(?P<view>\w+)"#;

static PATTERNS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [PATH, INCLUDE, ROUTER, REGISTERED].map(|it| Regex::new(it).expect("a constant"))
});

/// The routes of a project among some files.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let needs_login = files.iter().any(|(path, text)| {
        let is_of_settings = path.components().any(|it| {
            it.as_os_str()
                .to_str()
                .is_some_and(|it| it.starts_with("settings"))
        });
        let rest = text.split_once("DEFAULT_PERMISSION_CLASSES");
        let rest = rest.map(|(_, it)| it.split([']', ')']).next().unwrap_or_default());
        is_of_settings
            && rest.is_some_and(|it| it.contains("IsAuthenticated") && !it.contains("OrReadOnly"))
    });
    let mut walk = Walk {
        files,
        needs_login,
        found: Vec::new(),
    };
    for (at, (path, _)) in files.iter().enumerate() {
        let folder = path.parent().unwrap_or(path);
        let is_beside = |it: &&str| {
            let wanted = folder.join(it);
            files.iter().any(|(path, _)| path.starts_with(&wanted))
        };
        if path.ends_with("urls.py") && PROJECT.iter().any(is_beside) {
            walk.visit(at, "/", 0);
        }
    }
    walk.found
}

struct Walk<'a> {
    files: &'a [(PathBuf, String)],
    /// Whether views of the REST framework ask for a login where they say nothing else.
    needs_login: bool,
    found: Vec<Route>,
}

impl Walk<'_> {
    fn visit(&mut self, at: usize, prefix: &str, depth: usize) {
        let [paths, include, router, registered] = &*PATTERNS;
        let (file, text) = &self.files[at];
        let folder = file.parent().unwrap_or(file);
        for route in paths.captures_iter(text) {
            let own = if &route["how"] == "path" {
                route["path"].to_owned()
            } else {
                of_expression(&route["path"])
            };
            let path = format!("{prefix}{own}");
            let view = &route["view"];
            if let Some(included) = include.captures(view) {
                let module = format!("{}.py", included["module"].replace('.', "/"));
                let place = folder.parent().and_then(|it| self.file(&it.join(module)));
                if let Some(place) = place.filter(|_| depth < DEEPEST && !path.contains(['<', '{']))
                {
                    self.visit(place, &path, depth + 1);
                }
            } else if let Some(router) = router.captures(view) {
                let without_slash = text.contains("Router(trailing_slash=False");
                for one in registered.captures_iter(text) {
                    if one["object"] == router["object"] && self.lists(&one["view"]) {
                        let slash = if without_slash { "" } else { "/" };
                        let path = format!("{path}{}{slash}", one["path"].trim_matches('/'));
                        self.add(at, path, String::new(), &one["view"]);
                    }
                }
            } else if view.starts_with("include(wagtail_urls") {
                // Its pages are rows of the database, of which there is one at the root.
                self.add(at, path, String::new(), "");
            } else if !view.starts_with("include(")
                && view.trim_end().rsplit('.').next() != Some("urls")
            {
                let words = line(text, &route);
                let class = view.split(".as_view").next().unwrap_or_default();
                let class = class.rsplit('.').next().unwrap_or_default();
                self.add(at, path, words, class);
            }
        }
    }

    fn add(&mut self, file: usize, path: String, mut words: String, view: &str) {
        if let Some(class) = self.class(view) {
            let open = ["AllowAny", "OrReadOnly", "permission_classes = []"];
            let is_open = open.iter().any(|it| class.contains(it));
            let is_rest = class
                .lines()
                .next()
                .is_some_and(|it| it.contains("APIView") || it.contains("ViewSet"));
            if class.contains("permission_classes") && !is_open || class.contains("LoginRequired") {
                words += " permission_classes";
            } else if is_rest && self.needs_login && !is_open {
                words += " isauthenticated";
            }
        }
        self.found.push(Route {
            file,
            path,
            is_get: !self.takes_posts_alone(view),
            words,
        });
    }

    /// Whether a function answers nothing but POST: by a decorator, or as all that it does stands below a question
    /// for that.
    fn takes_posts_alone(&self, view: &str) -> bool {
        let start = format!("\ndef {view}(request");
        let Some((text, at)) = self
            .files
            .iter()
            .find_map(|(_, text)| Some((text, text.find(&start)?)))
        else {
            return false;
        };
        let above = text[..at].lines().rev();
        let mut decorators = above.take_while(|it| it.starts_with('@'));
        let is_decorated = decorators.any(|line| {
            let line = line.replace('\'', "\"");
            line.starts_with("@require_POST")
                || line.starts_with("@require_http_methods([\"POST\"])")
                || line.starts_with("@api_view([\"POST\"])")
        });
        let lines = text[at + 1..].lines().skip(1);
        let body = lines.take_while(|it| it.is_empty() || it.starts_with([' ', '\t', ')']));
        let body: Vec<_> = body.filter(|it| !it.trim().is_empty()).collect();
        let depth = |line: &str| line.len() - line.trim_start().len();
        let top = body.iter().map(|it| depth(it)).filter(|it| *it > 0).min();
        let mut own = body.iter().filter(|it| Some(depth(it)) == top);
        let asks = |line: &str| {
            line.starts_with("if request.POST")
                || line.starts_with("if request.method == ") && line.contains("POST")
        };
        let has_question = own.clone().any(|it| asks(it.trim_start()));
        let goes_on = own.any(|it| {
            let line = it.trim_start();
            ["return", "raise", "else", "elif"]
                .iter()
                .any(|it| line.starts_with(it))
        });
        is_decorated || has_question && !goes_on
    }

    /// Whether a set of views has one that lists.
    fn lists(&self, view: &str) -> bool {
        let class = self.class(view).unwrap_or_default();
        [
            "ModelViewSet",
            "ReadOnlyModelViewSet",
            "ListModelMixin",
            "def list(",
        ]
        .iter()
        .any(|it| class.contains(it))
    }

    /// The text of a class, from its bases on.
    fn class(&self, name: &str) -> Option<&str> {
        let start = format!("class {name}(");
        self.files.iter().find_map(|(_, text)| {
            let at = text.find(&start)?;
            let rest = &text[at..];
            let end = rest[1..].find("\nclass ").map_or(rest.len(), |it| it + 1);
            Some(&rest[..end])
        })
    }

    fn file(&self, path: &Path) -> Option<usize> {
        self.files.iter().position(|(it, _)| it == path)
    }
}

/// The path of a regular expression without choices; with a place for a value where it has some.
fn of_expression(text: &str) -> String {
    let text = text.trim_start_matches('^').trim_end_matches('$');
    let text = text.strip_suffix("/?").unwrap_or(text);
    if text.contains(['(', '[', '\\', '*', '+', '?', '|']) {
        UNKNOWN.to_owned()
    } else {
        text.to_owned()
    }
}

/// The rest of the line that a route begins.
fn line(text: &str, route: &Captures<'_>) -> String {
    let begin = route.get(0).map_or(0, |it| it.start());
    let line = text[begin..].lines().next();
    line.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_projects_have_regular_expressions() {
        let urls = "urlpatterns = [url(r'^api/', include('shop.urls', namespace='shop'))]\n";
        let shop = "router = DefaultRouter(trailing_slash=False)\nrouter.register(r'items', ItemViewSet)\n\
                    urlpatterns = [\n    url(r'^', include(router.urls)),\n    url(r'^tags/?$', Tags.as_view()),\n    \
                    re_path(r'^tags/(?P<tag>\\w+)$', Tag.as_view()),\n]\n";
        let views = "class ItemViewSet(mixins.ListModelMixin, GenericViewSet):\n    \
                     permission_classes = (IsAuthenticatedOrReadOnly,)\n";
        let files = [
            ("config/settings.py", ""),
            ("config/urls.py", urls),
            ("shop/urls.py", shop),
            ("shop/views.py", views),
        ];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        let found = routes(&files).into_iter();
        let found: Vec<_> = found
            .map(|it| (it.path, it.words.contains("permission")))
            .collect();
        let expected = ["/api/items", "/api/tags", "/api/{}"].map(|it| (it.to_owned(), false));
        assert_eq!(found, expected);
    }

    #[test]
    fn views_that_take_posts_alone_are_no_routes_to_get() {
        let urls = "urlpatterns = [\n    path(\"django-admin/\", admin.site.urls),\n    path(\"run/\", run),\n    \
                    path(\"new/\", views.new),\n    path(\"both/\", both),\n    path(\"form/\", form),\n    \
                    path(\"\", include(wagtail_urls)),\n]\n";
        let views = "\n@csrf_exempt\ndef run(request):\n    if request.POST:\n        kind = 1\n\n        return Json(kind)\n\n\n\
                     @require_POST\ndef new(request):\n    return Json(1)\n\n\
                     def both(request):\n    if request.method == 'POST':\n        return Json(1)\n    return Json(2)\n\n\
                     def form(request):\n    if request.method == \"POST\":\n        return Json(1)\n    else:\n        return Json(2)\n";
        let files = [
            ("config/settings.py", ""),
            ("config/urls.py", urls),
            ("shop/views.py", views),
        ];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        let found = routes(&files).into_iter();
        let found: Vec<_> = found.map(|it| (it.path, it.is_get)).collect();
        let expected = [
            ("/run/", false),
            ("/new/", false),
            ("/both/", true),
            ("/form/", true),
            ("/", true),
        ];
        assert_eq!(found, expected.map(|(path, gets)| (path.to_owned(), gets)));
    }

    #[test]
    fn routers_of_the_rest_framework_list_what_they_register() {
        let urls = "router = DefaultRouter()\nrouter.register(r\"items\", ItemViewSet)\n\
                    router.register(\"jobs\", views.JobViewSet)\nrouter.register(\"mine\", MineViewSet)\n\
                    urlpatterns = [\n    path(\"api/\", include(router.urls)),\n    \
                    path(\"api/token/\", TokenObtainPairView.as_view()),\n    path(\"open/\", Open.as_view()),\n]\n";
        let views = "class ItemViewSet(viewsets.ModelViewSet):\n    queryset = Item.objects.all()\n\n\
                     class JobViewSet(viewsets.GenericViewSet):\n    ...\n\n\
                     class MineViewSet(viewsets.ReadOnlyModelViewSet):\n    permission_classes = [IsAuthenticated]\n\n\
                     class Open(APIView):\n    permission_classes = [AllowAny]\n";
        let found = |settings: &str| {
            let files = [
                ("config/settings/base.py", settings),
                ("config/urls.py", urls),
                ("shop/views.py", views),
            ];
            let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
            let found = routes(&files).into_iter().map(|it| {
                let is_guarded =
                    it.words.contains("permission_classes") || it.words.contains("isauthenticated");
                format!("{}{}", it.path, if is_guarded { " (login)" } else { "" })
            });
            found.collect::<Vec<_>>()
        };
        let mut expected = ["/api/items/", "/api/mine/ (login)", "/api/token/", "/open/"];
        assert_eq!(found(""), expected);
        expected[0] = "/api/items/ (login)";
        let settings = "REST_FRAMEWORK = {\"DEFAULT_PERMISSION_CLASSES\": [\"rest_framework.permissions.IsAuthenticated\"]}\n";
        assert_eq!(found(settings), expected);
    }
}
