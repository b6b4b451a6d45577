//! `Name: value` headers, the form of METADATA and WHEEL.

use crate::WheelError;

/// Headers in order, and the body after the first empty line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Headers {
    path: String,
    lines: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Headers {
    /// Reads the headers of `text`, the file at `path`.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, WheelError> {
        let mut lines: Vec<(String, String)> = Vec::new();
        let mut rest = text;
        let mut number = 0;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            number += 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                break;
            }
            let bad = || WheelError::BadHeader { path: path.to_owned(), line: number };
            // A line that begins with white space continues the one before.
            if line.starts_with([' ', '\t']) {
                let (_, value) = lines.last_mut().ok_or_else(bad)?;
                value.push('\n');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(bad)?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(bad());
            }
            lines.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self { path: path.to_owned(), lines, body: rest.to_owned() })
    }

    /// The values of `name`, compared without case, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The values of `name`, owned.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.all(name).map(str::to_owned).collect()
    }

    /// The value of a header that may be there once at most.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<String>, WheelError> {
        let mut values = self.all(name);
        let first = values.next().map(str::to_owned);
        match values.count() {
            0 => Ok(first),
            more => Err(WheelError::HeaderCount { path: self.path.clone(), header: name, count: more + 1 }),
        }
    }

    /// The value of a header that must be there once and not be empty.
    pub(crate) fn required(&self, name: &'static str) -> Result<String, WheelError> {
        match self.optional(name)? {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(WheelError::HeaderCount { path: self.path.clone(), header: name, count: 0 }),
        }
    }

    /// The error for a value that does not fit.
    pub(crate) fn unfit(&self, header: &'static str, value: &str, expected: &'static str) -> WheelError {
        WheelError::HeaderValue { path: self.path.clone(), header, value: value.to_owned(), expected }
    }
}
