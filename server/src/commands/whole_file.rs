//! Files that commands write: whole, or not at all.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pkgsrv::ServerError;

/// Writes under another name first, so that there is never half a file at `path`; what was there is replaced. `Err`
/// where the directory cannot be written.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ServerError> {
    let failed = |source| ServerError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut partial = tempfile::Builder::new().tempfile_in(folder).map_err(failed)?;
    partial.write_all(bytes).map_err(failed)?;
    fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o644)).map_err(failed)?;
    partial.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
