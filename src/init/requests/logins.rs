//! Source files of a server → the request that answers a token for a name and a password.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::calls::{arguments, literal, named};
use super::python::Handler;
use super::routers;
use super::{django, routes};

const POST: &str = r"(?m)^[ \t]*@(?P<object>\w+)\.post(?P<open>\()";
const BEARER: &str = r"\bOAuth2PasswordBearer(?P<open>\()";

static PATTERNS: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [POST, BEARER].map(|it| Regex::new(it).expect("a constant")));

/// How a server gives tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::init) struct TokenRoute {
    pub(in crate::init) path: String,
    pub(in crate::init) kind: TokenKind,
}

/// What is sent, and what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::init) enum TokenKind {
    /// The password grant of OAuth 2 (RFC 6749, section 4.3), as `FastAPI` has it.
    OAuth2,
    /// Simple JWT for Django.
    SimpleJwt,
    /// The tokens of the Django REST framework itself.
    RestFramework,
}

/// The first such request in the source below a folder.
pub(in crate::init) fn token_route(
    root: &std::path::Path,
    source: &std::path::Path,
) -> Option<TokenRoute> {
    let files = routes::sources(root, source);
    of_fastapi(&files).or_else(|| of_django(&files))
}

fn of_fastapi(files: &[(PathBuf, String)]) -> Option<TokenRoute> {
    let [post, bearer] = &*PATTERNS;
    let kind = TokenKind::OAuth2;
    for router in routers::routed(files) {
        let text = &files[router.file].1;
        for route in post.captures_iter(text) {
            let start = route.get(0).map_or(0, |it| it.start());
            let open = route.name("open").map_or(0, |it| it.start());
            let Some((arguments, end)) = arguments(text, open) else {
                continue;
            };
            let path = arguments.first().copied().and_then(literal);
            let handler = Handler::from_text(text, start, end);
            let takes_password = handler.takes("OAuth2PasswordRequestForm");
            if let Some(path) = path.filter(|_| takes_password && route["object"] == router.object)
            {
                let path = format!("{}{path}", router.prefix);
                return Some(TokenRoute { path, kind });
            }
        }
    }
    files.iter().find_map(|(_, text)| {
        let open = bearer.captures(text)?.name("open")?.start();
        let (arguments, _) = arguments(text, open)?;
        let url = named(&arguments, "tokenUrl").or_else(|| arguments.first().copied())?;
        let path = format!("/{}", literal(url)?.trim_start_matches('/'));
        Some(TokenRoute { path, kind })
    })
}

fn of_django(files: &[(PathBuf, String)]) -> Option<TokenRoute> {
    django::routes(files).into_iter().find_map(|route| {
        let kind = if route.words.contains("TokenObtainPairView") {
            TokenKind::SimpleJwt
        } else if route.words.contains("obtain_auth_token")
            || route.words.contains("ObtainAuthToken")
        {
            TokenKind::RestFramework
        } else {
            return None;
        };
        let path = route.path;
        Some(TokenRoute { path, kind })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<const N: usize>(files: [(&str, &str); N]) -> [(PathBuf, String); N] {
        files.map(|(path, text)| (PathBuf::from(path), text.to_owned()))
    }

    #[test]
    fn the_handler_that_takes_a_password_comes_before_what_documents_say() {
        let main = "from api import router\napp = FastAPI()\napp.include_router(router, prefix=\"/api/v1\")\n";
        let api = "scheme = OAuth2PasswordBearer(tokenUrl=f\"{PREFIX}/login\")\nrouter = APIRouter()\n\n\
                   @router.post(\"/users\")\ndef create(user: UserIn): ...\n\n\
                   @router.post(\"/login/access-token\")\ndef log_in(\n    \
                   form: Annotated[OAuth2PasswordRequestForm, Depends()]\n): ...\n";
        let found = of_fastapi(&files([("main.py", main), ("api.py", api)]));
        assert_eq!(
            found.map(|it| it.path).as_deref(),
            Some("/api/v1/login/access-token")
        );
        let elsewhere = "scheme = OAuth2PasswordBearer(tokenUrl=\"token\")\n";
        let found = of_fastapi(&files([("main.py", elsewhere)]));
        assert_eq!(found.map(|it| it.path).as_deref(), Some("/token"));
        let unknown = "scheme = OAuth2PasswordBearer(tokenUrl=settings.url)\n";
        assert_eq!(of_fastapi(&files([("main.py", unknown)])), None);
    }

    #[test]
    fn a_view_of_simple_jwt_is_found_below_its_path() {
        let urls = "urlpatterns = [path(\"api/\", include(\"users.urls\"))]\n";
        let users =
            "urlpatterns = [path(\"token/\", TokenObtainPairView.as_view(), name=\"token\")]\n";
        let found = of_django(&files([
            ("config/urls.py", urls),
            ("config/wsgi.py", ""),
            ("users/urls.py", users),
        ]));
        let expected = TokenRoute {
            path: "/api/token/".into(),
            kind: TokenKind::SimpleJwt,
        };
        assert_eq!(found, Some(expected));
    }
}
