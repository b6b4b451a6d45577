//! `post`: a script in the unpacked wheel.

use std::fs;

use super::Site;
use crate::error::{BuildError, IoContext as _};
use crate::wheel_directory;

const WHEEL: &str = "/build/wheel";

impl Site<'_> {
    /// Runs the script; what it left is the wheel from now on.
    pub(super) fn post(&mut self, script: &str) -> Result<(), BuildError> {
        let path = self.built_wheel()?;
        let filename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let directory = self.work.join("build/wheel");
        fs::create_dir(&directory).doing("create", &directory)?;
        wheel_directory::unpack(&filename, &self.read_left_by_the_build(&path)?, &directory)?;
        let sandbox = self.sandbox_in(WHEEL).variable("WHEELDIR", WHEEL);
        self.run("post", sandbox, &["/bin/bash", "-e", "-o", "pipefail", "-c", script])?;
        // The directory itself may have become a link to somewhere.
        let real = fs::symlink_metadata(&directory).doing("read", &directory)?;
        if !real.is_dir() {
            let reason = "`post` left no directory".to_owned();
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        let bytes = wheel_directory::pack(&filename, &directory)?;
        // Beside what the script could write to: below `build` a path may lead anywhere by now.
        let packed = self.work.join("packed").join(&filename);
        fs::create_dir(self.work.join("packed")).doing("create", &packed)?;
        fs::write(&packed, bytes).doing("write", &packed)?;
        self.packed = Some(packed);
        Ok(())
    }
}
