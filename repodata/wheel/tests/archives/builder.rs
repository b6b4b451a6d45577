//! Zip archives by bytes: sound ones, and ones with every field open to lies.

use miniz_oxide::deflate::compress_to_vec;
use pkgsrv_wheel::crc32;

pub const STORED: u16 = 0;
pub const DEFLATE: u16 = 8;
pub const UTF8: u16 = 1 << 11;
pub const DESCRIPTOR: u16 = 1 << 3;

/// What a local and a central header have in common.
#[derive(Clone, Debug)]
pub struct Fields {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc32: u32,
    pub packed: u32,
    pub size: u32,
    pub extra: Vec<u8>,
}

/// One entry; the two headers are written as they stand here.
#[derive(Clone, Debug)]
pub struct File {
    pub local: Fields,
    pub central: Fields,
    pub contents: Vec<u8>,
    pub descriptor: Vec<u8>,
    pub comment: Vec<u8>,
    pub mode: u32,
    /// Added to the offset in the central header.
    pub offset_lie: u32,
    /// Written before the local header.
    pub gap: Vec<u8>,
}

impl File {
    pub fn stored(name: &str, contents: &[u8]) -> Self {
        Self::new(name, contents, STORED, contents.to_vec())
    }

    pub fn deflated(name: &str, contents: &[u8]) -> Self {
        Self::new(name, contents, DEFLATE, compress_to_vec(contents, 6))
    }

    fn new(name: &str, contents: &[u8], method: u16, packed: Vec<u8>) -> Self {
        let fields = Fields {
            name: name.as_bytes().to_vec(),
            flags: if name.is_ascii() { 0 } else { UTF8 },
            method,
            crc32: crc32(contents),
            packed: u32::try_from(packed.len()).unwrap(),
            size: u32::try_from(contents.len()).unwrap(),
            extra: Vec::new(),
        };
        Self {
            local: fields.clone(),
            central: fields,
            contents: packed,
            descriptor: Vec::new(),
            comment: Vec::new(),
            mode: 0o100_644,
            offset_lie: 0,
            gap: Vec::new(),
        }
    }

    /// Moves checksum and sizes from the local header into a descriptor behind the contents.
    pub fn with_descriptor(mut self, signed: bool) -> Self {
        self.both(|fields| fields.flags |= DESCRIPTOR);
        if signed {
            self.descriptor.extend(b"PK\x07\x08");
        }
        for value in [self.central.crc32, self.central.packed, self.central.size] {
            self.descriptor.extend(value.to_le_bytes());
        }
        (self.local.crc32, self.local.packed, self.local.size) = (0, 0, 0);
        self
    }

    /// Moves the sizes of both headers into ZIP64 fields.
    pub fn with_zip64(mut self) -> Self {
        self.both(|fields| {
            fields.extra.extend([1, 0, 16, 0]);
            fields.extra.extend(u64::from(fields.size).to_le_bytes());
            fields.extra.extend(u64::from(fields.packed).to_le_bytes());
            (fields.size, fields.packed) = (u32::MAX, u32::MAX);
        });
        self
    }

    pub fn both(&mut self, change: impl Fn(&mut Fields)) {
        change(&mut self.local);
        change(&mut self.central);
    }
}

/// An archive about to be written.
#[derive(Clone, Debug)]
pub struct Zip {
    pub files: Vec<File>,
    pub comment: Vec<u8>,
    pub prefix: Vec<u8>,
    pub suffix: Vec<u8>,
    pub before_directory: Vec<u8>,
    pub zip64_end: bool,
    /// The end record's entries, size and offset, changed before they are written.
    pub end_lie: fn(&mut [u64; 3]),
    /// The same for the ZIP64 end record.
    pub end64_lie: fn(&mut [u64; 3]),
}

pub const METADATA: &str = "Metadata-Version: 2.4\nName: foo\nVersion: 1.0\n\nText.\n";
pub const WHEEL: &str = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

impl Zip {
    pub fn of(files: Vec<File>) -> Self {
        Self {
            files,
            comment: Vec::new(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            before_directory: Vec::new(),
            zip64_end: false,
            end_lie: |_| {},
            end64_lie: |_| {},
        }
    }

    /// A small sound wheel: a module and dist-info, RECORD without hashes.
    pub fn wheel() -> Self {
        Self::of(vec![
            File::deflated("foo.py", b"answer = 42\n"),
            File::stored("foo-1.0.dist-info/METADATA", METADATA.as_bytes()),
            File::stored("foo-1.0.dist-info/WHEEL", WHEEL.as_bytes()),
            File::stored("foo-1.0.dist-info/RECORD", b""),
        ])
    }

    pub fn with(mut self, file: File) -> Self {
        self.files.push(file);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.prefix.clone();
        let mut offsets = Vec::new();
        for file in &self.files {
            bytes.extend(&file.gap);
            offsets.push(u32::try_from(bytes.len()).unwrap());
            bytes.extend(b"PK\x03\x04");
            put16(&mut bytes, &[20]);
            put_fields(&mut bytes, &file.local);
            let lengths = [file.local.name.len(), file.local.extra.len()];
            put16(&mut bytes, &lengths.map(|length| u16::try_from(length).unwrap()));
            bytes.extend(&file.local.name);
            bytes.extend(&file.local.extra);
            bytes.extend(&file.contents);
            bytes.extend(&file.descriptor);
        }
        bytes.extend(&self.before_directory);
        let directory = bytes.len();
        for (file, offset) in self.files.iter().zip(offsets) {
            bytes.extend(b"PK\x01\x02");
            // Made by Unix, so that the mode counts.
            put16(&mut bytes, &[0x0314, 20]);
            put_fields(&mut bytes, &file.central);
            let lengths = [file.central.name.len(), file.central.extra.len(), file.comment.len()];
            put16(&mut bytes, &lengths.map(|length| u16::try_from(length).unwrap()));
            put16(&mut bytes, &[0, 0]);
            bytes.extend((file.mode << 16).to_le_bytes());
            bytes.extend(offset.wrapping_add(file.offset_lie).to_le_bytes());
            bytes.extend(&file.central.name);
            bytes.extend(&file.central.extra);
            bytes.extend(&file.comment);
        }
        self.put_end(&mut bytes, directory);
        bytes.extend(&self.suffix);
        bytes
    }

    fn put_end(&self, bytes: &mut Vec<u8>, directory: usize) {
        let end = bytes.len();
        let truth = [self.files.len(), end - directory, directory].map(|value| value as u64);
        let (mut narrow, mut wide) = (truth, truth);
        if self.zip64_end {
            narrow = [0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF];
            (self.end64_lie)(&mut wide);
            bytes.extend(b"PK\x06\x06");
            bytes.extend(44_u64.to_le_bytes());
            put16(bytes, &[45, 45, 0, 0, 0, 0]);
            for value in [wide[0], wide[0], wide[1], wide[2]] {
                bytes.extend(value.to_le_bytes());
            }
            bytes.extend(b"PK\x06\x07");
            bytes.extend(0_u32.to_le_bytes());
            bytes.extend((end as u64).to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
        }
        (self.end_lie)(&mut narrow);
        bytes.extend(b"PK\x05\x06");
        let entries = u16::try_from(narrow[0]).unwrap();
        put16(bytes, &[0, 0, entries, entries]);
        bytes.extend(u32::try_from(narrow[1]).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(narrow[2]).unwrap().to_le_bytes());
        put16(bytes, &[u16::try_from(self.comment.len()).unwrap()]);
        bytes.extend(&self.comment);
    }
}

fn put16(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// The fields from flags to sizes, which both headers write alike.
fn put_fields(bytes: &mut Vec<u8>, fields: &Fields) {
    put16(bytes, &[fields.flags, fields.method, 0, 0x21]);
    for value in [fields.crc32, fields.packed, fields.size] {
        bytes.extend(value.to_le_bytes());
    }
}
