//! The pages of one package: its files, and the report on each file's admission.

use std::fmt::Write;

use pkgsrv_builder::{AdmissionReport, ImportOutcome, Outcome, SideModuleReport};
use pkgsrv_index::simple::Escaped;
use pkgsrv_index::{Abi, Digest, DocumentKind, FileEntry, PackageName};

use crate::html::page;
use crate::{ChannelName, EnvironmentName};

/// One file of a package, and the line that has it.
pub(crate) struct Listed<'a> {
    pub(crate) abi: Abi,
    pub(crate) entry: &'a FileEntry,
}

/// An environment that a package is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PackagedIn {
    pub(crate) abi: Abi,
    pub(crate) environment: EnvironmentName,
    pub(crate) version: String,
}

/// The page at `packages/{name}/`; the newest file comes first.
pub(crate) fn package(
    channel: &ChannelName,
    name: &PackageName,
    files: &[Listed<'_>],
    environments: &[PackagedIn],
) -> String {
    let mut rows = String::new();
    for Listed { abi, entry } in files {
        let filename = Escaped(entry.filename.as_str());
        let python = entry.requires_python.as_ref().map(ToString::to_string).unwrap_or_default();
        let report = match entry.admission_sha256 {
            Some(_) => format!("<a href=\"{filename}/admission\" aria-label=\"Report on {filename}\">report</a>"),
            None => "none".to_owned(),
        };
        let documents = documents(channel, entry);
        let yanked = if entry.yanked.is_some() { " (yanked)" } else { "" };
        let _infallible = writeln!(
            rows,
            "<tr><th scope=\"row\">{}{yanked}</th><td><a href=\"{}/{}/{filename}\">{filename}</a></td><td>{abi}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{report}</td><td>{documents}</td></tr>",
            Escaped(&entry.version.to_string()),
            blobs_from_package(channel),
            entry.sha256,
            entry.size,
            Escaped(&python),
            entry.upload_time,
        );
    }
    let body = format!(
        "<p>In channel {channel}. <a href=\"../\">All packages</a></p>\n<div class=\"table\" role=\"region\" \
         aria-label=\"Files\" tabindex=\"0\">\n<table>\n<caption>Files</caption>\n<thead><tr><th scope=\"col\">Version\
         </th><th scope=\"col\">File</th><th scope=\"col\">ABI</th><th scope=\"col\">Bytes</th><th scope=\"col\">Python\
         </th><th scope=\"col\">Published</th><th scope=\"col\">Admission</th>\
         <th scope=\"col\">Documents</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n</div>\n{}",
        environment_links(channel, environments)
    );
    page(name.as_str(), &body)
}

/// Links to a prompt with each environment, or to its index where there is no prompt; nothing without any.
fn environment_links(channel: &ChannelName, environments: &[PackagedIn]) -> String {
    let link = |PackagedIn { abi, environment, version }: &PackagedIn| {
        let address = match environment.prompt(channel, *abi) {
            Some(_) => format!("../../?environment={environment}"),
            None => format!("../../environments/{abi}/{environment}.json"),
        };
        format!("<a href=\"{address}\">{environment}</a> (version {}, ABI {abi})", Escaped(version))
    };
    let links: Vec<String> = environments.iter().map(link).collect();
    if links.is_empty() { String::new() } else { format!("<p>Environments that have it: {}</p>\n", links.join(", ")) }
}

/// Links to what was published with a file.
fn documents(channel: &ChannelName, entry: &FileEntry) -> String {
    let at = channel.documents_from_view();
    let link = |(kind, sha256): (&DocumentKind, &Digest)| {
        let (title, filename) = (kind.title(), Escaped(entry.filename.as_str()));
        format!("<a href=\"{at}{sha256}.json\" aria-label=\"{title} of {filename}\">{title}</a>")
    };
    let links: Vec<String> = entry.documents.iter().map(link).collect();
    if links.is_empty() { "none".to_owned() } else { links.join(", ") }
}

/// The blobs' address from `packages/{name}/`.
fn blobs_from_package(channel: &ChannelName) -> &'static str {
    channel.blobs_from_view().trim_end_matches('/')
}

/// The page at `packages/{name}/{filename}/admission`.
pub(crate) fn admission(report: &AdmissionReport) -> String {
    let mut body = format!(
        "<p>Verdict: <strong>{}</strong>. ABI {}, {}{}. <a href=\"admission.json\">This report as JSON</a>, \
         <a href=\"../\">all files of the package</a></p>\n<p>SHA-256 <code>{}</code>, {} bytes</p>\n",
        report.verdict.word(),
        report.abi,
        Escaped(&report.runtime),
        report.toolchain.as_ref().map(|name| format!(", toolchain {}", Escaped(name))).unwrap_or_default(),
        report.sha256,
        report.size,
    );
    if let Some(earlier) = &report.checked_as {
        let _infallible = writeln!(
            body,
            "<p>Checked as {}, SHA-256 <code>{}</code>, before it was given a build number.</p>",
            Escaped(&earlier.filename),
            earlier.sha256
        );
    }
    body.push_str(&table("Checks", &["Check", "Result", "What was looked at"], &checks(report)));
    if !report.side_modules.is_empty() {
        body.push_str(&side_modules(&report.side_modules));
    }
    if !report.imports.is_empty() {
        body.push_str(&table("Imports in the runtime", &["Module", "Result", "Detail"], &imports(report)));
    }
    page(&report.filename, &body)
}

/// A table that scrolls by itself where it is too wide; `rows` is HTML.
pub(crate) fn table(caption: &str, head: &[&str], rows: &str) -> String {
    let head = head.join("</th><th scope=\"col\">");
    format!(
        "<div class=\"table\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr><th scope=\"col\">{head}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n</div>\n"
    )
}

fn checks(report: &AdmissionReport) -> String {
    let mut rows = String::new();
    for check in &report.checks {
        let (title, outcome) = (check.name.title(), check.outcome.word());
        let summary = Escaped(&check.summary);
        let _infallible =
            write!(rows, "<tr><th scope=\"row\">{title}</th><td class=\"{outcome}\">{outcome}</td><td>{summary}");
        for finding in &check.findings {
            let (outcome, sentence) = (finding.outcome.word(), finding.sentence());
            let sentence = Escaped(&sentence);
            let _infallible = write!(rows, "<pre><span class=\"{outcome}\">{outcome}:</span> {sentence}</pre>");
        }
        if check.more > 0 {
            let _infallible = write!(rows, "<p>And {} more like these.</p>", check.more);
        }
        rows.push_str("</td></tr>\n");
    }
    rows
}

/// The table of side modules.
pub(crate) fn side_modules(modules: &[SideModuleReport]) -> String {
    let mut rows = String::new();
    for module in modules {
        let needed: Vec<String> = module
            .needed
            .iter()
            .map(|library| format!("{} ({})", library.name, library.found.as_deref().unwrap_or("nowhere")))
            .collect();
        let counts = module.imports.named();
        let counts: Vec<String> =
            counts.iter().filter(|(_, count)| **count > 0).map(|(by, count)| format!("{count} {by}")).collect();
        let _infallible = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(&module.path),
            module.size,
            module.memory,
            module.table,
            Escaped(&module.features.join(", ")),
            Escaped(&needed.join(", ")),
            counts.join(", "),
            module.exports,
        );
    }
    let head =
        ["Side module", "Bytes", "Memory", "Table", "WebAssembly features", "Needs", "Imports by provider", "Exports"];
    table("Side modules", &head, &rows)
}

fn imports(report: &AdmissionReport) -> String {
    let mut rows = String::new();
    for import in &report.imports {
        let outcome = match import.outcome {
            ImportOutcome::Imported => Outcome::Passed,
            ImportOutcome::NotTried => Outcome::Skipped,
            _ => Outcome::Refused,
        };
        let detail = import.detail.as_deref().map(|detail| format!("<pre>{}</pre>", Escaped(detail)));
        let _infallible = writeln!(
            rows,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"{}\">{}</td><td>{}</td></tr>",
            Escaped(&import.module),
            outcome.word(),
            import.outcome.word(),
            detail.unwrap_or_default(),
        );
    }
    rows
}
