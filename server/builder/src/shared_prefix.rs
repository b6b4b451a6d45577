//! One directory with everything of several libraries, for sources that look for all of them in one place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::error::{BuildError, IoContext as _};

/// Copies what is below `from` into `to`; what is there already under the same name is replaced. Links are copied as
/// links: the directory was checked by its digest, and it is mounted only where the build's own root is.
pub(crate) fn add(from: &Path, to: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(to).doing("create", to)?;
    for entry in fs::read_dir(from).doing("read", from)? {
        let path = entry.doing("read", from)?.path();
        let place = to.join(path.file_name().unwrap_or_default());
        let kind = fs::symlink_metadata(&path).doing("read", &path)?;
        let there = fs::symlink_metadata(&place).ok();
        if kind.is_dir() {
            // Else a link of one library would lead the files of another out of the directory.
            if there.is_some_and(|there| !there.is_dir()) {
                fs::remove_file(&place).doing("replace", &place)?;
            }
            add(&path, &place)?;
            continue;
        }
        match there {
            Some(there) if there.is_dir() => fs::remove_dir_all(&place).doing("replace", &place)?,
            Some(_) => fs::remove_file(&place).doing("replace", &place)?,
            None => {}
        }
        if kind.is_symlink() {
            let target = fs::read_link(&path).doing("read", &path)?;
            symlink(target, &place).doing("link", &place)?;
        } else {
            fs::copy(&path, &place).doing("copy to", &place)?;
            // Another library may install over it.
            let mode = kind.permissions().mode() | 0o200;
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).doing("make writable", &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_lie_over_each_other_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let [a, b, outside, all] = ["a", "b", "outside", "all"].map(|name| directory.path().join(name));
        for folder in [a.join("lib"), b.join("lib"), b.join("share"), outside.clone()] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(a.join("lib/liba.a"), "a").unwrap();
        fs::write(a.join("lib/same"), "a").unwrap();
        fs::write(b.join("lib/same"), "b").unwrap();
        fs::write(b.join("share/file"), "b").unwrap();
        symlink("liba.a", a.join("lib/link.a")).unwrap();
        symlink(&outside, a.join("share")).unwrap();
        add(&a, &all).unwrap();
        add(&b, &all).unwrap();
        assert_eq!(fs::read_to_string(all.join("lib/same")).unwrap(), "b");
        assert_eq!(fs::read_link(all.join("lib/link.a")).unwrap(), Path::new("liba.a"));
        assert_eq!(fs::read_to_string(all.join("share/file")).unwrap(), "b");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
