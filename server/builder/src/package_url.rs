//! Package URLs ([purl](https://github.com/package-url/purl-spec)): names of packages that scanners know.

use std::fmt::Write as _;

use pkgsrv_index::Digest;

use crate::build_lock::LockedSource;

/// `pkg:pypi/demo@1.0`.
pub(crate) fn pypi(name: &str, version: &str) -> String {
    format!("pkg:pypi/{}@{}", encoded(name), encoded(version))
}

/// `pkg:pypi/demo@1.0?file_name=demo-1.0.tar.gz`: one of the files of a release.
pub(crate) fn pypi_file(name: &str, version: &str, file: &str) -> String {
    format!("{}?file_name={}", pypi(name, version), encoded(file))
}

/// `pkg:cargo/libc@0.2.1`.
pub(crate) fn cargo(name: &str, version: &str) -> String {
    format!("pkg:cargo/{}@{}", encoded(name), encoded(version))
}

/// `pkg:npm/pyodide@314.0.7`.
pub(crate) fn npm(name: &str, version: &str) -> String {
    format!("pkg:npm/{}@{}", encoded(name), encoded(version))
}

/// `pkg:generic/zlib@1.3.2?checksum=sha256:…`: what no registry has under this name. Also where Debian's archive has
/// the source: what is built is upstream's tarball, without Debian's patches, and a version without Debian's revision
/// would be compared wrongly with those that its advisories name.
pub(crate) fn generic(name: &str, version: &str, source: &Digest) -> String {
    format!("pkg:generic/{}@{}?checksum=sha256:{source}", encoded(name), encoded(version))
}

/// The source archive of the recipe `name`.
pub(crate) fn source(name: &str, version: &str, source: &LockedSource) -> String {
    match (&source.project, &source.filename) {
        (Some(project), Some(file)) => pypi_file(project.as_str(), version, file),
        (Some(project), None) => pypi(project.as_str(), version),
        (None, _) => generic(name, version, &source.sha256),
    }
}

/// Everything but letters, digits and `-._~` becomes `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_encoded() {
        assert_eq!(pypi("demo", "1!2.0+local"), "pkg:pypi/demo@1%212.0%2Blocal");
        assert_eq!(pypi_file("a", "1", "a 1.tar.gz"), "pkg:pypi/a@1?file_name=a%201.tar.gz");
    }
}
