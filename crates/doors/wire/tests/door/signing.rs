//! Requests as an SDK signs them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

/// An access key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Key {
    /// A key that nobody has.
    pub(crate) fn of_nobody() -> Self {
        Self {
            id: "AKIAAAAAAAAAAAAAAAAA".to_owned(),
            secret: "n".repeat(40),
        }
    }
}

/// A call before it is signed.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) service: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Where this server is.
pub(crate) const HOST: &str = "127.0.0.1:8787";

impl Ask {
    fn post(service: &'static str, headers: &[(&'static str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            method: Method::POST,
            path: "/aws".to_owned(),
            service,
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    /// In JSON.
    pub(crate) fn json(service: &'static str, target: &str, body: &str) -> Self {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        Self::post(service, &headers, body.as_bytes())
    }

    /// By a form.
    pub(crate) fn form(service: &'static str, body: &str) -> Self {
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        Self::post(service, &headers, body.as_bytes())
    }

    /// In CBOR.
    pub(crate) fn cbor(operation: &str) -> Self {
        let headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
        Self {
            path: format!("/aws/service/GraniteServiceVersion20100801/operation/{operation}"),
            ..Self::post("monitoring", &headers, &[0xa0])
        }
    }

    /// Who the caller is.
    pub(crate) fn identity() -> Self {
        Self::form("sts", "Action=GetCallerIdentity&Version=2011-06-15")
    }

    /// Waits in an agent's queue for as long as may be: 20 seconds.
    pub(crate) fn long_poll(agent: &str) -> Self {
        let queue = format!("http://{HOST}/aws/000000000000/devops-completed-{agent}");
        let input = json!({"QueueUrl": queue, "WaitTimeSeconds": 20});
        Self::json("sqs", "AmazonSQS.ReceiveMessage", &input.to_string())
    }

    /// The same elsewhere.
    pub(crate) fn at(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    /// The same with another header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Without a signature.
    pub(crate) fn unsigned(&self) -> Request<Body> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header("host", HOST);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }

    /// Signed at a time.
    pub(crate) fn signed(&self, key: &Key, at: Timestamp) -> Request<Body> {
        let mut request = self.unsigned();
        let moment = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = at.strftime("%Y%m%d").to_string();
        put(request.headers_mut(), "x-amz-date", &moment);
        let mut names: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let headers: Vec<String> = names
            .iter()
            .map(|name| format!("{name}:{}\n", request.headers()[name].to_str().unwrap()))
            .collect();
        let signed = names.join(";");
        let canonical = format!(
            "{}\n{}\n{}\n{}\n{signed}\n{}",
            self.method,
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
            headers.concat(),
            hex::encode(Sha256::digest(&self.body))
        );
        let scope = format!("{day}/us-east-1/{}/aws4_request", self.service);
        let text = format!(
            "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
            hex::encode(Sha256::digest(canonical))
        );
        let first = format!("AWS4{}", key.secret);
        let parts = [day.as_str(), "us-east-1", self.service, "aws4_request", &text];
        let signature = parts.iter().fold(first.into_bytes(), |key, part| code(&key, part));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={}",
            key.id,
            hex::encode(signature)
        );
        put(request.headers_mut(), "authorization", &authorization);
        request
    }
}

fn code(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// Sets a header.
pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
}
