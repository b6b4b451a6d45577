//! Where a dynamic linker looks for the libraries that a module needs: its runtime paths, as ELF's linkers read them.

use crate::Dylink;

impl Dylink {
    /// The directories that the runtime paths of a module at the absolute `path` name, absolute and normal, in their
    /// order. `$ORIGIN` and `${ORIGIN}` are the module's own directory.
    pub fn runtime_directories(&self, path: &str) -> Vec<String> {
        let origin = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let replaced = |text: &String| normal_path(&text.replace("${ORIGIN}", origin).replace("$ORIGIN", origin));
        self.runtime_paths.iter().map(replaced).collect()
    }
}

/// An absolute path without `.`, `..` and empty components; `..` at the root is the root.
pub fn normal_path(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_normal() {
        for (path, expected) in
            [("/a/./b//c", "/a/b/c"), ("/a/../b", "/b"), ("/../a/", "/a"), ("a/b", "/a/b"), ("", "/")]
        {
            assert_eq!(normal_path(path), expected, "{path}");
        }
    }

    #[test]
    fn the_origin_is_the_modules_directory() {
        let paths = ["$ORIGIN/../demo.libs", "${ORIGIN}", "/lib"].map(str::to_owned);
        let dylink = Dylink { runtime_paths: paths.into(), ..Dylink::default() };
        assert_eq!(dylink.runtime_directories("/site/demo/_demo.so"), ["/site/demo.libs", "/site/demo", "/lib"]);
    }
}
