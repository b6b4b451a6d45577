//! Reading `Accept` and `Accept-Encoding` ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-12.4)).

use std::cmp::Reverse;

use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine as _;
use pkgsrv_index::{ContentCoding, Digest};

use crate::encoding::DELTA_CODING;

const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");

/// Weights are counted in thousandths, which is as fine as the grammar allows.
const FULL: u16 = 1000;

/// The representations of a Simple page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SimpleFormat {
    Json,
    Html,
    /// The same page under the name that browsers ask for.
    TextHtml,
}

impl SimpleFormat {
    /// The value of `Content-Type`. The JSON one is compared whole by installers.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::Html => "application/vnd.pypi.simple.v1+html",
            Self::TextHtml => "text/html; charset=utf-8",
        }
    }
}

/// Ranges and what they stand for, in the order in which the server chooses among equals. Those who
/// take anything get what browsers and old installers can read.
const RANGES: &[(&str, SimpleFormat)] = &[
    ("application/vnd.pypi.simple.v1+json", SimpleFormat::Json),
    ("application/vnd.pypi.simple.latest+json", SimpleFormat::Json),
    ("application/vnd.pypi.simple.v1+html", SimpleFormat::Html),
    ("application/vnd.pypi.simple.latest+html", SimpleFormat::Html),
    ("text/html", SimpleFormat::TextHtml),
    ("text/*", SimpleFormat::TextHtml),
    ("application/*", SimpleFormat::Json),
    ("*/*", SimpleFormat::TextHtml),
];

/// The best representation for these request headers; `None` is a 406.
pub(crate) fn simple_format(headers: &HeaderMap) -> Option<SimpleFormat> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(SimpleFormat::TextHtml);
    }
    let accepted = weighted(headers, &header::ACCEPT);
    let mut best: Option<(u16, SimpleFormat)> = None;
    for (range, format) in RANGES {
        let Some((_, weight)) = accepted.iter().find(|(asked, _)| asked == range) else { continue };
        if *weight > best.map_or(0, |(most, _)| most) && !is_refused(&accepted, *format) {
            best = Some((*weight, *format));
        }
    }
    best.map(|(_, format)| format)
}

/// A weight of zero for the type itself outdoes any wildcard.
fn is_refused(accepted: &[(String, u16)], format: SimpleFormat) -> bool {
    let named = |(range, weight): &(String, u16)| {
        *weight == 0 && RANGES.iter().any(|(known, means)| known == range && *means == format && !known.contains('*'))
    };
    accepted.iter().any(named)
}

/// Whether the client asks for web pages by name, as browsers do and tools do not.
pub(crate) fn asks_for_html(headers: &HeaderMap) -> bool {
    weighted(headers, &header::ACCEPT).iter().any(|(range, weight)| range == "text/html" && *weight > 0)
}

/// Whether the client asks for JSON by name, as programs do that mean to read errors.
pub(crate) fn asks_for_json(headers: &HeaderMap) -> bool {
    let is_json = |range: &str| range == "application/json" || range == "application/problem+json";
    weighted(headers, &header::ACCEPT).iter().any(|(range, weight)| is_json(range) && *weight > 0)
}

/// Encodings that a body can be sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Zstd,
    Brotli,
    Gzip,
    Identity,
}

/// The best encoding for these request headers: of those that the client wants alike zstd, if there is one. It may be a
/// few percent larger than brotli, and is decoded in half the time.
pub(crate) fn encoding(headers: &HeaderMap, has_zstd: bool) -> Encoding {
    let accepted = weighted(headers, &header::ACCEPT_ENCODING);
    let weight = |coding: ContentCoding| weight_of(&accepted, coding.name()).unwrap_or(0);
    let (brotli, gzip) = (weight(ContentCoding::Br), weight(ContentCoding::Gzip));
    let zstd = if has_zstd { weight(ContentCoding::Zstd) } else { 0 };
    if zstd > 0 && zstd >= brotli && zstd >= gzip {
        Encoding::Zstd
    } else if brotli > 0 && brotli >= gzip {
        Encoding::Brotli
    } else if gzip > 0 {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// The weight of a coding: its own, or that of the wildcard; `None` if neither is named.
fn weight_of(accepted: &[(String, u16)], coding: &str) -> Option<u16> {
    let find = |name: &str| accepted.iter().find(|(asked, _)| asked == name).map(|(_, weight)| *weight);
    find(coding).or_else(|| find("*"))
}

/// Which of a file's encodings to send, or the file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen<C> {
    /// This encoding.
    Encoded(C),
    /// The file as it is, which everyone takes who does not say otherwise.
    Identity,
    /// The client takes none of them and not the file as it is either.
    Nothing,
}

/// A file in an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoded<C> {
    /// Names it to the caller.
    pub(crate) key: C,
    /// The content coding's name.
    pub(crate) coding: &'static str,
    /// How large it is, bytes.
    pub(crate) size: u64,
}

/// The encoding that the client wants most; of those that it wants alike, the smallest.
pub(crate) fn choose<C>(headers: &HeaderMap, encodings: Vec<Encoded<C>>) -> Chosen<C> {
    let accepted = weighted(headers, &header::ACCEPT_ENCODING);
    // The wildcard may refuse the file as it is; it does not ask for it.
    let identity = weight_of(&accepted, "identity");
    let named = accepted.iter().find(|(asked, _)| asked == "identity").map_or(0, |(_, weight)| *weight);
    let weighted = encodings.into_iter().map(|encoded| (weight_of(&accepted, encoded.coding).unwrap_or(0), encoded));
    let wanted = weighted.filter(|(weight, _)| *weight > 0 && *weight >= named);
    match wanted.max_by_key(|(weight, encoded)| (*weight, Reverse(encoded.size))) {
        Some((_, encoded)) => Chosen::Encoded(encoded.key),
        None if identity == Some(0) => Chosen::Nothing,
        None => Chosen::Identity,
    }
}

/// The SHA-256 of the file that the client has, and would decode deltas with
/// ([RFC 9842](https://www.rfc-editor.org/rfc/rfc9842#section-2.2)); `None` where it takes none.
pub(crate) fn dictionary(headers: &HeaderMap) -> Option<Digest> {
    let available = headers.get(&AVAILABLE_DICTIONARY)?.to_str().ok()?;
    let accepted = weighted(headers, &header::ACCEPT_ENCODING);
    // By its name alone: the wildcard is as old as HTTP, and those who send it know no dictionaries.
    let takes_deltas = accepted.iter().any(|(coding, weight)| coding == DELTA_CODING && *weight > 0);
    let encoded = available.trim().strip_prefix(':')?.strip_suffix(':')?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    takes_deltas.then(|| bytes.try_into().ok().map(Digest::from_bytes))?
}

/// The elements of a list header with their weights, lowercase; elements that do not parse are
/// passed over.
fn weighted(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, u16)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(element).collect()
}

fn element(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let mut weight = FULL;
    for parameter in parts {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        if key.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim())?;
        }
    }
    Some((range, weight))
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn simple_formats() {
        use SimpleFormat::{Html, Json, TextHtml};
        for (values, expected) in [
            (&[][..], Some(TextHtml)),
            (&["*/*"], Some(TextHtml)),
            // micropip, pip and uv, a browser.
            (&["application/vnd.pypi.simple.v1+json, */*;q=0.01"], Some(Json)),
            (
                &["application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"],
                Some(Json),
            ),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Some(TextHtml)),
            (&["application/vnd.pypi.simple.latest+html"], Some(Html)),
            (&["text/html;q=0.5", "application/vnd.pypi.simple.v1+html;q=0.6"], Some(Html)),
            (&["application/vnd.pypi.simple.v1+json;q=0.2, text/html;q=0.200"], Some(Json)),
            (&["Application/Vnd.PyPI.Simple.v1+JSON ; Q=0.3"], Some(Json)),
            (&["*/*, text/html;q=0"], None),
            (&["application/json"], None),
            (&["text/html;q=0"], None),
            (&["text/html;q=2"], None),
            (&[""], None),
        ] {
            assert_eq!(simple_format(&headers(&header::ACCEPT, values)), expected, "{values:?}");
        }
    }

    #[test]
    fn browsers() {
        for (value, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("*/*", false),
            ("text/html;q=0, */*", false),
            ("application/json", false),
        ] {
            assert_eq!(asks_for_html(&headers(&header::ACCEPT, &[value])), expected, "{value}");
        }
    }

    #[test]
    fn programs() {
        for (value, expected) in [
            ("application/json", true),
            ("text/html;q=0.5, application/problem+json", true),
            ("application/json;q=0, */*", false),
            ("*/*", false),
            ("application/vnd.pypi.simple.v1+json, */*;q=0.01", false),
        ] {
            assert_eq!(asks_for_json(&headers(&header::ACCEPT, &[value])), expected, "{value}");
        }
    }

    #[test]
    fn encodings() {
        for (values, expected, with_zstd) in [
            (&[][..], Encoding::Identity, Encoding::Identity),
            (&["gzip, deflate, br, zstd"], Encoding::Brotli, Encoding::Zstd),
            (&["gzip, br, zstd;q=0.5"], Encoding::Brotli, Encoding::Brotli),
            (&["gzip", "br;q=0.5"], Encoding::Gzip, Encoding::Gzip),
            (&["br;q=0, *"], Encoding::Gzip, Encoding::Zstd),
            (&["*"], Encoding::Brotli, Encoding::Zstd),
            (&["identity"], Encoding::Identity, Encoding::Identity),
            (&["gzip;q=0"], Encoding::Identity, Encoding::Identity),
        ] {
            let headers = headers(&header::ACCEPT_ENCODING, values);
            assert_eq!((encoding(&headers, false), encoding(&headers, true)), (expected, with_zstd), "{values:?}");
        }
    }
    #[test]
    fn encodings_made_ahead() {
        use Chosen::{Encoded, Identity, Nothing};
        use ContentCoding::{Br, Gzip, Zstd};
        let encoded = |(key, size): (ContentCoding, u64)| super::Encoded { key, coding: key.name(), size };
        let all = [(Br, 60), (Gzip, 90), (Zstd, 70)].map(encoded);
        for (values, expected) in [
            (&[][..], Identity),
            (&[""], Identity),
            // Chromium, Firefox over plain HTTP, Node, uv.
            (&["gzip, deflate, br, zstd"], Encoded(Br)),
            (&["gzip, deflate"], Encoded(Gzip)),
            (&["br, gzip, deflate"], Encoded(Br)),
            (&["identity"], Identity),
            (&["zstd"], Encoded(Zstd)),
            (&["gzip", "BR"], Encoded(Br)),
            (&["br;q=0.5, zstd;q=0.7, gzip"], Encoded(Gzip)),
            (&["br;q=0.5, zstd;q=0.7"], Encoded(Zstd)),
            (&["br;q=0.001"], Encoded(Br)),
            (&["*"], Encoded(Br)),
            (&["br;q=0, *"], Encoded(Zstd)),
            (&["*;q=0.1, gzip;q=0.2"], Encoded(Gzip)),
            (&["identity, br;q=0.5"], Identity),
            (&["identity, br"], Encoded(Br)),
            (&["identity;q=0.5, br;q=0.4, gzip;q=0.6"], Encoded(Gzip)),
            (&["deflate"], Identity),
            (&["br;q=0"], Identity),
            (&["br;q=2"], Identity),
            (&["identity;q=0"], Nothing),
            (&["identity;q=0, gzip;q=0.1"], Encoded(Gzip)),
            (&["*;q=0"], Nothing),
            (&["*;q=0, identity;q=0.1"], Identity),
            (&["*;q=0, zstd"], Encoded(Zstd)),
        ] {
            assert_eq!(choose(&headers(&header::ACCEPT_ENCODING, values), all.to_vec()), expected, "{values:?}");
        }
        let smaller_zstd = [(Br, 60), (Zstd, 59)].map(encoded);
        let chromium = headers(&header::ACCEPT_ENCODING, &["gzip, deflate, br, zstd"]);
        assert_eq!(choose(&chromium, smaller_zstd.to_vec()), Encoded(Zstd));
        assert_eq!(choose::<ContentCoding>(&chromium, Vec::new()), Identity);
    }

    #[test]
    fn dictionaries() {
        const OF_NOTHING: &str = ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let nothing = crate::digest_of(b"");
        for (accepted, available, expected) in [
            ("gzip, deflate, br, zstd, dcb, dcz", Some(OF_NOTHING), Some(nothing)),
            ("DCZ;q=0.1", Some(OF_NOTHING), Some(nothing)),
            ("dcz", None, None),
            ("dcz;q=0", Some(OF_NOTHING), None),
            ("br, *", Some(OF_NOTHING), None),
            ("dcb", Some(OF_NOTHING), None),
            ("dcz", Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), None),
            ("dcz", Some(":47DEQpj8HBSa:"), None),
            ("dcz", Some("::"), None),
            ("dcz", Some(":"), None),
            ("dcz", Some(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUAAAA=:"), None),
            ("dcz", Some(":../../../../../../../../../../../../../../etc=:"), None),
        ] {
            let mut headers = headers(&header::ACCEPT_ENCODING, &[accepted]);
            headers.extend(available.map(|value| (AVAILABLE_DICTIONARY, value.parse().unwrap())));
            assert_eq!(dictionary(&headers), expected, "{accepted} {available:?}");
        }
    }
}
