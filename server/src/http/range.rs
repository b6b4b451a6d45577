//! Reading `Range` ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-14.2)).

use std::ops::RangeInclusive;

use axum::http::{HeaderMap, Method, header};

/// What of a body is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: nothing else was asked for, or nothing that could be understood, or several ranges at once.
    Whole,
    /// The bytes from the first to the last one.
    Part(RangeInclusive<u64>),
    /// Bytes that the body does not have.
    Nothing,
}

/// What a request asks for, of a body with this entity tag and as many bytes.
pub(crate) fn wanted(method: &Method, request: &HeaderMap, etag: &str, length: u64) -> Wanted {
    if is_asked(method, request, etag) { range(request, length).unwrap_or(Wanted::Whole) } else { Wanted::Whole }
}

/// Whether a request asks for a range. For other methods than GET there is none, and who holds a part of another
/// version needs the whole.
pub(crate) fn is_asked(method: &Method, request: &HeaderMap, etag: &str) -> bool {
    // Strong comparison: a weak tag is equal to none.
    let is_of_this = |held: &axum::http::HeaderValue| held.as_bytes() == etag.as_bytes();
    *method == Method::GET
        && request.contains_key(header::RANGE)
        && request.get(header::IF_RANGE).is_none_or(is_of_this)
}

/// `None` for what is to be ignored.
fn range(request: &HeaderMap, length: u64) -> Option<Wanted> {
    let mut values = request.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (unit, ranges) = value.to_str().ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = ranges.split(',').map(|range| range.trim_matches([' ', '\t'])).filter(|range| !range.is_empty());
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return None };
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Some(if count == 0 { Wanted::Nothing } else { Wanted::Part(length - count..=length - 1) });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= length { Wanted::Nothing } else { Wanted::Part(first..=last.min(length - 1)) })
}

/// Digits alone; a number that is too large is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Wanted::{Nothing, Part, Whole};

    #[test]
    fn of_ten_bytes() {
        for (value, expected) in [
            ("bytes=0-3", Part(0..=3)),
            ("bytes=9-9", Part(9..=9)),
            ("bytes=4-", Part(4..=9)),
            ("bytes=0-99", Part(0..=9)),
            ("bytes=0-99999999999999999999999", Part(0..=9)),
            ("bytes=-3", Part(7..=9)),
            ("bytes=-99", Part(0..=9)),
            ("Bytes=0-3", Part(0..=3)),
            ("bytes= 0-3 ", Part(0..=3)),
            ("bytes=,0-3,", Part(0..=3)),
            ("bytes=10-", Nothing),
            ("bytes=10-20", Nothing),
            ("bytes=99999999999999999999999-", Nothing),
            ("bytes=-0", Nothing),
            ("bytes=0-3,5-6", Whole),
            ("bytes=3-0", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=,", Whole),
            ("bytes", Whole),
            ("bytes=+1-3", Whole),
            ("bytes=1-+3", Whole),
            ("bytes=--3", Whole),
            ("bytes=1 - 3", Whole),
            ("bytes=0x1-3", Whole),
            ("bytes 0-3", Whole),
            ("lines=0-3", Whole),
            ("", Whole),
        ] {
            let request = [(header::RANGE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(wanted(&Method::GET, &request, "\"a\"", 10), expected, "{value}");
            assert_eq!(wanted(&Method::HEAD, &request, "\"a\"", 10), Whole, "{value}");
        }
    }

    #[test]
    fn of_nothing() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
            let request = [(header::RANGE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(wanted(&Method::GET, &request, "\"a\"", 0), Nothing, "{value}");
        }
    }

    #[test]
    fn two_headers_are_none() {
        let mut request = HeaderMap::new();
        request.append(header::RANGE, "bytes=0-1".parse().unwrap());
        request.append(header::RANGE, "bytes=0-1".parse().unwrap());
        assert_eq!(wanted(&Method::GET, &request, "\"a\"", 10), Whole);
    }

    #[test]
    fn conditions() {
        for (held, expected) in [
            ("\"a\"", Part(0..=3)),
            ("\"b\"", Whole),
            ("W/\"a\"", Whole),
            ("\"a\", \"b\"", Whole),
            ("Sun, 22 Nov 2026 00:00:00 GMT", Whole),
        ] {
            let headers = [(header::RANGE, "bytes=0-3"), (header::IF_RANGE, held)];
            let request = headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
            assert_eq!(wanted(&Method::GET, &request, "\"a\"", 10), expected, "{held}");
        }
    }
}
