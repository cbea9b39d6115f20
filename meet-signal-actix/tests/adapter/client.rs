//! The browser side, over sockets: each response is the same as that of the adapter for axum.

use meet_signal_actix::{client_preload, client_url};

use crate::responses::{BothAdapters, Response};

const IDENTITY: &[u8] = include_bytes!("../../../js-client/dist/index.js");
const GZIP: &[u8] = include_bytes!("../../../js-client/dist/index.js.gz");
const BROTLI: &[u8] = include_bytes!("../../../js-client/dist/index.js.br");

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name).map(String::as_str)
}

#[tokio::test]
async fn the_client_is_in_the_coding_that_the_request_prefers() {
    let servers = BothAdapters::start().await;
    let hashed = client_url("/meet-signal");
    for (accepts, coding, body) in [
        (&[][..], None, IDENTITY),
        (&["Accept-Encoding:"], None, IDENTITY),
        (&["Accept-Encoding: identity"], None, IDENTITY),
        (&["Accept-Encoding: gzip, deflate, br, zstd"], Some("br"), BROTLI),
        (&["Accept-Encoding: gzip, deflate"], Some("gzip"), GZIP),
        (&["Accept-Encoding: gzip;q=0.8, br;q=0.3"], Some("gzip"), GZIP),
        (&["Accept-Encoding: gzip", "Accept-Encoding: br"], Some("br"), BROTLI),
        (&["Accept-Encoding: *"], Some("br"), BROTLI),
        (&["Accept-Encoding: br;q=0, *;q=0.1"], Some("gzip"), GZIP),
        (&["Accept-Encoding: br;q=nonsense, \u{ff}"], None, IDENTITY),
    ] {
        for (path, cache) in [
            ("/meet-signal/index.js", "no-cache"),
            (hashed.as_str(), "public, max-age=31536000, immutable"),
        ] {
            let whole = servers.response("GET", path, accepts).await;
            assert_eq!(whole.status, 200, "{accepts:?}");
            assert!(whole.bytes == body, "{accepts:?}");
            assert_eq!(header(&whole, "content-encoding"), coding, "{accepts:?}");
            assert_eq!(header(&whole, "vary"), Some("accept-encoding"));
            assert_eq!(header(&whole, "cache-control"), Some(cache));
            assert_eq!(header(&whole, "content-type"), Some("text/javascript; charset=utf-8"));
            assert_eq!(header(&whole, "x-content-type-options"), Some("nosniff"));
            assert_eq!(header(&whole, "access-control-allow-origin"), None);

            let head = servers.response("HEAD", path, accepts).await;
            assert_eq!((head.status, head.headers), (200, whole.headers.clone()));
            let cached = format!("If-None-Match: \"x\", {}", whole.headers["etag"]);
            for method in ["GET", "HEAD"] {
                let cached = [accepts, &[&cached]].concat();
                let cached = servers.response(method, path, &cached).await;
                assert_eq!((cached.status, cached.bytes.len()), (304, 0));
                for name in ["etag", "vary", "cache-control"] {
                    assert_eq!(header(&cached, name), header(&whole, name));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_tag_of_another_coding_is_not_a_match() {
    let servers = BothAdapters::start().await;
    let path = "/meet-signal/index.js";
    let brotli = servers.response("GET", path, &["Accept-Encoding: br"]).await;
    let has = format!("If-None-Match: {}", brotli.headers["etag"]);
    for accepts in ["Accept-Encoding: gzip", "Accept-Encoding: identity"] {
        assert_eq!(servers.response("GET", path, &[accepts, &has]).await.status, 200);
    }
}

#[tokio::test]
async fn bad_requests_get_an_error() {
    let servers = BothAdapters::start().await;
    let hashed = client_url("/js");
    let refused = servers.response("GET", &hashed, &["Accept-Encoding: zstd, *;q=0"]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(header(&refused, "vary"), Some("accept-encoding"));
    assert_eq!(header(&refused, "cache-control"), Some("no-store"));

    for name in [
        "",
        "index.js/",
        "INDEX.JS",
        "index-0123456789abcdef.js",
        "index-.js",
        "index-.js.map",
        "index.js.br",
        "index.js.gz",
        "attach.js",
        "src/index.js",
        "..%2Flib.rs",
        "%2e%2e%2flib.rs",
        "..%5Clib.rs",
        "index.js%00",
        "%FF",
    ] {
        let missing = servers.response("GET", &format!("/js/{name}"), &[]).await;
        let cached = header(&missing, "cache-control");
        // The framework's router says nothing about it.
        assert!(
            missing.status == 404 && matches!(cached, None | Some("no-store")),
            "{name}: {cached:?}"
        );
    }
    for path in ["/js/../Cargo.toml", "/js/..", "/js/./index.js"] {
        assert_eq!(servers.response("GET", path, &[]).await.status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        for path in ["/js/index.js", &hashed, "/js/nothing.js"] {
            let refused = servers.response(method, path, &[]).await;
            assert_eq!(refused.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_url_is_right_below_any_prefix() {
    let servers = BothAdapters::start().await;
    for mount in [
        "/js",
        "/js/",
        "/meet-signal",
        "/any/meet-signal",
        "/teams/red%20team/index.js/js",
        "/teams/%FF/x%2Fy/js",
    ] {
        let url = client_url(mount);
        let response = servers.response("GET", &url, &[]).await;
        assert_eq!((response.status, response.body.len()), (200, IDENTITY.len()), "{url}");
        assert_eq!(client_preload(mount), format!(r#"<link rel="modulepreload" href="{url}">"#));
        let map = url.rsplit_once('/').expect("a path").0;
        let map = servers.response("GET", &format!("{map}/index.js.map"), &[]).await;
        assert_eq!((map.status, header(&map, "content-type")), (200, Some("application/json")));
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_import_it_where_the_application_says_so() {
    let servers = BothAdapters::start().await;
    let allowed = async |mount: &str, headers: &[&str]| {
        let response = servers.response("GET", &client_url(mount), headers).await;
        assert_eq!(response.status, 200, "{mount}");
        let etag = format!("If-None-Match: {}", response.headers["etag"]);
        let headers = [headers, &[&etag]].concat();
        let cached = servers.response("GET", &client_url(mount), &headers).await;
        assert_eq!(cached.status, 304);
        let of = |response: &Response| {
            let [vary, allowed] = ["vary", "access-control-allow-origin"]
                .map(|name| header(response, name).map(str::to_owned));
            (vary.expect("it has codings"), allowed)
        };
        assert_eq!(of(&response), of(&cached));
        of(&response)
    };
    let is = |vary: &str, origin: Option<&str>| (vary.to_owned(), origin.map(str::to_owned));

    let listed = "Origin: https://www.example.com";
    let other = "Origin: https://evil.example";
    for headers in [&[][..], &[listed], &[other]] {
        assert_eq!(allowed("/js", headers).await, is("accept-encoding", None));
        assert_eq!(allowed("/meet-signal", headers).await, is("accept-encoding", None));
        let any = is("accept-encoding", Some("*"));
        assert_eq!(allowed("/any/meet-signal", headers).await, any);
    }
    let below = "/teams/red/x/js";
    let both = "accept-encoding, origin";
    assert_eq!(allowed(below, &[listed]).await, is(both, Some("https://www.example.com")));
    for headers in [&[][..], &[other], &["Origin: null"]] {
        assert_eq!(allowed(below, headers).await, is(both, None));
    }
}
