//! The report for a terminal.

use std::fmt::{self, Write as _};

use super::{BuildReport, LogExcerpt, WheelSizes};
use crate::admission::SideModuleReport;
use crate::build_record::BuildStep;

/// Characters of a command that the table shows; the log has all of it.
const LONGEST_COMMAND: usize = 96;

impl fmt::Display for BuildReport {
    /// Some lines: how it ended, the steps as a table, the wheel, its side modules, warnings, the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = if self.succeeded { "built" } else { "failed" };
        writeln!(f, "{} {}: {ended} in {:.1} s", self.name, self.version, self.seconds)?;
        writeln!(f, "  action {}", self.action)?;
        if let Some(failure) = &self.failure {
            writeln!(f, "\n  {}", failure.error.replace('\n', "\n  "))?;
            failure.lines.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
            if let Some(command) = &self.failed_command {
                writeln!(f, "  its command: {command}")?;
            }
            if let Some(step) = self.failed_step().filter(|step| !step.command.is_empty()) {
                writeln!(f, "  the step's command: {}", step.command_line())?;
            }
        }
        self.write_steps(f)?;
        if let Some(wheel) = &self.wheel {
            write!(f, "{}", WheelText(wheel))?;
        }
        if !self.side_modules.is_empty() {
            writeln!(f, "\n  side modules")?;
        }
        self.side_modules.iter().try_for_each(|module| write!(f, "{}", SideModuleText(module)))?;
        self.write_warnings(f)?;
        match &self.log {
            Some(log) => write!(f, "{}", LogText { log, with_lines: !self.succeeded }),
            None => writeln!(f, "\n  its log is not kept any more"),
        }
    }
}

impl BuildReport {
    fn write_steps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  {:10}  {:>9}  command", "step", "seconds")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {}", line(step)))?;
        let super::ObjectCounts { reused, compiled, linked } = self.objects;
        writeln!(f, "  objects: {reused} reused, {compiled} compiled, {linked} linked")
    }

    fn write_warnings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(admission) = &self.admission {
            writeln!(f, "\n  {}", admission.verdict.word())?;
            admission.warnings.iter().try_for_each(|warning| writeln!(f, "    - {warning}"))?;
        }
        if self.warnings.count > 0 {
            writeln!(f, "\n  warnings in the log: {}", self.warnings.count)?;
        }
        self.warnings.first.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

fn line(step: &BuildStep) -> String {
    let command = step.command_line();
    let one_line = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = one_line.chars().take(LONGEST_COMMAND).collect();
    if shown.len() < one_line.len() {
        shown.push('…');
    }
    let mut text = format!("{:10}  {:>9.3}", step.step, step.seconds);
    if !shown.is_empty() {
        let _infallible = write!(text, "  {shown}");
    }
    text
}

struct WheelText<'a>(&'a WheelSizes);

impl fmt::Display for WheelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(wheel) = self;
        writeln!(f, "\n  {}", wheel.filename)?;
        writeln!(f, "    SHA-256 {}", wheel.sha256)?;
        writeln!(f, "    {} bytes, {} unpacked in {} files", wheel.size, wheel.unpacked, wheel.files)?;
        writeln!(f, "    {:>12}  {:>12}  largest files", "bytes", "packed")?;
        let mut files = wheel.largest.iter();
        files.try_for_each(|file| writeln!(f, "    {:>12}  {:>12}  {}", file.size, file.packed, file.path))
    }
}

struct SideModuleText<'a>(&'a SideModuleReport);

impl fmt::Display for SideModuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(module) = self;
        let counts = module.imports.named();
        let counts: Vec<String> =
            counts.iter().filter(|(_, count)| **count > 0).map(|(by, count)| format!("{count} {by}")).collect();
        writeln!(f, "    {}", module.path)?;
        let (total, exports) = (module.imports.total(), module.exports);
        writeln!(f, "      {} bytes; imports {total} ({}), exports {exports}", module.size, counts.join(", "))
    }
}

struct LogText<'a> {
    log: &'a LogExcerpt,
    with_lines: bool,
}

impl fmt::Display for LogText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  log: {}", self.log.path.display())?;
        let mut lines = self.log.last_lines.iter().filter(|_| self.with_lines);
        lines.try_for_each(|line| writeln!(f, "    {line}"))
    }
}
