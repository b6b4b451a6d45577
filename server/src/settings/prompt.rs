//! Settings of the Python prompt, which has an origin of its own.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;

use crate::http::error::HttpError;
use crate::{BaseUrl, ServerError};

/// `--prompt-listen` and `--prompt-url`, for every command that serves.
#[derive(Debug, Clone, clap::Args)]
pub struct PromptArgs {
    /// Address and port of the Python prompt, or `off` [default: the port after the one of --listen, else a free one]
    #[arg(long, value_name = "ADDRESS", env = "PKGSRV_PROMPT_LISTEN")]
    pub prompt_listen: Option<PromptListen>,
    /// The origin that browsers reach the prompt at, if it is not the one it listens on; needs --base-url
    #[arg(long, value_name = "URL", env = "PKGSRV_PROMPT_URL", requires = "base_url")]
    prompt_url: Option<PromptUrl>,
}

/// Where the prompt listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptListen {
    /// On the port after the main one if that can be had, else on any free one.
    NextPort,
    /// On this address.
    At(SocketAddr),
    /// Nowhere: there is no prompt.
    Off,
}

/// What a server needs to know about its prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSettings {
    /// Where it listens.
    pub listen: PromptListen,
    /// What browsers know it as; by default the host that they asked the main server for, with the prompt's port.
    pub url: Option<PromptUrl>,
}

impl PromptSettings {
    /// Checks a `Host` of the prompt. Where only this machine is listened to, a foreign name is that of another site
    /// which has it point here to get at what runs on this machine.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), HttpError> {
        let PromptListen::At(address) = self.listen else { return Ok(()) };
        let host = host.to_ascii_lowercase();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_local = host == "localhost"
            || host.ends_with(".localhost")
            || literal.is_ok_and(|address| address.is_loopback())
            || self.url.as_ref().is_some_and(|url| url.host() == host);
        if !address.ip().is_loopback() || is_local { Ok(()) } else { Err(HttpError::OtherHost(host)) }
    }
}

impl From<&PromptArgs> for PromptSettings {
    fn from(arguments: &PromptArgs) -> Self {
        Self { listen: arguments.prompt_listen.unwrap_or(PromptListen::NextPort), url: arguments.prompt_url.clone() }
    }
}

impl FromStr for PromptListen {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let invalid = |_| ServerError::InvalidPromptListen { found: text.to_owned() };
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At).map_err(invalid) }
    }
}

/// Scheme, host and port of the prompt, without a path: the origin must belong to it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptUrl(BaseUrl);

impl PromptUrl {
    /// The text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether pages at `other` would share this origin.
    pub fn is_origin_of(&self, other: &BaseUrl) -> bool {
        let origin = |url: &str| {
            let uri: Uri = url.parse().ok()?;
            let is_secure = uri.scheme_str() == Some("https");
            let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
            Some((is_secure, uri.host()?.to_ascii_lowercase(), port))
        };
        origin(self.as_str()) == origin(other.as_str())
    }

    fn host(&self) -> String {
        let uri: Option<Uri> = self.as_str().parse().ok();
        uri.and_then(|uri| uri.host().map(str::to_ascii_lowercase)).unwrap_or_default()
    }
}

impl FromStr for PromptUrl {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let invalid = || ServerError::InvalidPromptUrl { found: text.to_owned() };
        let url: BaseUrl = text.parse().map_err(|_| invalid())?;
        let is_origin = url.as_str().split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if is_origin { Ok(Self(url)) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen() {
        for (given, expected) in [
            ("off", Some(PromptListen::Off)),
            ("127.0.0.1:0", Some(PromptListen::At(([127, 0, 0, 1], 0).into()))),
            ("8418", None),
            ("on", None),
        ] {
            assert_eq!(given.parse::<PromptListen>().ok(), expected, "{given}");
        }
    }

    #[test]
    fn hosts() {
        let settings = |listen: &str, url: Option<&str>| PromptSettings {
            listen: listen.parse().unwrap(),
            url: url.map(|url| url.parse().unwrap()),
        };
        let local = settings("127.0.0.1:1", None);
        for (host, fits) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("prompt.localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("packages.example", false),
            ("192.0.2.1", false),
            ("localhost.example", false),
        ] {
            assert_eq!(local.check_host(host).is_ok(), fits, "{host}");
        }
        assert!(settings("127.0.0.1:1", Some("https://prompt.example")).check_host("Prompt.example").is_ok());
        assert!(settings("0.0.0.0:1", None).check_host("packages.example").is_ok());
    }

    #[test]
    fn origins() {
        for (given, fits) in [
            ("https://prompt.example", true),
            ("https://prompt.example/", true),
            ("http://127.0.0.1:9000", true),
            ("https://packages.example/prompt", false),
            ("prompt.example", false),
        ] {
            assert_eq!(given.parse::<PromptUrl>().is_ok(), fits, "{given}");
        }
        let prompt: PromptUrl = "https://packages.example".parse().unwrap();
        for (base, same) in [
            ("https://packages.example/py", true),
            ("https://Packages.example:443", true),
            ("https://packages.example:444", false),
            ("http://packages.example", false),
        ] {
            assert_eq!(prompt.is_origin_of(&base.parse().unwrap()), same, "{base}");
        }
    }
}
