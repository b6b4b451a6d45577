//! `pkgsrv report`: how the last build of a package went.

use std::path::PathBuf;

use anyhow::{Result, bail};
use pkgsrv::{FetchArgs, build_page};
use pkgsrv_builder::{BuildReport, Interrupt};
use pkgsrv_index::PackageName;

use super::whole_file::write_whole;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The package
    name: PackageName,
    /// Write a page with it that needs no other file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        let context = self.fetch.context(&Interrupt::default());
        let Some(report) = BuildReport::of_latest(&context, &self.name)? else {
            let name = &self.name;
            let cache = context.cache.root().display();
            bail!(
                "no build of {name} is known in the cache {cache}; run `pkgsrv build {name}`, or name another --cache"
            );
        };
        if let Some(path) = &self.html {
            write_whole(path, build_page(&report).as_bytes())?;
        }
        match (self.output.json, self.html) {
            (true, _) => print_json(&report)?,
            (false, Some(path)) => println!("{}", path.display()),
            (false, None) => print!("{report}"),
        }
        Ok(())
    }
}
