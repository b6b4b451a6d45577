//! The addresses, and what each of them reads from a request.

mod blobs;
mod environments;
mod files;
mod health;
mod home;
mod legacy;
mod lockfile;
mod packages;
mod repodata;
mod resolve;
mod simple;

use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use pkgsrv_index::{Abi, Digest};

use crate::http::App;
use crate::http::blocking;
use crate::http::error::HttpError;
use crate::http::page::Page;
use crate::http::ready::Keepable;
use crate::object::CachePolicy;
use crate::views::{AtHand, Snapshot, View};
use crate::{BaseUrl, ChannelName};

/// Every address of the server.
pub(crate) fn router() -> Router<Arc<App>> {
    let shared = Router::new()
        .route("/blobs/{sha256}/{filename}", get(blobs::blob))
        .route("/admissions/{object}", get(packages::report_object))
        .route("/documents/{object}", get(packages::document_object))
        .route("/runtime/{runtime}/{version}/file_list.json", get(files::runtime_list))
        .route("/runtime/{runtime}/{version}/{*path}", get(files::runtime))
        .route("/loader/file_list.json", get(files::loader_list))
        .route("/loader/{*path}", get(files::loader))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    let router = shared.merge(channel("")).merge(channel("/c/{channel}"));
    router.fallback(nothing).method_not_allowed_fallback(only_reading)
}

/// The addresses that each channel has below its prefix.
fn channel(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/"), get(home::home))
        .route(&at("/packages"), get(home::add_slash))
        .route(&at("/packages/"), get(home::list))
        .route(&at("/packages/{name}"), get(simple::add_slash))
        .route(&at("/packages/{name}/"), get(packages::package))
        .route(&at("/packages/{name}/{filename}/admission"), get(packages::page))
        .route(&at("/packages/{name}/{filename}/admission.json"), get(packages::json))
        .route(&at("/simple"), get(simple::add_slash))
        .route(&at("/simple/"), get(simple::list))
        .route(&at("/simple/{name}"), get(simple::add_slash))
        .route(&at("/simple/{name}/"), get(simple::project))
        // What micropip asks for where the index's address was given with a slash at its end.
        .route(&at("/simple//{name}/"), get(simple::project))
        .route(&at("/{abi}/simple"), get(simple::add_slash))
        .route(&at("/{abi}/simple/"), get(simple::list))
        .route(&at("/{abi}/simple/{name}"), get(simple::add_slash))
        .route(&at("/{abi}/simple/{name}/"), get(simple::project))
        .route(&at("/{abi}/simple//{name}/"), get(simple::project))
        .route(&at("/pyodide/{abi}/pyodide-lock.json"), get(lockfile::lockfile))
        .route(&at("/pyodide/{abi}/{object}"), get(lockfile::past))
        .route(&at("/{abi}/all.json"), get(lockfile::piplite))
        .route(&at("/environments/{abi}/"), get(environments::list))
        .route(&at("/environments/{abi}/file_list.json"), get(environments::file_list))
        .route(&at("/environments/{abi}/{file}"), get(environments::file))
        .route(&at("/index/{abi}/{object}"), get(repodata::index))
        .route(&at("/repodata/{abi}/{object}"), get(repodata::object))
        .route(&at("/repodata/{abi}/heads/{object}"), get(repodata::past_head))
        .route(&at("/repodata/{abi}/{root}/nodes"), get(repodata::nodes))
        .route(&at("/resolve"), get(resolve::lock))
        .route(&at("/legacy"), post(legacy::upload).fallback(legacy::only_uploads))
        .route(&at("/legacy/"), post(legacy::upload).fallback(legacy::only_uploads))
}

/// For addresses that are not there.
pub(crate) async fn nothing() -> HttpError {
    HttpError::no_page()
}

/// For other methods than GET and HEAD.
pub(crate) async fn only_reading() -> HttpError {
    HttpError::MethodNotAllowed("this address can be read with GET and HEAD only")
}

/// A request, with the parts of its address still as text.
pub(crate) struct Asked {
    method: Method,
    pub(crate) headers: HeaderMap,
    parameters: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            // Not UTF-8, so not the name of anything.
            .map_err(|_| HttpError::no_page().into_response())?;
        Ok(Self {
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            parameters: raw.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }
}

impl Asked {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// A part of the address. What does not parse names nothing that is there, and the parser's
    /// words say why.
    fn parse<T: FromStr<Err: ToString>>(&self, key: &str) -> Result<T, HttpError> {
        let text = self.text(key).unwrap_or_default();
        text.parse().map_err(|error: T::Err| HttpError::NotFound(error.to_string()))
    }

    /// The channel that the address names.
    pub(crate) fn channel(&self) -> Result<ChannelName, HttpError> {
        match self.text("channel") {
            None => Ok(ChannelName::main()),
            // The main channel has one address.
            Some("main") => Err(HttpError::NotFound("the channel main has no prefix: leave out /c/main".to_owned())),
            Some(_) => self.parse("channel"),
        }
    }

    fn abi(&self) -> Result<Option<Abi>, HttpError> {
        self.text("abi").map(|_| self.parse("abi")).transpose()
    }

    fn digest(&self, key: &str) -> Result<Digest, HttpError> {
        self.parse(key)
    }

    /// The address that the client reaches this server at.
    fn base(&self, app: &App) -> Result<BaseUrl, HttpError> {
        if let Some(base) = &app.settings.base_url {
            return Ok(base.clone());
        }
        let authority = self.authority().ok_or(HttpError::BadHost)?;
        format!("http://{authority}").parse().map_err(|_| HttpError::BadHost)
    }

    fn authority(&self) -> Option<&str> {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.filter(|host| !host.contains('/'))
    }

    /// The host that the client asks for, without the port; IPv6 addresses in brackets.
    pub(crate) fn host(&self) -> Option<&str> {
        let authority = self.authority()?;
        let end = authority.rfind(']').map_or_else(|| authority.find(':'), |end| Some(end + 1));
        Some(&authority[..end.unwrap_or(authority.len())]).filter(|host| !host.is_empty())
    }

    /// Another port of the host that the client asks for.
    pub(crate) fn host_with_port(&self, port: u16) -> Option<BaseUrl> {
        format!("http://{}:{port}", self.host()?).parse().ok()
    }

    /// The channel as it is now.
    async fn snapshot(&self, app: &Arc<App>) -> Result<Arc<Snapshot>, HttpError> {
        let channel = self.channel()?;
        if let Some(snapshot) = app.channels.current(&channel)? {
            return Ok(snapshot);
        }
        let missing = HttpError::NotFound(format!("there is no channel {channel}"));
        let app = Arc::clone(app);
        blocking(move || app.channels.reload(&channel)).await?.ok_or(missing)
    }

    /// A view of the channel as the response.
    async fn view(&self, app: &Arc<App>, view: View, missing: impl FnOnce() -> String) -> Result<Response, HttpError> {
        let policy = match view {
            View::Node { .. } | View::PastHead { .. } | View::HeadSignature { .. } => CachePolicy::ImmutableView,
            _ => CachePolicy::Page,
        };
        let (snapshot, page, is_current) = self.page_now(app, view).await?;
        let page = page.ok_or_else(|| HttpError::NotFound(missing()))?;
        let (mut response, body) = page.respond_and_tell(&self.headers, policy).await;
        if let Some(body) = body.filter(|_| is_current) {
            response.extensions_mut().insert(Keepable { snapshot, body });
        }
        Ok(response)
    }

    /// A view of the channel; `None` if the channel does not have what it would show.
    async fn page(&self, app: &Arc<App>, view: View) -> Result<Option<Arc<Page>>, HttpError> {
        Ok(self.page_now(app, view).await?.1)
    }

    /// The same with the channel that it is of, and whether it shows that as it is.
    async fn page_now(
        &self,
        app: &Arc<App>,
        view: View,
    ) -> Result<(Arc<Snapshot>, Option<Arc<Page>>, bool), HttpError> {
        let snapshot = self.snapshot(app).await?;
        let of = Arc::clone(&snapshot);
        Ok(match app.large.at_hand(&snapshot, &view) {
            AtHand::Current(page) => (of, Some(page), true),
            AtHand::Earlier(page) => {
                let app = Arc::clone(app);
                tokio::spawn(blocking(move || app.large.renew(&snapshot, view)));
                (of, Some(page), false)
            }
            AtHand::Nothing => {
                let app = Arc::clone(app);
                (of, blocking(move || app.large.make(&snapshot, view)).await?, true)
            }
        })
    }
}
