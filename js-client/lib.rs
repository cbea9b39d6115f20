//! The browser side of [meet-signal], embedded for adapters to serve: one minified ES module,
//! compressed in advance, with its source map. The npm package has the same file, and the sources.
//!
//! An application does not need this crate: the adapters' routers serve it, and export
//! [`client_url`] and [`client_preload`].
//!
//! [meet-signal]: https://docs.rs/meet-signal-core

mod accept_encoding;
mod entity_tag;

use accept_encoding::Coding;

/// The response to a GET below the path where the client is mounted, independent of the web
/// framework. An adapter sends it unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// 200, 304, 404, or 406.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The content.
    pub body: &'static [u8],
}

/// Responds to a GET of the file with this name, which may be anything. `header` returns the values
/// of a header of the request, by its name in lower case.
///
/// | name | |
/// |---|---|
/// | [`ENTRY`] | the client. Browsers revalidate it at every use (`Cache-Control: no-cache`) |
/// | the name in [`client_url`] | the client. Browsers keep it (`immutable`), and the name of another version is not found |
/// | `index.js.map` | its source map, which development tools load |
///
/// The client is in brotli, gzip or identity, as `Accept-Encoding` has it, and each of these has a
/// strong `ETag` of its own. The status is 304 if `If-None-Match` has the tag, 404 for another
/// name, and 406 if `Accept-Encoding` refuses every coding that there is.
pub fn respond<'a, V>(name: &str, header: impl Fn(&'static str) -> V) -> Response
where
    V: IntoIterator<Item = &'a str>,
{
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return failure(404, vec![], b"no such file");
    };
    let mut headers = vec![];
    if file.codings.len() > 1 {
        headers.push(("vary", "accept-encoding"));
    }
    let codings = file.codings.iter().map(|(coding, _)| *coding);
    let chosen = accept_encoding::choose(header("accept-encoding"), codings);
    let chosen = file.codings.iter().find(|(coding, _)| Some(*coding) == chosen);
    let Some((coding, Content { bytes, tag })) = chosen else {
        return failure(
            406,
            headers,
            b"this file is in none of the codings that the request accepts",
        );
    };

    let tag = text(tag);
    headers.extend([("etag", tag), ("cache-control", file.cache_control)]);
    if entity_tag::is_among(tag, header("if-none-match")) {
        return Response { status: 304, headers, body: b"" };
    }
    headers.push(("content-type", file.content_type));
    headers.extend(coding.name().map(|name| ("content-encoding", name)));
    // Otherwise a page of another origin could load a file as another type.
    headers.push(("x-content-type-options", "nosniff"));
    Response { status: 200, headers, body: bytes }
}

fn failure(
    status: u16,
    mut headers: Vec<(&'static str, &'static str)>,
    body: &'static [u8],
) -> Response {
    headers.push(("content-type", "text/plain; charset=utf-8"));
    // During a deployment, an instance may not have the version yet that another one names.
    headers.push(("cache-control", "no-store"));
    Response { status, headers, body }
}

/// The URL of this version of the client, for pages that a server renders. `mount` is the URL of
/// the path where the client is mounted, as the page has it: it begins with `/`, with `./` or `../`, or
/// is one of another origin.
///
/// Browsers keep what they load from it, and do not ask again. When the client changes, its URL
/// does, and the former one is not found.
///
/// ```
/// let url = meet_signal_js::client_url("/meet-signal");
/// assert!(url.starts_with("/meet-signal/index-") && url.ends_with(".js"));
/// ```
pub fn client_url(mount: &str) -> String {
    format!("{}/{}", mount.strip_suffix('/').unwrap_or(mount), text(&HASHED_NAME))
}

/// `<link rel="modulepreload" href="…">` with [`client_url`], for the `<head>` of a page: the
/// browser loads the client before a script imports it. It is HTML, in which the URL is escaped.
///
/// ```
/// let link = meet_signal_js::client_preload("/meet-signal");
/// assert!(link.starts_with(r#"<link rel="modulepreload" href="/meet-signal/index-"#));
/// ```
pub fn client_preload(mount: &str) -> String {
    let url = client_url(mount).replace('&', "&amp;").replace('"', "&quot;");
    let url = url.replace('<', "&lt;").replace('>', "&gt;");
    format!(r#"<link rel="modulepreload" href="{url}">"#)
}

/// The name of the client that stays the same when it changes.
pub const ENTRY: &str = "index.js";

struct File {
    name: &'static str,
    content_type: &'static str,
    cache_control: &'static str,
    codings: &'static [(Coding, Content)],
}

/// A file in one coding, and its entity tag.
struct Content {
    bytes: &'static [u8],
    tag: [u8; 18],
}

impl Content {
    const fn new(bytes: &'static [u8]) -> Self {
        Self { bytes, tag: entity_tag::entity_tag(bytes) }
    }
}

static FILES: [File; 3] = [
    File { name: ENTRY, content_type: JAVASCRIPT, cache_control: "no-cache", codings: &CLIENT },
    File {
        name: text(&HASHED_NAME),
        content_type: JAVASCRIPT,
        // A year, the longest time that caches keep a file.
        cache_control: "public, max-age=31536000, immutable",
        codings: &CLIENT,
    },
    File {
        name: "index.js.map",
        content_type: "application/json",
        cache_control: "no-cache",
        codings: &[(Coding::Identity, Content::new(include_bytes!("dist/index.js.map")))],
    },
];

static CLIENT: [(Coding, Content); 3] = [
    (Coding::Identity, Content::new(SOURCE)),
    (Coding::Gzip, Content::new(include_bytes!("dist/index.js.gz"))),
    (Coding::Brotli, Content::new(include_bytes!("dist/index.js.br"))),
];

const SOURCE: &[u8] = include_bytes!("dist/index.js");

/// `index-0123456789abcdef.js`, with the hash of the content.
static HASHED_NAME: [u8; 25] = {
    let mut name = *b"index-0123456789abcdef.js";
    let hash = entity_tag::hash(SOURCE);
    let mut at = 0;
    while at < hash.len() {
        name[6 + at] = hash[at];
        at += 1;
    }
    name
};

const fn text(ascii: &'static [u8]) -> &'static str {
    match std::str::from_utf8(ascii) {
        Ok(text) => text,
        Err(_) => panic!("ASCII"),
    }
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

#[cfg(test)]
mod tests;
