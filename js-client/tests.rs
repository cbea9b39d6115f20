//! The responses, whole.

use super::*;

type Headers<'a> = &'a [(&'a str, &'a str)];

/// The response to a request with these headers.
fn get(name: &str, request: Headers<'_>) -> Response {
    respond(name, |name| {
        let values = request.iter().filter(move |(other, _)| *other == name);
        values.map(|(_, value)| *value).collect::<Vec<_>>()
    })
}

fn header(response: &Response, name: &str) -> Option<&'static str> {
    response.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

fn hashed() -> String {
    client_url("")[1..].to_owned()
}

#[test]
fn the_client_is_served_with_its_type_and_its_tag() {
    let etag = text(&CLIENT[2].1.tag);
    let response = get(ENTRY, &[("accept-encoding", "gzip, br")]);
    assert_eq!((response.status, response.body), (200, CLIENT[2].1.bytes));
    assert_eq!(
        response.headers,
        [
            ("vary", "accept-encoding"),
            ("etag", etag),
            ("cache-control", "no-cache"),
            ("content-type", "text/javascript; charset=utf-8"),
            ("content-encoding", "br"),
            ("x-content-type-options", "nosniff"),
        ]
    );
    let cached = get(ENTRY, &[("accept-encoding", "br"), ("if-none-match", etag)]);
    assert_eq!((cached.status, cached.body), (304, &b""[..]));
    let headers = [("vary", "accept-encoding"), ("etag", etag), ("cache-control", "no-cache")];
    assert_eq!(cached.headers, headers);
}

#[test]
fn each_coding_has_its_own_tag() {
    let of = |coding| get(ENTRY, &[("accept-encoding", coding)]);
    let [identity, gzip, brotli] = ["identity", "gzip", "br"].map(of);
    assert_eq!(get(ENTRY, &[]), identity);
    assert_eq!(identity.body, include_bytes!("dist/index.js"));
    assert_eq!(&gzip.body[..2], b"\x1f\x8b");
    assert!(brotli.body.len() < gzip.body.len() && gzip.body.len() < identity.body.len() / 2);
    for (one, other) in [(&identity, &gzip), (&gzip, &brotli), (&brotli, &identity)] {
        assert_ne!(header(one, "etag"), header(other, "etag"));
        let tag = header(one, "etag").unwrap();
        let coding = header(other, "content-encoding").unwrap_or("identity");
        let changed = get(ENTRY, &[("accept-encoding", coding), ("if-none-match", tag)]);
        assert_eq!(&changed, other);
    }
    assert_eq!(header(&identity, "content-encoding"), None);
    assert_eq!(header(&gzip, "content-encoding"), Some("gzip"));
}

#[test]
fn no_acceptable_coding_is_an_error() {
    let response = get(ENTRY, &[("accept-encoding", "zstd, *;q=0")]);
    assert_eq!(response.status, 406);
    assert_eq!(header(&response, "vary"), Some("accept-encoding"));
    assert_eq!(header(&response, "etag"), None);
    assert_eq!(get("index.js.map", &[("accept-encoding", "br, identity;q=0")]).status, 406);
}

#[test]
fn the_name_with_the_hash_may_be_kept() {
    for coding in ["identity", "gzip", "br"] {
        let entry = get(ENTRY, &[("accept-encoding", coding)]);
        let kept = get(&hashed(), &[("accept-encoding", coding)]);
        assert_eq!((kept.status, kept.body), (200, entry.body));
        assert_eq!(header(&kept, "etag"), header(&entry, "etag"));
        let cache = header(&kept, "cache-control");
        assert_eq!(cache, Some("public, max-age=31536000, immutable"));
    }
}

#[test]
fn the_source_map_is_where_the_client_names_it() {
    let client = std::str::from_utf8(SOURCE).unwrap();
    let (_, map) = client.trim_end().rsplit_once("\n//# sourceMappingURL=").unwrap();
    let response = get(map, &[("accept-encoding", "br, gzip")]);
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert_eq!(header(&response, "content-encoding"), None);
    assert!(response.body.starts_with(b"{"));
}

#[test]
fn any_other_name_is_not_found() {
    let other = hashed().replace(|digit: char| digit.is_ascii_digit(), "a");
    for name in [
        "",
        "Cargo.toml",
        "../lib.rs",
        "index.js/",
        "index.js.br",
        "index.js.gz",
        "INDEX.JS",
        "attach.js",
        "index-.js",
        &other,
    ] {
        assert_eq!(get(name, &[("if-none-match", "*")]).status, 404, "{name:?}");
    }
}

#[test]
fn the_url_is_that_of_any_mount() {
    let name = hashed();
    for (mount, url) in [
        ("", format!("/{name}")),
        ("/", format!("/{name}")),
        (".", format!("./{name}")),
        ("/teams/red/meet-signal", format!("/teams/red/meet-signal/{name}")),
        ("https://a.example/js/", format!("https://a.example/js/{name}")),
    ] {
        assert_eq!(client_url(mount), url);
        let link = format!(r#"<link rel="modulepreload" href="{url}">"#);
        assert_eq!(client_preload(mount), link);
    }
    let escaped = r#"<link rel="modulepreload" href="/&quot;&gt;&lt;script&gt;&amp;/"#;
    assert!(client_preload("/\"><script>&").starts_with(escaped));
}
