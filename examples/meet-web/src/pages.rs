//! The pages, embedded. A debug build reads them from their folder at each request, so that editing
//! one needs no rebuild.

use std::borrow::Cow;

use meet_signal_core::{InvalidRoomId, RoomId};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static"]
struct Files;

/// A file to serve.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asset {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The content.
    pub body: Cow<'static, [u8]>,
    /// Whether the address is valid: the status is 200, otherwise 404.
    pub found: bool,
}

/// The page at `/`.
pub fn home() -> Asset {
    asset("home.html").expect("the pages are embedded")
}

/// The page at this path, `/room/{name}`, as it is in the request. The page normalizes the name, and
/// explains what is wrong with an invalid one.
pub fn room(path: &str) -> Asset {
    let segment = path.strip_prefix("/room/").unwrap_or_default();
    let found = is_encoded(segment)
        && RoomId::from_segment(segment)
            .is_ok_and(|room| parse(room.as_str().trim_end_matches('/')).is_some());
    Asset { found, ..asset("room.html").expect("the pages are embedded") }
}

/// The file at `/assets/{name}`.
pub fn asset(name: &str) -> Option<Asset> {
    let file = Files::get(name)?;
    let mut content_type = file.metadata.mimetype().to_owned();
    if content_type.starts_with("text/") {
        content_type.push_str("; charset=utf-8");
    }
    Some(Asset { content_type, body: file.data, found: true })
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
        for page in [home(), room("/room/standup")] {
            let html = String::from_utf8(page.body.into_owned()).unwrap();
            let referred = html.split("\"/assets/").skip(1);
            let names: Vec<_> = referred.filter_map(|rest| rest.split(['"', '#']).next()).collect();
            assert!(!names.is_empty());
            for name in names {
                assert!(asset(name).is_some(), "{name}");
            }
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
