//! Where a channel is mirrored from: another server, or static objects.

use std::time::Duration;

use futures_util::{StreamExt as _, pin_mut, stream};
use pkgsrv_builder::Interrupt;
use reqwest::{Client, StatusCode};
use tokio::runtime::Handle;

use super::target::Target;
use super::{Place, TransferError};
use crate::BaseUrl;
use crate::named::Check;

const AT_ONCE: usize = 8;
/// How often a transfer is tried that a server refuses for now or that breaks off.
const TRIES: u32 = 3;
/// The wait after the first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A head, or another object whose size nobody has said, has no more bytes than this.
const LARGEST_UNSAID: u64 = 64 << 20;

/// A place to read a channel from. Its methods wait, so they are for threads that may.
#[derive(Debug)]
pub struct Source {
    place: Place,
    kind: Kind,
    runtime: Handle,
}

#[derive(Debug)]
enum Kind {
    Server { client: Client, base: BaseUrl },
    Objects(Target),
}

/// An object that is to be fetched.
#[derive(Debug, Clone)]
pub(super) struct Wanted<T> {
    pub(super) what: T,
    pub(super) key: String,
    pub(super) check: Check,
}

/// Why a try failed.
enum Failed {
    /// Another try may help.
    ForNow(TransferError),
    /// It will not.
    ForGood(TransferError),
}

impl Source {
    /// Opens a place. A server that sends nothing for `patience` is given up.
    pub fn open(place: &Place, patience: Duration, runtime: Handle) -> Result<Self, TransferError> {
        let kind = match place {
            Place::Server(base) => Kind::Server { client: client(base, patience)?, base: base.clone() },
            Place::Bucket { .. } => Kind::Objects(Target::open(place, runtime.clone())?),
            Place::Directory(directory) => {
                // Opening one as a target would make it.
                let failed = |source| TransferError::File { file: place.to_string(), source };
                std::fs::read_dir(directory).map_err(failed)?;
                Kind::Objects(Target::open(place, runtime.clone())?)
            }
        };
        Ok(Self { place: place.clone(), kind, runtime })
    }

    pub(super) fn place(&self) -> String {
        self.place.to_string()
    }

    /// The bytes at a key, `None` if there are none.
    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TransferError> {
        self.runtime.block_on(self.fetch(key, LARGEST_UNSAID))
    }

    /// Fetches objects, several at once, and hands each to `take` when its digest is right.
    pub(super) fn get_all<T>(
        &self,
        wanted: impl Iterator<Item = Wanted<T>>,
        interrupt: &Interrupt,
        mut take: impl FnMut(T, Vec<u8>) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let fetches = stream::iter(wanted).map(async |wanted| self.checked(wanted).await).buffer_unordered(AT_ONCE);
        pin_mut!(fetches);
        loop {
            if interrupt.check().is_err() {
                return Err(TransferError::Interrupted);
            }
            let Some(came) = self.runtime.block_on(fetches.next()) else { return Ok(()) };
            let (what, bytes) = came?;
            take(what, bytes)?;
        }
    }

    async fn checked<T>(&self, wanted: Wanted<T>) -> Result<(T, Vec<u8>), TransferError> {
        let Wanted { what, key, check } = wanted;
        let (place, object) = (self.place(), key.clone());
        let missing = || TransferError::Missing {
            place: self.place(),
            object: key.clone(),
            remedy: "it is not whole, or an older pkgsrv, which does not show its index: export it again, or update it",
        };
        let bytes = self.fetch(&key, check.size.unwrap_or(LARGEST_UNSAID)).await?.ok_or_else(missing)?;
        let (found, expected) = (check.digest(&bytes), check.sha256);
        if found == expected {
            Ok((what, bytes))
        } else {
            Err(TransferError::Damaged { place, object, expected, found })
        }
    }

    async fn fetch(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, TransferError> {
        let (client, base) = match &self.kind {
            Kind::Objects(objects) => return objects.fetch(key).await,
            Kind::Server { client, base } => (client, base),
        };
        let address = format!("{base}/{key}");
        let mut wait = FIRST_WAIT;
        for number in 1.. {
            match attempt(client, &address, limit).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::ForNow(_)) if number < TRIES => {}
                Err(Failed::ForNow(TransferError::Fetch { address, reason, source })) => {
                    return Err(TransferError::Fetch { address, reason: format!("{reason} ({number} tries)"), source });
                }
                Err(Failed::ForNow(error) | Failed::ForGood(error)) => return Err(error),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last try returns")
    }
}

fn client(base: &BaseUrl, patience: Duration) -> Result<Client, TransferError> {
    // An error means that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A whole transfer may take as long as it takes, if only bytes keep coming.
    Client::builder()
        .user_agent(concat!("pkgsrv/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(patience)
        .read_timeout(patience)
        .build()
        .map_err(|source| fetch_error(base.as_str(), "no connection can be made".to_owned(), Some(source)))
}

async fn attempt(client: &Client, address: &str, limit: u64) -> Result<Option<Vec<u8>>, Failed> {
    let mut response = client.get(address).send().await.map_err(|source| failed(address, source))?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    response.error_for_status_ref().map_err(|source| failed(address, source))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| failed(address, source))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            let reason = format!("more bytes came than the {limit} that may");
            return Err(Failed::ForGood(fetch_error(address, reason, None)));
        }
    }
    Ok(Some(bytes))
}

fn failed(address: &str, source: reqwest::Error) -> Failed {
    let status = source.status();
    let reason = if source.is_timeout() {
        "the server sent nothing for too long".to_owned()
    } else if source.is_connect() {
        "no answer; is there a network, and is the address right?".to_owned()
    } else if let Some(status) = status {
        format!("the server answered {status}")
    } else {
        "the transfer broke".to_owned()
    };
    let passing = status.is_some_and(|status| status.is_server_error() || status.as_u16() == 429);
    let again = passing || !(source.is_timeout() || source.is_connect() || source.is_status());
    let error = fetch_error(address, reason, Some(source));
    if again { Failed::ForNow(error) } else { Failed::ForGood(error) }
}

fn fetch_error(address: &str, reason: String, source: Option<reqwest::Error>) -> TransferError {
    TransferError::Fetch { address: address.to_owned(), reason, source }
}
