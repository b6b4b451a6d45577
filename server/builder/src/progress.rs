//! Progress for people: bars and spinners on a terminal, one plain line per stage elsewhere.

use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where progress goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

/// One thing under way.
#[derive(Debug)]
pub struct Task {
    bar: ProgressBar,
    label: String,
    progress: Progress,
}

impl Progress {
    /// Draws on standard error: bars if it is a terminal, lines if not.
    pub fn stderr() -> Self {
        use std::io::IsTerminal as _;
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), terminal }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), terminal: true }
    }

    /// A stage of unknown length; `detail` tells what it waits for or where its log is.
    pub fn stage(&self, label: &str, detail: &str) -> Task {
        let style = style("{spinner} {prefix} {elapsed:>4} {wide_msg:.dim}");
        let task = self.task(label, ProgressBar::new_spinner().with_style(style));
        task.bar.enable_steady_tick(Duration::from_millis(120));
        if !self.terminal {
            eprintln!("{label} {detail}");
        }
        task.bar.set_message(detail.to_owned());
        task
    }

    /// A download, with a bar in bytes where the length is known.
    pub fn download(&self, label: &str, length: Option<u64>) -> Task {
        let style = style("{spinner} {prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg:.dim}");
        let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_style(style);
        if !self.terminal {
            eprintln!("downloading {label}");
        }
        self.task(label, bar)
    }

    /// Where the log of what comes next is; stays on the screen while output runs past.
    pub fn log(&self, path: &Path) {
        self.line(&format!("log: {}", path.display()));
    }

    /// One line that stays.
    pub fn line(&self, line: &str) {
        if self.terminal {
            // Ignored only where standard error is closed, and then there is nobody to tell.
            let _ = self.bars.println(line);
        } else {
            eprintln!("{line}");
        }
    }

    fn task(&self, label: &str, bar: ProgressBar) -> Task {
        let bar = self.bars.add(bar).with_prefix(label.to_owned());
        Task { bar, label: label.to_owned(), progress: self.clone() }
    }
}

/// Columns of the terminal that standard error is; 80 where it is none.
pub fn terminal_width() -> usize {
    usize::from(console::Term::stderr().size().1)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the two templates above are valid")
}

/// A line of another program's output as a terminal may get it: it must not move the cursor.
pub fn printable(line: &str) -> String {
    line.replace(|c: char| c.is_control() && c != '\t', " ")
}

impl Task {
    /// What is happening now; a counter such as ninja's `[12/300]` is what people look for.
    pub fn message(&self, message: &str) {
        self.bar.set_message(printable(message));
    }

    /// More bytes have come.
    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Done: the bar goes, a line stays.
    pub fn done(self, result: &str) {
        self.bar.finish_and_clear();
        self.progress.line(&format!("{} {result}", self.label));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
