//! The pages, embedded. A debug build reads them from their folder at each request, so that editing
//! one needs no rebuild.

use std::borrow::Cow;

use meet_signal_core::RoomId;
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

/// The page at `/room/{name}`, with the name as decoded from the path. The page explains what is wrong
/// with an invalid name, or with one that is not UTF-8 (`None`).
pub fn room(name: Option<&str>) -> Asset {
    let name = name.map(|name| name.trim_end_matches('/'));
    let found = name.is_some_and(|name| name.parse::<RoomId>().is_ok());
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

/// The redirect of the home page's form, in a browser without scripts: from `/room?room=standup` to
/// `/room/standup`. An invalid name redirects to the home page, where the form describes valid names.
pub fn form_target(fields: &[(String, String)]) -> String {
    let name = fields.iter().find(|(field, _)| field == "room").map_or("", |(_, name)| name);
    match name.trim().parse::<RoomId>() {
        Ok(room) => format!("/room/{room}"),
        Err(_) => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_refers_to_exists() {
        for page in [home(), room(Some("standup"))] {
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
        for name in ["standup", "standup/", "...", &"x".repeat(64)] {
            assert!(room(Some(name)).found, "{name}");
        }
        for name in [None, Some(""), Some("/"), Some("a/b"), Some("ä"), Some(&"x".repeat(65))] {
            assert!(!room(name).found, "{name:?}");
        }
    }

    #[test]
    fn the_form_leads_to_the_room() {
        let target = |room: &str| form_target(&[("room".to_owned(), room.to_owned())]);
        assert_eq!(target("standup "), "/room/standup");
        assert_eq!(target("//evil.example"), "/");
        assert_eq!(target(""), "/");
        assert_eq!(form_target(&[]), "/");
    }
}
