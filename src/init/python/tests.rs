//! Services as they are written.

use super::*;

/// Framework and command of a service of these files.
fn started(files: &[(&str, &str)]) -> Option<(&'static str, String)> {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    let dependencies = Dependencies::read(folder.path(), folder.path());
    let server = PythonServer::find(folder.path(), &dependencies)?;
    Some((server.framework, server.command))
}

#[test]
fn each_framework_has_its_server() {
    for (requirements, file, text, framework, command) in [
        (
            "litestar[standard]",
            "app.py",
            "from litestar import Litestar\napp = Litestar(route_handlers=[home])\n",
            "Litestar",
            "uvicorn app:app --host {host} --port {port}",
        ),
        (
            "sanic",
            "server.py",
            "app = Sanic(\"shop\")\n",
            "Sanic",
            "sanic server:app --host {host} --port {port}",
        ),
        (
            "aiohttp\ngunicorn",
            "main.py",
            "from aiohttp import web\napp = web.Application()\n",
            "aiohttp",
            "gunicorn main:app --worker-class aiohttp.GunicornWebWorker --bind {host}:{port}",
        ),
        (
            "aiohttp",
            "polls/main.py",
            "async def init(argv=None):\n    app = web.Application()\n    return app\n",
            "aiohttp",
            "gunicorn polls.main:init --worker-class aiohttp.GunicornWebWorker --bind {host}:{port}",
        ),
        (
            "falcon\nhypercorn",
            "app.py",
            "import falcon.asgi\napp = falcon.asgi.App()\n",
            "Falcon",
            "hypercorn app:app --bind {host}:{port}",
        ),
        (
            "falcon\nwaitress",
            "app.py",
            "api = falcon.App()\n",
            "Falcon",
            "waitress-serve --listen={host}:{port} app:api",
        ),
        (
            "bottle",
            "app.py",
            "app = bottle.Bottle()\n",
            "Bottle",
            "python -m bottle --bind {host}:{port} app:app",
        ),
        (
            "starlette\ngranian",
            "app.py",
            "app = Starlette(routes=[])\n",
            "Starlette",
            "granian --interface asgi app:app --host {host} --port {port}",
        ),
    ] {
        let found = started(&[("requirements.txt", requirements), (file, text)]);
        assert_eq!(found, Some((framework, command.to_owned())), "{framework}");
    }
}

#[test]
fn a_factory_is_called() {
    let factory = "def create_app(config=None):\n    app = Flask(__name__)\n    return app\n";
    let of = |more: &[(&str, &str)]| {
        let requirements = ("requirements.txt", "flask\ngunicorn\n");
        let files = [&[requirements, ("app/__init__.py", factory)], more].concat();
        started(&files).map(|(_, command)| command)
    };
    assert_eq!(
        of(&[]).as_deref(),
        Some("gunicorn app:create_app() --bind {host}:{port}")
    );
    let wsgi = (
        "wsgi.py",
        "from app import create_app\n\napp = create_app()\n",
    );
    assert_eq!(
        of(&[wsgi]).as_deref(),
        Some("gunicorn wsgi:app --bind {host}:{port}")
    );
    let asgi = "from fastapi import FastAPI\ndef make() -> FastAPI:\n    return FastAPI()\n";
    assert_eq!(
        started(&[("main.py", asgi)]),
        Some((
            "FastAPI",
            "uvicorn --factory main:make --host {host} --port {port}".to_owned()
        ))
    );
}

#[test]
fn an_application_may_be_in_any_file() {
    let text = "def create_app() -> Litestar:\n    return Litestar(plugins=[])\n";
    let requirements = ("requirements.txt", "litestar");
    assert_eq!(
        started(&[requirements, ("src/shop/server/asgi.py", text)]),
        Some((
            "Litestar",
            "uvicorn --factory shop.server.asgi:create_app --host {host} --port {port}".to_owned()
        ))
    );
    assert_eq!(started(&[requirements, ("tests/app.py", text)]), None);
}

#[test]
fn an_application_needs_no_framework() {
    let wsgi = "def application(environ, start_response):\n    return [b\"\"]\n";
    assert_eq!(
        started(&[("server.py", wsgi)]),
        Some((
            "WSGI",
            "gunicorn server:application --bind {host}:{port}".to_owned()
        ))
    );
    let asgi = "async def app(scope, receive, send):\n    ...\n";
    assert_eq!(
        started(&[("main.py", asgi)]),
        Some((
            "ASGI",
            "uvicorn main:app --host {host} --port {port}".to_owned()
        ))
    );
    let named = "from shop import make\n\napplication = make()\n";
    assert_eq!(
        started(&[("wsgi.py", named)]),
        Some((
            "WSGI",
            "gunicorn wsgi:application --bind {host}:{port}".to_owned()
        ))
    );
    assert_eq!(
        started(&[("main.py", "app == 1\ndef f(environ): ...\n")]),
        None
    );
}
