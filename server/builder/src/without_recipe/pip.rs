//! Which versions of build requirements there are, asked of the toolchain's own pip: in a sandbox that has the network,
//! of wheels only, so that no code of any package runs.

use std::fs;

use pkgsrv_index::{Digest, PackageName, Requirement, WheelFilename};
use pkgsrv_recipe::LockedWheel;
use serde::Deserialize;

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process;
use crate::source;
use crate::toolchain::Toolchain;

/// What is asked for.
pub(super) struct Question<'a> {
    /// What must be there, without markers.
    pub requirements: &'a [Requirement],
    /// Versions that are taken where the project is needed.
    pub constraints: &'a [LockedWheel],
    /// Wheels that are looked at beside the index's.
    pub at_hand: &'a [LockedWheel],
    /// Wheels that are taken where the answer has their versions, whichever files it names.
    pub known: &'a [LockedWheel],
}

/// What pip says where there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Its first error, and what it says is the cause of a conflict.
    pub reason: String,
    /// The project of which no version was found, as far as that is the reason.
    pub missing: Option<PackageName>,
}

/// One wheel for each project that is needed, sorted. The outer error is that pip could not be asked.
pub(super) fn resolve(
    context: &Context,
    toolchain: &Toolchain,
    label: &str,
    question: &Question<'_>,
) -> Result<Result<Vec<LockedWheel>, Refusal>, BuildError> {
    let _stage = context.progress.stage(label, "resolving its build requirements");
    let work = context.cache.work_directory("resolve")?;
    let requirements: Vec<String> = question.requirements.iter().map(ToString::to_string).collect();
    let pins = question.constraints.iter().map(|tool| format!("{}=={}", tool.filename.name(), tool.filename.version()));
    for (name, lines) in [("requirements.txt", requirements), ("constraints.txt", pins.collect())] {
        let path = work.path().join(name);
        fs::write(&path, lines.join("\n")).doing("write", &path)?;
    }
    let mut sandbox = toolchain.sandbox().writable(work.path(), "/resolve").with_network();
    for tool in question.at_hand {
        let fetched = source::fetch_wheel(context, tool)?;
        sandbox = sandbox.read_only(&fetched.path, &format!("/wheels/{}", tool.filename.as_str()));
    }
    for (name, value) in context.upstream.pip_variables(context)?.iter().chain(&context.proxy) {
        sandbox = sandbox.variable(name, value);
    }
    let find_links = if question.at_hand.is_empty() { "" } else { "--find-links /wheels" };
    let program = toolchain.pip(&format!(
        "install --dry-run --ignore-installed --only-binary=:all: --no-cache-dir --no-input --no-color --progress-bar \
         off --disable-pip-version-check --retries 2 {find_links} --report /resolve/report.json --constraint \
         /resolve/constraints.txt --requirement /resolve/requirements.txt"
    ));
    let mut command = sandbox.directory("/tmp").command(&program.iter().map(String::as_str).collect::<Vec<_>>())?;
    let answer = process::run_for_answer(&mut command, &context.interrupt, None)?;
    if let Some((status, errors)) = &answer.failure {
        return Ok(Err(refusal(&answer.output, errors, status)));
    }
    let path = work.path().join("report.json");
    let report = fs::read_to_string(&path).doing("read", &path)?;
    let bad = |reason| BuildError::Package { package: label.to_owned(), reason };
    wheels(&report, question.known).map(Ok).map_err(bad)
}

/// pip's [installation report](https://pip.pypa.io/en/stable/reference/installation-report/).
#[derive(Deserialize)]
struct Report {
    install: Vec<Installed>,
}

#[derive(Deserialize)]
struct Installed {
    download_info: DownloadInfo,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    #[serde(default)]
    archive_info: ArchiveInfo,
}

#[derive(Default, Deserialize)]
struct ArchiveInfo {
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<Digest>,
}

/// The wheels of a report, sorted by file name; those of `known` where these are of the same versions.
fn wheels(report: &str, known: &[LockedWheel]) -> Result<Vec<LockedWheel>, String> {
    let report: Report = serde_json::from_str(report).map_err(|error| format!("pip's report: {error}"))?;
    let mut found = Vec::new();
    for DownloadInfo { url, archive_info } in report.install.into_iter().map(|it| it.download_info) {
        // The one character of file names that addresses write otherwise; local versions have it.
        let filename = pkgsrv_recipe::url_filename(&url).replace("%2B", "+").replace("%2b", "+");
        let filename: WheelFilename = filename.parse().map_err(|error| format!("pip's report: {error}"))?;
        let is_same = |tool: &&LockedWheel| {
            tool.filename.name() == filename.name() && tool.filename.version() == filename.version()
        };
        if let Some(tool) = known.iter().find(is_same) {
            found.push(LockedWheel { requires: Vec::new(), ..tool.clone() });
            continue;
        }
        let sha256 = archive_info.hashes.sha256.ok_or_else(|| {
            format!("build requirement {filename}: the upstream index gives no SHA-256, without which nothing pins it")
        })?;
        found.push(LockedWheel { filename, sha256, requires: Vec::new() });
    }
    found.sort_by(|one, other| one.filename.as_str().cmp(other.filename.as_str()));
    Ok(found)
}

/// What to tell of a run that failed.
fn refusal(output: &str, errors: &str, status: &str) -> Refusal {
    let told = errors.lines().find_map(|line| line.strip_prefix("ERROR: "));
    let told = told.map_or_else(|| format!("pip failed ({status}): {errors}"), |line| line.trim().to_owned());
    let causes = output.lines().skip_while(|line| !line.starts_with("The conflict is caused by")).skip(1);
    let causes: Vec<&str> = causes.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let missing = told.strip_prefix("Could not find a version that satisfies the requirement ").and_then(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join("; ")) };
    Refusal { reason: format!("{}{causes}", told.trim_end_matches('.')), missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
    const OTHER: &str = "00000000000000000000000000000000000000000000000000000000000000fe";

    fn tool(filename: &str, sha256: &str) -> LockedWheel {
        LockedWheel { filename: filename.parse().unwrap(), sha256: sha256.parse().unwrap(), requires: Vec::new() }
    }

    fn report(url: &str, archive: &serde_json::Value) -> String {
        serde_json::json!({ "version": "1", "pip_version": "26.2", "environment": {}, "install": [
            { "download_info": { "url": url, "archive_info": archive }, "is_direct": false, "requested": true,
              "metadata": { "name": "demo", "version": "1" } },
        ] })
        .to_string()
    }

    #[test]
    fn a_report_names_files_and_hashes() {
        let hashes = serde_json::json!({ "hash": format!("sha256={HASH}"), "hashes": { "sha256": HASH } });
        let text = report("https://files.example/a/b/demo-1.0%2Bl-cp314-cp314-manylinux_2_28_x86_64.whl", &hashes);
        let found = wheels(&text, &[]).unwrap();
        assert_eq!(found, [tool("demo-1.0+l-cp314-cp314-manylinux_2_28_x86_64.whl", HASH)]);
        // Of a version that is pinned the pinned file is taken.
        let known = [tool("cython-3.3.1-py3-none-any.whl", OTHER)];
        let text = report("https://files.example/cython-3.3.1-cp314-cp314-manylinux_2_28_x86_64.whl", &hashes);
        assert_eq!(wheels(&text, &known).unwrap(), known);
        let text = report("https://files.example/cython-3.3.0-py3-none-any.whl", &hashes);
        assert_eq!(wheels(&text, &known).unwrap(), [tool("cython-3.3.0-py3-none-any.whl", HASH)]);
        let text = report("file:///wheels/setuptools-84.2.1-py3-none-any.whl", &serde_json::json!({}));
        assert_eq!(
            wheels(&text, &[]).unwrap_err(),
            "build requirement setuptools-84.2.1-py3-none-any.whl: the upstream index gives no SHA-256, without which \
             nothing pins it"
        );
        let text = report("https://files.example/demo-1.0.tar.gz", &hashes);
        assert!(wheels(&text, &[]).unwrap_err().starts_with("pip's report: "));
        assert!(wheels("{", &[]).unwrap_err().starts_with("pip's report: "));
    }

    #[test]
    fn the_first_error_is_told_with_the_causes_of_a_conflict() {
        let output = "Looking in indexes: x\n\nThe conflict is caused by:\n    a 1.0 depends on c<2\n    b 1.0 depends \
                      on c>=2\n\nTo fix this you could try to:\n1. loosen\n";
        let errors = "ERROR: Cannot install a==1.0 and b==1.0 because these package versions have conflicting \
                      dependencies.\nERROR: ResolutionImpossible: for help visit x\n";
        let conflict = "Cannot install a==1.0 and b==1.0 because these package versions have conflicting dependencies \
                        (a 1.0 depends on c<2; b 1.0 depends on c>=2)";
        assert_eq!(refusal(output, errors, ""), Refusal { reason: conflict.to_owned(), missing: None });
        let errors = "WARNING: x\nERROR: Could not find a version that satisfies the requirement no.tool>=2 (from \
                      versions: 1.0)\nERROR: No matching distribution found for no.tool>=2\n";
        let none = "Could not find a version that satisfies the requirement no.tool>=2 (from versions: 1.0)";
        let expected = Refusal { reason: none.to_owned(), missing: Some("no-tool".parse().unwrap()) };
        assert_eq!(refusal("", errors, ""), expected);
        let silent = Refusal { reason: "pip failed (signal: 9): ".to_owned(), missing: None };
        assert_eq!(refusal("", "", "signal: 9"), silent);
    }
}
