//! Which release of a project is taken, and which of its files.

use pep440_rs::{Version, VersionSpecifiers};
use pkgsrv_index::{Abi, Digest, PackageName, Requirement, WheelFilename};

use crate::context::Context;
use crate::error::BuildError;
use crate::upstream::UpstreamFile;

/// A file that a package can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub version: Version,
    pub filename: String,
    pub sha256: Digest,
    pub archive: Archive,
}

/// What kind of file; the later, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Archive {
    /// A source distribution.
    Sdist,
    /// A wheel for every platform.
    PureWheel,
}

impl Release {
    /// The newest release that a requirement admits; `None` where the index has no such project.
    pub(super) fn find(context: &Context, requirement: &Requirement, abi: Abi) -> Result<Option<Self>, BuildError> {
        let client = context.upstream.client()?;
        let Some(files) = context.upstream.files(&client, context, &requirement.name)? else { return Ok(None) };
        choose(&files, requirement, abi).map(Some).ok_or_else(|| none_fits(&files, requirement, abi))
    }
}

/// The best file of the newest version that fits. Pre-releases come after all others, and yanked files are taken only
/// where their very version is asked for, as installers do.
fn choose(files: &[UpstreamFile], requirement: &Requirement, abi: Abi) -> Option<Release> {
    let python: Version = abi.facts().python_full.parse().ok()?;
    let exact = requirement
        .specifiers
        .iter()
        .any(|specifier| matches!(specifier.operator(), pep440_rs::Operator::Equal | pep440_rs::Operator::ExactEqual));
    let fits = |file: &UpstreamFile| {
        let release = parse(file, &requirement.name, abi)?;
        let admits =
            |text: &str| text.parse::<VersionSpecifiers>().map_or(true, |specifiers| specifiers.contains(&python));
        let wanted = requirement.specifiers.contains(&release.version)
            && file.requires_python.as_deref().is_none_or(admits)
            && (exact || !file.is_yanked());
        wanted.then_some(release)
    };
    files.iter().filter_map(fits).max_by(|one, other| {
        let rank = |release: &Release| (!release.version.any_prerelease(), release.version.clone(), release.archive);
        rank(one).cmp(&rank(other))
    })
}

/// `None` for files that nothing can be made of.
fn parse(file: &UpstreamFile, project: &PackageName, abi: Abi) -> Option<Release> {
    let filename = file.filename.clone();
    let sha256 = file.sha256()?;
    if let Ok(wheel) = filename.parse::<WheelFilename>() {
        let is_ours = wheel.is_pure() && wheel.tags_fit(abi).is_some() && wheel.name() == project;
        return is_ours.then(|| Release {
            version: wheel.version().clone(),
            sha256,
            archive: Archive::PureWheel,
            filename,
        });
    }
    let (name, version) = filename.strip_suffix(".tar.gz")?.rsplit_once('-')?;
    let version = version.parse().ok()?;
    let is_ours = name.parse::<PackageName>().is_ok_and(|name| name == *project);
    is_ours.then_some(Release { version, sha256, archive: Archive::Sdist, filename })
}

fn none_fits(files: &[UpstreamFile], requirement: &Requirement, abi: Abi) -> BuildError {
    let mut there: Vec<Version> = Vec::new();
    for version in files.iter().filter_map(|file| Some(parse(file, &requirement.name, abi)?.version)) {
        if !there.contains(&version) {
            there.push(version);
        }
    }
    there.sort();
    let newest: Vec<String> = there.iter().rev().take(5).map(ToString::to_string).collect();
    let there = if newest.is_empty() {
        "it has neither sdists (.tar.gz) nor wheels for every platform".to_owned()
    } else {
        format!("the newest that it has, for any Python, are {}", newest.join(", "))
    };
    let python = abi.facts().python;
    let reason = format!("the upstream index has nothing of {requirement} for Python {python}: {there}");
    BuildError::Package { package: requirement.name.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<UpstreamFile> {
        let file = |filename: &str, more: serde_json::Value| {
            let mut file = serde_json::json!({
                "filename": filename, "url": filename, "hashes": { "sha256": "0".repeat(64) },
            });
            file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(file).unwrap()
        };
        let plain = || serde_json::json!({});
        vec![
            file("demo-1.0.tar.gz", plain()),
            file("demo-1.0-py3-none-any.whl", plain()),
            file("demo-2.0-cp314-cp314-manylinux_2_28_x86_64.whl", plain()),
            file("demo-2.0.tar.gz", plain()),
            file("demo-3.0.tar.gz", serde_json::json!({ "yanked": "broken" })),
            file("demo-4.0.tar.gz", serde_json::json!({ "requires-python": ">=3.99" })),
            file("demo-5.0rc1.tar.gz", plain()),
            file("other-9.0.tar.gz", plain()),
            file("demo-0.1.zip", plain()),
        ]
    }

    #[test]
    fn the_newest_that_fits_is_taken() {
        for (requirement, expected) in [
            ("demo", Some("demo-2.0.tar.gz")),
            ("demo<2", Some("demo-1.0-py3-none-any.whl")),
            ("demo==3.0", Some("demo-3.0.tar.gz")),
            ("demo==4.0", None),
            ("demo==5.0rc1", Some("demo-5.0rc1.tar.gz")),
            ("demo==0.1", None),
        ] {
            let chosen = choose(&files(), &requirement.parse().unwrap(), Abi::preferred());
            assert_eq!(chosen.map(|release| release.filename).as_deref(), expected, "{requirement}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_there_is() {
        let error = none_fits(&files(), &"demo==7".parse().unwrap(), Abi::preferred()).to_string();
        assert_eq!(
            error,
            "demo: the upstream index has nothing of demo==7 for Python 3.14: the newest that it has, for any Python, are \
             5.0rc1, 4.0, 3.0, 2.0, 1.0"
        );
    }
}
