//! The identity of a browser: it lets a host block a participant.

use std::time::Duration;

use meet_signal_core::Identity;

/// A random identity that a browser keeps in a cookie. Other participants never see it.
///
/// It is a convenience and no login: a browser that deletes its cookies gets another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser(String);

impl Browser {
    /// A browser that has no identity yet.
    ///
    /// # Errors
    ///
    /// The system has no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The browser that sent these values of `Cookie`, if it has an identity. `secure` as for
    /// [`set_cookie`](Self::set_cookie).
    pub fn of_cookies<'a>(
        values: impl IntoIterator<Item = &'a [u8]>,
        secure: bool,
    ) -> Option<Self> {
        let mut cookies = values.into_iter().flat_map(|value| value.split(|byte| *byte == b';'));
        let identity = cookies.find_map(|cookie| {
            let (key, identity) = str::from_utf8(cookie).ok()?.trim().split_once('=')?;
            (key == name(secure) && is_identity(identity)).then_some(identity)
        });
        identity.map(|identity| Self(identity.to_owned()))
    }

    /// The value of `Set-Cookie`. Scripts cannot read the cookie, and other sites do not send it with
    /// their own requests. If the page has come over https, the cookie is `secure`: a browser sends it
    /// over https only, and other hosts of the same domain cannot set it.
    pub fn set_cookie(&self, secure: bool) -> String {
        let (name, age) = (name(secure), AGE.as_secs());
        let secure = if secure { "; Secure" } else { "" };
        format!("{name}={}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", self.0)
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::from(self.0.as_str())
    }
}

fn is_identity(text: &str) -> bool {
    text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A browser accepts the prefix only from the host itself, over https (RFC 6265bis, section 4.1.3.2).
fn name(secure: bool) -> &'static str {
    if secure { "__Host-meet-browser" } else { "meet-browser" }
}

const BYTES: usize = 16;

/// Renewed with each page; longer than any ban.
const AGE: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Browser> {
        Browser::of_cookies(values.iter().map(|value| value.as_bytes()), false)
    }

    #[test]
    fn a_browser_that_sends_its_cookie_is_the_same() {
        let browser = Browser::new().unwrap();
        let cookie = browser.set_cookie(false);
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
        assert!(browser.set_cookie(true).ends_with("; SameSite=Lax; Secure"));
        assert_eq!(of(&[pair]), Some(browser.clone()));
        // Over https, no other host can have set it.
        let secure = browser.set_cookie(true);
        let (secure, _) = secure.split_once("; ").unwrap();
        let of_secure = |cookie: &str| {
            let cookies = [b"other=\xff; ", cookie.as_bytes()].concat();
            Browser::of_cookies([&*cookies], true)
        };
        assert_eq!(of_secure(secure), Some(browser.clone()));
        assert_eq!((of_secure(pair), of(&[secure])), (None, None));
        assert_eq!(of(&[&format!("a=b;{pair}; c")]), Some(browser.clone()));
        assert_eq!(of(&["a=b", pair]), Some(browser.clone()));
        assert_ne!(Browser::new().unwrap(), browser);
    }

    #[test]
    fn other_cookies_are_no_identity() {
        for cookies in [
            "",
            "meet-browser",
            "meet-browser=",
            "meet-browser=me",
            "meet-browser=0123456789ABCDEF0123456789ABCDEF",
            "meet-browser=0123456789abcdef0123456789abcdef0",
            "not-meet-browser=0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(of(&[cookies]), None, "{cookies}");
        }
        assert_eq!(Browser::of_cookies([&b"meet-browser=\xff"[..]], false), None);
    }
}
