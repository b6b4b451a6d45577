//! `pkgsrv cache`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use pkgsrv::FetchArgs;
use pkgsrv_builder::cache::{Checked, Part, Pruned, check, prune, sizes};
use pkgsrv_builder::{Bytes, Context, Interrupt};
use serde_json::json;

use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct CacheCommand {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    output: JsonArgs,
}

#[derive(Debug, Default, clap::Subcommand)]
enum Action {
    /// Show how large each part of the cache is; so does the command without a word behind it
    #[default]
    Show,
    /// Read every source, runtime, cross environment, installation of tools, resolution and result, and tell which are
    /// damaged
    Verify {
        /// Take what is damaged out of the cache; whatever needs it makes or fetches it anew
        #[arg(long)]
        remove: bool,
    },
    /// Remove what was not used for long: results, sources, crates, resolutions, objects, tools, logs, and cross environments
    /// of no installed toolchain. Toolchains, runtimes and Rust's libraries stay
    Prune {
        /// How long it must not have been used; with 0 it all goes
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
        /// Tell what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl CacheCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let Self { action, fetch, output } = self;
        let context = move |interrupt: &Interrupt| fetch.context(interrupt);
        match action.unwrap_or_default() {
            Action::Show => {
                let measured = interruptible(move |interrupt| {
                    let context = context(interrupt);
                    Ok((context.cache.root().to_owned(), sizes(&context)?))
                });
                let (root, parts) = measured.await?;
                let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
                if output.json {
                    print_json(&json!({ "bytes": bytes, "directory": root, "parts": parts }))?;
                } else {
                    print!("{}\n{}", root.display(), as_table(&parts, bytes));
                }
                Ok(ExitCode::SUCCESS)
            }
            Action::Verify { remove } => {
                let checked = interruptible(move |interrupt| Ok(check(&context(interrupt), remove)?)).await?;
                if output.json {
                    let counts: serde_json::Map<_, _> =
                        checked.checked.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
                    print_json(&json!({ "checked": counts, "damaged": checked.damaged }))?;
                } else {
                    print!("{}", told_damage(&checked, remove));
                }
                Ok(if checked.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Action::Prune { older_than, dry_run } => {
                let unused = Duration::from_hours(24 * u64::from(older_than));
                let pruning = move |context: &Context| Ok(prune(context, unused, dry_run)?);
                let pruned = interruptible(move |interrupt| pruning(&context(interrupt))).await?;
                if output.json {
                    let bytes: u64 = pruned.entries.iter().map(|entry| entry.bytes).sum();
                    let Pruned { entries, held } = pruned;
                    print_json(&json!({ "bytes": bytes, "dry_run": dry_run, "entries": entries, "held": held }))?;
                } else {
                    print!("{}", told_pruned(&pruned, older_than, dry_run));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn as_table(parts: &[Part], bytes: u64) -> String {
    let mut text = String::new();
    for Part { name, entries, bytes, unread } in parts {
        let entries = counted(*entries, "entry", "entries");
        let unread = if *unread == 0 { String::new() } else { format!(", without {unread} unreadable directories") };
        let _infallible = writeln!(text, "{name:<18}  {:>12}  {entries}{unread}", Bytes(*bytes));
    }
    let _infallible = writeln!(text, "{:<18}  {:>12}", "all", Bytes(bytes));
    text
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn told_damage(checked: &Checked, remove: bool) -> String {
    let mut text = String::new();
    for damage in &checked.damaged {
        let removed = match (remove, damage.removed) {
            (false, _) => "",
            (true, true) => "; removed",
            (true, false) => "; left, since another pkgsrv makes it just now",
        };
        let (kind, path) = (damage.kind, damage.path.display());
        let _infallible = writeln!(text, "damaged {kind}: {}{removed}\n  {path}", damage.reason);
    }
    let counts: Vec<String> = checked.checked.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let _infallible = writeln!(text, "checked {}: {} damaged", counts.join(", "), checked.damaged.len());
    if !remove && !checked.damaged.is_empty() {
        text.push_str("`pkgsrv cache verify --remove` takes them out, and what needs them makes them anew\n");
    }
    text
}

fn told_pruned(pruned: &Pruned, older_than: u32, dry_run: bool) -> String {
    let mut text = String::new();
    let width = pruned.entries.iter().map(|entry| entry.kind.len() + entry.what.len() + 1).max().unwrap_or(0);
    for entry in &pruned.entries {
        let label = format!("{} {}", entry.kind, entry.what);
        let days = counted(usize::try_from(entry.days).unwrap_or(usize::MAX), "day", "days");
        let _infallible = writeln!(text, "{label:width$}  {:>12}  unused for {days}", Bytes(entry.bytes));
    }
    for path in &pruned.held {
        let _infallible = writeln!(text, "left, since another pkgsrv makes it just now: {}", path.display());
    }
    let bytes = Bytes(pruned.entries.iter().map(|entry| entry.bytes).sum());
    let count = counted(pruned.entries.len(), "entry", "entries");
    let _infallible = match (pruned.entries.is_empty(), dry_run) {
        (true, _) => writeln!(text, "nothing to remove was unused for {older_than} days"),
        (false, true) => writeln!(text, "would remove {count}, {bytes}; nothing was removed"),
        (false, false) => writeln!(text, "removed {count}, {bytes}"),
    };
    text
}

#[cfg(test)]
mod tests {
    use pkgsrv_builder::cache::{Damage, Unused};

    use super::*;

    #[test]
    fn sizes_have_units_for_people() {
        let part = |name, entries, bytes, unread| Part { name, entries, bytes, unread };
        let parts = [part("toolchains", 1, 3 << 30, 2), part("actions", 12, 1_500_000, 0), part("work", 0, 0, 0)];
        assert_eq!(
            as_table(&parts, (3 << 30) + 1_500_000),
            "toolchains              3.00 GiB  1 entry, without 2 unreadable directories\n\
             actions                 1.43 MiB  12 entries\n\
             work                         0 B  0 entries\n\
             all                     3.00 GiB\n"
        );
    }

    #[test]
    fn damage_is_told_with_what_helps() {
        let damage = |removed| Damage {
            kind: "result",
            path: "cache/actions/12".into(),
            reason: "prefix is missing".to_owned(),
            removed,
        };
        let mut checked = Checked { checked: vec![("sources", 2), ("results", 1)], damaged: vec![damage(false)] };
        assert_eq!(
            told_damage(&checked, false),
            "damaged result: prefix is missing\n  cache/actions/12\nchecked 2 sources, 1 results: 1 damaged\n\
             `pkgsrv cache verify --remove` takes them out, and what needs them makes them anew\n"
        );
        checked.damaged = vec![damage(true)];
        assert_eq!(
            told_damage(&checked, true),
            "damaged result: prefix is missing; removed\n  cache/actions/12\nchecked 2 sources, 1 results: 1 damaged\n"
        );
    }

    #[test]
    fn what_goes_is_told_with_its_bytes() {
        let unused = |kind, what: &str, bytes, days| Unused {
            kind,
            what: what.to_owned(),
            path: "somewhere".into(),
            bytes,
            days,
        };
        let entries = vec![unused("result", "numpy 2.4.6", 6 << 20, 41), unused("log", "a.log", 10, 1)];
        let pruned = Pruned { entries, held: vec!["cache/actions/12".into()] };
        let lines = "result numpy 2.4.6      6.00 MiB  unused for 41 days\n\
                     log a.log                   10 B  unused for 1 day\n\
                     left, since another pkgsrv makes it just now: cache/actions/12\n";
        assert_eq!(
            told_pruned(&pruned, 1, true),
            format!("{lines}would remove 2 entries, 6.00 MiB; nothing was removed\n")
        );
        assert_eq!(told_pruned(&pruned, 1, false), format!("{lines}removed 2 entries, 6.00 MiB\n"));
        assert_eq!(told_pruned(&Pruned::default(), 30, false), "nothing to remove was unused for 30 days\n");
    }
}
