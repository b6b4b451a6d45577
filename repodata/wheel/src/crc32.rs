//! CRC-32 as zip uses it (reflected polynomial `0xEDB88320`), eight bytes a step.

use std::sync::LazyLock;

/// Made when first used: 8 KiB that nothing compresses are much of what a browser fetches, and microseconds to compute.
static TABLES: LazyLock<Tables> = LazyLock::new(tables);

type Tables = [[u32; 256]; 8];

fn tables() -> Tables {
    let mut tables = [[0; 256]; 8];
    for (index, entry) in (0_u32..).zip(&mut tables[0]) {
        *entry = (0..8).fold(index, |value, _| if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 });
    }
    for table in 1..8 {
        for index in 0..256 {
            let before = tables[table - 1][index];
            tables[table][index] = before >> 8 ^ tables[0][(before & 0xFF) as usize];
        }
    }
    tables
}

/// The CRC-32 of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    let tables = &*TABLES;
    let mut crc = !0_u32;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let low = crc ^ u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        crc = tables[7][(low & 0xFF) as usize]
            ^ tables[6][(low >> 8 & 0xFF) as usize]
            ^ tables[5][(low >> 16 & 0xFF) as usize]
            ^ tables[4][(low >> 24) as usize]
            ^ tables[3][chunk[4] as usize]
            ^ tables[2][chunk[5] as usize]
            ^ tables[1][chunk[6] as usize]
            ^ tables[0][chunk[7] as usize];
    }
    for byte in rest {
        crc = crc >> 8 ^ tables[0][((crc ^ u32::from(*byte)) & 0xFF) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn known_values() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414F_A339);
    }
}
