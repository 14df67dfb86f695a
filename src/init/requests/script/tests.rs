//! Routes as programs write them.

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
fn routers_of_express_lie_below_the_paths_that_they_are_mounted_at() {
    let index = "const express = require('express');\nconst users = require('./routes/users');\n\
                 const app = express();\nconst api = express.Router();\n\
                 app.get('/health', (req, res) => res.send('ok'));\napp.get('env');\n\
                 app.use('/api', api);\napi.use('/users', auth, users);\n\
                 api.get('/items', list);\napp.use('/shop', require('./routes/shop'));\n\
                 app.use(PREFIX, require('./routes/hidden'));\n";
    let users = "const router = require('express').Router();\nrouter.get('/', all);\n\
                 router.route('/me').get(me);\nmodule.exports = router;\n";
    let shop = "const { Router } = require('express');\nconst router = Router();\nrouter.get('/open', a);\n\
                router.get('/mine', requireAuth, b);\nmodule.exports = router\n";
    let found = paths(&[
        ("src/index.js", index),
        ("src/routes/hidden.js", shop),
        ("src/routes/shop.js", shop),
        ("src/routes/users.js", users),
    ]);
    assert_eq!(
        found,
        [
            "/health",
            "/api/items",
            "/api/users (login)",
            "/api/users/me (login)",
            "/shop/open",
            "/shop/mine (login)",
        ]
    );
}

#[test]
fn modules_import_routers_under_other_names() {
    let index = "import express from 'express'\nimport { router as users } from './users.js'\n\
                 import shop from './shop'\nconst app = express()\napp.use('/u', users)\napp.use(shop)\n";
    let users = "import { Router } from 'express'\nexport const router: Router = Router()\n\
                 router.get('/list', (req, res) => res.json(req.user))\n";
    let shop = "const r = express.Router()\nr.get('/cart', cart)\nexport default r\n";
    assert_eq!(
        paths(&[
            ("index.ts", index),
            ("shop/index.ts", shop),
            ("users.ts", users)
        ]),
        ["/u/list (login)", "/cart"]
    );
}

#[test]
fn calls_may_be_chained() {
    let main = "const app = express()\napp.use(cors()).use(routes).listen(1)\nimport routes from './routes'\n";
    let routes = "import tags from './tags'\nconst api = Router()\n  .use('/tags', tags)\n  .get('/x', x);\n\
                  export default Router().use('/api', api);\n";
    let tags =
        "const router = Router();\nrouter.get('/', auth.optional, all);\nexport default router;\n";
    // As paths of the current folder are.
    let files = [
        ("./main.ts", main),
        ("./routes.ts", routes),
        ("./tags.ts", tags),
    ];
    assert_eq!(paths(&files), ["/api/x", "/api/tags"]);
}

#[test]
fn plugins_of_fastify_have_prefixes() {
    let index = "import Fastify from 'fastify'\nimport items from './items.js'\n\
                 const app = Fastify({ logger: true })\napp.get('/ping', async () => 'pong')\n\
                 app.register(items, { prefix: '/items' })\n";
    let items = "export default async function (fastify, options) {\n  fastify.get('/', list)\n  \
                 fastify.get('/new', { onRequest: [fastify.authenticate] }, list)\n}\n";
    assert_eq!(
        paths(&[("index.js", index), ("items.js", items)]),
        ["/ping", "/items", "/items/new (login)"]
    );
    let autoload = "const AutoLoad = require('@fastify/autoload')\n";
    let users = "module.exports = async function (fastify, opts) {\n  fastify.get('/all', f)\n}\n";
    assert_eq!(
        paths(&[("app.js", autoload), ("routes/users/index.js", users)]),
        ["/users/all"]
    );
}

#[test]
fn routers_of_koa_and_hono_are_known() {
    let koa = "const app = new Koa();\nconst router = new Router({ prefix: '/v1' });\n\
               router.get('/a', a);\napp.use(router.routes());\n";
    assert_eq!(paths(&[("koa.js", koa)]), ["/v1/a"]);
    let hono =
        "const app = new Hono()\nconst sub = new Hono()\nsub.get('/x', x)\napp.route('/s', sub)\n";
    assert_eq!(paths(&[("hono.ts", hono)]), ["/s/x"]);
}
