//! Extra fields of local and central headers.

use crate::WheelError;
use crate::bytes::Cursor;

const ZIP64: u16 = 0x0001;
const UNICODE_COMMENT: u16 = 0x6375;
const UNICODE_PATH: u16 = 0x7075;

/// The ZIP64 field's bytes, if there is one; refuses fields that are cut short, repeated, or give
/// the entry a second name.
pub(crate) fn zip64<'a>(extra: &'a [u8], path: &str) -> Result<Option<&'a [u8]>, WheelError> {
    let bad = |problem| WheelError::BadExtra { path: path.to_owned(), problem };
    let mut found = None;
    let mut cursor = Cursor::new(extra, 0);
    while cursor.at() < extra.len() {
        let (Ok(id), Ok(size)) = (cursor.u16(), cursor.u16()) else {
            return Err(bad("a field header is cut short"));
        };
        let Ok(value) = cursor.take(usize::from(size)) else {
            return Err(bad("a field is longer than all fields together"));
        };
        match id {
            ZIP64 if found.is_some() => return Err(bad("two ZIP64 fields")),
            ZIP64 => found = Some(value),
            UNICODE_PATH | UNICODE_COMMENT => return Err(bad("a second name or comment")),
            _ => {}
        }
    }
    Ok(found)
}

/// Values whose 32-bit fields are saturated, from the ZIP64 field, in the order in which it holds
/// them. The field must hold exactly these.
pub(crate) fn widen<const N: usize>(
    values: [u32; N],
    zip64: Option<&[u8]>,
    path: &str,
) -> Result<[u64; N], WheelError> {
    let bad = |problem| WheelError::BadExtra { path: path.to_owned(), problem };
    let field = zip64.unwrap_or_default();
    let mut cursor = Cursor::new(field, 0);
    let mut widened = [0; N];
    for (wide, narrow) in widened.iter_mut().zip(values) {
        *wide = if narrow == u32::MAX {
            cursor.u64().map_err(|_| bad("a ZIP64 value is missing"))?
        } else {
            u64::from(narrow)
        };
    }
    if cursor.at() != field.len() {
        return Err(bad("the ZIP64 field holds more than the header asks for"));
    }
    Ok(widened)
}
