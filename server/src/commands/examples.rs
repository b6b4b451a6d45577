//! What the help of each command shows as examples. One table, so that a test can walk it: every command has one, and
//! every one parses.

use clap::Command;

/// Command and its examples: what to type, and what that does.
type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// By the words after `pkgsrv`.
const TABLE: &[Examples] = &[
    (
        "",
        &[
            ("pkgsrv up numpy", "from a name to a working import"),
            ("pkgsrv doctor", "what this machine lacks for that, and the command that brings it"),
        ],
    ),
    (
        "admit",
        &[
            ("pkgsrv admit dist/demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "what publishing would check"),
            ("pkgsrv admit demo-1.0-py3-none-any.whl --json", "a list of reports for a script"),
        ],
    ),
    (
        "bake",
        &[
            ("pkgsrv bake numpy", "pages then start with numpy imported: `boot({ repodata, environment: \"numpy\" })`"),
            (
                "pkgsrv bake pandas matplotlib --name plots --warm first-plot.py",
                "several, and what code of your own does",
            ),
            ("pkgsrv bake --remove numpy", "takes it out of the channel"),
        ],
    ),
    (
        "build",
        &[
            ("pkgsrv build numpy", "numpy and what it needs, into ./dist"),
            ("pkgsrv build pyyaml --out wheels --json", "for a script: one line of JSON"),
            ("pkgsrv build numpy pyyaml rpds-py --jobs 4 --keep-going", "side by side, as far as it goes"),
            ("pkgsrv build lxml --shell", "a shell where lxml is built, to look into what fails"),
            ("pkgsrv build contourpy --dry-run", "what that would do, and why"),
            (
                "pkgsrv build simplejson==3.20.2 ./my-package",
                "without recipes: from the upstream index, from a directory",
            ),
        ],
    ),
    (
        "cache",
        &[
            ("pkgsrv cache", "how large each part is"),
            ("pkgsrv cache verify", "whether anything in it is damaged"),
            ("pkgsrv cache prune --dry-run", "what was not used for 30 days"),
        ],
    ),
    (
        "cache prune",
        &[
            ("pkgsrv cache prune --dry-run", "what would go, and how many bytes"),
            ("pkgsrv cache prune --older-than 7", "removes what was not used for a week"),
        ],
    ),
    ("cache show", &[("pkgsrv cache show --json", "every part in bytes, for a script")]),
    (
        "cache verify",
        &[
            ("pkgsrv cache verify", "names what is damaged, and then exits with 1"),
            ("pkgsrv cache verify --remove", "takes it out, to be made anew when it is needed"),
        ],
    ),
    ("channel", &[("pkgsrv channel list", "what there is")]),
    (
        "channel diff",
        &[
            ("pkgsrv channel diff next main", "what main has and next has not, and the other way round"),
            ("pkgsrv channel diff main@4 main --abi 2026_0", "what happened since serial 4"),
        ],
    ),
    ("channel init", &[("pkgsrv channel init main", "prints the public key, for the option publicKeys of the loader")]),
    ("channel list", &[("pkgsrv channel list --json", "for a script")]),
    (
        "channel promote",
        &[
            ("pkgsrv channel promote next main", "all of next's files into main"),
            ("pkgsrv channel promote next main scipy", "scipy and what it needs"),
        ],
    ),
    (
        "channel refresh",
        &[("pkgsrv channel refresh main --head-expiry 30", "from now on, heads are valid for 30 days")],
    ),
    (
        "channel rollback",
        &[
            ("pkgsrv channel rollback main", "undoes the last change"),
            ("pkgsrv channel rollback main --to 4 --abi 2026_0", "one line, back to serial 4"),
        ],
    ),
    (
        "channel rotate-key",
        &[
            ("pkgsrv channel rotate-key main", "a second key; give it to the pages, beside the first"),
            ("pkgsrv channel rotate-key main --retire-old", "when all of them have it"),
        ],
    ),
    (
        "channel status",
        &[
            ("pkgsrv channel status demo archived --reason unmaintained", "demo takes no more files"),
            ("pkgsrv channel status demo quarantined --channel next", "and shows none"),
            ("pkgsrv channel status demo active", "as before"),
        ],
    ),
    (
        "completions",
        &[
            ("pkgsrv completions bash > ~/.local/share/bash-completion/completions/pkgsrv", "for bash"),
            ("pkgsrv completions fish > ~/.config/fish/completions/pkgsrv.fish", "for fish"),
        ],
    ),
    (
        "delete",
        &[
            ("pkgsrv delete demo==1.0", "out of the channel main; the bytes stay"),
            (
                "pkgsrv delete demo-1.0-py3-none-any.whl --channel next --purge",
                "with its bytes, if nothing else has it",
            ),
        ],
    ),
    (
        "doctor",
        &[
            ("pkgsrv doctor", "what is there, what is missing, and the command that brings it"),
            ("pkgsrv doctor --json", "the same for a script"),
        ],
    ),
    (
        "export",
        &[
            ("pkgsrv export --to file:///srv/packages --base-url https://packages.example", "for any web server"),
            ("pkgsrv export --to s3://packages/py --base-url https://cdn.example/py", "for a bucket behind a CDN"),
        ],
    ),
    ("man", &[("pkgsrv man --out man1", "writes man1/pkgsrv.1 and one page for each command")]),
    (
        "install",
        &[
            ("pkgsrv install --target site sympy", "then `PYTHONPATH=site python3`, also in WASI"),
            ("pkgsrv install --target site jinja2 --from https://packages.example", "of a server's channel"),
        ],
    ),
    (
        "mirror",
        &[
            ("pkgsrv mirror https://packages.example", "the whole channel main, into the data directory"),
            ("pkgsrv mirror file:///media/stick/packages numpy --abi 2026_0", "numpy and what it needs"),
        ],
    ),
    (
        "publish",
        &[
            ("pkgsrv publish demo-1.0-py3-none-any.whl", "into the channel main"),
            ("pkgsrv publish demo-1.0-py3-none-any.whl --channel nightly", "into another one"),
        ],
    ),
    ("recipe", &[("pkgsrv recipe import ../pyodide-recipes/packages", "a tree of meta.yaml files, into ./recipes")]),
    (
        "recipe check",
        &[
            ("pkgsrv recipe check", "all recipes: fields, sources, patches, requirements"),
            ("pkgsrv recipe check lxml --offline", "without asking the upstream index"),
            ("pkgsrv recipe check recipes/lxml/recipe.toml --json", "a file, for a script or an editor"),
        ],
    ),
    (
        "recipe import",
        &[
            (
                "pkgsrv recipe import ../pyodide-recipes/packages --out imported",
                "then: pkgsrv build --recipes imported NAME",
            ),
            ("pkgsrv recipe import ../pyodide-recipes/packages/scipy --explain", "one, and why it is refused if it is"),
            ("pkgsrv recipe import ../pyodide-recipes/packages --json", "counts and every recipe for a script"),
        ],
    ),
    (
        "recipe new",
        &[
            ("pkgsrv recipe new simplejson", "writes recipes/simplejson/recipe.toml"),
            ("pkgsrv recipe new ./my-package --out -", "prints the recipe of a directory"),
        ],
    ),
    (
        "recipe update",
        &[
            ("pkgsrv recipe update lxml", "builds the newest release, then changes version and hash"),
            ("pkgsrv recipe update lxml --dry-run", "which release that would be"),
            ("pkgsrv recipe update lxml --to 6.1.2 --json", "a version that is named, for a script"),
        ],
    ),
    (
        "report",
        &[
            ("pkgsrv report numpy", "steps with their commands, sizes, symbols, warnings; or the first error"),
            ("pkgsrv report numpy --html numpy.html", "the same as a page"),
            ("pkgsrv report numpy --json", "the same for a script"),
        ],
    ),
    (
        "resolve",
        &[
            ("pkgsrv resolve pandas", "what would be installed, dependencies first"),
            ("pkgsrv resolve pandas --constraint \"numpy<2.4\" --json", "the lock, for a script"),
        ],
    ),
    ("runtime", &[("pkgsrv runtime build cpython", "CPython as it is, beside Pyodide")]),
    (
        "runtime build",
        &[
            ("pkgsrv runtime build cpython", "some minutes; then `pkgsrv build NAME --abi cpython_3_13`"),
            ("pkgsrv runtime build cpython --json", "where it is, for a script"),
        ],
    ),
    (
        "serve",
        &[
            ("pkgsrv serve", "at http://127.0.0.1:8417/"),
            ("pkgsrv serve --listen 0.0.0.0:80 --base-url https://packages.example", "behind a proxy"),
        ],
    ),
    (
        "test",
        &[
            ("pkgsrv test lxml", "imports its modules and runs its recipe's test, on the built wheel"),
            ("pkgsrv test lxml numpy --show-output", "with what they print"),
            ("pkgsrv test demo --unvendored", "also the tests that `unvendor-tests` left out of the wheel, by pytest"),
            ("pkgsrv test lxml --json", "every step with its outcome and output, for a script"),
        ],
    ),
    ("token", &[("pkgsrv token create ci --project demo", "a token with which twine uploads wheels of demo")]),
    (
        "token create",
        &[
            (
                "pkgsrv token create ci --project demo --expiry 30",
                "for 30 days; TWINE_USERNAME is then __token__, and TWINE_PASSWORD what is printed",
            ),
            (
                "pkgsrv token create laptop --channel next --json",
                "any project, at /c/next/legacy/; with its limits, for a script",
            ),
        ],
    ),
    ("token list", &[("pkgsrv token list --json", "what each allows and until when, for a script")]),
    ("token revoke", &[("pkgsrv token revoke ci", "a running server refuses it from then on")]),
    (
        "toolchain",
        &[
            ("pkgsrv toolchain install", "what `build` and `up` would do first"),
            ("pkgsrv toolchain list", "what is installed"),
        ],
    ),
    (
        "toolchain install",
        &[
            ("pkgsrv toolchain install", "a Debian root directory, as `build` makes it where there is none"),
            (
                "pkgsrv toolchain install --provider emsdk --emsdk ../emsdk",
                "then: pkgsrv build numpy --toolchain emsdk",
            ),
            (
                "pkgsrv toolchain install --provider system",
                "the emcc on PATH; then: pkgsrv build numpy --toolchain system",
            ),
        ],
    ),
    ("toolchain list", &[("pkgsrv toolchain list", "name, versions, directory")]),
    ("toolchain packages", &[("pkgsrv toolchain packages 2026_0", "the Debian packages of the provider debian")]),
    ("toolchain show", &[("pkgsrv toolchain show debian-forky-python3.14-12345678", "every package in it")]),
    ("unyank", &[("pkgsrv unyank demo==1.0", "offers it again")]),
    (
        "up",
        &[
            ("pkgsrv up numpy", "builds and serves at http://127.0.0.1:8417/"),
            ("pkgsrv up numpy pyyaml --listen 127.0.0.1:0 --json", "on any free port, told as JSON"),
        ],
    ),
    (
        "verify",
        &[
            ("pkgsrv verify numpy", "builds numpy once more, and compares with the one in the cache"),
            ("pkgsrv verify pyyaml markupsafe --json", "both digests and the differing files, for a script"),
        ],
    ),
    (
        "why",
        &[
            ("pkgsrv why numpy", "whether it would be built, and what has changed"),
            ("pkgsrv why attrs jsonschema", "by which way jsonschema needs attrs"),
        ],
    ),
    ("yank", &[("pkgsrv yank demo==1.0 --reason broken", "nobody gets it who does not ask for it by its number")]),
];

/// The command with its examples below its help, and so all commands below it.
pub(crate) fn with_examples(command: Command) -> Command {
    with_examples_of(command, "")
}

fn with_examples_of(mut command: Command, path: &str) -> Command {
    if let Some((_, examples)) = TABLE.iter().find(|(of, _)| *of == path) {
        command = command.after_help(shown(examples));
    }
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let inner = format!("{path} {name}").trim().to_owned();
        command = command.mut_subcommand(name, |command| with_examples_of(command, &inner));
    }
    command
}

fn shown(examples: &[(&str, &str)]) -> String {
    let lines = examples.iter().map(|(typed, does)| format!("  # {does}\n  {typed}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command but clap's own `help`, by its words.
    fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            all(inner, format!("{path} {}", inner.get_name()).trim(), found);
        }
    }

    #[test]
    fn the_help_of_every_command_shows_examples_that_parse() {
        let whole = crate::command_line();
        let mut commands = Vec::new();
        all(&whole, "", &mut commands);
        assert!(commands.len() > 8, "{}", commands.len());
        for (path, command) in &mut commands {
            let help = command.render_help().to_string();
            let shown = help.split_once("Examples:\n").map(|(_, rest)| rest).unwrap_or_default();
            let typed: Vec<&str> = shown.lines().filter_map(|line| line.trim().strip_prefix("pkgsrv")).collect();
            assert!(!typed.is_empty(), "`pkgsrv {path} --help` shows no example:\n{help}");
            for example in typed {
                // What a shell does with the output is no part of the command line.
                let words = example.split(" > ").next().unwrap_or_default().split_whitespace();
                let parsed = whole.clone().try_get_matches_from(["pkgsrv"].into_iter().chain(words));
                assert!(parsed.is_ok(), "pkgsrv{example}: {}", parsed.unwrap_err());
                assert!(example.trim().starts_with(path.as_str()), "{example} is shown for `{path}`");
            }
        }
    }

    #[test]
    fn every_row_belongs_to_a_command() {
        let mut commands = Vec::new();
        all(&crate::command_line(), "", &mut commands);
        for (path, _) in TABLE {
            assert!(commands.iter().any(|(known, _)| known == path), "there is no command `{path}`");
        }
    }
}
