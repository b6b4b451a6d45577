//! The `target_features` section: what the compiler was allowed to use.

use crate::SideModuleError;
use crate::reader::Reader;

/// The names of the features in use, sorted.
pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Vec<String>, SideModuleError> {
    let count = reader.count("the number of target features", reader.limits.needed)?;
    let mut features = Vec::new();
    for _ in 0..count {
        let prefix = reader.byte("a target feature's prefix")?;
        let name = reader.name("a target feature")?;
        // `-` notes what must not be used.
        if prefix != b'-' {
            features.push(name);
        }
    }
    reader.finish("the target_features section")?;
    features.sort();
    Ok(features)
}
