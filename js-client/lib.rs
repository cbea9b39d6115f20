//! The browser side of [meet-signal], embedded for adapters to serve: the ES modules of the npm
//! package.
//!
//! An application does not need this crate: the adapters' routers serve it.
//!
//! [meet-signal]: https://docs.rs/meet-signal-core

/// An ES module.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Module {
    /// The file's name. The modules import each other by name, so all must be served from one folder.
    pub name: &'static str,
    /// Its text, UTF-8.
    pub source: &'static [u8],
    /// A strong entity tag (RFC 9110, section 8.8.3), quotes included, which depends on the text.
    pub etag: ETag,
}

/// A quoted entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag([u8; 18]);

impl ETag {
    /// The value of the header `ETag`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits in quotes")
    }
}

/// The response to a request for a module, independent of the web framework. An adapter sends it
/// unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// 200, 304, or 404.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The content.
    pub body: &'static [u8],
}

/// Responds to a GET of the module with this name. `if_none_match` are the values of the request's
/// headers `If-None-Match` (RFC 9110, section 13.1.2).
///
/// Each module has an `ETag`, and browsers revalidate it at every use (`Cache-Control: no-cache`), so
/// that no page mixes old and new modules after a deployment.
pub fn respond<'a>(name: &str, if_none_match: impl IntoIterator<Item = &'a str>) -> Response {
    let Some(module) = module(name) else {
        let headers = vec![("content-type", "text/plain; charset=utf-8")];
        return Response { status: 404, headers, body: b"no such module" };
    };
    let mut headers = vec![("etag", module.etag.as_str()), ("cache-control", "no-cache")];
    if module.is_fresh(if_none_match) {
        return Response { status: 304, headers, body: b"" };
    }
    headers.push(("content-type", CONTENT_TYPE));
    // Otherwise a page of another origin could load a module as another type.
    headers.push(("x-content-type-options", "nosniff"));
    Response { status: 200, headers, body: module.source }
}

/// The module that a page imports.
pub const ENTRY: &str = "index.js";

/// The value of `Content-Type` to serve a module with.
pub const CONTENT_TYPE: &str = "text/javascript; charset=utf-8";

/// All modules, ordered by name.
pub fn modules() -> &'static [Module] {
    static MODULES: &[Module] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));
    MODULES
}

/// The module of this name.
pub fn module(name: &str) -> Option<&'static Module> {
    modules().iter().find(|module| module.name == name)
}

impl Module {
    const fn new(name: &'static str, source: &'static [u8]) -> Self {
        Self { name, source, etag: ETag(tag(source)) }
    }

    /// `If-None-Match`: a list of tags, compared weakly, or `*`.
    fn is_fresh<'a>(&self, if_none_match: impl IntoIterator<Item = &'a str>) -> bool {
        if_none_match
            .into_iter()
            .flat_map(|tags| tags.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag.as_str())
    }
}

/// FNV-1a over 64 bits, computed at compile time: sufficient to distinguish the versions of a file.
const fn tag(source: &[u8]) -> [u8; 18] {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < source.len() {
        hash = (hash ^ source[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    let mut tag = [b'"'; 18];
    let mut digit = 0;
    while digit < 16 {
        tag[16 - digit] = b"0123456789abcdef"[(hash >> (4 * digit)) as usize & 0xf];
        digit += 1;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_and_all_its_imports_exist() {
        assert!(module(ENTRY).is_some());
        for Module { name, source, .. } in modules() {
            let source = std::str::from_utf8(source).unwrap();
            for line in source.lines().filter(|line| line.contains("from './")) {
                let (_, import) = line.split_once("from './").unwrap();
                let import = import.split('\'').next().unwrap();
                assert!(module(import).is_some(), "{name} imports {import}");
            }
        }
    }

    #[test]
    fn tags_follow_the_text() {
        assert_eq!(Module::new("a", b"").etag.as_str(), "\"cbf29ce484222325\"");
        assert_eq!(Module::new("a", b"a").etag.as_str(), "\"af63dc4c8601ec8c\"");
    }

    #[test]
    fn a_module_is_served_with_its_type_and_its_tag() {
        let tag = module(ENTRY).unwrap().etag.as_str();
        let response = respond(ENTRY, []);
        assert_eq!((response.status, response.body), (200, module(ENTRY).unwrap().source));
        assert_eq!(
            response.headers,
            [
                ("etag", tag),
                ("cache-control", "no-cache"),
                ("content-type", "text/javascript; charset=utf-8"),
                ("x-content-type-options", "nosniff"),
            ]
        );
    }

    #[test]
    fn a_cached_module_is_not_sent_again() {
        let tag = module(ENTRY).unwrap().etag.as_str();
        let weak = format!("W/{tag}");
        let among_others = format!("\"other\" , {tag}");
        for has in [&[tag][..], &[&weak], &[&among_others], &["\"other\"", tag], &["*"]] {
            let response = respond(ENTRY, has.iter().copied());
            assert_eq!((response.status, response.body), (304, &b""[..]), "{has:?}");
            assert_eq!(response.headers, [("etag", tag), ("cache-control", "no-cache")]);
        }
        let unquoted = tag.trim_matches('"');
        for has in [&[][..], &[""], &["\"other\""], &[unquoted], &["W/*"]] {
            assert_eq!(respond(ENTRY, has.iter().copied()).status, 200, "{has:?}");
        }
    }

    #[test]
    fn an_unknown_module_is_not_found() {
        for name in ["", "Cargo.toml", "../lib.rs", "index.js/"] {
            assert_eq!(respond(name, ["*"]).status, 404, "{name:?}");
        }
    }
}
