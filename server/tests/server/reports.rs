//! Admission without the toolchain that a real one takes.

use std::time::Duration;

use pkgsrv::{Accepted, Candidate};
use pkgsrv_builder::{
    AdmissionCandidate, Bytecode, Cache, CargoSettings, Context, ImportTest, Interrupt, Limits, Progress,
    ToolchainChoice, Upstream,
};

/// The real report on a candidate of which nothing is imported, which needs neither runtime nor toolchain; and what
/// stands for bytecode.
pub fn admitted(candidate: &Candidate<'_>) -> Accepted {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(candidate.entry.filename.as_str());
    std::fs::write(&path, candidate.wheel.archive().bytes()).unwrap();
    let context = Context {
        cache: Cache::new(directory.path().join("cache")),
        progress: Progress::silent(),
        interrupt: Interrupt::default(),
        limits: Limits::of_this_machine(),
        upstream: Upstream::new(None, Duration::from_secs(1)),
        toolchain: ToolchainChoice::default(),
        proxy: Vec::new(),
        cargo: CargoSettings::default(),
        object_cache: true,
    };
    let imports = ImportTest { wanted: false, ..ImportTest::default() };
    let candidate_for = AdmissionCandidate { path: &path, companions: Ok(&[]), imports: &imports };
    let report = pkgsrv_builder::admit(&context, candidate.abi, &candidate_for).unwrap();
    Accepted { report: Some(report), bytecode: bytecode(candidate) }
}

/// Where the bytecode of modules would be, and contents that tell what it would be of. The project that
/// `write_sequence.rs` purges has none: all subsets of what is removed are tried there.
fn bytecode(candidate: &Candidate<'_>) -> Bytecode {
    if candidate.entry.name.as_str() == "second" {
        return Bytecode::new();
    }
    let modules = candidate.wheel.entries().filter_map(|entry| {
        let source = entry.path();
        let stem = source.rsplit('/').next()?.strip_suffix(".py")?;
        let path = source.replace(&format!("{stem}.py"), &format!("__pycache__/{stem}.cpython-314.pyc"));
        Some((source.to_owned(), (path, format!("bytecode of {source}").into_bytes())))
    });
    modules.collect()
}
