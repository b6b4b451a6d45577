//! The builder: from recipe names to admitted wheels in the machine's cache.
//!
//! [`Builder::new`] brings what an ABI needs (toolchain, runtime, cross environment), [`Builder::build`] plans and
//! carries out. Every result is kept under the digest of all that decides it, so what is there is not made again.

mod abi_flags;
mod action;
mod admission;
mod build_lock;
mod build_record;
mod build_report;
mod build_requirements;
mod builder;
mod building;
mod bytecode;
pub mod cache;
mod contents;
mod context;
mod cross_environment;
pub mod doctor;
mod error;
mod execute;
mod host_package;
mod installed_tools;
mod interrupt;
mod job_tokens;
mod limits;
mod loaded_recipe;
mod object_cache;
mod package_url;
mod plan;
mod process;
mod progress;
mod provenance;
mod recipe_check;
mod recipe_tree;
mod recipe_update;
mod repack;
mod runtime;
mod rust;
mod sandbox;
mod sbom;
mod schedule;
mod shared_libraries;
mod shared_prefix;
mod source;
mod space;
mod system_tools;
mod testing;
mod toolchain;
mod unvendor;
mod upstream;
mod vendoring;
mod verification;
mod wheel_directory;
mod wheel_documents;
mod without_recipe;
mod work_directory;
mod zip_archive;

pub use action::{ActionResult, KeptTests, RESULT_FORMAT};
pub use admission::{
    AdmissionCandidate, AdmissionCheck, AdmissionCheckName, AdmissionFinding, AdmissionReport, ImportCounts,
    ImportOutcome, ImportReport, ImportTest, NeededLibrary, Outcome, SideModuleReport, Verdict, WheelIdentity, admit,
    is_native_code,
};
pub use build_lock::{
    BuildLock, HostKind, LOCK_FORMAT, LockedCrate, LockedFile, LockedFlags, LockedHost, LockedRuntime, LockedSource,
    LockedTool, LockedToolchain,
};
pub use build_record::{BuildFailure, BuildRecord, BuildStep};
pub use build_report::{AdmissionSummary, BuildReport, FileSize, LogExcerpt, Warnings, WheelSizes};
pub use builder::{BuildOptions, BuildOutcome, Builder, Changed, FailedPackage, PlannedPackage, PlannedState};
pub use bytecode::{Bytecode, compile_bytecode};
pub use context::{Cache, Context};
pub use error::BuildError;
pub use interrupt::Interrupt;
pub use limits::{Exceeded, Limits};
pub use loaded_recipe::{LoadedRecipe, LoadedRecipes};
pub use object_cache::ObjectCounts;
pub use plan::check_plan;
pub use process::Log;
pub use progress::{Progress, Task, printable, terminal_width};
pub use recipe_check::{CheckedRecipes, RecipeChecker, RecipeProblem, Unchecked};
pub use recipe_tree::RecipeTree;
pub use recipe_update::{NewRelease, RecipeUpdate, UpdateOutcome};
pub use repack::with_build_number;
pub use runtime::{Derive, EnvironmentRecipe, Runtime};
pub use rust::CargoSettings;
pub use space::{Bytes, Space};
pub use testing::{PYTEST, PackageTest, TestKind, TestOptions, TestOutcome, TestStep};
pub use toolchain::{FORMAT as MANIFEST_FORMAT, HostParts, HostSource, Manifest, Provider, Toolchain, ToolchainChoice};
pub use upstream::Upstream;
pub use verification::{Difference, Verification};
pub use wheel_documents::WheelDocuments;
pub use without_recipe::{RecipeFinder, WantedPackage};
pub use work_directory::WorkDirectory;
