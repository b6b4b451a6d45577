//! A published channel and a server without a socket.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use pkgsrv::{
    Accepted, ChannelName, DataDir, PromptListen, PromptSettings, PublishedLine, ServeSettings, ServerError, Store,
    Upload, publish, set_status, yank,
};
use pkgsrv_index::{Abi, ProjectStatus, Status};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::wheels;

/// A data directory of its own, removed in the end.
pub struct Fixture {
    directory: TempDir,
}

/// 2026-11-22T00:00:00Z.
pub fn noon_of_no_day() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(24 * 20_779)
}

impl Fixture {
    /// Without anything published.
    pub fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// With a native and a pure wheel in the main channel.
    pub fn published() -> Self {
        let fixture = Self::empty();
        fixture.publish("main", &[wheels::native(), wheels::helper()]).unwrap();
        fixture
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn store(&self) -> Store {
        DataDir::new(self.path()).store()
    }

    pub fn publish(&self, channel: &str, uploads: &[Upload]) -> Result<Vec<PublishedLine>, ServerError> {
        let channel: ChannelName = channel.parse()?;
        let abis: Vec<Abi> = Abi::released().collect();
        publish(&self.store(), &channel, &abis, uploads, noon_of_no_day(), &|_| Ok(Accepted::default()))
    }

    /// Yanks a release of main, or takes that back.
    pub fn yank(&self, release: &str, reason: Option<&str>) {
        let release = release.parse().unwrap();
        yank(&self.store(), &ChannelName::main(), None, &release, reason, noon_of_no_day()).unwrap();
    }

    /// Gives a project of main a status.
    pub fn set_status(&self, name: &str, status: Status, reason: Option<&str>) {
        let status = ProjectStatus { status, reason: reason.map(str::to_owned) };
        set_status(&self.store(), &ChannelName::main(), &name.parse().unwrap(), &status, noon_of_no_day()).unwrap();
    }

    pub fn settings(&self) -> ServeSettings {
        let data = DataDir::new(self.path());
        ServeSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            base_url: None,
            prompt: PromptSettings { listen: PromptListen::Off, url: None },
            uploads: None,
            store: data.store(),
            data,
        }
    }

    pub fn app(&self) -> Router {
        pkgsrv::app(self.settings())
    }

    /// Writes a file below the data directory.
    pub fn file(&self, path: &str, contents: &[u8]) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }
}

/// An error with its causes.
pub fn chain(error: &ServerError, fixture: &Fixture) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, "\n  caused by: {cause}").unwrap();
        source = cause.source();
    }
    text.replace(fixture.path().to_str().unwrap(), "[DATA]")
}

/// A request with headers that are written `Name: value`.
pub fn request(method: &str, path: &str, headers: &[&str]) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path).header("Host", "packages.example");
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(Body::empty()).unwrap()
}

/// Sends a request to a server.
pub async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

/// The body of a response.
pub async fn body(response: Response<Body>) -> Vec<u8> {
    axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec()
}

/// The whole of a response as text: status, headers by name, body.
pub async fn shown(response: Response<Body>) -> String {
    let mut text = format!("{}\n", response.status());
    let mut headers: Vec<String> =
        response.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    writeln!(text, "{}\n", headers.join("\n")).unwrap();
    text.push_str(&String::from_utf8_lossy(&body(response).await));
    text
}

/// The whole of the response to a GET.
pub async fn get(app: &Router, path: &str, headers: &[&str]) -> String {
    shown(send(app, request("GET", path, headers)).await).await
}

/// Status and the headers of these names, for where the rest is shown elsewhere.
pub async fn summary(app: &Router, method: &str, path: &str, headers: &[&str], names: &[&str]) -> String {
    let response = send(app, request(method, path, headers)).await;
    let value = |name: &&str| response.headers().get(*name).map_or("-", |value| value.to_str().unwrap()).to_owned();
    let values: Vec<String> = names.iter().map(value).collect();
    format!("{} {}", response.status().as_u16(), values.join(" | "))
}
