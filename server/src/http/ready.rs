//! Whole answers, kept for requests that are the same in all that answers depend on: those pass no route and no layer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::future::{Either, Map, Ready, ready};
use tower::Service;

use super::App;
use super::serving::spool::Spooled;
use crate::ChannelName;
use crate::views::Snapshot;

/// Addresses and headers are a client's choice; past this many answers, all are dropped and made again as needed.
const MOST: usize = 1024;
/// Requests with more in them than this are not worth the memory.
const LONGEST_KEY: usize = 1024;

/// The headers that answers of a channel depend on, as far as they are kept.
const CHOOSING: [HeaderName; 3] = [header::HOST, header::ACCEPT, header::ACCEPT_ENCODING];
/// Who sends one of these is answered anew.
const CONDITIONAL: [HeaderName; 3] = [header::IF_NONE_MATCH, header::RANGE, header::AUTHORIZATION];

/// The answers that a snapshot of a channel has given; they go when it goes.
#[derive(Debug, Default)]
pub(crate) struct ReadyAnswers(Mutex<HashMap<Box<[u8]>, Answer>>);

#[derive(Debug, Clone)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
    spooled: Option<Arc<Spooled>>,
}

/// Goes with a response through the layers: it is the answer as long as the snapshot is current.
#[derive(Debug, Clone)]
pub(crate) struct Keepable {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) body: Bytes,
}

impl ReadyAnswers {
    fn get(&self, key: &[u8]) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: Vec<u8>, answer: Answer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key.into_boxed_slice(), answer);
    }
}

/// Answers from what is kept, else by the routes.
#[derive(Clone)]
pub(super) struct Answering {
    pub(super) app: Arc<App>,
    pub(super) routes: Router,
}

type Routed = <Router as Service<Request>>::Future;
type Remembering = Map<Routed, Box<dyn FnOnce(Result<Response, Infallible>) -> Result<Response, Infallible> + Send>>;

impl Service<Request> for Answering {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, Either<Remembering, Routed>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        <Router as Service<Request>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(key) = key(&request) else { return Either::Right(Either::Right(self.routes.call(request))) };
        if let Some(answer) = self.kept(request.uri().path(), &key) {
            tracing::debug!(path = request.uri().path(), "answering from memory");
            let mut response = Response::new(Body::from(answer.body));
            *response.headers_mut() = answer.headers;
            answer.spooled.map(|body| response.extensions_mut().insert(body));
            return Either::Left(ready(Ok(response)));
        }
        let remember = move |answered: Result<Response, Infallible>| answered.map(|response| remember(key, response));
        Either::Right(Either::Left(self.routes.call(request).map(Box::new(remember))))
    }
}

impl Answering {
    fn kept(&self, path: &str, key: &[u8]) -> Option<Answer> {
        let snapshot = self.app.channels.recent(&channel_of(path)?).ok()??;
        snapshot.ready.get(key)
    }
}

fn remember(key: Vec<u8>, mut response: Response) -> Response {
    let Some(Keepable { snapshot, body }) = response.extensions_mut().remove() else { return response };
    let is_whole = response.body().size_hint().exact() == Some(body.len() as u64);
    if response.status() == StatusCode::OK && is_whole {
        let spooled = Spooled::new(&body);
        snapshot.ready.keep(key, Answer { headers: response.headers().clone(), body, spooled });
    }
    response
}

/// The channel whose address this is.
fn channel_of(path: &str) -> Option<ChannelName> {
    match path.strip_prefix("/c/") {
        Some(rest) => rest.split('/').next()?.parse().ok(),
        None => Some(ChannelName::main()),
    }
}

/// All that the answer to a request depends on; `None` for those whose answers are not kept.
fn key(request: &Request) -> Option<Vec<u8>> {
    let (path, headers) = (request.uri().path(), request.headers());
    let of_channel = path.contains("/simple/") || path.rsplit('.').next() == Some("json");
    let is_plain = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && request.uri().query().is_none()
        && request.uri().authority().is_none()
        && CONDITIONAL.iter().all(|name| !headers.contains_key(name));
    if !of_channel || !is_plain || path.starts_with("/blobs/") {
        return None;
    }
    let mut key = Vec::with_capacity(256);
    key.extend_from_slice(path.as_bytes());
    for name in &CHOOSING {
        // Neither addresses nor values have these bytes.
        key.push(b'\n');
        for value in headers.get_all(name) {
            key.extend_from_slice(value.as_bytes());
            key.push(0);
        }
    }
    (key.len() <= LONGEST_KEY).then_some(key)
}
