//! `pkgsrv completions` and `pkgsrv man`: what a package of pkgsrv installs beside the program.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap_complete::Shell;
use pkgsrv::ServerError;

use crate::command_line;

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell to complete for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Directory for the pages of all commands [default: prints the page of pkgsrv itself]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command_line(), "pkgsrv", &mut text);
        print(&text)
    }
}

impl Man {
    pub(crate) fn run(self) -> Result<()> {
        // Pages list the options that every command has; `--version` in full is no part of a page.
        let command = command_line().version(env!("CARGO_PKG_VERSION")).long_version(None);
        let Some(out) = self.out else {
            let mut text = Vec::new();
            clap_mangen::Man::new(command).render(&mut text)?;
            return print(&text);
        };
        let written = fs::create_dir_all(&out).and_then(|()| clap_mangen::generate_to(command, &out));
        Ok(written.map_err(|source| ServerError::Write { path: out, source })?)
    }
}

/// A reader that goes away, such as `head`, is no error.
fn print(text: &[u8]) -> Result<()> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
