//! Settings of what a server takes by HTTP.

use pkgsrv_builder::{Context, ImportTest, Progress};

use super::limits::bytes;

/// `--upload-limit` and its like, for every command that serves.
#[derive(Debug, Clone, clap::Args)]
pub struct UploadArgs {
    /// Largest file that is taken at /legacy/ from who has a token, such as 64M
    #[arg(long = "upload-limit", value_name = "SIZE", env = "PKGSRV_UPLOAD_LIMIT", default_value = "256M",
          value_parser = bytes)]
    limit: u64,
    /// Import nothing of what is uploaded: the report says so, no bytecode is made, and for pure wheels no Node is needed
    #[arg(long, env = "PKGSRV_NO_UPLOAD_IMPORT", value_parser = clap::builder::FalseyValueParser::new())]
    no_upload_import: bool,
}

/// How uploads are taken.
#[derive(Debug)]
pub struct UploadSettings {
    /// The builder's surroundings, for admission.
    pub context: Context,
    /// How the modules of a wheel are tried.
    pub test: ImportTest,
    /// Largest file, bytes.
    pub limit: u64,
}

impl UploadArgs {
    /// With what admission needs; a server shows no progress of it.
    pub fn settings(&self, context: Context) -> UploadSettings {
        UploadSettings {
            context: Context { progress: Progress::silent(), ..context },
            test: ImportTest { wanted: !self.no_upload_import, ..ImportTest::default() },
            limit: self.limit,
        }
    }
}
