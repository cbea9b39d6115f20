//! The names of rooms.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
    sync::Arc,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The name of a room: 1 to 128 bytes of text in any script.
///
/// It has no control, format or unassigned characters and no line or paragraph separators (the
/// general categories Cc, Cf, Cn, Zl and Zp of Unicode 18.0), no U+FFFD, and is not `.` or `..`, which
/// are steps in a URL's path. Characters of a later version of Unicode need a later version of this
/// crate.
///
/// Names are compared byte for byte. `é` as one character and `é` as two are two names: an
/// application normalizes what people type, and trims it, if they are to meet.
///
/// In a URL it is one segment of the path, percent-encoded: [`to_segment`](Self::to_segment) and
/// [`from_segment`](Self::from_segment).
///
/// Cloning increments a reference count.
///
/// ```
/// use meet_signal_core::{InvalidRoomId, RoomId};
///
/// let room: RoomId = "Équipe – 朝会 🎉".parse()?;
/// assert_eq!(room.as_str(), "Équipe – 朝会 🎉");
/// assert_eq!("..".parse::<RoomId>(), Err(InvalidRoomId::DotSegment));
/// # Ok::<(), InvalidRoomId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_LEN: usize = 128;

    /// The name in a segment of a URL's path, which is percent-decoded. A `%` without two hexadecimal
    /// digits after it is a character of the name (URL Standard, "percent-decode").
    ///
    /// For names that a framework has decoded already, use [`str::parse`].
    ///
    /// ```
    /// use meet_signal_core::{InvalidRoomId, RoomId};
    ///
    /// assert_eq!(RoomId::from_segment("caf%C3%A9%2F1")?.as_str(), "café/1");
    /// assert_eq!(RoomId::from_segment("caf%E9"), Err(InvalidRoomId::NotUtf8));
    /// # Ok::<(), InvalidRoomId>(())
    /// ```
    ///
    /// # Errors
    ///
    /// It is not a valid name.
    pub fn from_segment(segment: &str) -> Result<Self, InvalidRoomId> {
        percent_decode_str(segment).decode_utf8().map_err(|_| InvalidRoomId::NotUtf8)?.parse()
    }

    /// The name as a segment of a URL's path: percent-encoded like by JavaScript's
    /// `encodeURIComponent`.
    ///
    /// ```
    /// use meet_signal_core::RoomId;
    ///
    /// let room: RoomId = "café 1".parse()?;
    /// assert_eq!(format!("/rooms/{}", room.to_segment()), "/rooms/caf%C3%A9%201");
    /// # Ok::<(), meet_signal_core::InvalidRoomId>(())
    /// ```
    pub fn to_segment(&self) -> impl fmt::Display {
        utf8_percent_encode(&self.0, COMPONENT)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomId {
    type Err = InvalidRoomId;

    fn from_str(name: &str) -> Result<Self, InvalidRoomId> {
        if name.is_empty() {
            return Err(InvalidRoomId::Empty);
        }
        if name.len() > Self::MAX_LEN {
            return Err(InvalidRoomId::TooLong);
        }
        if matches!(name, "." | "..") {
            return Err(InvalidRoomId::DotSegment);
        }
        match name.chars().find(|character| fault(*character).is_some()) {
            Some(character) => Err(InvalidRoomId::ForbiddenCharacter { character }),
            None => Ok(Self(name.into())),
        }
    }
}

// `str` and `RoomId` hash and compare alike, so a map keyed by `RoomId` can be queried with
// `&str`.
impl Borrow<str> for RoomId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({})", self.0)
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// The text is not a valid room name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidRoomId {
    /// The name has no characters.
    #[error("a room name must not be empty")]
    Empty,
    /// The name is longer than [`RoomId::MAX_LEN`].
    #[error("a room name must not be longer than {} bytes of UTF-8", RoomId::MAX_LEN)]
    TooLong,
    /// The name is `.` or `..`: a browser removes them from a URL's path.
    #[error("a room name must not be `.` or `..`")]
    DotSegment,
    /// The segment of the URL is not UTF-8 when it is percent-decoded.
    #[error("a room name must be UTF-8")]
    NotUtf8,
    /// The name has a character that no name may have.
    #[error("a room name must not contain U+{:04X}, {}", u32::from(*.character), fault(*.character).unwrap_or("a forbidden character"))]
    #[non_exhaustive]
    ForbiddenCharacter {
        /// The first such character.
        character: char,
    },
}

/// Why no room name may have the character; none if one may.
fn fault(character: char) -> Option<&'static str> {
    // Frameworks that decode a path put it in place of what is not UTF-8: two paths would have one
    // name.
    if character == char::REPLACEMENT_CHARACTER {
        return Some("which replaces what is not UTF-8");
    }
    // Most names are ASCII: no table is searched for them.
    if character.is_ascii() {
        return character.is_ascii_control().then_some(CONTROL);
    }
    match character.general_category() {
        GeneralCategory::Control => Some(CONTROL),
        // They are invisible, or change the direction of other text.
        GeneralCategory::Format => Some("a format character"),
        // A later version of Unicode may make them any of the others.
        GeneralCategory::Unassigned => Some("a character that Unicode has not assigned"),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            Some("a line or paragraph separator")
        }
        // Characters for private use are allowed: they are visible, no version of Unicode changes
        // them, and normalization keeps them.
        _ => None,
    }
}

const CONTROL: &str = "a control character";

/// What `encodeURIComponent` escapes (ECMAScript, section 19.2.6.4).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<RoomId, InvalidRoomId> {
        name.parse()
    }

    #[test]
    fn a_name_is_text_in_any_script() {
        for name in [
            "a",
            "Stand-up_1.~",
            "...",
            " two words ",
            "50% + more? #1 / \"a\\b\"",
            "café",
            "cafe\u{301}",
            "اجتماع الصباح",
            "朝会",
            "हिन्दी",
            "🎉👍🏽❤\u{fe0f}🇪🇺",
            "\u{f8ff}",
            &"x".repeat(128),
            &"é".repeat(64),
            &"🎉".repeat(32),
        ] {
            assert_eq!(parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        let forbidden = |character| InvalidRoomId::ForbiddenCharacter { character };
        let (long, long_by_one) = ("x".repeat(129), format!("x{}", "é".repeat(64)));
        for (name, error, text) in [
            ("", InvalidRoomId::Empty, "be empty"),
            (&*long, InvalidRoomId::TooLong, "be longer than 128 bytes of UTF-8"),
            (&*long_by_one, InvalidRoomId::TooLong, "be longer than 128 bytes of UTF-8"),
            (".", InvalidRoomId::DotSegment, "be `.` or `..`"),
            ("..", InvalidRoomId::DotSegment, "be `.` or `..`"),
            ("a\0", forbidden('\0'), "contain U+0000, a control character"),
            ("a\nb", forbidden('\n'), "contain U+000A, a control character"),
            ("\x7f", forbidden('\x7f'), "contain U+007F, a control character"),
            ("\u{85}", forbidden('\u{85}'), "contain U+0085, a control character"),
            ("a\u{200d}b", forbidden('\u{200d}'), "contain U+200D, a format character"),
            ("\u{202e}a", forbidden('\u{202e}'), "contain U+202E, a format character"),
            ("\u{feff}a", forbidden('\u{feff}'), "contain U+FEFF, a format character"),
            ("\u{e0041}", forbidden('\u{e0041}'), "contain U+E0041, a format character"),
            ("\u{2028}", forbidden('\u{2028}'), "contain U+2028, a line or paragraph separator"),
            ("\u{2029}", forbidden('\u{2029}'), "contain U+2029, a line or paragraph separator"),
            (
                "\u{378}",
                forbidden('\u{378}'),
                "contain U+0378, a character that Unicode has not assigned",
            ),
            (
                "\u{10ffff}",
                forbidden('\u{10ffff}'),
                "contain U+10FFFF, a character that Unicode has not assigned",
            ),
            ("\u{fffd}", forbidden('\u{fffd}'), "contain U+FFFD, which replaces what is not UTF-8"),
        ] {
            assert_eq!(parse(name), Err(error), "{name:?}");
            assert_eq!(error.to_string(), format!("a room name must not {text}"));
        }
    }

    #[test]
    fn the_version_of_unicode_is_the_documented_one() {
        assert_eq!(unicode_properties::UNICODE_VERSION, (18, 0, 0));
    }

    #[test]
    fn names_are_compared_byte_for_byte() {
        for (one, other) in
            [("\u{e9}", "e\u{301}"), ("A", "a"), ("a", "a "), ("ﬁ", "fi"), ("\u{212b}", "\u{c5}")]
        {
            assert_ne!(parse(one), parse(other));
        }
    }

    #[test]
    fn a_segment_of_a_url_is_decoded_once() {
        for (segment, name) in [
            ("standup", "standup"),
            ("st%61ndup", "standup"),
            ("a%20b+c", "a b+c"),
            ("a%2Fb%2fc", "a/b/c"),
            ("%2525", "%25"),
            ("%%32%35", "%25"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%A9é", "éé"),
        ] {
            assert_eq!(RoomId::from_segment(segment).unwrap().as_str(), name, "{segment}");
        }
        for (segment, error) in [
            ("", InvalidRoomId::Empty),
            ("%2e%2E", InvalidRoomId::DotSegment),
            ("%FF", InvalidRoomId::NotUtf8),
            ("%C3", InvalidRoomId::NotUtf8),
            ("%C0%AF", InvalidRoomId::NotUtf8),
            ("%ED%A0%80", InvalidRoomId::NotUtf8),
            ("a%00", InvalidRoomId::ForbiddenCharacter { character: '\0' }),
        ] {
            assert_eq!(RoomId::from_segment(segment), Err(error), "{segment}");
        }
    }

    #[test]
    fn a_segment_is_written_like_by_encode_uri_component() {
        let room = parse("aZ09-_.!~*'() /?#%&+=:@$,;[]\"\\é🎉").unwrap();
        assert_eq!(
            room.to_segment().to_string(),
            "aZ09-_.!~*'()%20%2F%3F%23%25%26%2B%3D%3A%40%24%2C%3B%5B%5D%22%5C%C3%A9%F0%9F%8E%89"
        );
    }
}

#[cfg(all(test, feature = "testing", not(loom)))]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::strategies::room_id;

    proptest! {
        #[test]
        fn every_name_survives_a_url_and_json(room in room_id()) {
            let segment = room.to_segment().to_string();
            prop_assert!(segment.is_ascii() && !segment.contains(['/', '?', '#', ' ']));
            prop_assert_eq!(RoomId::from_segment(&segment), Ok(room.clone()));
            let json = serde_json::to_string(&room).unwrap();
            prop_assert_eq!(serde_json::from_str::<RoomId>(&json).unwrap(), room);
        }

        #[test]
        fn the_first_forbidden_character_is_reported(
            room in "[^\\p{C}\\p{Zl}\\p{Zp}\u{FFFD}]{0,8}",
            character in "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\u{FFFD}]",
            rest in "\\PC{0,8}",
        ) {
            let name = format!("{room}{character}{rest}");
            let character = character.chars().next().unwrap();
            let error = InvalidRoomId::ForbiddenCharacter { character };
            prop_assert_eq!(name.parse::<RoomId>(), Err(error));
        }

        /// A request can have any path.
        #[test]
        fn any_segment_is_a_name_or_an_error(segment in any::<String>()) {
            if let Ok(room) = RoomId::from_segment(&segment) {
                prop_assert!((1..=RoomId::MAX_LEN).contains(&room.as_str().len()));
                prop_assert_eq!(room.as_str().parse::<RoomId>(), Ok(room));
            }
        }
    }
}
