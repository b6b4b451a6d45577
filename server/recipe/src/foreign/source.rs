//! `source`: addresses, hashes, and the files beside the recipe.

use toml::Spanned;

use super::reader::Reader;
use super::variables::below_recipe;
use super::yaml::Value;
use crate::source::url_filename;
use crate::text::SourceText;
use crate::variables::expand;

/// Endings of sdists on an index.
const SDISTS: &[&str] = &[".tar.gz", ".zip", ".tar.bz2"];

/// What of an address says that the upstream index has the file.
struct OnIndex<'a> {
    project: &'a str,
    wheel: Option<&'a str>,
}

/// Recognises `/packages/…/name-version.tar.gz` and `….whl`, the addresses of files on an index: whichever host it was,
/// the machine's own index has the file under the same hash.
fn on_index(url: &str) -> Option<OnIndex<'_>> {
    let path = url.split_once("://")?.1.split_once('/')?.1;
    path.strip_prefix("packages/")?;
    let filename = url_filename(url);
    if filename.strip_suffix(".whl").is_some() {
        return Some(OnIndex { project: filename.split('-').next()?, wheel: Some(filename) });
    }
    let stem = SDISTS.iter().find_map(|end| filename.strip_suffix(end))?;
    Some(OnIndex { project: stem.rsplit_once('-')?.0, wheel: None })
}

pub fn is_wheel(source: &SourceText) -> bool {
    let from_url = source.url.as_ref().is_some_and(|url| url_filename(url.get_ref()).strip_suffix(".whl").is_some());
    source.wheel.is_some() || from_url
}

impl Reader<'_> {
    pub fn source(&mut self, version: Option<&str>) -> Option<SourceText> {
        // That is refused already, and leaves no address to ask for.
        if self.node("source", "path").is_some_and(|node| matches!(&node.value, Value::Text(path) if !path.is_empty()))
        {
            return None;
        }
        let url = self.required("source", "url");
        let sha256 = self.required("source", "sha256");
        let url = self.known("url", &url?, version)?;
        let sha256 = self.known("sha256", &sha256?, version)?;
        let span = url.span();
        let at = |text: &str| Some(Spanned::new(span.clone(), text.to_owned()));
        let (pypi, wheel, url) = match on_index(url.get_ref()) {
            Some(OnIndex { project, wheel }) => (at(project), wheel.and_then(at), None),
            None => (None, None, Some(url)),
        };
        let patches = self.patches();
        let extras = self.extras();
        Some(SourceText {
            pypi,
            wheel,
            url,
            sha256,
            extract_dir: self.text("source", "extract_dir").map(without_dot),
            patches,
            extras,
            debian: None,
            file: None,
            files: Vec::new(),
            crates: None,
        })
    }

    /// A text with the variables that are known before a build.
    fn known(&mut self, key: &str, text: &Spanned<String>, version: Option<&str>) -> Option<Spanned<String>> {
        let value = |name: &str| version.filter(|_| name == "PKG_VERSION").map(str::to_owned);
        match expand(text.get_ref(), value) {
            Ok(expanded) => Some(Spanned::new(text.span(), expanded)),
            Err(name) => {
                let message = format!("$({name}) in `source.{key}` is not known before the build");
                self.refuse("source", key, &message, "here", "only $(PKG_VERSION) is; write out the others");
                None
            }
        }
    }

    /// Patches lie beside the recipe, whichever folder they come from.
    fn patches(&mut self) -> Vec<Spanned<String>> {
        let mut patches: Vec<Spanned<String>> = Vec::new();
        for patch in self.texts("source", "patches") {
            let path = without_dot(patch);
            let name = path.get_ref().rsplit('/').next().unwrap_or_default().to_owned();
            if patches.iter().any(|other| *other.get_ref() == name) {
                let message = format!("two patches are called {name}");
                self.refuse_at("source.patches", &path.span(), &message, "here", "give one of them another name");
            }
            if self.is_beside("source.patches", &path) {
                self.files.push((path.get_ref().clone(), name.clone()));
            }
            patches.push(Spanned::new(path.span(), name));
        }
        patches
    }

    fn extras(&mut self) -> Vec<(Spanned<String>, Spanned<String>)> {
        let Some(node) = self.node("source", "extras") else { return Vec::new() };
        let Value::List(pairs) = &node.value else {
            self.wrong_kind("source", "extras", node, "a list");
            return Vec::new();
        };
        let mut extras = Vec::new();
        for pair in pairs {
            let Value::List(items) = &pair.value else {
                self.wrong_kind("source", "extras", pair, "pairs");
                continue;
            };
            let [from, to] = items.as_slice() else {
                self.refuse_at("source.extras", &pair.span, "`source.extras` has pairs", "no pair", EXTRAS_HELP);
                continue;
            };
            let from = self.as_text("source", "extras", from).map(without_dot);
            let to = self.as_text("source", "extras", to).map(without_dot);
            let Some((from, to)) = from.zip(to) else { continue };
            if self.is_beside("source.extras", &from) {
                self.files.push((from.get_ref().clone(), from.get_ref().clone()));
            }
            extras.push((from, to));
        }
        extras
    }

    /// Files that a script reads by `$PKGDIR`.
    pub fn files_below_recipe(&mut self, scripts: &str) -> Vec<Spanned<String>> {
        let wanted = below_recipe(scripts);
        let is_wanted = |path: &str| {
            let top = path.split('/').next();
            path != "meta.yaml" && wanted.iter().any(|part| part.is_none() || *part == top)
        };
        let files: Vec<String> = self.beside.iter().filter(|path| is_wanted(path)).cloned().collect();
        self.files.extend(files.iter().map(|path| (path.clone(), path.clone())));
        files.into_iter().map(|path| Spanned::new(0..0, path)).collect()
    }

    fn is_beside(&mut self, field: &str, path: &Spanned<String>) -> bool {
        let is_there = self.beside.contains(path.get_ref());
        if !is_there {
            let message = format!("there is no file {} beside the recipe", path.get_ref());
            self.refuse_at(field, &path.span(), &message, "here", "restore the file, or remove this entry");
        }
        is_there
    }
}

/// `./patches/a.patch` is `patches/a.patch`.
fn without_dot(path: Spanned<String>) -> Spanned<String> {
    let span = path.span();
    let text = path.into_inner();
    Spanned::new(span, text.trim_start_matches("./").to_owned())
}

const EXTRAS_HELP: &str = "each is [FILE BESIDE THE RECIPE, PATH IN THE SOURCE]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_on_an_index_are_recognised_by_their_paths() {
        let shown = |url: &str| on_index(url).map(|on| (on.project.to_owned(), on.wheel.map(str::to_owned)));
        let index = "https://files.example/packages";
        for (path, expected) in [
            ("source/d/demo-x/demo-x-1.0.tar.gz", Some(("demo-x", None))),
            ("aa/bb/demo_x-1.0.zip", Some(("demo_x", None))),
            ("py3/d/demo_x/demo_x-1.0-py3-none-any.whl", Some(("demo_x", Some("demo_x-1.0-py3-none-any.whl")))),
            ("demo.tar.gz", None),
        ] {
            let expected =
                expected.map(|(project, wheel): (&str, Option<&str>)| (project.to_owned(), wheel.map(str::to_owned)));
            assert_eq!(shown(&format!("{index}/{path}")), expected, "{path}");
        }
        assert_eq!(shown("https://sources.example/pkgs/packages/demo-1.0.tar.gz"), None);
    }
}
