//! The upstream index: which one it is, and fetching a file from it by project, name and hash.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use pkgsrv_index::{Digest, PackageName};
use reqwest::blocking::Client;
use serde::Deserialize;

use crate::context::Context;
use crate::error::BuildError;
use crate::process;
use crate::system_tools::{self, PIP};

/// The upstream index, found when it is first needed.
#[derive(Debug)]
pub struct Upstream {
    named: Option<String>,
    found: OnceLock<String>,
}

/// A file on the upstream index.
#[derive(Debug, Deserialize)]
pub(crate) struct UpstreamFile {
    pub filename: String,
    url: String,
    hashes: Hashes,
    pub size: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct ProjectPage {
    files: Vec<UpstreamFile>,
}

/// Prints the index that pip is set up with: its environment, its configuration files, or its own default.
const ASK_PIP: &str = "from pip._internal.commands import create_command\n\
                       print(create_command('download').parse_args(['x'])[0].index_url)";

impl Upstream {
    /// The index that the user named with `--upstream`, else the one that pip is set up with.
    pub fn new(named: Option<String>) -> Self {
        Self { named, found: OnceLock::new() }
    }

    /// Its address, without a slash at the end.
    fn address(&self, context: &Context) -> Result<&str, BuildError> {
        if let Some(address) = self.found.get() {
            return Ok(address);
        }
        let address = match &self.named {
            Some(address) => address.clone(),
            None => ask_pip(context)?,
        };
        let address = address.trim().trim_end_matches('/').to_owned();
        if !address.starts_with("https://") && !address.starts_with("http://") {
            return Err(BuildError::NoUpstream { reason: format!("{address:?} is not an http address") });
        }
        Ok(self.found.get_or_init(|| address))
    }

    /// The file of `project` at the place that `choose` answers.
    pub(crate) fn find(
        &self,
        client: &Client,
        context: &Context,
        project: &PackageName,
        choose: impl Fn(&[UpstreamFile]) -> Option<usize>,
    ) -> Result<Option<UpstreamFile>, BuildError> {
        let page = format!("{}/{project}/", self.address(context)?);
        let shown = without_password(&page);
        let failed = |source: reqwest::Error| fetch_error(format!("the file list of {project} ({shown})"), source);
        let response = client
            .get(&page)
            .header("Accept", "application/vnd.pypi.simple.v1+json")
            .send()
            .and_then(reqwest::blocking::Response::error_for_status)
            .map_err(failed)?;
        let base = response.url().clone();
        let ProjectPage { mut files } = response.json().map_err(failed)?;
        let Some(chosen) = choose(&files) else { return Ok(None) };
        let mut file = files.swap_remove(chosen);
        let absolute = base.join(&file.url).map_err(|error| BuildError::Fetch {
            what: file.filename.clone(),
            reason: format!("its address {:?} is not one: {error}", file.url),
            source: None,
        })?;
        file.url = absolute.into();
        Ok(Some(file))
    }
}

fn ask_pip(context: &Context) -> Result<String, BuildError> {
    let ask = || process::run_for_output(Command::new("python3").args(["-c", ASK_PIP]), &context.interrupt);
    ask().or_else(|_| system_tools::ensure(context, &[PIP]).and_then(|()| ask())).map_err(|error| match error {
        BuildError::Interrupted => error,
        _ => BuildError::NoUpstream { reason: format!("pip could not be asked ({error})") },
    })
}

/// An address as it may be shown: pip's configuration may hold a user's password.
fn without_password(address: &str) -> String {
    match address.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => address.to_owned(),
    }
}

impl UpstreamFile {
    /// Whether the index itself says this hash.
    pub fn has_hash(&self, sha256: &Digest) -> bool {
        self.hashes.sha256.as_deref().is_some_and(|text| text.parse::<Digest>().is_ok_and(|found| found == *sha256))
    }

    /// Absolute address.
    pub fn address(&self) -> &str {
        &self.url
    }
}

/// The client for all fetching: a stalled server fails after a minute without a byte.
pub(crate) fn client() -> Result<Client, BuildError> {
    // An error means that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let waiting = reqwest::Client::builder()
        .user_agent(concat!("pkgsrv/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_mins(1));
    // A whole transfer may take as long as it takes, if only bytes keep coming.
    reqwest::blocking::ClientBuilder::from(waiting)
        .timeout(None)
        .build()
        .map_err(|source| fetch_error("anything".to_owned(), source))
}

pub(crate) fn fetch_error(what: String, source: reqwest::Error) -> BuildError {
    let reason = if source.is_connect() || source.is_timeout() {
        "no answer; is there a network, and is the index that pip is set up with (or --upstream) right?".to_owned()
    } else if source.is_decode() {
        "the answer is not the JSON form of the Simple API, which this index must offer".to_owned()
    } else if let Some(status) = source.status() {
        format!("the server answered {status}")
    } else {
        "the transfer broke".to_owned()
    };
    BuildError::Fetch { what, reason, source: Some(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("https://me:secret@packages.example/simple"), "https://packages.example/simple");
        assert_eq!(without_password("https://packages.example/simple"), "https://packages.example/simple");
    }
}
