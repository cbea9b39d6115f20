//! Entity tags and the hash of contents (RFC 9110, section 8.8.3).

/// A strong entity tag of these bytes: their [`hash`], quoted.
pub(crate) const fn entity_tag(bytes: &[u8]) -> [u8; 18] {
    let hash = hash(bytes);
    let mut tag = [b'"'; 18];
    let mut at = 0;
    while at < hash.len() {
        tag[at + 1] = hash[at];
        at += 1;
    }
    tag
}

/// FNV-1a over 64 bits, in hexadecimal, computed at compile time: sufficient to distinguish the
/// versions of a file.
pub(crate) const fn hash(bytes: &[u8]) -> [u8; 16] {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    let mut digits = [0; 16];
    let mut digit = 0;
    while digit < 16 {
        digits[15 - digit] = b"0123456789abcdef"[(hash >> (4 * digit)) as usize & 0xf];
        digit += 1;
    }
    digits
}

/// Whether a representation with this tag is among those of `If-None-Match`: lists of tags,
/// compared weakly, or `*` (RFC 9110, section 13.1.2).
pub(crate) fn is_among<'a>(tag: &str, if_none_match: impl IntoIterator<Item = &'a str>) -> bool {
    if_none_match
        .into_iter()
        .flat_map(|tags| tags.split(','))
        .map(str::trim)
        .any(|other| other == "*" || other.strip_prefix("W/").unwrap_or(other) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_content() {
        assert_eq!(&entity_tag(b""), b"\"cbf29ce484222325\"");
        assert_eq!(&entity_tag(b"a"), b"\"af63dc4c8601ec8c\"");
    }

    #[test]
    fn tags_are_compared_weakly() {
        let tag = "\"af63dc4c8601ec8c\"";
        let weak = format!("W/{tag}");
        let among_others = format!("\"other\" , {tag}");
        for has in [&[tag][..], &[&weak], &[&among_others], &["\"other\"", tag], &["*"]] {
            assert!(is_among(tag, has.iter().copied()), "{has:?}");
        }
        let unquoted = tag.trim_matches('"');
        for has in [&[][..], &[""], &["\"other\""], &[unquoted], &["W/*"], &["\"*\""]] {
            assert!(!is_among(tag, has.iter().copied()), "{has:?}");
        }
    }
}
