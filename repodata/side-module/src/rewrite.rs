//! Writing one thing anew: the runtime paths in `dylink.0`. All else stays as it is, byte for byte.

use crate::dylink::RUNTIME_PATH;
use crate::module::{CUSTOM, HEADER};
use crate::reader::Reader;
use crate::{Limits, SideModule, SideModuleError};

const DYLINK: &str = "dylink.0";

/// Returns the side module with these runtime paths in place of those that it has; with none, it has none any more.
///
/// # Errors
/// What [`SideModule::parse`] has to say of the bytes, or of those that came out: more paths than it admits.
pub fn with_runtime_paths(bytes: &[u8], paths: &[String]) -> Result<Vec<u8>, SideModuleError> {
    SideModule::parse(bytes)?;
    let limits = Limits::default();
    let mut reader = Reader::new(bytes, &limits);
    reader.take(HEADER.len() + 1, "the header and a section's id")?;
    let size = reader.u32("a section's size")?;
    let mut section = reader.part(size, "a section")?;
    section.name("a custom section's name")?;
    let mut contents = Vec::new();
    write_name(&mut contents, DYLINK);
    while !section.is_empty() {
        let id = section.byte("a subsection of dylink.0")?;
        let size = section.u32("the size of a subsection of dylink.0")?;
        let part = section.take(size as usize, "a subsection of dylink.0")?;
        if id != RUNTIME_PATH {
            write_part(&mut contents, id, part);
        }
    }
    if !paths.is_empty() {
        let mut part = Vec::new();
        write_number(&mut part, paths.len());
        for path in paths {
            write_name(&mut part, path);
        }
        write_part(&mut contents, RUNTIME_PATH, &part);
    }
    let mut written = HEADER.to_vec();
    write_part(&mut written, CUSTOM, &contents);
    written.extend_from_slice(&bytes[reader.offset()..]);
    SideModule::parse(&written)?;
    Ok(written)
}

/// A section or a subsection.
fn write_part(to: &mut Vec<u8>, id: u8, contents: &[u8]) {
    to.push(id);
    write_number(to, contents.len());
    to.extend_from_slice(contents);
}

fn write_name(to: &mut Vec<u8>, name: &str) {
    write_number(to, name.len());
    to.extend_from_slice(name.as_bytes());
}

/// Unsigned LEB128.
fn write_number(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let [bits, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return to.push(bits & 0x7F);
        }
        to.push(bits | 0x80);
    }
}
