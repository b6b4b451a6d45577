//! Names of the places that channels are copied to and from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::TransferError;
use crate::BaseUrl;

/// A place that can hold a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `file:///DIR`.
    Directory(PathBuf),
    /// `s3://BUCKET/PREFIX`.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// What its keys begin with: nothing, or text that ends in `/`.
        prefix: String,
    },
    /// `http://…` or `https://…`: a pkgsrv server, or static objects behind any other.
    Server(BaseUrl),
}

impl FromStr for Place {
    type Err = TransferError;

    fn from_str(text: &str) -> Result<Self, TransferError> {
        let invalid = || TransferError::InvalidPlace { found: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::Directory(PathBuf::from(rest))),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
                let prefix = prefix.trim_end_matches('/');
                let fits = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_plain);
                if !fits(bucket) || !(prefix.is_empty() || prefix.split('/').all(fits)) {
                    return Err(invalid());
                }
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix })
            }
            "http" | "https" => text.parse().map(Self::Server).map_err(|_| invalid()),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Server(base) => write!(f, "{base}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, shown) in [
            ("file:///srv/channel", Some("file:///srv/channel")),
            ("s3://packages", Some("s3://packages/")),
            ("s3://packages/a/b/", Some("s3://packages/a/b/")),
            ("https://packages.example/py", Some("https://packages.example/py/")),
            ("/srv/channel", None),
            ("file://srv/channel", None),
            ("s3://", None),
            ("s3://packages/../other", None),
            ("s3://packages//a", None),
            ("s3://packages/a b", None),
            ("ftp://packages.example", None),
            ("https://user@packages.example", None),
        ] {
            assert_eq!(text.parse::<Place>().ok().map(|place| place.to_string()).as_deref(), shown, "{text}");
        }
    }
}
