//! The report for a terminal.

use std::fmt::{self, Write as _};

use super::report::{AdmissionReport, Check, ImportOutcome, ImportReport, Outcome, SideModuleReport};

impl fmt::Display for AdmissionReport {
    /// Some lines: the verdict, each check with its findings, the side modules, the imports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.filename, self.verdict.word())?;
        writeln!(f, "  SHA-256 {}, {} bytes", self.sha256, self.size)?;
        if let Some(earlier) = &self.checked_as {
            writeln!(f, "  checked as {}, SHA-256 {}", earlier.filename, earlier.sha256)?;
        }
        write!(f, "  ABI {}, {}", self.abi, self.runtime)?;
        match &self.toolchain {
            Some(toolchain) => writeln!(f, ", toolchain {toolchain}")?,
            None => writeln!(f)?,
        }
        self.checks.iter().try_for_each(|check| write!(f, "{}", CheckText(check)))?;
        if !self.side_modules.is_empty() {
            writeln!(f, "\n  side modules")?;
        }
        self.side_modules.iter().try_for_each(|module| write!(f, "{}", SideModuleText(module)))?;
        if !self.imports.is_empty() {
            writeln!(f, "\n  imports")?;
        }
        self.imports.iter().try_for_each(|import| writeln!(f, "    {}", imported(import)))
    }
}

struct CheckText<'a>(&'a Check);

impl fmt::Display for CheckText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(check) = self;
        writeln!(f, "  {:7}  {}: {}", check.outcome.word(), check.name.title(), check.summary)?;
        for finding in &check.findings {
            let mark = if finding.outcome == Outcome::Refused { "" } else { "warning: " };
            writeln!(f, "           - {mark}{}", finding.sentence().replace('\n', "\n             "))?;
        }
        if check.more > 0 {
            writeln!(f, "           - and {} more like these", check.more)?;
        }
        Ok(())
    }
}

struct SideModuleText<'a>(&'a SideModuleReport);

impl fmt::Display for SideModuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(module) = self;
        let counts: Vec<String> =
            module.imports.named().iter().filter(|(_, count)| **count > 0).map(|(by, n)| format!("{n} {by}")).collect();
        writeln!(f, "    {}", module.path)?;
        writeln!(
            f,
            "      {} bytes; memory {}, table {}; imports {} ({}), exports {}",
            module.size,
            module.memory,
            module.table,
            module.imports.total(),
            counts.join(", "),
            module.exports
        )?;
        if !module.features.is_empty() {
            writeln!(f, "      features: {}", module.features.join(", "))?;
        }
        for library in &module.needed {
            writeln!(f, "      needs {}: {}", library.name, library.found.as_deref().unwrap_or("nowhere"))?;
        }
        Ok(())
    }
}

fn imported(import: &ImportReport) -> String {
    let mut text = format!("{:9}  {}", import.outcome.word(), import.module);
    // Tracebacks stand with the check's findings.
    if let (ImportOutcome::NotTried, Some(detail)) = (import.outcome, &import.detail) {
        let _infallible = write!(text, ": {detail}");
    }
    text
}
