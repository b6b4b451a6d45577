//! `pkgsrv channel init`, `refresh` and `rotate-key`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{
    ChannelName, DEFAULT_EXPIRY_DAYS, DataArgs, PublicKey, ServerError, SignedChannel, SignedLine, Store, init_signing,
    refresh, retire_old_keys, rotate_key, sign_files_anew,
};

use super::super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
struct SignArgs {
    /// The channel
    #[arg(value_name = "NAME")]
    channel: ChannelName,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    #[command(flatten)]
    sign: SignArgs,
    /// For how long a head is valid
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_EXPIRY_DAYS, value_parser = days())]
    head_expiry: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    sign: SignArgs,
    /// For how long a head is valid from now on [default: as before]
    #[arg(long, value_name = "DAYS", value_parser = days())]
    head_expiry: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RotateKey {
    #[command(flatten)]
    sign: SignArgs,
    /// End a rotation: sign with the newest key only
    #[arg(long)]
    retire_old: bool,
}

/// Up to ten years: what is for ever is no expiry.
fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=3650)
}

impl Init {
    pub(super) fn run(self) -> Result<()> {
        let Self { sign, head_expiry } = self;
        sign.sign(|store, channel| init_signing(store, channel, head_expiry, SystemTime::now()))
    }
}

impl Refresh {
    pub(super) fn run(self) -> Result<()> {
        let Self { sign, head_expiry } = self;
        sign.sign(|store, channel| refresh(store, channel, head_expiry, SystemTime::now()))
    }
}

impl RotateKey {
    pub(super) fn run(self) -> Result<()> {
        let Self { sign, retire_old } = self;
        let change = if retire_old { retire_old_keys } else { rotate_key };
        sign.sign(|store, channel| change(store, channel, SystemTime::now()))
    }
}

impl SignArgs {
    /// Signs the heads, then what interpreters start from.
    fn sign(&self, heads: impl FnOnce(&Store, &ChannelName) -> Result<SignedChannel, ServerError>) -> Result<()> {
        let data = self.data.data_dir();
        let signed = heads(&data.store(), &self.channel)?;
        sign_files_anew(&data, &self.channel, SystemTime::now())?;
        self.tell(&signed)
    }

    fn tell(&self, signed: &SignedChannel) -> Result<()> {
        if self.output.json {
            return print_json(signed);
        }
        let SignedChannel { channel, expiry_days, public_keys, lines } = signed;
        println!("channel {channel}, heads are valid for {expiry_days} days");
        for PublicKey { public_key, .. } in public_keys {
            println!("  public key {public_key}");
        }
        for SignedLine { abi, serial, expires } in lines {
            println!("  ABI {abi}, serial {serial}, signed until {expires}");
        }
        Ok(())
    }
}
