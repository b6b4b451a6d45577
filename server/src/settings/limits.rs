//! Settings of what a build may take of the machine.

use pkgsrv_builder::Limits;

/// `--build-memory` and its like, for every command that runs packages' code.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitArgs {
    /// Memory that a step of a build may take, such as 8G or 512M [default: four fifths of the machine's]
    #[arg(long = "build-memory", value_name = "SIZE", env = "PKGSRV_BUILD_MEMORY", value_parser = bytes)]
    memory: Option<u64>,
    /// Disk space that a build may take, such as 16G [default: 16G, and at most half of what is free]
    #[arg(long = "build-disk", value_name = "SIZE", env = "PKGSRV_BUILD_DISK", value_parser = bytes)]
    disk: Option<u64>,
    /// Processes that a step of a build may have at once [default: 2000]
    #[arg(long = "build-processes", value_name = "NUMBER", env = "PKGSRV_BUILD_PROCESSES", value_parser = at_least_one)]
    processes: Option<usize>,
}

impl LimitArgs {
    /// The machine's limits, but for those that were named.
    pub fn limits(&self) -> Limits {
        let machine = Limits::of_this_machine();
        Limits {
            memory: self.memory.unwrap_or(machine.memory),
            processes: self.processes.unwrap_or(machine.processes),
            disk: self.disk.unwrap_or(machine.disk),
        }
    }
}

/// A number of bytes with a binary unit, as `dd` and `docker` read it.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let unit = text.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(unit);
    let shift = match unit.trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(expected)
}

fn expected() -> String {
    "expected a whole number with a unit, such as 512M or 8G".to_owned()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number, at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("1", Some(1)),
            ("512M", Some(512 << 20)),
            ("512MiB", Some(512 << 20)),
            ("8G", Some(8 << 30)),
            ("8g", Some(8 << 30)),
            ("2T", Some(2 << 40)),
            ("0", None),
            ("G", None),
            ("1.5G", None),
            ("8 apples", None),
            ("99999999999T", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }
}
