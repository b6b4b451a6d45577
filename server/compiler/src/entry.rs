//! An entry of the object cache: what a compile gave, and under which conditions it would give the same again.
//!
//! Package code can write what it likes into the directory, and disks fail: an entry carries the hash of its bytes, every
//! length is checked, and what does not fit is as good as no entry.

use crate::sha256::{Hash, digest};

/// Raised with every change of what is written. It is part of the key too, so that an earlier version is never read.
pub const FORMAT: &[u8] = b"pkgsrv object 3\n";

/// An entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The files that were read, of those that may change from build to build.
    pub files: Vec<(String, Hash)>,
    /// The names that these and all other headers ask for.
    pub names: Vec<String>,
    /// The directories that may be searched for them, of those that may change.
    pub directories: Vec<String>,
    /// The names that there were in them, sorted, with directory.
    pub present: Vec<String>,
    /// Of paths with one `*` in their last part, the hash over the names that they match.
    pub matched: Vec<(String, Hash)>,
    /// What it gave.
    pub answer: Answer,
}

/// What a command gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; not 0 only for configure checks.
    pub code: u8,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The file that it made, an object or a linked module.
    pub output: Option<Vec<u8>>,
    /// Whether that file is marked as a program.
    pub executable: bool,
    /// The dependency file that it was told to write.
    pub dependencies: Option<Vec<u8>>,
}

impl Answer {
    /// What it gave as text, if that is text.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        [&self.stdout, &self.stderr].into_iter().chain(&self.dependencies).map(Vec::as_slice)
    }
}

impl Entry {
    /// Changes all paths, in texts too; bytes that are no text stay.
    pub fn rename(&mut self, change: impl Fn(&str) -> String) {
        let Answer { stdout, stderr, dependencies, .. } = &mut self.answer;
        for text in [stdout, stderr].into_iter().chain(dependencies) {
            if let Ok(told) = str::from_utf8(text) {
                *text = change(told).into_bytes();
            }
        }
        for path in self.files.iter_mut().map(|(path, _)| path).chain(&mut self.directories).chain(&mut self.present) {
            *path = change(path);
        }
        // The order in which it is compared.
        self.present.sort_unstable();
    }

    /// The bytes to write.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Answer { code, stdout, stderr, output, executable, dependencies } = &self.answer;
        let mut body = vec![*code, u8::from(*executable)];
        put_list(&mut body, &self.names);
        put_list(&mut body, &self.directories);
        put_list(&mut body, &self.present);
        for list in [&self.files, &self.matched] {
            put_length(&mut body, list.len());
            for (path, hash) in list {
                put(&mut body, path.as_bytes());
                body.extend(hash);
            }
        }
        for part in [Some(stdout), Some(stderr), output.as_ref(), dependencies.as_ref()] {
            body.push(u8::from(part.is_some()));
            put(&mut body, part.map_or(&[], Vec::as_slice));
        }
        [FORMAT, &digest(&body), &body].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hash, body) = bytes.strip_prefix(FORMAT)?.split_first_chunk::<32>()?;
        if digest(body) != *hash {
            return None;
        }
        let mut body = Reader(body);
        let [code, executable] = *body.take(2)?.first_chunk()?;
        let names = body.list()?;
        let directories = body.list()?;
        let present = body.list()?;
        let (files, matched) = (body.hashes()?, body.hashes()?);
        let stdout = body.part()?.unwrap_or_default();
        let stderr = body.part()?.unwrap_or_default();
        let (output, dependencies) = (body.part()?, body.part()?);
        let answer = Answer { code, stdout, stderr, output, executable: executable == 1, dependencies };
        body.0.is_empty().then_some(Self { files, names, directories, present, matched, answer })
    }
}

fn put_length(body: &mut Vec<u8>, length: usize) {
    body.extend((length as u64).to_le_bytes());
}

fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    put_length(body, bytes.len());
    body.extend(bytes);
}

fn put_list(body: &mut Vec<u8>, list: &[String]) {
    put_length(body, list.len());
    for text in list {
        put(body, text.as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.take(8)?.first_chunk()?;
        usize::try_from(u64::from_le_bytes(*bytes)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        Some(str::from_utf8(self.bytes()?).ok()?.to_owned())
    }

    fn list(&mut self) -> Option<Vec<String>> {
        (0..self.length()?).map(|_| self.text()).collect()
    }

    fn hashes(&mut self) -> Option<Vec<(String, Hash)>> {
        (0..self.length()?).map(|_| Some((self.text()?, *self.take(32)?.first_chunk()?))).collect()
    }

    #[expect(clippy::option_option, reason = "no bytes any more, or a part that is not there")]
    fn part(&mut self) -> Option<Option<Vec<u8>>> {
        let is_there = self.take(1)?[0] == 1;
        let bytes = self.bytes()?;
        Some(is_there.then(|| bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            files: vec![("/build/a.c".to_owned(), [7; 32]), ("a.h".to_owned(), [8; 32])],
            names: vec!["a.h".to_owned()],
            directories: vec![".".to_owned(), "include".to_owned()],
            present: vec!["./a.h".to_owned()],
            matched: vec![("/build/a.*.h".to_owned(), [9; 32])],
            answer: Answer {
                code: 1,
                stdout: b"out".to_vec(),
                stderr: b"\xff".to_vec(),
                output: None,
                executable: true,
                dependencies: Some(Vec::new()),
            },
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for entry in [entry(), Entry::default()] {
            assert_eq!(Entry::from_bytes(&entry.to_bytes()), Some(entry));
        }
    }

    #[test]
    fn damaged_bytes_are_no_entry() {
        let bytes = entry().to_bytes();
        for index in 0..bytes.len() {
            assert_eq!(Entry::from_bytes(&bytes[..index]), None, "{index} bytes");
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(Entry::from_bytes(&changed), None, "byte {index}");
        }
        assert_eq!(Entry::from_bytes(&[bytes.as_slice(), b"x"].concat()), None);
    }

    /// Package code can write a hash that fits.
    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for body in
            [vec![0, 0, 255, 255, 255, 255, 255, 255, 255, 255], vec![0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1], Vec::new()]
        {
            assert_eq!(Entry::from_bytes(&[FORMAT, &digest(&body), &body].concat()), None);
        }
    }
}
