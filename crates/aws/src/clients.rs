//! The SDK's clients: built once, on one HTTP client, each when it is first needed.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Where the account is, beyond what the environment says (`AWS_REGION`, `AWS_PROFILE`,
/// `AWS_ENDPOINT_URL` and the shared files, as in the AWS CLI).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The region.
    pub region: Option<String>,
    /// The named profile.
    pub profile: Option<String>,
}

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(8);
/// How long a call may take with all its attempts.
const OPERATION: Duration = Duration::from_secs(20);
/// How often a call is made at most. Between attempts the SDK waits, longer each time, with jitter,
/// and as long as the service asks for.
const ATTEMPTS: u32 = 4;

/// Every client there is.
pub struct Clients {
    config: SdkConfig,
    cloudformation: OnceLock<aws_sdk_cloudformation::Client>,
    cloudwatch: OnceLock<aws_sdk_cloudwatch::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    lambda: OnceLock<aws_sdk_lambda::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
}

/// Where systems keep their root certificates in one file: Amazon Linux, Debian, Alpine and macOS.
const BUNDLES: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// The HTTP client: rustls with ring and the system's root certificates.
fn http_client() -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
    match bundle().and_then(|bundle| {
        let roots = TrustStore::empty().with_pem_certificate(bundle);
        TlsContext::builder().with_trust_store(roots).build().ok()
    }) {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    }
}

/// The system's bundle of root certificates, unless the environment names another. By itself the
/// client would read every file of their folder as well, which takes a function's start twice as
/// long.
fn bundle() -> Option<Vec<u8>> {
    if std::env::var_os("SSL_CERT_FILE").is_some() || std::env::var_os("SSL_CERT_DIR").is_some() {
        return None;
    }
    BUNDLES.iter().find_map(|file| std::fs::read(file).ok())
}

impl Clients {
    /// Reads the environment and the shared files. Makes no call but where credentials need one.
    pub async fn connect(account: &Account) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(OPERATION)
                    .build(),
            );
        if let Some(region) = &account.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &account.profile {
            loader = loader.profile_name(profile);
        }
        Self::new(loader.load().await)
    }

    /// Clients of an emulator at `url`, which takes any credentials. For tests.
    pub fn of_emulator(url: &str) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "emulator");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client());
        Self::new(config.build())
    }

    /// Clients on a configuration made elsewhere: a test's, with its own HTTP client.
    pub fn new(config: SdkConfig) -> Self {
        Self {
            config,
            cloudformation: OnceLock::new(),
            cloudwatch: OnceLock::new(),
            dynamodb: OnceLock::new(),
            eventbridge: OnceLock::new(),
            iam: OnceLock::new(),
            lambda: OnceLock::new(),
            secrets: OnceLock::new(),
            sns: OnceLock::new(),
            sqs: OnceLock::new(),
            ssm: OnceLock::new(),
        }
    }

    /// The configuration they are built on.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $service:ident;)*) => {
        impl Clients {
            $($(#[$doc])*
            pub fn $name(&self) -> &$service::Client {
                self.$name.get_or_init(|| $service::Client::new(&self.config))
            })*
        }
    };
}

clients! {
    /// CloudFormation.
    cloudformation: aws_sdk_cloudformation;
    /// CloudWatch.
    cloudwatch: aws_sdk_cloudwatch;
    /// DynamoDB.
    dynamodb: aws_sdk_dynamodb;
    /// EventBridge.
    eventbridge: aws_sdk_eventbridge;
    /// IAM.
    iam: aws_sdk_iam;
    /// Lambda.
    lambda: aws_sdk_lambda;
    /// Secrets Manager.
    secrets: aws_sdk_secretsmanager;
    /// SNS.
    sns: aws_sdk_sns;
    /// SQS.
    sqs: aws_sdk_sqs;
    /// Systems Manager.
    ssm: aws_sdk_ssm;
}
