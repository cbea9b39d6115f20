//! The pages, embedded: as `bundle.js` has built them, and their sources beside them.

use std::{borrow::Cow, env};

use meet_signal_core::{InvalidRoomId, RoomId};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "dist"]
struct Built;

#[derive(RustEmbed)]
#[folder = "static"]
struct Sources;

/// A file to serve.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asset {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// The content.
    pub body: Cow<'static, [u8]>,
    /// Whether the address is valid: the status is 200, otherwise 404.
    pub found: bool,
}

/// The page at `/`.
pub fn home() -> Asset {
    page("home.html")
}

/// The page at this path, `/room/{name}`, as it is in the request. The page normalizes the name, and
/// explains what is wrong with an invalid one.
pub fn room(path: &str) -> Asset {
    let segment = path.strip_prefix("/room/").unwrap_or_default();
    let found = is_encoded(segment)
        && RoomId::from_segment(segment)
            .is_ok_and(|room| parse(room.as_str().trim_end_matches('/')).is_some());
    Asset { found, ..page("room.html") }
}

/// The page that was built or, with `MEET_SOURCES`, its source, to debug it.
fn page(name: &str) -> Asset {
    let file = if env::var_os("MEET_SOURCES").is_some() { Sources::get(name) } else { None };
    let file = file.or_else(|| Built::get(name)).expect("the pages are embedded");
    Asset::new(file, "no-cache")
}

/// The file at `/assets/{name}`: a built one, whose name has the hash of its content, or a source.
pub fn asset(name: &str) -> Option<Asset> {
    let built = Built::get(name).filter(|_| !name.ends_with(".html") && name.contains('-'));
    built
        // A year, the longest time that caches keep a file.
        .map(|file| Asset::new(file, "public, max-age=31536000, immutable"))
        .or_else(|| Sources::get(name).map(|file| Asset::new(file, "no-cache")))
}

impl Asset {
    fn new(file: EmbeddedFile, cache_control: &'static str) -> Self {
        let mut content_type = file.metadata.mimetype().to_owned();
        if content_type.starts_with("text/") {
            content_type.push_str("; charset=utf-8");
        }
        Self { content_type, cache_control, body: file.data, found: true }
    }
}

/// The name of the room at this path, `/signal/{name}`, as it is in the request.
///
/// # Errors
///
/// It is not the name of a room.
pub fn room_name(path: &str) -> Result<RoomId, InvalidRoomId> {
    RoomId::from_segment(path.rsplit('/').next().unwrap_or_default())
}

/// The redirect of the home page's form, in a browser without scripts: from `/room?room=standup` to
/// `/room/standup`. An invalid name redirects to the home page.
pub fn form_target(fields: &[(String, String)]) -> String {
    let name = fields.iter().find(|(field, _)| field == "room").map_or("", |(_, name)| name);
    parse(name).map_or_else(|| "/".to_owned(), |room| format!("/room/{}", room.to_segment()))
}

/// Whether each `%` begins the code of a byte: where one does not, somebody has mistyped the address.
fn is_encoded(segment: &str) -> bool {
    segment
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()))
}

/// A name that a person typed. It has no slash: some proxies decode it, and it then ends the name.
fn parse(name: &str) -> Option<RoomId> {
    name.trim().parse().ok().filter(|room: &RoomId| !room.as_str().contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_refers_to_exists() {
        for page in ["home.html", "room.html"] {
            for (file, is_built) in [(Built::get(page), true), (Sources::get(page), false)] {
                let html = String::from_utf8(file.unwrap().data.into_owned()).unwrap();
                let referred = html.split("\"/assets/").skip(1);
                let names: Vec<_> =
                    referred.filter_map(|rest| rest.split(['"', '#']).next()).collect();
                assert!(names.len() > 2);
                for name in names {
                    let asset = asset(name).unwrap_or_else(|| panic!("{name}"));
                    assert_eq!(asset.cache_control.contains("immutable"), is_built, "{name}");
                }
            }
        }
    }

    #[test]
    fn the_built_page_uses_the_client_that_is_served() {
        let client = meet_signal_js::client_url("/meet-signal");
        let page = String::from_utf8(room("/room/standup").body.into_owned()).unwrap();
        assert!(page.contains(&meet_signal_js::client_preload("/meet-signal")));
        let module = Built::iter().find(|name| name.starts_with("room-")).unwrap();
        let module = String::from_utf8(Built::get(&module).unwrap().data.into_owned()).unwrap();
        assert!(module.contains(&format!("from\"{client}\"")), "run scripts/bundle");
    }

    #[test]
    fn a_built_file_is_kept_under_its_name_alone() {
        for name in Built::iter().filter(|name| name.contains('-') && name.ends_with("js")) {
            let other = name.replace('-', "-0");
            assert!(asset(&name).is_some() && asset(&other).is_none(), "{name}");
        }
        for name in ["room.html", "styles.txt", "style.css"] {
            let kept = asset(name).is_some_and(|asset| asset.cache_control.contains("immutable"));
            assert!(!kept, "{name}");
        }
    }

    #[test]
    fn files_have_the_type_that_browsers_insist_on() {
        assert_eq!(home().content_type, "text/html; charset=utf-8");
        assert_eq!(asset("style.css").unwrap().content_type, "text/css; charset=utf-8");
        assert_eq!(asset("home.js").unwrap().content_type, "text/javascript; charset=utf-8");
        assert!(asset("../Cargo.toml").is_none());
    }

    #[test]
    fn only_a_valid_room_is_found() {
        let longest = "x".repeat(128);
        for name in
            ["standup", "standup/", "...", "a+b", "a%20b%20", "caf%C3%A9", "50%25", &longest]
        {
            assert!(room(&format!("/room/{name}")).found, "{name}");
        }
        let long = "x".repeat(129);
        for name in [
            "",
            "/",
            "%20",
            "%2E%2e",
            "a/b",
            "a%2Fb",
            "a%00",
            "%E2%80%AE",
            "%ff",
            "%EF%BF%BD",
            "%",
            "a%4",
            "%zz",
            "%E0%A4%A",
            &long,
        ] {
            assert!(!room(&format!("/room/{name}")).found, "{name:?}");
        }
        assert!(!room("/room").found);
    }

    #[test]
    fn the_form_leads_to_the_room() {
        let target = |room: &str| form_target(&[("room".to_owned(), room.to_owned())]);
        assert_eq!(target("standup "), "/room/standup");
        assert_eq!(target("Équipe 50%?"), "/room/%C3%89quipe%2050%25%3F");
        assert_eq!(target("a\nb"), "/");
        assert_eq!(target("//evil.example"), "/");
        assert_eq!(target(""), "/");
        assert_eq!(form_target(&[]), "/");
    }
}
