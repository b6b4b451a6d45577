//! Reports of admission without the toolchain that a real one takes.

use std::time::Duration;

use pkgsrv::Candidate;
use pkgsrv_builder::{
    AdmissionCandidate, AdmissionReport, Cache, CargoSettings, Context, ImportTest, Interrupt, Limits, Progress,
    ToolchainChoice, Upstream,
};

/// The real report on a candidate of which nothing is imported, which needs neither runtime nor toolchain.
pub fn admitted(candidate: &Candidate<'_>) -> AdmissionReport {
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
    pkgsrv_builder::admit(&context, candidate.abi, &candidate_for).unwrap()
}
