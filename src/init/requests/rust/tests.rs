//! Routers as programs write them.

use std::path::PathBuf;

use super::*;

fn paths(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    let gets = routes(&files).into_iter().filter(|it| it.is_get);
    gets.map(|it| it.path).collect()
}

fn words(text: &str) -> Vec<String> {
    let files = [(PathBuf::from("src/main.rs"), text.to_owned())];
    let words = routes(&files).into_iter().map(|it| it.words);
    words.collect()
}

#[test]
fn nested_routers_of_axum_lie_below_their_paths() {
    let main = "use routes::items;\nmod routes;\nconst V2: &str = \"/v2\";\n\
                #[tokio::main]\nasync fn main() -> Result<()> {\n    let state = State::new();\n    \
                let users = Router::new().route(\"/\", get(list).post(create)).route(\"/{id}\", get(one));\n    \
                let mut app = Router::new()\n        .route(\"/health\", get(|| async { \"ok\" }))\n        \
                .nest(\"/api\", Router::new().nest(\"/users\", users).merge(items::router(state.clone())))\n        \
                .nest(V2, v2())\n        .nest(&prefix, v2())\n        .with_state(state);\n    \
                if debug { println!(\"x\"); }\n    app = app.route(\"/late\", axum::routing::get(late));\n    \
                axum::serve(listener, app.into_make_service()).await?;\n    Ok(())\n}\n\
                fn v2() -> Router {\n    Router::new().route(\"/new\", post(a)).route(\"/all\", any(b))\n}\n\
                #[cfg(test)]\nmod tests { fn app() -> Router { Router::new().route(\"/test\", get(x)) } }\n";
    let items = "pub fn router(state: State) -> Router<State> {\n    Router::new().route(\"/items\", get(all))\n}\n";
    let found = paths(&[("src/main.rs", main), ("src/routes/items.rs", items)]);
    assert_eq!(
        found,
        [
            "/health",
            "/api/users",
            "/api/users/{id}",
            "/api/items",
            "/v2/all",
            "/late"
        ]
    );
}

#[test]
fn routers_that_types_make_lie_below_their_paths() {
    let main = "use crate::tags::TagsRouter;\nuse crate::users::UsersRouter;\n\
                fn app() -> Router {\n    Router::new().nest(\"/api\", UsersRouter::new_router(state.clone()))\n        \
                .nest(\"/api\", TagsRouter::new_router(state)).route(\"/ping\", get(ping))\n}\n";
    let of = |name: &str, path: &str| {
        format!(
            "pub struct {name};\nimpl {name} {{\n    pub fn new_router(state: State) -> Router {{\n        \
             Router::new().route(\"{path}\", get(all))\n    }}\n}}\n"
        )
    };
    let (tags, users) = (of("TagsRouter", "/tags"), of("UsersRouter", "/users"));
    let found = paths(&[
        ("src/main.rs", main),
        ("src/tags.rs", &tags),
        ("src/users.rs", &users),
    ]);
    assert_eq!(found, ["/api/users", "/api/tags", "/ping"]);
}

#[test]
fn scopes_of_actix_hold_services_and_resources() {
    let main = "#[get(\"/hello\")]\nasync fn hello() -> impl Responder {}\n\
                #[actix_web::get(\"/up\")]\nasync fn up() {}\n#[post(\"/new\")]\nasync fn new() {}\n\
                async fn main() {\n    HttpServer::new(move || {\n        let api = web::scope(\"/api\")\n            \
                .service(hello)\n            .service(new)\n            .configure(items::config)\n            \
                .service(web::resource(\"/things\").route(web::get().to(things)).route(web::post().to(x)));\n        \
                App::new().wrap(Logger::default()).service(api).service(up)\n            \
                .route(\"/plain\", web::get().to(plain))\n    }).bind(address)?.run().await\n}\n";
    let items = "pub fn config(cfg: &mut web::ServiceConfig) {\n    \
                 cfg.service(web::scope(\"/items\").route(\"\", web::get().to(all)).route(\"/{id}\", web::get().to(one)));\n}\n";
    let found = paths(&[("src/items.rs", items), ("src/main.rs", main)]);
    assert_eq!(
        found,
        [
            "/api/hello",
            "/api/items",
            "/api/items/{id}",
            "/api/things",
            "/up",
            "/plain"
        ]
    );
    // Without a prefix anywhere a handler needs no registration that can be read.
    assert_eq!(
        paths(&[("src/up.rs", "#[get(\"/up\")]\nasync fn up() {}\n")]),
        ["/up"]
    );
}

#[test]
fn mounts_of_rocket_have_their_handlers() {
    let main = "#[get(\"/\")]\nfn index() {}\n#[get(\"/all?<page>\")]\nfn all() {}\n#[get(\"/list\")]\nfn list() {}\n\
                #[launch]\nfn rocket() -> _ {\n    \
                rocket::build().mount(\"/\", routes![index]).mount(\"/api\", routes![list, all])\n}\n";
    assert_eq!(
        paths(&[("src/main.rs", main)]),
        ["/", "/api/list", "/api/all?<page>"]
    );
}

#[test]
fn what_asks_for_a_login_is_seen_at_handlers_and_layers() {
    let text = "async fn me(claims: Claims) {}\nfn app() -> Router {\n    \
                let inner = Router::new().route(\"/a\", get(a)).route_layer(from_fn(require_auth)).route(\"/b\", get(b));\n    \
                inner.route(\"/me\", get(me)).layer(CorsLayer::new().allow_headers([AUTHORIZATION]))\n}\n";
    let found = words(text);
    assert!(found[0].contains("require_auth"), "{found:?}");
    assert!(!found[1].contains("auth"), "{found:?}");
    assert!(found[2].contains("Claims"), "{found:?}");
    let scope = "fn config(cfg: &mut ServiceConfig) {\n    \
                 cfg.service(web::scope(\"/x\").wrap(HttpAuthentication::bearer(v)).route(\"/y\", web::get().to(y)));\n}\n";
    assert!(
        words(scope)[0].contains("HttpAuthentication"),
        "{:?}",
        words(scope)
    );
}

#[test]
fn a_handler_that_needs_a_query_has_no_known_path() {
    let text = "#[derive(Deserialize)]\nstruct Search { q: String }\n#[derive(Deserialize)]\n\
                struct Page { page: Option<u32>, #[serde(default)] size: u32 }\n\
                async fn search(Query(search): Query<Search>) {}\nasync fn list(page: web::Query<Page>) {}\n\
                fn app() -> Router { Router::new().route(\"/search\", get(search)).route(\"/list\", get(list)) }\n";
    assert_eq!(paths(&[("src/main.rs", text)]), ["/search{}", "/list"]);
}

#[test]
fn functions_that_call_each_other_end() {
    let text = "fn a() { b(); b(); c(); c() }\nfn b() { a(); c(); c() }\nfn c() { a(); b(); a().x().y().z(); b() }\n\
                fn app() -> Router { a(); Router::new().route(\"/x\", get(x)) }\n";
    assert_eq!(paths(&[("src/main.rs", text)]), ["/x"]);
}
