//! The choice of a content coding by `Accept-Encoding` (RFC 9110, section 12.5.3).

/// A content coding, from the least to the most compact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    /// The name in `Content-Encoding`, where `identity` is not named.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    fn is_named(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Identity => &["identity"],
            // RFC 9110, section 8.4.1.3: the old name is equivalent.
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Brotli => &["br"],
        };
        names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The one of these codings that a request with these headers wants most, and the most compact of
/// several. `None` if it refuses all.
///
/// Without a header, and with an empty one, this is [`Coding::Identity`], which a client need not
/// list. An element that is not well-formed is ignored.
pub(crate) fn choose<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    codings: impl IntoIterator<Item = Coding>,
) -> Option<Coding> {
    let accepted: Vec<_> =
        headers.into_iter().flat_map(|list| list.split(',')).filter_map(element).collect();
    let weight = |is: &dyn Fn(&str) -> bool| {
        accepted.iter().find(|(name, _)| is(name)).map(|(_, weight)| *weight)
    };
    let weighed = codings.into_iter().filter_map(|coding| {
        let weight = weight(&|name| coding.is_named(name)).or_else(|| weight(&|name| name == "*"));
        match (weight, coding) {
            // Acceptable, but listed codings are preferred.
            (None, Coding::Identity) => Some((0, coding)),
            (None | Some(0), _) => None,
            (Some(weight), _) => Some((weight, coding)),
        }
    });
    weighed.max().map(|(_, coding)| coding)
}

/// `gzip`, or `gzip;q=0.5`: the name, and the weight in thousandths.
fn element(element: &str) -> Option<(&str, u16)> {
    let (name, parameter) = match element.split_once(';') {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (element, None),
    };
    let name = name.trim_matches(OWS);
    let weight = match parameter {
        Some(parameter) => weight(parameter.trim_matches(OWS))?,
        None => 1000,
    };
    (!name.is_empty()).then_some((name, weight))
}

/// `q=0.5` (RFC 9110, section 12.4.2).
fn weight(parameter: &str) -> Option<u16> {
    let value = parameter.strip_prefix(['q', 'Q'])?.strip_prefix('=')?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().expect("three digits");
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Optional whitespace (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::{
        Coding::{Brotli, Gzip, Identity},
        *,
    };

    fn chosen(headers: &[&str]) -> Option<Coding> {
        choose(headers.iter().copied(), [Identity, Brotli, Gzip])
    }

    #[test]
    fn the_most_compact_coding_that_is_accepted_is_chosen() {
        for (header, coding) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip,deflate", Gzip),
            ("BR", Brotli),
            ("x-gzip", Gzip),
            ("*", Brotli),
            ("br;q=0.1, *", Gzip),
            ("deflate, zstd", Identity),
            ("identity", Identity),
            ("", Identity),
            (" , ,", Identity),
        ] {
            assert_eq!(chosen(&[header]), Some(coding), "{header:?}");
        }
        assert_eq!(chosen(&[]), Some(Identity));
        assert_eq!(chosen(&["deflate", "gzip", "br;q=0"]), Some(Gzip));
        assert_eq!(choose(["br, gzip"], [Identity]), Some(Identity));
    }

    #[test]
    fn weights_are_compared_before_sizes() {
        for (header, coding) in [
            ("br;q=0.5, gzip;q=0.501", Gzip),
            ("br;q=0.5 , gzip ; q=0.5", Brotli),
            ("br;q=0.9,\tgzip\t;\tQ=1.000", Gzip),
            ("identity, br;q=0.9", Identity),
            ("br;q=0.001", Brotli),
            ("br;q=0.000", Identity),
            ("br;q=0, gzip;q=0.", Identity),
            ("br;q=0, *", Gzip),
            ("*;q=0.5, identity;q=0", Brotli),
            ("identity;q=0.5, *;q=0", Identity),
        ] {
            assert_eq!(chosen(&[header]), Some(coding), "{header:?}");
        }
    }

    #[test]
    fn a_client_may_refuse_all_codings() {
        for header in ["*;q=0", "identity;q=0", "br;q=0, gzip;q=0, *;q=0.0", "deflate, *;q=0"] {
            assert_eq!(chosen(&[header]), None, "{header:?}");
        }
        assert_eq!(choose(["br, identity;q=0"], [Identity]), None);
    }

    #[test]
    fn an_element_that_is_not_well_formed_is_ignored() {
        for element in [
            "br;q=1.1",
            "br;q=2",
            "br;q=-1",
            "br;q=0.1234",
            "br;q=x",
            "br;q=",
            "br;q",
            "br;",
            "br;q =1",
            "br;level=5",
            ";q=1",
            "br br",
            "br;q=0.+1",
            "br;q=0.5;x",
        ] {
            assert_eq!(chosen(&[element]), Some(Identity), "{element:?}");
            assert_eq!(chosen(&[&format!("{element}, gzip;q=0.1")]), Some(Gzip), "{element:?}");
        }
    }
}
