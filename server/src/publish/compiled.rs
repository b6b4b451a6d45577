//! Compiled twins of wheels on their way into a channel: with bytecode in the place of modules.

use std::collections::HashMap;

use pkgsrv_index::{Abi, WheelFilename};

use super::candidates::Admitted;
use super::dictionary::Dictionary;
use super::twins::{MadeTwin, encode_all, objects_of};
use crate::upload::CheckedUpload;
use crate::{ServerError, Store, StoredObject};

/// The compiled twins of a publish, by line and filename; `None` for a wheel that has none.
#[derive(Debug, Default)]
pub(super) struct CompiledTwins(HashMap<(Abi, WheelFilename), Option<MadeTwin>>);

impl CompiledTwins {
    /// The compiled twin of a wheel in a line, if it was made.
    pub(super) fn of(&self, abi: Abi, filename: &WheelFilename) -> Option<&MadeTwin> {
        self.0.get(&(abi, filename.clone()))?.as_ref()
    }

    /// All objects to store. Lines may have the same ones.
    pub(super) fn into_objects(self) -> impl Iterator<Item = (StoredObject, Vec<u8>)> {
        objects_of(self.0.into_values())
    }

    /// Whether nothing is left to be made for these.
    pub(super) fn cover<'a>(&self, abi: Abi, filenames: impl IntoIterator<Item = &'a WheelFilename>) -> bool {
        filenames.into_iter().all(|filename| self.0.contains_key(&(abi, filename.clone())))
    }

    /// Makes those of a line that are not there yet, of what admission has compiled; deltas over what `dictionary` tells.
    pub(super) fn make(
        &mut self,
        store: &Store,
        abi: Abi,
        uploads: &[&CheckedUpload<'_>],
        admitted: &Admitted,
        dictionary: impl Fn(&WheelFilename) -> Option<Dictionary>,
    ) -> Result<(), ServerError> {
        let missing: Vec<_> =
            uploads.iter().filter(|upload| !self.0.contains_key(&(abi, upload.filename.clone()))).collect();
        let made = missing.iter().map(|upload| {
            let Some(bytecode) = admitted.bytecode(abi, upload.filename) else { return Ok(None) };
            MadeTwin::of(upload, |wheel| wheel.compiled_twin(bytecode))
        });
        let made = encode_all(store, made.collect::<Result<_, _>>()?, dictionary)?;
        for (upload, twin) in missing.iter().zip(made) {
            self.0.insert((abi, upload.filename.clone()), twin);
        }
        Ok(())
    }
}
