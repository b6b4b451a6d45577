//! Files of a served directory (runtimes, the loader), kept in memory with their encodings.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, Method};
use axum::response::Response;
use pkgsrv_index::{ContentCoding, Digest};

use super::blocking;
use super::error::HttpError;
use super::page::{Effort, Page, Vary};
use super::stream::{self, FileHeaders};
use crate::ServerError;
use crate::encoding::{self, Search};
use crate::file_list::{FileList, Listed, digest_at};
use crate::object::CachePolicy;

/// Larger files are sent from disk. The runtime's largest is 10 MB.
const LARGEST_KEPT: u64 = 64 << 20;

/// A relative path of plain segments: nothing hidden, nothing that leads upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssetPath(String);

impl FromStr for AssetPath {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-+@".contains(&b);
        let fits = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(is_plain);
        let segments: Vec<&str> = text.split('/').collect();
        if segments.len() <= 16 && text.len() <= 512 && segments.into_iter().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HttpError::no_page())
        }
    }
}

impl AssetPath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of the file that an encoding lies beside, or the name itself.
pub(crate) fn without_encoding(name: &str) -> &str {
    let encoded = BESIDE.iter().find_map(|(_, extension)| name.strip_suffix(extension)?.strip_suffix('.'));
    encoded.unwrap_or(name)
}

/// Content types by extension, and what encoding such files is worth. The archive of a runtime's bytecode is stored.
const TYPES: &[(&str, &str, Effort)] = &[
    ("bin", "application/octet-stream", Effort::Thorough),
    ("css", "text/css; charset=utf-8", Effort::Quick),
    ("html", "text/html; charset=utf-8", Effort::Quick),
    ("js", "text/javascript; charset=utf-8", Effort::Quick),
    ("json", "application/json", Effort::Quick),
    ("map", "application/json", Effort::Quick),
    ("md", "text/plain; charset=utf-8", Effort::Quick),
    ("mjs", "text/javascript; charset=utf-8", Effort::Thorough),
    ("py", "text/plain; charset=utf-8", Effort::Quick),
    ("ts", "text/plain; charset=utf-8", Effort::Quick),
    ("txt", "text/plain; charset=utf-8", Effort::Quick),
    ("wasm", "application/wasm", Effort::Thorough),
    ("zip", "application/zip", Effort::Thorough),
];

pub(crate) fn content_type(path: &Path) -> (&'static str, Effort) {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = TYPES.iter().find(|(known, ..)| *known == extension);
    known.map_or(("application/octet-stream", Effort::Never), |(_, content_type, effort)| (content_type, *effort))
}

/// What an image of a runtime begins with, in the directory of its files.
pub(crate) const IMAGE: &str = "image.json";

/// How long the file of a runtime may be kept. The version, or a digest, names each of them, but for the image's own index.
pub(crate) fn runtime_policy(name: &str) -> CachePolicy {
    if name == IMAGE { CachePolicy::Page } else { CachePolicy::ImmutableView }
}

/// The same of an environment's file: an index is made anew under its name, a memory is named by its digest.
pub(crate) fn environment_policy(name: &str) -> CachePolicy {
    if name.strip_suffix(".json").is_some() { CachePolicy::Page } else { CachePolicy::ImmutableView }
}

/// Encodings that were made before lie beside a file, under its name and these extensions.
const BESIDE: &[(ContentCoding, &str)] = &[(ContentCoding::Br, "br"), (ContentCoding::Zstd, "zst")];

/// Makes the encodings that lie beside a file of this name, each with its own name; none where they are worth little.
pub(crate) fn encodings_beside(name: &str, bytes: &[u8], search: Search) -> Vec<(String, Vec<u8>)> {
    if content_type(Path::new(name)).1 != Effort::Thorough || !encoding::is_worth_it(bytes) {
        return Vec::new();
    }
    std::thread::scope(|scope| {
        let make = |&(coding, extension): &'static (ContentCoding, &str)| {
            let encode = move || Some((format!("{name}.{extension}"), encoding::encode(coding, bytes, search)?));
            scope.spawn(encode)
        };
        let threads: Vec<_> = BESIDE.iter().map(make).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

/// Changes when a file is replaced or rewritten.
type Stamp = (u64, u64, i64, i64);

/// The files that were asked for so far. Only files that exist get in, so what can be asked for
/// bounds what is kept.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    kept: Mutex<HashMap<PathBuf, (Stamp, Arc<Page>)>>,
    /// Digests of files that are listed.
    digests: Mutex<HashMap<PathBuf, (Stamp, Digest)>>,
}

impl Assets {
    /// The file at `path` below `root`.
    pub(crate) async fn respond(
        self: &Arc<Self>,
        root: &Path,
        path: &AssetPath,
        policy: CachePolicy,
        (method, request): (&Method, &HeaderMap),
    ) -> Result<Response, HttpError> {
        let file = root.join(path.as_str());
        let assets = Arc::clone(self);
        let missing = || HttpError::NotFound(format!("there is no file {}", path.as_str()));
        let found = {
            let file = file.clone();
            blocking(move || assets.load(&file)).await?
        };
        match found.ok_or_else(missing)? {
            Asset::Kept(page) => Ok(page.respond(request, policy).await),
            Asset::OnDisk((inode, length, seconds, nanoseconds)) => {
                let etag = Some(format!("\"{inode:x}-{length:x}-{seconds:x}-{nanoseconds:x}\""));
                let content_type = content_type(&file).0;
                let (encoding, vary, dictionary_for) = (None, Vary::Nothing, None);
                let about = FileHeaders { content_type, policy, etag, encoding, vary, dictionary_for };
                Ok(stream::file(&file, about, method, request).await)
            }
        }
    }

    /// The files of a directory now; `None` if there is no such directory. Each is hashed once.
    pub(crate) fn list(&self, directory: &Path, listed: Listed) -> Result<Option<FileList>, ServerError> {
        let digests = || self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests().retain(|path, _| path.exists());
        FileList::of(directory, listed, |path| {
            let there = fs::metadata(path).map_err(|source| ServerError::Read { path: path.to_owned(), source })?;
            let stamp = stamp(&there);
            if let Some((known, digest)) = digests().get(path)
                && *known == stamp
            {
                return Ok(*digest);
            }
            let digest = digest_at(path)?;
            digests().insert(path.to_owned(), (stamp, digest));
            Ok(digest)
        })
    }

    fn load(&self, file: &Path) -> Result<Option<Asset>, ServerError> {
        let Ok(there) = fs::metadata(file) else { return Ok(None) };
        if !there.is_file() {
            return Ok(None);
        }
        let stamp = stamp(&there);
        if there.len() > LARGEST_KEPT {
            return Ok(Some(Asset::OnDisk(stamp)));
        }
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, page)) = kept().get(file)
            && *known == stamp
        {
            return Ok(Some(Asset::Kept(Arc::clone(page))));
        }
        let bytes = fs::read(file).map_err(|source| ServerError::Read { path: file.to_owned(), source })?;
        let (content_type, effort) = content_type(file);
        let vary = if effort == Effort::Never { Vary::Nothing } else { Vary::Encoding };
        let page = Page::new(content_type, vary, bytes).encoded_with(effort);
        // What every page fetches comes with its encodings, so that nobody waits for them.
        let page = Arc::new(BESIDE.iter().fold(page, |page, &(coding, extension)| {
            match fs::read(format!("{}.{extension}", file.display())) {
                Ok(encoded) => page.with(coding, encoded),
                Err(_) => page,
            }
        }));
        let mut kept = kept();
        // An image that is made anew has another name.
        kept.retain(|path, _| path.exists());
        kept.insert(file.to_owned(), (stamp, Arc::clone(&page)));
        Ok(Some(Asset::Kept(page)))
    }
}

fn stamp(there: &fs::Metadata) -> Stamp {
    (there.ino(), there.len(), there.mtime(), there.mtime_nsec())
}

enum Asset {
    Kept(Arc<Page>),
    OnDisk(Stamp),
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;
    use crate::store::digest_of;

    #[test]
    fn only_plain_paths() {
        for (path, fits) in [
            ("pyodide.mjs", true),
            ("esm/x@1.0/index.d.ts", true),
            ("..", false),
            ("a/../b", false),
            ("a//b", false),
            ("/etc/passwd", false),
            (".git/config", false),
            ("a\\b", false),
            ("a%2f", false),
            ("", false),
        ] {
            assert_eq!(path.parse::<AssetPath>().is_ok(), fits, "{path:?}");
        }
    }

    #[tokio::test]
    async fn encodings_beside_a_file_are_sent() {
        let place = tempfile::tempdir().unwrap();
        let bytes = vec![b'a'; 100_000];
        let made = encodings_beside("module.wasm", &bytes, Search::Short);
        assert_eq!(
            made.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["module.wasm.br", "module.wasm.zst"]
        );
        fs::write(place.path().join("module.wasm"), &bytes).unwrap();
        for (name, encoded) in &made {
            assert_eq!(without_encoding(name), "module.wasm");
            fs::write(place.path().join(name), encoded).unwrap();
        }
        let (assets, path) = (Arc::new(Assets::default()), "module.wasm".parse().unwrap());
        for (accepted, coding) in [("gzip, br, zstd", ContentCoding::Zstd), ("gzip, br", ContentCoding::Br)] {
            let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().unwrap())]);
            let asked = (&Method::GET, &request);
            let response = assets.respond(place.path(), &path, CachePolicy::Page, asked).await.ok().unwrap();
            assert_eq!(response.headers()[header::CONTENT_ENCODING], coding.name());
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert!(encoding::is_of(coding, &body, &bytes), "{coding:?}");
        }
    }

    #[test]
    fn what_gains_little_has_no_encodings() {
        let compressed: Vec<u8> = (0..3000_u32).flat_map(|seed| *digest_of(&seed.to_le_bytes()).as_bytes()).collect();
        assert_eq!(encodings_beside("module.wasm", &compressed, Search::Short), []);
        assert_eq!(encodings_beside("page.html", &vec![b'a'; 100_000], Search::Short), []);
    }
}
