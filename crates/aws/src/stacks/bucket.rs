//! Templates that a call cannot hold go through a bucket, each under its digest.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_outbound::header::{HeaderName, HeaderValue};
use cc_devops_outbound::{HeaderMap, HttpClient, HttpOptions, Method, Request, StatusCode, Url};
use cc_devops_requests::Template;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{CloudFormation, refusals};

/// The most bytes of a template that CloudFormation takes in a call.
const MOST_IN_A_CALL: usize = 51_200;

/// The longest that putting a template may take.
const WITHIN: Duration = Duration::from_secs(10);

impl CloudFormation {
    /// A template where CloudFormation reads it: a large one is put into the bucket for templates.
    pub(super) async fn within_reach(&self, template: &Template) -> PortResult<Result<Template, Failure>> {
        let Template::Body(body) = template else {
            return Ok(Ok(template.clone()));
        };
        if body.len() <= MOST_IN_A_CALL {
            return Ok(Ok(template.clone()));
        }
        let Some(bucket) = &self.shared.resources.template_bucket else {
            return Ok(Err(refusals::too_large(body.len())));
        };
        let url = address(self.shared.clients.config(), bucket, body)?;
        put(self.shared.clients.config(), &url, body, self.shared.clock.now()).await?;
        Ok(Ok(Template::Url(url.into())))
    }
}

/// Where a template lies: the same one always at the same place.
fn address(config: &SdkConfig, bucket: &str, body: &str) -> PortResult<Url> {
    let key = format!("cc-devops/templates/{}", hex::encode(Sha256::digest(body)));
    let region = region(config)?;
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let text = match config.endpoint_url() {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        // No certificate is good for a name with more dots.
        None if bucket.contains('.') => format!("https://s3.{region}.{suffix}/{bucket}/{key}"),
        None => format!("https://{bucket}.s3.{region}.{suffix}/{key}"),
    };
    Url::parse(&text).map_err(|error| {
        PortError::new(
            PortErrorKind::Refused,
            format!("no template can be put into a bucket called {bucket:?}"),
        )
        .because(error)
    })
}

fn region(config: &SdkConfig) -> PortResult<String> {
    let region = config.region().map(ToString::to_string);
    region.ok_or_else(|| PortError::new(PortErrorKind::Refused, "no AWS region is known"))
}

async fn put(config: &SdkConfig, url: &Url, body: &str, now: Timestamp) -> PortResult<()> {
    let headers = signature(config, url, body, now).await?;
    let options = HttpOptions {
        total_timeout: WITHIN,
        ..HttpOptions::default()
    };
    let unavailable = |error: cc_devops_outbound::Error| {
        let message = format!("s3:PutObject could not be called: {}", error.reason());
        PortError::new(PortErrorKind::Unavailable, message)
    };
    let client = HttpClient::configured(url, options).map_err(unavailable)?;
    let request = Request::new(Method::PUT, url.clone())
        .json(body.as_bytes())
        .headers(headers);
    let (status, _) = client.send_for_head(request).await.map_err(unavailable)?;
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::FORBIDDEN => Err(PortError::new(
            PortErrorKind::Refused,
            "s3:PutObject is not allowed here; grant it, for the bucket for templates, to the role that this runs as",
        )),
        StatusCode::NOT_FOUND => Err(PortError::new(
            PortErrorKind::Refused,
            "the bucket for templates (`aws.template_bucket`) does not exist",
        )),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Err(PortError::new(
            PortErrorKind::Unavailable,
            format!("s3:PutObject is not available now ({status})"),
        )),
        status => Err(PortError::new(
            PortErrorKind::Refused,
            format!("s3:PutObject is refused ({status}); the bucket must be in the region of the stage"),
        )),
    }
}

/// The headers by which S3 knows who puts the template, and that it came whole.
async fn signature(config: &SdkConfig, url: &Url, body: &str, now: Timestamp) -> PortResult<HeaderMap> {
    let refused = |error: &dyn std::fmt::Display| {
        PortError::new(
            PortErrorKind::Refused,
            format!("s3:PutObject cannot be signed: {error}"),
        )
    };
    let provider = config
        .credentials_provider()
        .ok_or_else(|| refused(&"there are no credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        PortError::new(
            PortErrorKind::Unavailable,
            "the credentials for s3:PutObject are not available now",
        )
        .because(error)
    })?;
    let identity: Identity = credentials.into();
    let region = region(config)?;
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("s3")
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|error| refused(&error))?
        .into();
    let signable = SignableRequest::new(
        Method::PUT.as_str(),
        url.as_str(),
        std::iter::empty(),
        SignableBody::Bytes(body.as_bytes()),
    )
    .map_err(|error| refused(&error))?;
    let (instructions, _) = sign(signable, &params).map_err(|error| refused(&error))?.into_parts();
    let mut headers = HeaderMap::new();
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).map_err(|error| refused(&error))?;
        let mut value = HeaderValue::from_str(value).map_err(|error| refused(&error))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
