//! What wheels from elsewhere must pass, for the commands that ask it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pkgsrv::{ChannelName, DataArgs, Gate, InterpreterArgs, ServerError, Store, Upload, abis_of};
use pkgsrv_builder::{Context, ImportTest, Interrupt};
use pkgsrv_index::Abi;

/// Wheels, what they are for, and what decides on them.
#[derive(Debug, clap::Args)]
pub(crate) struct WheelArgs {
    /// The wheels
    #[arg(required = true, value_name = "FILE.whl")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    interpreter: InterpreterArgs,
    #[command(flatten)]
    imports: ImportArgs,
    /// Channel that they are for; what they need is looked for in it
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub channel: ChannelName,
    /// ABI that they are for, may be repeated [default: every ABI with a released runtime; also others, where one of the
    /// wheels is for no such]
    #[arg(long = "abi", value_name = "ABI")]
    pub abis: Vec<Abi>,
}

impl WheelArgs {
    /// The wheels' bytes.
    pub(crate) fn uploads(&self) -> Result<Vec<Upload>, ServerError> {
        self.paths.iter().map(|path| Upload::read(path)).collect()
    }

    /// The ABIs asked for; else those that the wheels are published for.
    pub(crate) fn abis_for(&self, uploads: &[Upload]) -> Vec<Abi> {
        if self.abis.is_empty() { abis_of(uploads) } else { self.abis.clone() }
    }

    /// What decides on them, and with what.
    pub(crate) fn examination(&self, interrupt: &Interrupt) -> Examination {
        Examination { context: self.interpreter.context(interrupt), test: self.imports.test() }
    }

    /// What `uploads`, which [`Self::uploads`] read, must pass; `store` has what they need.
    pub(crate) fn gate<'a>(&self, examination: &'a Examination, store: &'a Store, uploads: &[Upload]) -> Gate<'a> {
        let paths = uploads.iter().map(|upload| upload.filename.clone()).zip(self.paths.iter().cloned());
        Gate::new(&examination.context, store, paths, &examination.test)
    }
}

/// The builder's surroundings, and how modules are tried.
pub(crate) struct Examination {
    context: Context,
    test: ImportTest,
}

/// How the modules of a wheel are tried.
#[derive(Debug, Clone, clap::Args)]
struct ImportArgs {
    /// Module that is not imported, and the reason for that, which goes into the report; may be repeated
    #[arg(long = "leave-out", value_name = "MODULE=REASON")]
    leave_out: Vec<LeftOut>,
    /// Seconds that the import of one module may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=540))]
    import_timeout: u64,
    /// Import nothing; the report says so, and no bytecode is made
    #[arg(long)]
    no_import: bool,
}

/// A module and the reason for not importing it.
#[derive(Debug, Clone)]
struct LeftOut {
    module: String,
    reason: String,
}

impl FromStr for LeftOut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').map(|(module, reason)| (module.trim(), reason.trim()));
        match parts {
            Some((module, reason)) if !module.is_empty() && !reason.is_empty() => {
                Ok(Self { module: module.to_owned(), reason: reason.to_owned() })
            }
            _ => Err("expected a module and a reason, such as `mypackage_tests=needs pytest`".to_owned()),
        }
    }
}

impl ImportArgs {
    fn test(&self) -> ImportTest {
        let left_out = self.leave_out.iter().map(|left| (left.module.clone(), left.reason.clone()));
        ImportTest {
            wanted: !self.no_import,
            further: Vec::new(),
            script: None,
            left_out: left_out.collect::<BTreeMap<_, _>>(),
            timeout: Duration::from_secs(self.import_timeout),
        }
    }
}
