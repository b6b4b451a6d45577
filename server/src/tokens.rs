//! Tokens for uploads: who may add which projects to which channels, until when.

mod pattern;

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkgsrv_index::{Digest, PackageName, UploadTime};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::changes::time_of;
use crate::store::digest_of;
use crate::{ChannelName, DataDir, ServerError};

pub use pattern::ProjectPattern;

/// For how many days a token is valid if nothing else is asked for.
pub const DEFAULT_TOKEN_DAYS: u32 = 90;

/// Version of a token's file.
const FORMAT: u32 = 1;
/// What secrets begin with, so that scanners for leaked ones know them.
const PREFIX: &str = "pkgsrv-";
/// Random bytes of a secret.
const SECRET: usize = 32;

/// What a token is called: 1 to 64 lowercase letters, digits and inner dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenName(Box<str>);

impl FromStr for TokenName {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        // The same rules: both are a part of a path.
        match text.parse::<ChannelName>() {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(ServerError::InvalidTokenName { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token allows: uploads of some projects into some channels, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadToken {
    format: u32,
    /// Its name.
    pub name: String,
    /// SHA-256 of its secret, which is kept nowhere.
    sha256: Digest,
    /// When it was made.
    pub created: UploadTime,
    /// From when on it is refused.
    pub expires: UploadTime,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// The projects.
    pub projects: Vec<ProjectPattern>,
}

impl UploadToken {
    /// Whether it is refused by now.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        // Texts of one form: their order is that of the times.
        self.expires.as_str() <= time_of(now).as_str()
    }

    /// Whether files may be added to this channel.
    pub(crate) fn allows_channel(&self, channel: &ChannelName) -> bool {
        self.channels.iter().any(|allowed| allowed == channel.as_str())
    }

    /// Whether files of this project may be added.
    pub(crate) fn allows_project(&self, project: &PackageName) -> bool {
        self.projects.iter().any(|pattern| pattern.fits(project))
    }
}

/// What a new token is to allow.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Its name.
    pub name: TokenName,
    /// The channels, at least one.
    pub channels: Vec<ChannelName>,
    /// The projects, at least one.
    pub projects: Vec<ProjectPattern>,
    /// For how many days.
    pub days: u32,
}

/// The tokens of a data directory, each a file that only its owner can read: `{name}.json`.
#[derive(Debug, Clone)]
pub struct Tokens(PathBuf);

impl Tokens {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes a token; returns it with its secret, which cannot be asked for again. A name that is taken is an error.
    pub(crate) fn create(&self, request: &TokenRequest, now: SystemTime) -> Result<(UploadToken, String), ServerError> {
        let path = self.path(&request.name);
        let mut bytes = [0; SECRET];
        SystemRandom::new().fill(&mut bytes).map_err(|_| ServerError::BadToken {
            path: path.clone(),
            reason: "the system gives no random numbers to make it of".to_owned(),
        })?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let token = UploadToken {
            format: FORMAT,
            name: request.name.to_string(),
            sha256: digest_of(secret.as_bytes()),
            created: time_of(now),
            expires: time_of(now + Duration::from_hours(24 * u64::from(request.days))),
            channels: request.channels.iter().map(ToString::to_string).collect(),
            projects: request.projects.clone(),
        };
        match self.write(&path, &token) {
            Ok(()) => Ok((token, secret)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(ServerError::TokenExists { name: request.name.to_string() })
            }
            Err(source) => Err(ServerError::Write { path, source }),
        }
    }

    /// Every token, by name; also those that have expired.
    pub fn list(&self) -> Result<Vec<UploadToken>, ServerError> {
        let failed = |source| ServerError::Read { path: self.0.clone(), source };
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut tokens = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            // Others are being written.
            if path.extension().is_some_and(|extension| extension == "json") {
                tokens.extend(read(&path)?);
            }
        }
        tokens.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tokens)
    }

    /// Takes a token away: from now on it is refused. One that is not there is an error.
    pub(crate) fn revoke(&self, name: &TokenName) -> Result<(), ServerError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(ServerError::UnknownToken { name: name.to_string() })
            }
            removed => removed.map_err(|source| ServerError::Write { path, source }),
        }
    }

    /// The token with this secret, if there is one.
    pub(crate) fn with_secret(&self, secret: &str) -> Result<Option<UploadToken>, ServerError> {
        // Digests are compared: how long that takes tells nothing of a secret.
        let sha256 = digest_of(secret.as_bytes());
        Ok(self.list()?.into_iter().find(|token| token.sha256 == sha256))
    }

    fn path(&self, name: &TokenName) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    /// In one step, and only where there is none: it is never half there.
    fn write(&self, path: &Path, token: &UploadToken) -> io::Result<()> {
        fs::create_dir_all(self.0.parent().unwrap_or(&self.0))?;
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        // Its mode is 0600.
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(&serde_json::to_vec(token)?)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        File::open(&self.0)?.sync_all()
    }
}

/// Makes a token of a data directory and returns it with its secret, which cannot be asked for again. That is noted in the
/// audit log. A name that is taken is an error.
pub fn create_token(
    data: &DataDir,
    request: &TokenRequest,
    now: SystemTime,
) -> Result<(UploadToken, String), ServerError> {
    let made = data.tokens().create(request, now)?;
    let noted = data.audit().add(&Event::TokenCreated { token: &made.0.name });
    noted.inspect_err(|_| drop(data.tokens().revoke(&request.name)))?;
    Ok(made)
}

/// Takes a token of a data directory away, which is noted in the audit log. One that is not there is an error.
pub fn revoke_token(data: &DataDir, name: &TokenName) -> Result<(), ServerError> {
    data.tokens().revoke(name)?;
    data.audit().add(&Event::TokenRevoked { token: &name.to_string() })
}

/// A token's file; `None` if it was revoked meanwhile.
fn read(path: &Path) -> Result<Option<UploadToken>, ServerError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|source| ServerError::Read { path: path.to_owned(), source })?,
    };
    let bad = |reason: String| ServerError::BadToken { path: path.to_owned(), reason };
    let token: UploadToken = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if token.format != FORMAT {
        return Err(bad(format!("it has format {}, this program reads {FORMAT}", token.format)));
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn request(name: &str) -> TokenRequest {
        TokenRequest {
            name: name.parse().unwrap(),
            channels: vec![ChannelName::main()],
            projects: vec!["demo".parse().unwrap(), "my-*".parse().unwrap()],
            days: 2,
        }
    }

    #[test]
    fn a_token_is_found_by_its_secret_until_it_is_revoked() {
        let directory = tempfile::tempdir().unwrap();
        let (tokens, now) = (Tokens::new(directory.path().join("tokens")), SystemTime::now());
        assert_eq!(tokens.with_secret("pkgsrv-").unwrap(), None);
        let (token, secret) = tokens.create(&request("ci"), now).unwrap();
        let (_, other) = tokens.create(&request("laptop"), now).unwrap();
        assert_ne!(secret, other);
        assert_eq!(tokens.with_secret(&secret).unwrap().unwrap(), token);
        assert_eq!(tokens.with_secret(&secret[..secret.len() - 1]).unwrap(), None);
        let names: Vec<String> = tokens.list().unwrap().into_iter().map(|token| token.name).collect();
        assert_eq!(names, ["ci", "laptop"]);
        tokens.revoke(&"ci".parse().unwrap()).unwrap();
        assert_eq!(tokens.with_secret(&secret).unwrap(), None);
        let gone = tokens.revoke(&"ci".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(gone, "there is no token `ci`: `pkgsrv token list` shows those that there are");
    }

    #[test]
    fn the_secret_is_not_on_the_disk_and_the_file_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(directory.path().join("tokens"));
        let (_, secret) = tokens.create(&request("ci"), SystemTime::now()).unwrap();
        let path = directory.path().join("tokens/ci.json");
        assert!(!fs::read_to_string(&path).unwrap().contains(&secret[PREFIX.len()..]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let taken = tokens.create(&request("ci"), SystemTime::now()).unwrap_err().to_string();
        assert_eq!(
            taken,
            "there is a token `ci` already: choose another name, or take it away with `pkgsrv token revoke ci`"
        );
        assert_eq!(tokens.with_secret(&secret).unwrap().unwrap().name, "ci");
    }

    #[test]
    fn what_a_token_allows() {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let (token, _) = Tokens::new(directory.path()).create(&request("ci"), now).unwrap();
        assert!(token.allows_channel(&ChannelName::main()));
        assert!(!token.allows_channel(&"next".parse().unwrap()));
        assert!(token.allows_project(&"Demo".parse().unwrap()));
        assert!(token.allows_project(&"my_tool".parse().unwrap()));
        assert!(!token.allows_project(&"demo-2".parse().unwrap()));
        assert!(!token.is_expired(now + Duration::from_hours(47)));
        assert!(token.is_expired(now + Duration::from_hours(48)));
    }

    #[test]
    fn a_file_of_another_format_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(directory.path());
        let (token, _) = tokens.create(&request("ci"), SystemTime::now()).unwrap();
        let path = directory.path().join("ci.json");
        fs::write(&path, serde_json::to_vec(&UploadToken { format: 2, ..token }).unwrap()).unwrap();
        let error = tokens.list().unwrap_err().to_string();
        assert!(error.ends_with("it has format 2, this program reads 1; make the token again"), "{error}");
    }
}
