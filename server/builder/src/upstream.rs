//! The upstream index: which one it is, and fetching a file from it by project, name and hash.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use pkgsrv_index::{Digest, PackageName};
use reqwest::blocking::Client;
use serde::Deserialize;

use crate::context::Context;
use crate::error::BuildError;
use crate::process;
use crate::sandbox;
use crate::system_tools::{self, PIP};

/// The upstream index, found when it is first needed.
#[derive(Debug)]
pub struct Upstream {
    named: Option<String>,
    found: OnceLock<String>,
    /// How long a server may send nothing.
    patience: Duration,
}

/// How often a transfer is tried that a server refuses for now or that breaks off.
const TRIES: u32 = 3;

/// The wait after the first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Why a try failed.
pub(crate) enum Failed {
    /// Another try may help.
    ForNow(BuildError),
    /// It will not.
    ForGood(BuildError),
}

/// A file on the upstream index.
#[derive(Debug, Deserialize)]
pub(crate) struct UpstreamFile {
    pub filename: String,
    url: String,
    hashes: Hashes,
    pub size: Option<u64>,
    #[serde(rename = "requires-python")]
    pub requires_python: Option<String>,
    /// `true`, or the reason.
    #[serde(default)]
    yanked: serde_json::Value,
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
    /// A server that sends nothing for `patience` is given up.
    pub fn new(named: Option<String>, patience: Duration) -> Self {
        Self { named, found: OnceLock::new(), patience }
    }

    /// The client for all fetching. A whole transfer may take as long as it takes, if only bytes keep coming.
    pub(crate) fn client(&self) -> Result<Client, BuildError> {
        // An error means that a provider is installed already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let waiting = reqwest::Client::builder()
            .user_agent(concat!("pkgsrv/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.patience)
            .read_timeout(self.patience);
        reqwest::blocking::ClientBuilder::from(waiting)
            .timeout(None)
            .build()
            .map_err(|source| self.failed("anything".to_owned(), source).into_inner())
    }

    /// What failed, and whether another try may help: a server that does not answer in time is not asked again, since
    /// that takes too long.
    pub(crate) fn failed(&self, what: String, source: reqwest::Error) -> Failed {
        let told = std::iter::successors(std::error::Error::source(&source), |cause| cause.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        let passing = source.status().is_some_and(|status| status.is_server_error() || status.as_u16() == 429);
        let wait = self.patience.as_secs_f32();
        let reason = if ["certificate expired", "certificate not valid yet", "Expired", "NotValidYet"]
            .iter()
            .any(|words| told.contains(words))
        {
            "the server's certificate is not valid at the time that this machine's clock tells; is the clock right?"
                .to_owned()
        } else if source.is_timeout() {
            format!("the server sent nothing for {wait} s; try again, or wait longer with --upstream-timeout SECONDS")
        } else if source.is_connect() {
            "no answer; is there a network, and is the address right: the recipe's, or that of the index that pip is set \
             up with (or --upstream)?"
                .to_owned()
        } else if source.is_decode() {
            "the answer is not the JSON form of the Simple API, which this index must offer".to_owned()
        } else if let Some(status) = source.status() {
            format!("the server answered {status}")
        } else {
            "the transfer broke".to_owned()
        };
        let again =
            passing || !(source.is_timeout() || source.is_connect() || source.is_decode() || source.is_status());
        let error = BuildError::Fetch { what, reason, source: Some(source) };
        if again { Failed::ForNow(error) } else { Failed::ForGood(error) }
    }

    /// How long a server may send nothing.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
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

    /// Its address as it may be shown, and what named it.
    pub(crate) fn shown_address(&self, context: &Context) -> Result<(String, &'static str), BuildError> {
        let by = if self.named.is_some() { "named by --upstream" } else { "what pip is set up with" };
        Ok((without_password(self.address(context)?), by))
    }

    /// The variables that tell a pip in a sandbox of this index. Its address may hold a password, so it is in no
    /// arguments.
    pub(crate) fn pip_variables(&self, context: &Context) -> Result<Vec<(String, String)>, BuildError> {
        let variables = [
            ("PIP_INDEX_URL", format!("{}/", self.address(context)?)),
            ("PIP_CERT", sandbox::certificates().to_owned()),
            ("PIP_DEFAULT_TIMEOUT", self.patience.as_secs().max(1).to_string()),
        ];
        Ok(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Asks for some project, and returns when the server says it is. An answer that there is none is one, too.
    pub(crate) fn date(&self, context: &Context) -> Result<Option<SystemTime>, BuildError> {
        let address = self.address(context)?;
        let what = || without_password(address);
        let failed = |source| self.failed(what(), source).into_inner();
        let response = self.client()?.get(format!("{address}/pip/")).send().map_err(failed)?;
        if response.status().as_u16() != 404 {
            response.error_for_status_ref().map_err(failed)?;
        }
        let date = response.headers().get("date").and_then(|value| value.to_str().ok());
        Ok(date.and_then(|text| httpdate::parse_http_date(text).ok()))
    }

    /// The file of `project` at the place that `choose` answers.
    pub(crate) fn find(
        &self,
        client: &Client,
        context: &Context,
        project: &PackageName,
        choose: impl Fn(&[UpstreamFile]) -> Option<usize>,
    ) -> Result<Option<UpstreamFile>, BuildError> {
        let mut files = self.page(client, context, project)?;
        let Some(chosen) = choose(&files) else { return Ok(None) };
        Ok(Some(files.swap_remove(chosen)))
    }

    /// All files of `project`; `None` where the index has no such project.
    pub(crate) fn files(
        &self,
        client: &Client,
        context: &Context,
        project: &PackageName,
    ) -> Result<Option<Vec<UpstreamFile>>, BuildError> {
        match self.page(client, context, project) {
            Ok(files) => Ok(Some(files)),
            Err(BuildError::Fetch { source: Some(source), .. })
                if source.status().is_some_and(|status| status.as_u16() == 404) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn page(&self, client: &Client, context: &Context, project: &PackageName) -> Result<Vec<UpstreamFile>, BuildError> {
        let page = format!("{}/{project}/", self.address(context)?);
        let shown = without_password(&page);
        let (base, bytes) = persistently(context, || {
            let failed = |source| self.failed(format!("the file list of {project} ({shown})"), source);
            let response = client
                .get(&page)
                .header("Accept", "application/vnd.pypi.simple.v1+json")
                .send()
                .and_then(reqwest::blocking::Response::error_for_status)
                .map_err(failed)?;
            Ok((response.url().clone(), response.bytes().map_err(failed)?))
        })?;
        let ProjectPage { mut files } = serde_json::from_slice(&bytes).map_err(|error| BuildError::Fetch {
            what: format!("the file list of {project} ({shown})"),
            reason: format!("the answer is not the JSON form of the Simple API, which this index must offer: {error}"),
            source: None,
        })?;
        for file in &mut files {
            let absolute = base.join(&file.url).map_err(|error| BuildError::Fetch {
                what: file.filename.clone(),
                reason: format!("its address {:?} is not one: {error}", file.url),
                source: None,
            })?;
            file.url = absolute.into();
        }
        Ok(files)
    }
}

fn ask_pip(context: &Context) -> Result<String, BuildError> {
    let ask = || process::run_for_output(process::command("python3").args(["-c", ASK_PIP]), &context.interrupt);
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
    /// The file at an address that a recipe names.
    pub fn at(url: &str) -> Self {
        let filename = pkgsrv_recipe::url_filename(url).to_owned();
        Self {
            filename,
            url: url.to_owned(),
            hashes: Hashes { sha256: None },
            size: None,
            requires_python: None,
            yanked: serde_json::Value::Null,
        }
    }

    /// Whether the index itself says this hash.
    pub fn has_hash(&self, sha256: &Digest) -> bool {
        self.hashes.sha256.as_deref().is_some_and(|text| text.parse::<Digest>().is_ok_and(|found| found == *sha256))
    }

    /// The hash that the index says, if it says one.
    pub fn sha256(&self) -> Option<Digest> {
        self.hashes.sha256.as_deref()?.parse().ok()
    }

    /// Whether it was withdrawn (PEP 592).
    pub fn is_yanked(&self) -> bool {
        !matches!(self.yanked, serde_json::Value::Null | serde_json::Value::Bool(false))
    }

    /// Absolute address.
    pub fn address(&self) -> &str {
        &self.url
    }
}

impl Failed {
    fn into_inner(self) -> BuildError {
        match self {
            Self::ForNow(error) | Self::ForGood(error) => error,
        }
    }
}

/// Errors of this machine (its disk, Ctrl-C) are the same at the next try.
impl From<BuildError> for Failed {
    fn from(error: BuildError) -> Self {
        Self::ForGood(error)
    }
}

/// Tries up to [`TRIES`] times, with longer and longer waits between.
pub(crate) fn persistently<T>(
    context: &Context,
    mut attempt: impl FnMut() -> Result<T, Failed>,
) -> Result<T, BuildError> {
    let mut wait = FIRST_WAIT;
    for number in 1.. {
        context.interrupt.check()?;
        match attempt() {
            Ok(done) => return Ok(done),
            Err(Failed::ForNow(error)) if number < TRIES => {
                context.progress.line(&format!("{error}; trying again in {} s", wait.as_secs_f32()));
            }
            Err(Failed::ForNow(BuildError::Fetch { what, reason, source })) => {
                return Err(BuildError::Fetch { what, reason: format!("{reason} ({number} tries)"), source });
            }
            Err(failed) => return Err(failed.into_inner()),
        }
        context.interrupt.sleep(wait)?;
        wait *= 2;
    }
    unreachable!("the last try returns")
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
