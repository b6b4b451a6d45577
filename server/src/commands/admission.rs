//! What wheels from elsewhere must pass, for the commands that ask it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pkgsrv::{
    Accepted, AdmissionError, Candidate, ChannelName, DataArgs, InterpreterArgs, ServerError, Store, StoredObject,
    Upload,
};
use pkgsrv_builder::{
    AdmissionCandidate, AdmissionReport, BuildError, Bytecode, Context, ImportTest, Interrupt, compile_bytecode,
};
use pkgsrv_index::{Abi, FileEntry, WheelFilename};

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

    /// The ABIs asked for; else those with a released runtime, and those that only one of the wheels is for.
    pub(crate) fn abis_for(&self, uploads: &[Upload]) -> Vec<Abi> {
        if !self.abis.is_empty() {
            return self.abis.clone();
        }
        let released: Vec<Abi> = Abi::released().collect();
        let fits = |upload: &Upload, abi: Abi| upload.filename.tags_fit(abi).is_some();
        let needs = |abi| uploads.iter().any(|it| fits(it, abi) && !released.iter().any(|&other| fits(it, other)));
        Abi::known().filter(|abi| released.contains(abi) || needs(*abi)).collect()
    }

    /// What `uploads`, which [`Self::uploads`] read, must pass; `store` has what they need.
    pub(crate) fn gate<'a>(&self, store: &'a Store, uploads: &[Upload], interrupt: &Interrupt) -> Gate<'a> {
        let paths = uploads.iter().map(|upload| upload.filename.clone()).zip(self.paths.iter().cloned()).collect();
        Gate { context: self.interpreter.context(interrupt), store, paths, test: self.imports.test() }
    }
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

/// The builder's admission, with what a wheel needs from a store and from the command line.
pub(crate) struct Gate<'a> {
    context: Context,
    store: &'a Store,
    /// Where the wheels of this command lie.
    paths: HashMap<WheelFilename, PathBuf>,
    test: ImportTest,
}

impl Gate<'_> {
    /// The report on a wheel that is to be published, and its bytecode; a refusal is an error.
    pub(crate) fn admit(&self, candidate: &Candidate<'_>) -> Result<Accepted, AdmissionError> {
        let needed = candidate.needed.as_deref().map_err(ToString::to_string);
        let path = self.path(candidate.entry);
        let report = self.report(candidate.abi, &path, needed)?;
        report.require_admitted()?;
        if report.sha256 != candidate.entry.sha256 {
            return Err("the file was changed while it was checked; run the command again".into());
        }
        // Who does without imports may have no runtime.
        let compile = || compile_bytecode(&self.context, candidate.abi, &path);
        let bytecode = if self.test.wanted { compile()? } else { Bytecode::new() };
        Ok(Accepted { report: Some(report), bytecode })
    }

    /// The report on the wheel at `path`, which needs these others.
    pub(crate) fn report(
        &self,
        abi: Abi,
        path: &std::path::Path,
        needed: Result<&[FileEntry], String>,
    ) -> Result<AdmissionReport, BuildError> {
        let companions: Result<Vec<PathBuf>, String> =
            needed.map(|entries| entries.iter().map(|entry| self.path(entry)).collect());
        let candidate =
            AdmissionCandidate { path, companions: companions.as_deref().map_err(String::as_str), imports: &self.test };
        pkgsrv_builder::admit(&self.context, abi, &candidate)
    }

    fn path(&self, entry: &FileEntry) -> PathBuf {
        let stored = || StoredObject::Wheel { sha256: entry.sha256, filename: entry.filename.clone() };
        self.paths.get(&entry.filename).cloned().unwrap_or_else(|| self.store.file(&stored()))
    }
}
