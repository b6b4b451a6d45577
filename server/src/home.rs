//! The list of packages at `/packages/`, and the snippets that it shows.

use std::fmt::Write;

use pkgsrv_index::Abi;
use pkgsrv_index::simple::Escaped;

use crate::{BaseUrl, ChannelName, html};

/// Code to paste, for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// What it is for.
    pub title: &'static str,
    /// The code.
    pub code: String,
}

/// How to import a package with our loader, with micropip and with `loadPackage`, from a server at
/// `base`; into `CPython` as it is, with our loader alone.
pub fn snippets(base: &BaseUrl, channel: &ChannelName, abi: Abi, package: &str) -> Vec<Snippet> {
    let facts = abi.facts();
    let runtime = format!("{base}/runtime/{name}/{}/{name}.mjs", facts.runtime_version, name = facts.runtime);
    let root = format!("{base}/{}", channel.prefix());
    let root = root.trim_end_matches('/');
    let by_loader = if facts.has_images {
        format!(
            "import {{ boot }} from \"{base}/loader/index.js\";\n\
             const repodata = \"{root}/repodata/{abi}/\";\n\
             const {{ pyodide, loader }} = await boot({{ repodata, packages: [\"{package}\"] }});\n"
        )
    } else {
        let start = if abi.is_stock() { "loadPython" } else { "loadPyodide" };
        format!(
            "import {{ attach }} from \"{base}/loader/index.js\";\n\
             import {{ {start} }} from \"{runtime}\";\n\
             const python = await {start}();\n\
             const loader = await attach(python, {{ repodata: \"{root}/repodata/{abi}/\" }});\n\
             await loader.install([\"{package}\"]);\n"
        )
    };
    let by_loader = Snippet { title: "JavaScript, pkgsrv-loader", code: by_loader };
    if abi.is_stock() {
        return vec![by_loader];
    }
    vec![
        by_loader,
        Snippet {
            title: "Python in the browser, micropip",
            code: format!(
                "import micropip\n\
                 await micropip.install(\"{package}\", index_urls=\"{root}/simple\")\n"
            ),
        },
        Snippet {
            title: "JavaScript, loadPackage with a lockfile",
            code: format!(
                "import {{ loadPyodide }} from \"{runtime}\";\n\
                 const pyodide = await loadPyodide({{ lockFileURL: \"{root}/pyodide/{abi}/pyodide-lock.json\" }});\n\
                 await pyodide.loadPackage(\"{package}\");\n"
            ),
        },
    ]
}

/// The page as HTML. Where the `packages` are not named, it tells their number, of all lines together.
pub(crate) fn page(base: &BaseUrl, channel: &ChannelName, abi: Abi, packages: &[String], count: u64) -> String {
    let facts = abi.facts();
    let mut body = format!(
        "<p>Python packages for {runtime} {version} (ABI {abi}, Python {python}), channel {channel}.</p>\n",
        runtime = facts.runtime,
        version = facts.runtime_version,
        python = facts.python_full,
    );
    let example = packages.first().map_or("numpy", String::as_str);
    for snippet in snippets(base, channel, abi, example) {
        let (title, code) = (Escaped(snippet.title), Escaped(&snippet.code));
        let _infallible = write!(body, "<h2>{title}</h2>\n<pre>{code}</pre>\n");
    }
    let prefix = channel.prefix();
    body.push_str("<h2>Packages</h2>\n");
    if packages.is_empty() && count > 0 {
        let _infallible = writeln!(
            body,
            "<p>{count}, too many for this page: <a href=\"{base}/{prefix}simple/\">all names</a>. That of one is at \
             <code>{base}/{prefix}packages/NAME/</code>.</p>"
        );
        return html::page("pkgsrv", &body);
    }
    body.push_str("<ul>\n");
    for name in packages {
        let name = Escaped(name);
        let _infallible = writeln!(body, "<li><a href=\"{base}/{prefix}packages/{name}/\">{name}</a></li>");
    }
    body.push_str("</ul>\n");
    html::page("pkgsrv", &body)
}
