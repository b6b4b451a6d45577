//! Giving channels keys, and keeping their heads signed.

use std::time::SystemTime;

use pkgsrv_index::{Abi, UploadTime};
use serde::Serialize;

use super::{Plan, lines_with_heads, time_of};
use crate::channel::Line;
use crate::signing::{ChannelKeys, KeyDirectory, PublicKey};
use crate::store::PublishLock;
use crate::{ChannelName, ServerError, Store};

/// A channel and what its heads are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedChannel {
    /// Its name.
    pub channel: String,
    /// For how many days a head is valid.
    pub expiry_days: u32,
    /// The keys, the newest first.
    pub public_keys: Vec<PublicKey>,
    /// The lines that were given new heads.
    pub lines: Vec<SignedLine>,
}

/// A line with a new head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedLine {
    /// The line.
    pub abi: Abi,
    /// The serial of its head.
    pub serial: u64,
    /// From when on its head is refused.
    pub expires: UploadTime,
}

/// Makes a key for a channel, which may have nothing yet, and signs its heads. A channel that has a key is an error.
pub fn init_signing(
    store: &Store,
    channel: &ChannelName,
    expiry_days: u32,
    now: SystemTime,
) -> Result<SignedChannel, ServerError> {
    let lock = store.lock()?;
    let directory = keys_of(store, channel)?;
    if directory.of(channel)?.is_some() {
        return Err(ServerError::HasKey { channel: channel.to_string() });
    }
    directory.add(channel, expiry_days)?;
    sign_all(store, &lock, channel, now)
}

/// Signs the heads of a channel anew; with an expiry, that is the channel's from now on.
pub fn refresh(
    store: &Store,
    channel: &ChannelName,
    expiry_days: Option<u32>,
    now: SystemTime,
) -> Result<SignedChannel, ServerError> {
    let lock = store.lock()?;
    let keys = present(store, channel)?;
    if let Some(days) = expiry_days {
        keys_of(store, channel)?.set_expiry(channel, &keys, days)?;
    }
    sign_all(store, &lock, channel, now)
}

/// Makes another key and signs with both, so that readers who know either accept the heads.
pub fn rotate_key(store: &Store, channel: &ChannelName, now: SystemTime) -> Result<SignedChannel, ServerError> {
    let lock = store.lock()?;
    let keys = present(store, channel)?;
    let found = keys.public().len();
    if found != 1 {
        return Err(ServerError::KeyCount {
            channel: channel.to_string(),
            found: format!("{found} keys"),
            expected: "one",
            remedy: format!("`pkgsrv channel rotate-key {channel} --retire-old` ends the rotation before"),
        });
    }
    keys_of(store, channel)?.add(channel, keys.expiry_days())?;
    sign_all(store, &lock, channel, now)
}

/// Signs with the newest key only, and removes the others.
pub fn retire_old_keys(store: &Store, channel: &ChannelName, now: SystemTime) -> Result<SignedChannel, ServerError> {
    let lock = store.lock()?;
    let keys = present(store, channel)?;
    if keys.public().len() < 2 {
        return Err(ServerError::KeyCount {
            channel: channel.to_string(),
            found: "one key".to_owned(),
            expected: "two",
            remedy: format!("`pkgsrv channel rotate-key {channel}` makes another one first"),
        });
    }
    let directory = keys_of(store, channel)?;
    directory.forget_old(channel, &keys)?;
    let signed = sign_all(store, &lock, channel, now)?;
    directory.remove_files(channel, &keys)?;
    Ok(signed)
}

/// Renews the heads of all channels that would expire before half of their time has passed once more, and those that a
/// change of keys left unsigned. Channels without a key are left alone.
pub fn refresh_due(store: &Store, now: SystemTime) -> Result<Vec<SignedChannel>, ServerError> {
    let mut renewed = Vec::new();
    let Some(directory) = store.keys() else { return Ok(renewed) };
    for channel in store.channels()? {
        let Some(keys) = directory.of(&channel)? else { continue };
        // Where nothing is due the store is not written to: it may be one that this process can only read.
        if due(store, &channel, &keys, now)?.is_empty() {
            continue;
        }
        let lock = store.lock()?;
        // Another process may have been faster.
        let lines = due(store, &channel, &keys, now)?;
        if !lines.is_empty() {
            renewed.push(sign(store, &lock, &channel, &lines, now)?);
        }
    }
    Ok(renewed)
}

fn due(store: &Store, channel: &ChannelName, keys: &ChannelKeys, now: SystemTime) -> Result<Vec<Line>, ServerError> {
    let half = time_of(now + keys.expiry() / 2);
    let mut lines = lines_with_heads(store, channel, None)?;
    lines.retain(|line| line.expires().is_none_or(|expires| *expires < half));
    Ok(lines)
}

fn sign_all(
    store: &Store,
    lock: &PublishLock,
    channel: &ChannelName,
    now: SystemTime,
) -> Result<SignedChannel, ServerError> {
    // It may be given its key before anything is published.
    sign(store, lock, channel, &lines_with_heads(store, channel, None)?, now)
}

fn sign(
    store: &Store,
    lock: &PublishLock,
    channel: &ChannelName,
    lines: &[Line],
    now: SystemTime,
) -> Result<SignedChannel, ServerError> {
    let keys = present(store, channel)?;
    let mut plan = Plan::default();
    let mut signed = Vec::new();
    for line in lines {
        let serial = plan.renew(line, now)?;
        signed.push(SignedLine { abi: line.abi(), serial, expires: keys.expires(now) });
    }
    plan.carry_out(store, lock)?;
    let (expiry_days, public_keys) = (keys.expiry_days(), keys.public());
    Ok(SignedChannel { channel: channel.to_string(), expiry_days, public_keys, lines: signed })
}

fn keys_of<'a>(store: &'a Store, channel: &ChannelName) -> Result<&'a KeyDirectory, ServerError> {
    store.keys().ok_or_else(|| ServerError::NoKey { channel: channel.to_string() })
}

fn present(store: &Store, channel: &ChannelName) -> Result<ChannelKeys, ServerError> {
    keys_of(store, channel)?.of(channel)?.ok_or_else(|| ServerError::NoKey { channel: channel.to_string() })
}
