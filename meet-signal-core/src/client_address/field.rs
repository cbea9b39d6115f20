//! Parses the headers in which proxies forward addresses, from the right: the client can choose
//! what is on the left, including an unterminated quoted string.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The n-th address from the right of `X-Forwarded-For`.
pub(super) fn forwarded_for(lines: &[&[u8]], n: usize) -> Option<IpAddr> {
    address(from_right(lines, split_bare).nth(n.checked_sub(1)?)?)
}

/// The parameter `for` of the n-th element from the right of `Forwarded`.
pub(super) fn forwarded(lines: &[&[u8]], n: usize) -> Option<IpAddr> {
    let element = [from_right(lines, split_quoted::<b','>).nth(n.checked_sub(1)?)?];
    let mut nodes = from_right(&element, split_quoted::<b';'>).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        name.trim_ascii().eq_ignore_ascii_case(b"for").then_some(value.trim_ascii())
    });
    let node = nodes.next()?;
    // RFC 7239, section 4: each parameter occurs once in an element.
    if nodes.next().is_some() {
        return None;
    }
    let quoted = node.strip_prefix(b"\"").and_then(|node| node.strip_suffix(b"\""));
    address(quoted.unwrap_or(node))
}

/// The address of a header that occurs once.
pub(super) fn single(lines: &[&[u8]]) -> Option<IpAddr> {
    let [line] = lines else { return None };
    address(line)
}

/// A token (RFC 9110, section 5.6.2).
pub(super) fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// The part before the last separator, if there is one, and the part after it.
type Split = for<'a> fn(&'a [u8]) -> (Option<&'a [u8]>, &'a [u8]);

/// The elements of a list over several lines, the last one first. Empty elements count: skipping an
/// empty one that a proxy appended would shift the client's own elements to the right.
fn from_right<'a>(lines: &'a [&'a [u8]], split: Split) -> impl Iterator<Item = &'a [u8]> {
    lines.iter().rev().flat_map(move |line| {
        let mut rest = Some(*line);
        std::iter::from_fn(move || {
            let (left, last) = split(rest?);
            rest = left;
            Some(last)
        })
    })
}

fn split_bare(line: &[u8]) -> (Option<&[u8]>, &[u8]) {
    split_at(line, line.iter().rposition(|byte| *byte == b','))
}

/// Splits at the last separator outside of quoted strings (RFC 9110, section 5.6.4). Read from the
/// right, a quote inside a string is one with an odd number of backslashes before it.
fn split_quoted<const SEPARATOR: u8>(line: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    let separator = (0..line.len()).rev().find(|&at| {
        if line[at] == b'"' {
            let backslashes = line[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
            quoted = !quoted || backslashes % 2 == 1;
        }
        line[at] == SEPARATOR && !quoted
    });
    split_at(line, separator)
}

fn split_at(line: &[u8], separator: Option<usize>) -> (Option<&[u8]>, &[u8]) {
    separator.map_or((None, line), |at| (Some(&line[..at]), &line[at + 1..]))
}

fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim_ascii();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        if port.is_empty() {
            return Some(address.into());
        }
        (IpAddr::from(address), port.strip_prefix(':')?)
    } else {
        let (address, port) = text.split_once(':')?;
        let address: Ipv4Addr = address.parse().ok()?;
        (IpAddr::from(address), port)
    };
    is_port(port).then_some(address)
}

/// RFC 7239, section 6: a number, or an obfuscated port, which begins with `_`.
fn is_port(text: &str) -> bool {
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_named),
        None => text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}
