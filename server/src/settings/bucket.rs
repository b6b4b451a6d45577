//! How buckets are reached: the variables that `object_store` and other AWS clients read.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientOptions, RetryConfig};

/// How long a store may send nothing, and how long a failing request is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bucket, with what `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
/// `AWS_ENDPOINT_URL`, `AWS_SKIP_SIGNATURE` and their like say.
pub(crate) fn bucket(name: &str) -> Result<AmazonS3, object_store::Error> {
    // An error means that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = AmazonS3Builder::from_env().with_bucket_name(name);
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).unwrap_or_default();
    let waiting = ClientOptions::new()
        .with_connect_timeout(PATIENCE)
        .with_read_timeout(PATIENCE)
        .with_timeout_disabled()
        // Who names an endpoint without TLS wants it.
        .with_allow_http(endpoint.starts_with("http://"));
    let retry = RetryConfig { max_retries: 5, retry_timeout: PATIENCE * 2, ..RetryConfig::default() };
    builder.with_client_options(waiting).with_retry(retry).build()
}
