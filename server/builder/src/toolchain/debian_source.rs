//! Debian source packages, fetched by an apt that has Debian's archive set up: it checks the archive's signatures.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;

/// Where apt finds the list of sources inside.
const SOURCES: &str = "/pkgsrv/sources";
/// Where the same list is with further suites.
const FURTHER: &str = "/pkgsrv/further-sources";

/// Fetches the file `$1` of the package `$0`, in the version that has it: from the archives listed in `$2`, else from those
/// in `$3`, which has other suites too. A suite can list several versions, and testing replaces what it has. Where none
/// has the file, the newest is fetched, and the caller tells of that.
const FETCH: &str = r#"
package=$0
file=$1
fetch() {
    apt-get "${options[@]}" source --download-only --tar-only --yes -- "$1"
}
from() {
    options=(
        -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Dir::Etc::SourceList=/dev/null
        -o "Dir::Etc::SourceParts=$1"
    )
    apt-get "${options[@]}" update || return
    local version= wanted= first second third
    while read -r first second third; do
        if [ "$first" = Version: ]; then version=$second; fi
        if [ "$third" = "$file" ]; then wanted=$version; fi
    done < <(apt-cache "${options[@]}" showsrc --only-source -- "$package")
    [ -n "$wanted" ] && fetch "$package=$wanted" && [ -f "$file" ]
}
from "$2" || from "$3" || fetch "$package"
"#;

/// Suites whose sources an archive of one of them has, too.
const SUITES: &[&str] = &["bookworm", "trixie", "forky", "sid"];

/// An apt that can fetch: its programs in a sandbox, its settings below `etc`.
pub(super) struct Apt {
    pub sandbox: Sandbox,
    /// Directory of `sources.list` and `sources.list.d`, the machine's own or one of a toolchain's root directory.
    pub etc: PathBuf,
}

impl Apt {
    /// Whether any archive is set up.
    pub fn is_there(&self) -> bool {
        lists(&self.etc).is_ok_and(|lists| !lists.is_empty())
    }

    /// Fetches one file of a source package into `directory`. Returns its path.
    pub fn fetch(self, context: &Context, package: &str, file: &str, directory: &Path) -> Result<PathBuf, BuildError> {
        let [sources, further] = ["sources", "further"].map(|name| directory.join(name));
        for place in [&sources, &further] {
            fs::create_dir(place).doing("create", place)?;
        }
        for list in lists(&self.etc)? {
            let text = of_sources(&fs::read_to_string(&list).doing("read", &list)?);
            for (place, text) in [(&sources, text.clone()), (&further, of_all_suites(&text))] {
                let copy = place.join(list.file_name().unwrap_or_default());
                fs::write(&copy, text).doing("write", &copy)?;
            }
        }
        let var = directory.join("var");
        for path in ["cache/apt/archives/partial", "lib/apt/lists/partial", "lib/dpkg", "fetched"] {
            let path = var.join(path);
            fs::create_dir_all(&path).doing("create", &path)?;
        }
        fs::write(var.join("lib/dpkg/status"), "").doing("write", &var)?;
        let sandbox = context.proxy.iter().fold(self.sandbox, |sandbox, (name, value)| sandbox.variable(name, value));
        let mut command = sandbox
            .read_only(&sources, SOURCES)
            .read_only(&further, FURTHER)
            .writable(&var, "/var")
            .directory("/var/fetched")
            .with_network()
            .command(&["/bin/bash", "-c", FETCH, package, file, SOURCES, FURTHER])?;
        let mut log = context.log(&format!("source-{package}"))?;
        context.run_step(package, "fetching its Debian source package", &mut command, &mut log)?;
        let path = var.join("fetched").join(file);
        if path.is_file() {
            return Ok(path);
        }
        let there = fs::read_dir(var.join("fetched")).doing("read", &var)?;
        let there: Vec<String> =
            there.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        Err(BuildError::Fetch {
            what: file.to_owned(),
            reason: format!("Debian's source package {package} now has {}; update the recipe", there.join(", ")),
            source: None,
        })
    }
}

/// The files that tell apt of archives, in its two formats.
fn lists(etc: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::from([etc.join("sources.list")]);
    let parts = etc.join("sources.list.d");
    if parts.is_dir() {
        for entry in fs::read_dir(&parts).doing("read", &parts)? {
            found.push(entry.doing("read", &parts)?.path());
        }
    }
    found.retain(|path| path.is_file() && path.extension().is_some_and(|kind| kind == "list" || kind == "sources"));
    found.sort();
    Ok(found)
}

/// The same archives, asked for sources.
fn of_sources(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("deb ") {
        Some(rest) => format!("deb-src {rest}\n"),
        None if line.trim_end() == "Types: deb" => "Types: deb-src\n".to_owned(),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The same archives, asked for every suite: a line, or a field, that names one of them names all.
fn of_all_suites(text: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(suite) = words.iter().find(|word| SUITES.contains(word)) else { return format!("{line}\n") };
        if words.first() == Some(&"Suites:") {
            return format!("Suites: {}\n", SUITES.join(" "));
        }
        let with = |other: &str| {
            let replaced = words.iter().map(|word| if word == suite { other } else { word });
            format!("{}\n", replaced.collect::<Vec<_>>().join(" "))
        };
        SUITES.iter().map(|other| with(other)).collect()
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_lists_are_asked_for_sources() {
        let one_line = "# comment\ndeb [signed-by=/k.gpg] http://archive.example/debian forky main\n";
        let deb822 = "Types: deb\nURIs: http://archive.example/debian\nSuites: forky\n";
        assert_eq!(
            of_sources(one_line),
            "# comment\ndeb-src [signed-by=/k.gpg] http://archive.example/debian forky main\n"
        );
        assert_eq!(of_sources(deb822), "Types: deb-src\nURIs: http://archive.example/debian\nSuites: forky\n");
    }

    #[test]
    fn further_suites_are_those_of_the_same_archives() {
        let list = "# comment\ndeb-src http://archive.example/debian forky main\ndeb-src http://archive.example/security \
                    forky-security main\n";
        let suite = |name: &str| format!("deb-src http://archive.example/debian {name} main\n");
        let all: String = ["bookworm", "trixie", "forky", "sid"].map(suite).concat();
        let expected = format!("# comment\n{all}deb-src http://archive.example/security forky-security main\n");
        assert_eq!(of_all_suites(list), expected);
        let deb822 = "Types: deb-src\nSuites: trixie trixie-updates\n";
        assert_eq!(of_all_suites(deb822), "Types: deb-src\nSuites: bookworm trixie forky sid\n");
    }
}
