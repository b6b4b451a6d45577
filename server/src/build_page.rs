//! The page of one build: its report as HTML, whole in itself, without a script.

use std::fmt::Write;

use pkgsrv_builder::{BuildReport, BuildStep, WheelSizes};
use pkgsrv_index::simple::Escaped;

use crate::html::page;
use crate::package_page::{side_modules, table};

/// The report as a page that can be kept as a file.
pub fn build_page(report: &BuildReport) -> String {
    let outcome = if report.succeeded {
        "<strong class=\"passed\">built</strong>"
    } else {
        "<strong class=\"refused\">failed</strong>"
    };
    let mut body = format!("<p>{outcome} in {:.1} s. Action <code>{}</code></p>\n", report.seconds, report.action);
    if let Some(failure) = &report.failure {
        let _infallible = writeln!(body, "<p class=\"refused\">{}</p>", Escaped(&failure.error));
        body.push_str(&lines(&failure.lines));
        if let Some(command) = &report.failed_command {
            let _infallible = writeln!(body, "<p>Its command:</p>\n<p><code>{}</code></p>", Escaped(command));
        }
        if let Some(step) = report.failed_step().filter(|step| !step.command.is_empty()) {
            let _infallible = writeln!(body, "<p>The step's command:</p>\n{}", command(step));
        }
    }
    body.push_str(&steps(report));
    if let Some(wheel) = &report.wheel {
        body.push_str(&sizes(wheel));
    }
    if !report.side_modules.is_empty() {
        body.push_str(&side_modules(&report.side_modules));
    }
    body.push_str(&warnings(report));
    if let Some(log) = &report.log {
        let path = log.path.display().to_string();
        let _infallible = writeln!(body, "<h2>Log</h2>\n<p><code>{}</code> ends with:</p>", Escaped(&path));
        body.push_str(&lines(&log.last_lines));
    }
    page(&format!("{} {}", report.name, report.version), &body)
}

fn lines(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    preformatted(&lines.join("\n"))
}

/// Lines as they are; who has no pointer can scroll them too.
fn preformatted(text: &str) -> String {
    format!("<pre tabindex=\"0\">{}</pre>\n", Escaped(text))
}

/// A step's command: one of one line is broken where it must be, a script keeps its lines.
fn command(step: &BuildStep) -> String {
    let command = step.command_line();
    if command.contains('\n') { preformatted(&command) } else { format!("<p><code>{}</code></p>\n", Escaped(&command)) }
}

fn steps(report: &BuildReport) -> String {
    let mut rows = String::new();
    for step in &report.steps {
        let BuildStep { seconds, objects, .. } = step;
        let objects = objects.map(|it| format!("{} / {} / {}", it.reused, it.compiled, it.linked)).unwrap_or_default();
        let name = Escaped(&step.step);
        let _infallible =
            writeln!(rows, "<tr><th scope=\"row\">{name}</th><td>{seconds:.3}</td><td>{objects}</td></tr>");
    }
    let mut text = table("Steps", &["Step", "Seconds", "Objects reused / compiled / linked"], &rows);
    for step in report.steps.iter().filter(|step| !step.command.is_empty()) {
        let name = Escaped(&step.step);
        let _infallible = writeln!(text, "<details><summary>Command of {name}</summary>\n{}</details>", command(step));
    }
    text
}

fn sizes(wheel: &WheelSizes) -> String {
    let mut rows = String::new();
    for file in &wheel.largest {
        let (path, size, packed) = (Escaped(&file.path), file.size, file.packed);
        let _infallible = writeln!(rows, "<tr><th scope=\"row\">{path}</th><td>{size}</td><td>{packed}</td></tr>");
    }
    let about = format!(
        "<h2>Wheel</h2>\n<p><code>{}</code>, {} bytes; {} bytes unpacked in {} files. SHA-256 <code>{}</code></p>\n",
        Escaped(&wheel.filename),
        wheel.size,
        wheel.unpacked,
        wheel.files,
        wheel.sha256
    );
    about + &table("Largest files", &["File", "Bytes", "Packed"], &rows)
}

fn warnings(report: &BuildReport) -> String {
    let mut text = String::new();
    if let Some(admission) = &report.admission {
        let _infallible = writeln!(text, "<h2>Admission</h2>\n<p>{}</p>", admission.verdict.word());
        text.push_str(&lines(&admission.warnings));
    }
    if report.warnings.count > 0 {
        let _infallible =
            writeln!(text, "<h2>Warnings</h2>\n<p>{} lines of the log warn; the first:</p>", report.warnings.count);
        text.push_str(&lines(&report.warnings.first));
    }
    text
}
