//! Where an interpreter keeps what wheels install.

/// The interpreter's directories, absolute and without a slash at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `purelib` and `platlib`, which are one directory here.
    pub site: String,
    /// `sys.prefix`: the root of `data`, `bin` and `include`.
    pub prefix: String,
    /// Python's version up to the minor part.
    pub python: String,
}

impl Layout {
    /// Where a wheel's file goes: `path` as in the archive, `data_dir` the name of the wheel's
    /// `.data` directory, `project` the distribution's name. `None` for an unknown scheme.
    pub(crate) fn place(&self, path: &str, data_dir: &str, project: &str) -> Option<String> {
        let Self { site, prefix, python } = self;
        let inside = path.strip_prefix(data_dir).and_then(|rest| rest.strip_prefix('/'));
        let Some(inside) = inside else { return Some(format!("{site}/{path}")) };
        let (scheme, rest) = inside.split_once('/')?;
        match scheme {
            "purelib" | "platlib" => Some(format!("{site}/{rest}")),
            "scripts" => Some(format!("{prefix}/bin/{rest}")),
            "headers" => Some(format!("{prefix}/include/python{python}/{project}/{rest}")),
            "data" => Some(format!("{prefix}/{rest}")),
            _ => None,
        }
    }

    /// How RECORD writes an installed file: relative to `site`.
    pub(crate) fn recorded(&self, path: &str) -> String {
        let mut from = self.site.split('/').peekable();
        let mut to = path.split('/').peekable();
        while from.peek().is_some() && from.peek() == to.peek() {
            from.next();
            to.next();
        }
        let up = from.map(|_| "..");
        up.chain(to).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    fn layout() -> Layout {
        Layout {
            site: "/lib/python3.14/site-packages".to_owned(),
            prefix: "/usr".to_owned(),
            python: "3.14".to_owned(),
        }
    }

    #[test]
    fn schemes() {
        let cases = [
            ("foo/a.py", Some("/lib/python3.14/site-packages/foo/a.py")),
            ("foo-1.data/platlib/foo/a.so", Some("/lib/python3.14/site-packages/foo/a.so")),
            ("foo-1.data/scripts/foo", Some("/usr/bin/foo")),
            ("foo-1.data/headers/foo.h", Some("/usr/include/python3.14/foo/foo.h")),
            ("foo-1.data/data/share/x", Some("/usr/share/x")),
            ("foo-1.data/etc/x", None),
            ("foo-1.data/x", None),
        ];
        for (path, expected) in cases {
            assert_eq!(layout().place(path, "foo-1.data", "foo").as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn records_are_relative() {
        let cases = [
            ("/lib/python3.14/site-packages/foo/a.py", "foo/a.py"),
            ("/usr/bin/foo", "../../../usr/bin/foo"),
            ("/lib/python3.14/x", "../x"),
        ];
        for (path, expected) in cases {
            assert_eq!(layout().recorded(path), expected);
        }
    }
}
