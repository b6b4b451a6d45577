//! Bodies that are kept in memory, each with its encodings and validators.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use pkgsrv_index::{ContentCoding, Digest};

use super::accept::{Encoding, encoding};
use super::blocking;
use crate::object::CachePolicy;
use crate::store::digest_of;

/// Smaller bodies fit a packet or two either way.
const SMALLEST_ENCODED: usize = 1024;
/// Larger bodies go out as they are until their encodings, made meanwhile, are ready.
const LARGEST_AWAITED: usize = 256 * 1024;

/// A body and what is sent with it.
#[derive(Debug)]
pub(crate) struct Page {
    content_type: &'static str,
    vary: Vary,
    identity: Bytes,
    sha256: Digest,
    /// Where these very bytes stay, beside the address that was asked.
    location: Option<HeaderValue>,
    /// The entity tag without quotes; encodings add their own mark to it.
    tag: String,
    /// Only what was made before.
    zstd: Option<Bytes>,
    brotli: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
    is_encoding: AtomicBool,
    effort: Effort,
}

/// Which request headers a body was chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vary {
    /// By none: the body has one form.
    Nothing,
    /// By the encodings that the client takes.
    Encoding,
    /// By the encodings that the client takes, and what it has to decode them with.
    EncodingAndDictionary,
    /// By the types and encodings that the client takes.
    TypeAndEncoding,
}

/// What the encoding of a body is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// It does not help.
    Never,
    /// Little time.
    Quick,
    /// Seconds: every page fetches it.
    Thorough,
}

impl Vary {
    /// The value of the header.
    pub(crate) const fn header(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Encoding => Some("Accept-Encoding"),
            Self::EncodingAndDictionary => Some("Accept-Encoding, Available-Dictionary"),
            Self::TypeAndEncoding => Some("Accept, Accept-Encoding"),
        }
    }
}

impl Page {
    pub(crate) fn new(content_type: &'static str, vary: Vary, body: impl Into<Bytes>) -> Self {
        let identity = body.into();
        let sha256 = digest_of(&identity);
        let mut tag = sha256.to_string();
        // Half of it tells bodies apart and keeps the header short.
        tag.truncate(32);
        Self {
            content_type,
            vary,
            identity,
            sha256,
            location: None,
            tag,
            zstd: None,
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
            is_encoding: AtomicBool::new(false),
            effort: Effort::Quick,
        }
    }

    /// The same, with another effort for its encodings.
    pub(crate) fn encoded_with(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The same, with an encoding that was made before.
    pub(crate) fn with(self, coding: ContentCoding, encoded: Vec<u8>) -> Self {
        let encoded = Some(encoded.into());
        match coding {
            ContentCoding::Br => Self { brotli: OnceLock::from(encoded), ..self },
            ContentCoding::Gzip => Self { gzip: OnceLock::from(encoded), ..self },
            ContentCoding::Zstd => Self { zstd: encoded, ..self },
        }
    }

    /// The same, with the address where it stays.
    pub(crate) fn staying_at(self, location: &str) -> Self {
        Self { location: HeaderValue::from_str(location).ok(), ..self }
    }

    /// The digest of the body, not encoded.
    pub(crate) const fn sha256(&self) -> Digest {
        self.sha256
    }

    /// The response to a request with these headers: the body in the best encoding, or a 304.
    pub(crate) async fn respond(self: Arc<Self>, request: &HeaderMap, policy: CachePolicy) -> Response {
        self.respond_and_tell(request, policy).await.0
    }

    /// The same, and the bytes of its body if every such response has the same: not while an encoding is being made.
    pub(crate) async fn respond_and_tell(
        self: Arc<Self>,
        request: &HeaderMap,
        policy: CachePolicy,
    ) -> (Response, Option<Bytes>) {
        let asked = encoding(request, self.zstd.is_some());
        let (encoding, body) = self.encoded(asked).await;
        let is_being_encoded = self.is_encodable() && self.slot(asked).is_some_and(|made| made.get().is_none());
        let told = (!is_being_encoded).then(|| body.clone());
        let (mark, name) = match encoding {
            Encoding::Zstd => ("-zstd", Some("zstd")),
            Encoding::Brotli => ("-br", Some("br")),
            Encoding::Gzip => ("-gzip", Some("gzip")),
            Encoding::Identity => ("", None),
        };
        let etag = format!("\"{}{mark}\"", self.tag);
        let mut response = if is_known(request, &etag) {
            not_modified(body.len() as u64)
        } else {
            let length = body.len();
            let mut response = Response::new(Body::from(body));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if let Some(name) = name {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(policy.header()));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.extend(self.location.clone().map(|location| (header::CONTENT_LOCATION, location)));
        self.vary.header().map(|names| headers.insert(header::VARY, HeaderValue::from_static(names)));
        (response, told)
    }

    fn is_encodable(&self) -> bool {
        !matches!(self.vary, Vary::Nothing) && self.identity.len() >= SMALLEST_ENCODED
    }

    async fn encoded(self: &Arc<Self>, asked: Encoding) -> (Encoding, Bytes) {
        let identity = || (Encoding::Identity, self.identity.clone());
        if !self.is_encodable() {
            return identity();
        }
        if let (Encoding::Zstd, Some(bytes)) = (asked, &self.zstd) {
            return (asked, bytes.clone());
        }
        let Some(made) = self.slot(asked) else { return identity() };
        if made.get().is_none() {
            let page = Arc::clone(self);
            if self.identity.len() <= LARGEST_AWAITED {
                blocking(move || page.encode(asked)).await;
            } else if !self.is_encoding.swap(true, Ordering::Relaxed) {
                tokio::task::spawn_blocking(move || {
                    page.encode(Encoding::Brotli);
                    page.encode(Encoding::Gzip);
                });
            }
        }
        match made.get() {
            Some(Some(bytes)) => (asked, bytes.clone()),
            _ => identity(),
        }
    }

    const fn slot(&self, encoding: Encoding) -> Option<&OnceLock<Option<Bytes>>> {
        match encoding {
            Encoding::Brotli => Some(&self.brotli),
            Encoding::Gzip => Some(&self.gzip),
            Encoding::Zstd | Encoding::Identity => None,
        }
    }

    /// Fills the slot of one encoding; `None` in it says that encoding does not help.
    fn encode(&self, encoding: Encoding) {
        let Some(slot) = self.slot(encoding) else { return };
        slot.get_or_init(|| {
            let encoded = match encoding {
                Encoding::Brotli => brotli(&self.identity, self.effort),
                Encoding::Gzip => gzip(&self.identity),
                Encoding::Zstd | Encoding::Identity => None,
            };
            encoded.filter(|bytes| bytes.len() < self.identity.len()).map(Bytes::from)
        });
    }
}

fn brotli(bytes: &[u8], effort: Effort) -> Option<Vec<u8>> {
    let quality = match effort {
        _ if bytes.len() <= LARGEST_AWAITED => 8,
        // Made once and sent often; past 5, large bodies would take seconds.
        Effort::Never | Effort::Quick => 5,
        Effort::Thorough => 9,
    };
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, quality, 22);
    writer.write_all(bytes).ok()?;
    Some(writer.into_inner())
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    writer.write_all(bytes).ok()?;
    writer.finish().ok()
}

/// A 304. The length in it is that of the body which is not sent: a zero there would be wrong.
pub(crate) fn not_modified(length: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// Whether the client says that it has the body with this entity tag.
pub(crate) fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let values = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
