//! `cargo xtask screenshot`: the picture on README's first screen, taken of the real page.

use anyhow::Result;

use crate::command::run;
use crate::loader;
use crate::test_channel::TestChannel;

/// Writes `server/page/screenshot.png`.
pub fn take() -> Result<()> {
    loader::build(&loader::LoaderArguments::default())?;
    run(TestChannel::make()?.node().arg("screenshot.mjs"))
}
