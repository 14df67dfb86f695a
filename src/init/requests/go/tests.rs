//! Routes as programs in Go write them.

use super::*;

fn paths(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    let shown = |it: Route| {
        let mark = if it.words.contains("requireauth") {
            " (login)"
        } else {
            ""
        };
        format!("{}{mark}", it.path)
    };
    routes(&files).into_iter().map(shown).collect()
}

#[test]
fn groups_of_gin_have_their_paths() {
    let main = "package main\n\nfunc main() {\n\tr := gin.Default()\n\tr.GET(\"/ping\", ping)\n\
                \tapi := r.Group(\"/api\")\n\tv1 := api.Group(\"/v1\")\n\t{\n\t\tv1.GET(\"/items\", items)\n\
                \t\tv1.POST(\"/items\", create)\n\t\tv1.GET(\"/mine\", AuthRequired(), mine)\n\t}\n\
                \tadmin := api.Group(\"/admin\", middleware.JWT())\n\tadmin.GET(\"/users\", authHandler.Users)\n\
                \tapi.Use(Auth(false))\n\tapi.GET(\"/open\", open)\n\tapi.Use(Auth(true))\n\
                \tapi.GET(\"/closed\", closed)\n\tr.Group(base).GET(\"/hidden\", h)\n\tr.Run(\":8080\")\n}\n";
    assert_eq!(
        paths(&[("main.go", main)]),
        [
            "/ping",
            "/api/v1/items",
            "/api/v1/mine (login)",
            "/api/admin/users (login)",
            "/api/open",
            "/api/closed (login)",
        ]
    );
}

#[test]
fn functions_of_other_files_add_routes_to_groups_that_they_are_given() {
    let main = "package main\n\nfunc main() {\n\te := echo.New()\n\tv1 := e.Group(\"/api\")\n\
                \titems.Register(v1.Group(\"/items\"))\n\th := users.NewHandler(db)\n\th.Register(v1, db)\n\
                \tother(v1)\n\te.Logger.Fatal(e.Start(\":1323\"))\n}\n\n\
                func other(g *echo.Group) { g.GET(\"/other\", x) }\n";
    let items = "package items\n\nfunc Register(g *echo.Group) {\n\tg.GET(\"\", list)\n\tg.GET(\"/:id\", one)\n}\n";
    let users = "package users\n\nfunc (h *Handler) Register(g *echo.Group, db *sql.DB) {\n\
                 \tme := g.Group(\"/me\", mw.JWT(secret))\n\tme.GET(\"\", h.me)\n\tg.GET(\"/users\", h.all)\n}\n";
    let tests = "package items\n\nfunc TestX(t *testing.T) {\n\te := echo.New()\n\te.GET(\"/test\", x)\n}\n";
    assert_eq!(
        paths(&[
            ("cmd/main.go", main),
            ("items/items.go", items),
            ("items/items_test.go", tests),
            ("users/handler.go", users),
        ]),
        [
            "/api/items",
            "/api/items/:id",
            "/api/me (login)",
            "/api/users",
            "/api/other",
        ]
    );
}

#[test]
fn parts_of_chi_lie_in_function_literals_and_mounts() {
    let main = "package main\n\nconst base = \"/api\"\n\nfunc routes() http.Handler {\n\tr := chi.NewRouter()\n\
                \tr.Use(middleware.Logger)\n\tr.Get(\"/\", home)\n\tr.Route(base, func(r chi.Router) {\n\
                \t\tr.Get(\"/items\", items)\n\t\tr.Route(\"/shop\", shop)\n\t\tr.Group(func(r chi.Router) {\n\
                \t\t\tr.Use(RequireAuth)\n\t\t\tr.Get(\"/me\", me)\n\t\t})\n\t\tr.Get(\"/after\", after)\n\t})\n\
                \tr.With(jwt.Verify).Get(\"/sure\", sure)\n\tr.Mount(\"/admin\", adminRouter())\n\treturn r\n}\n\n\
                func shop(r chi.Router) {\n\tr.Get(\"/cart\", cart)\n}\n\n\
                func adminRouter() http.Handler {\n\tr := chi.NewRouter()\n\tr.Get(\"/stats\", stats)\n\treturn r\n}\n";
    assert_eq!(
        paths(&[("main.go", main)]),
        [
            "/",
            "/api/items",
            "/api/shop/cart",
            "/api/me (login)",
            "/api/after",
            "/sure (login)",
            "/admin/stats",
        ]
    );
}

#[test]
fn multiplexers_of_the_standard_library_and_of_gorilla_are_known() {
    let main = "package main\n\nfunc main() {\n\tmux := http.NewServeMux()\n\tapi := http.NewServeMux()\n\
                \tapi.HandleFunc(\"GET /items\", items)\n\tapi.HandleFunc(\"POST /items\", create)\n\
                \tapi.Handle(\"GET /all/{$}\", all)\n\tmux.Handle(\"/api/\", http.StripPrefix(\"/api\", api))\n\
                \tmux.Handle(\"/v2/\", http.StripPrefix(\"/v2\", newer()))\n\
                \tmux.HandleFunc(\"/healthz\", ok)\n\thttp.HandleFunc(\"/ping\", func(w http.ResponseWriter, r *http.Request) {\n\
                \t\tname := r.URL.Query().Get(\"name\")\n\t\tv := r.Header.Get(\"X-A\", \"b\")\n\t})\n}\n\n\
                func newer() http.Handler {\n\tm := http.NewServeMux()\n\tm.HandleFunc(\"/x\", x)\n\treturn m\n}\n";
    assert_eq!(
        paths(&[("main.go", main)]),
        ["/api/items", "/api/all/", "/v2/x", "/healthz", "/ping"]
    );
    let gorilla = "package main\n\nfunc New() *Server {\n\ts := &Server{router: mux.NewRouter()}\n\ts.routes()\n\
                   \treturn s\n}\n\nfunc (s *Server) routes() {\n\ts.router.HandleFunc(\"/a\", s.a()).Methods(\"GET\")\n\
                   \ts.router.HandleFunc(\"/b\", s.b).Methods(http.MethodPost)\n\
                   \tapi := s.router.PathPrefix(\"/api\").Subrouter()\n\tapi.Use(s.authenticate)\n\
                   \tapi.HandleFunc(\"/c\", s.c).Methods(\"GET\", \"HEAD\")\n}\n";
    assert_eq!(
        paths(&[("server/server.go", gorilla)]),
        ["/a", "/api/c (login)"]
    );
}

#[test]
fn what_is_no_router_has_no_routes() {
    let text = "package main\n\nfunc load(c *Cache) {\n\tvalue := c.Get(\"/x\", \"y\")\n\tclient.Get(\"/z\", value)\n}\n";
    assert_eq!(paths(&[("main.go", text)]), Vec::<String>::new());
}
