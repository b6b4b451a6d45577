//! Settings. The environment is read here and nowhere else.

mod bucket;
mod building;
mod limits;
mod prompt;
mod toolchain;
mod upload;

use std::fmt;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::Uri;
use pkgsrv_builder::Context;

use crate::{DataDir, ServerError, Store};

pub(crate) use bucket::bucket;
pub use building::{BuildArgs, FetchArgs};
pub use limits::LimitArgs;
pub use prompt::{PromptArgs, PromptListen, PromptSettings, PromptUrl};
pub use toolchain::{InterpreterArgs, ProviderArgs, ToolchainArgs};
pub use upload::{UploadArgs, UploadSettings};

/// `--data`, for every command that touches published packages.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArgs {
    /// Directory of published packages [default: pkgsrv in the user's data directory]
    #[arg(long = "data", value_name = "DIR", env = "PKGSRV_DATA")]
    directory: Option<PathBuf>,
}

/// `--listen`, `--base-url` and what belongs to the prompt and to uploads, for every command that serves.
#[derive(Debug, Clone, clap::Args)]
pub struct ListenArgs {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", env = "PKGSRV_LISTEN", default_value = "127.0.0.1:8417")]
    pub listen: SocketAddr,
    /// The address that clients use, if it is not the one that they ask for in `Host`
    #[arg(long, value_name = "URL", env = "PKGSRV_BASE_URL")]
    pub base_url: Option<BaseUrl>,
    /// The Python prompt.
    #[command(flatten)]
    pub prompt: PromptArgs,
    /// What is taken by HTTP.
    #[command(flatten)]
    pub uploads: UploadArgs,
}

impl DataArgs {
    /// The directory asked for, or the user's own (`XDG_DATA_HOME`, else `~/.local/share`).
    pub fn data_dir(&self) -> DataDir {
        DataDir::new(
            self.directory.clone().unwrap_or_else(|| user_directory("XDG_DATA_HOME", ".local/share").join("pkgsrv")),
        )
    }
}

/// A directory of the user as the XDG specification finds it: the variable's, else the one below `HOME`.
fn user_directory(variable: &str, below_home: &str) -> PathBuf {
    let set = |key| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification has relative paths ignored.
    set(variable)
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(below_home)))
        .unwrap_or_default()
}

/// What a server needs to know.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address that goes into pages; by default the one that each request asks for.
    pub base_url: Option<BaseUrl>,
    /// The Python prompt.
    pub prompt: PromptSettings,
    /// How uploads are taken; `None` for a server that takes none.
    pub uploads: Option<Arc<UploadSettings>>,
    /// The store of all channels.
    pub store: Store,
    /// What is served beside them: runtimes, the loader, environments.
    pub data: DataDir,
}

impl ServeSettings {
    /// Serves what is in a data directory, and checks uploads with the builder's `context`.
    pub fn new(listen: &ListenArgs, data: &DataDir, context: Context) -> Self {
        Self {
            listen: listen.listen,
            base_url: listen.base_url.clone(),
            prompt: PromptSettings::from(&listen.prompt),
            uploads: Some(Arc::new(listen.uploads.settings(context))),
            store: data.store(),
            data: data.clone(),
        }
    }
}

impl ServeSettings {
    /// Checks that the prompt is not told to share the main origin.
    pub(crate) fn check_origins(&self) -> Result<(), ServerError> {
        match (&self.prompt.url, &self.base_url) {
            (Some(url), Some(base)) if url.is_origin_of(base) => {
                Err(ServerError::PromptNotApart { url: url.as_str().to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// What to log: `PKGSRV_LOG` in the syntax of tracing's filters, warnings by default.
pub fn log_filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_env("PKGSRV_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"))
}

/// Whether a terminal may be given colours: <https://no-color.org>. clap, the bars and recipe errors ask for themselves.
pub fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What the terminal is called that standard input and output are (`TERM`); `None` where one of them is no terminal.
pub fn terminal_kind() -> Option<String> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    is_terminal.then(|| std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()))
}

/// Scheme, host and path that clients reach the server at; written without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BaseUrl(Box<str>);

impl BaseUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below the host, without a slash at its end; mostly empty.
    pub fn path(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        rest.find('/').map_or("", |at| &rest[at..])
    }
}

impl FromStr for BaseUrl {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let invalid = || ServerError::InvalidBaseUrl { found: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]/~".contains(&byte);
        let fits = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.query().is_none()
            && !authority.host().is_empty()
            // A user name has no place in published pages, and what is left out here needs no
            // escaping in JSON or HTML.
            && text.bytes().all(is_plain)
            && text.len() <= 512;
        if fits { Ok(Self(text.trim_end_matches('/').into())) } else { Err(invalid()) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for (given, kept) in [
            ("http://127.0.0.1:8417", Some("http://127.0.0.1:8417")),
            ("https://packages.example/py/", Some("https://packages.example/py")),
            ("http://[::1]:80/", Some("http://[::1]:80")),
            ("packages.example", None),
            ("ftp://packages.example", None),
            ("https://", None),
            ("https://user@packages.example", None),
            ("https://packages.example/?a", None),
            ("https://packages.example/\"", None),
        ] {
            assert_eq!(given.parse::<BaseUrl>().ok().as_ref().map(BaseUrl::as_str), kept, "{given}");
        }
        for (given, path) in [("http://127.0.0.1:8417/", ""), ("https://packages.example/py/3/", "/py/3")] {
            assert_eq!(given.parse::<BaseUrl>().unwrap().path(), path);
        }
    }
}
