//! The routes of the browser side.

use std::net::SocketAddr;

use axum::Router;
use meet_signal_axum::{Hub, SignalRouter, client};
use meet_signal_js::{ENTRY, modules};

use crate::support::{get, serve};

const INDEX: &str = "/meet-signal/index.js";

async fn server() -> SocketAddr {
    serve(SignalRouter::new(Hub::default()).into_router()).await
}

#[tokio::test]
async fn every_module_is_served_as_javascript() {
    let server = server().await;
    for module in modules() {
        let response = get(server, &format!("/meet-signal/{}", module.name), &[]).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.body.as_bytes(), module.source);
        assert_eq!(response.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("cache-control"), Some("no-cache"));
        assert_eq!(response.header("etag"), Some(module.etag.as_str()));
    }
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
    for name in ["", "nothing.js", "Index.js", "index.js/", "..%2Flib.rs", "%2e%2e%2flib.rs"] {
        let response = get(server, &format!("/meet-signal/{name}"), &[]).await;
        assert_eq!(response.status, 404, "{name}");
    }
}

#[tokio::test]
async fn the_modules_can_be_nested_anywhere() {
    let server = serve(Router::new().nest("/js/meet", client())).await;
    assert_eq!(get(server, &format!("/js/meet/{ENTRY}"), &[]).await.status, 200);
    assert_eq!(get(server, INDEX, &[]).await.status, 404);
}
