//! The routes of the browser side.

use std::net::SocketAddr;

use axum::Router;
use meet_signal_axum::{Hub, OriginPolicy, SignalRouter, client, client_for, client_url};

use crate::support::{get, request, serve};

const INDEX: &str = "/meet-signal/index.js";

async fn server() -> SocketAddr {
    serve(SignalRouter::new(Hub::default()).into_router()).await
}

#[tokio::test]
async fn the_client_is_served_in_the_coding_that_the_request_prefers() {
    let server = server().await;
    let hashed = client_url("/meet-signal");
    for (accepts, coding, body) in [
        ("gzip, deflate, br, zstd", Some("br"), BROTLI),
        ("gzip;q=1, br;q=0.5", Some("gzip"), GZIP),
        ("", None, IDENTITY),
        ("br;q=0, identity", None, IDENTITY),
    ] {
        let mut tags = Vec::new();
        for (path, cache) in [(INDEX, "no-cache"), (&hashed, "public, max-age=31536000, immutable")]
        {
            let accepts = ("Accept-Encoding", accepts);
            let response = get(server, path, &[accepts]).await;
            assert_eq!(response.status, 200);
            assert!(response.bytes == body, "{accepts:?}");
            assert_eq!(response.header("content-encoding"), coding);
            assert_eq!(response.header("vary"), Some("accept-encoding"));
            assert_eq!(response.header("content-type"), Some("text/javascript; charset=utf-8"));
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(response.header("cache-control"), Some(cache));
            let etag = response.header("etag").expect("an ETag").to_owned();
            let cached = get(server, path, &[accepts, ("If-None-Match", &etag)]).await;
            assert_eq!((cached.status, cached.bytes.len()), (304, 0));
            let head = request(server, "HEAD", path, &[accepts]).await;
            assert_eq!((head.status, head.header("etag")), (200, Some(etag.as_str())));
            assert_eq!(head.header("content-length"), Some(body.len().to_string().as_str()));
            tags.push(etag);
        }
        assert_eq!(tags[0], tags[1]);
    }
    let refused = get(server, INDEX, &[("Accept-Encoding", "*;q=0")]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(request(server, "POST", &hashed, &[]).await.status, 405);
}

#[tokio::test]
async fn the_source_map_is_beside_the_client() {
    let map = get(server().await, "/meet-signal/index.js.map", &[]).await;
    assert_eq!((map.status, map.header("content-type")), (200, Some("application/json")));
    let map: serde_json::Value = serde_json::from_str(&map.body).expect("JSON");
    let sources = map["sources"].as_array().expect("a list");
    assert!(sources.iter().any(|source| source == "../src/meet-room.js"), "{sources:?}");
    assert!(map["sourcesContent"][0].as_str().is_some_and(|text| text.contains("\n")));
}

#[tokio::test]
async fn a_cached_module_is_not_sent_again() {
    let server = server().await;
    let etag = get(server, INDEX, &[]).await.header("etag").unwrap().to_owned();
    for tags in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"another\", {etag}"),
        format!("\"another\",W/{etag} , \"third\""),
        "*".to_owned(),
    ] {
        let response = get(server, INDEX, &[("If-None-Match", &tags)]).await;
        assert_eq!(response.status, 304, "{tags}");
        assert_eq!(response.header("etag"), Some(etag.as_str()));
        assert_eq!(response.header("cache-control"), Some("no-cache"));
    }
    let lines = [("If-None-Match", "\"another\""), ("If-None-Match", etag.as_str())];
    assert_eq!(get(server, INDEX, &lines).await.status, 304, "a list over two lines");
}

#[tokio::test]
async fn a_module_that_is_not_cached_is_sent() {
    let server = server().await;
    let etag = get(server, INDEX, &[]).await.header("etag").unwrap().to_owned();
    let unquoted = etag.trim_matches('"');
    for tags in ["\"another\"", "W/\"another\"", unquoted, "\"*\"", ""] {
        let response = get(server, INDEX, &[("If-None-Match", tags)]).await;
        assert_eq!(response.status, 200, "{tags}");
        assert!(!response.body.is_empty());
    }
}

#[tokio::test]
async fn an_unknown_module_is_not_found() {
    let server = server().await;
    for name in [
        "",
        "nothing.js",
        "attach.js",
        "Index.js",
        "index.js/",
        "index-0123456789abcdef.js",
        "index.js.br",
        "..%2Flib.rs",
        "%2e%2e%2flib.rs",
    ] {
        let response = get(server, &format!("/meet-signal/{name}"), &[]).await;
        assert_eq!(response.status, 404, "{name}");
    }
}

#[tokio::test]
async fn the_modules_can_be_nested_anywhere() {
    let app = Router::new().nest("/js/meet", client()).nest("/{version}/js", client());
    let server = serve(app).await;
    for mount in ["/js/meet", "/1.2/js/", "/index.js/js"] {
        assert_eq!(get(server, &client_url(mount), &[]).await.status, 200, "{mount}");
    }
    assert_eq!(get(server, "/js/meet/index.js", &[]).await.status, 200);
    assert_eq!(get(server, INDEX, &[]).await.status, 404);
}

#[tokio::test]
async fn listed_origins_may_import_it() {
    let page = "https://www.example.com";
    let pages = OriginPolicy::listed([page]).expect("an origin");
    let router = SignalRouter::new(Hub::default()).origins(pages.clone()).into_router();
    let server = serve(router.nest("/js", client_for(pages))).await;
    for path in [INDEX, &client_url("/js")] {
        for (origin, allowed) in
            [(page, Some(page)), ("https://evil.example", None), ("null", None)]
        {
            let response = get(server, path, &[("Origin", origin)]).await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("access-control-allow-origin"), allowed, "{origin}");
        }
    }
    let default = get(self::server().await, INDEX, &[("Origin", page)]).await;
    assert_eq!(default.header("access-control-allow-origin"), None);
}

const IDENTITY: &[u8] = include_bytes!("../../../js-client/dist/index.js");
const GZIP: &[u8] = include_bytes!("../../../js-client/dist/index.js.gz");
const BROTLI: &[u8] = include_bytes!("../../../js-client/dist/index.js.br");
