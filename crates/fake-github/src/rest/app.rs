//! What an App may ask as itself: where it is installed, and for a token.

use axum::http::Method;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use jiff::Timestamp;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::access::Access;
use super::super::answer::Answer;
use super::super::model::Model;
use super::super::{APP_ID, APP_KEY, Inner, lock};

/// How long an installation's token holds, in seconds.
const TOKEN_SECONDS: i64 = 3_600;

/// The answer to a request that only an App itself may make; none for the others.
pub(in super::super) fn as_app(inner: &Inner, method: &Method, path: &str, token: &str) -> Option<Answer> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let asked = matches!(
        (method.as_str(), segments.as_slice()),
        ("GET", ["users" | "orgs", _, "installation"]) | ("POST", ["app", "installations", _, "access_tokens"])
    );
    if !asked {
        return None;
    }
    if !is_the_app(token) {
        return Some(Answer::refused(401, "A JSON web token could not be decoded"));
    }
    Some(match segments.as_slice() {
        [_, login, "installation"] => match lock(&inner.model).owner(login) {
            Some(owner) => Answer::ok(json!({"id": owner.id, "account": {"login": owner.login}})),
            None => Answer::refused(404, "Not Found"),
        },
        [_, _, id, _] => installed(inner, id),
        _ => Answer::refused(404, "Not Found"),
    })
}

fn installed(inner: &Inner, id: &str) -> Answer {
    let (owner, now) = {
        let model = lock(&inner.model);
        (owner_of(&model, id), model.millis())
    };
    let Some(owner) = owner else {
        return Answer::refused(404, "Not Found");
    };
    let mut settings = lock(&inner.settings);
    let token = format!("ghs_fake_{}", settings.tokens.len());
    let mut access = Access::installation("cc-devops");
    access.account = Some(owner);
    access.expires = Some(now + TOKEN_SECONDS * 1_000);
    settings.tokens.insert(token.clone(), access);
    // The client holds its own clock against it.
    let end = Timestamp::from_second(SystemClock.now().as_second() + TOKEN_SECONDS).expect("a time within range");
    Answer::new(201, json!({"token": token, "expires_at": end.to_string()}))
}

fn owner_of(model: &Model, id: &str) -> Option<String> {
    let id: u64 = id.parse().ok()?;
    let found = model.owners().find(|owner| owner.id == id)?;
    Some(found.login.clone())
}

/// Whether this is the App's proof of itself: signed with its key, for now, for ten minutes at most.
fn is_the_app(token: &str) -> bool {
    let mut parts = token.rsplitn(2, '.');
    let (Some(signature), Some(signed)) = (parts.next(), parts.next()) else {
        return false;
    };
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else {
        return false;
    };
    let pem: String = APP_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64_STANDARD.decode(pem).expect("the key is PEM");
    let pair = RsaKeyPair::from_pkcs8(&der).expect("the key is a key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    if public.verify(signed.as_bytes(), &signature).is_err() {
        return false;
    }
    let claims = signed
        .split('.')
        .nth(1)
        .and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok())
        .and_then(|claims| serde_json::from_slice::<Value>(&claims).ok())
        .unwrap_or_default();
    let now = SystemClock.now().as_second();
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    claims["iss"].as_str().and_then(|id| id.parse().ok()) == Some(APP_ID)
        && time("iat") <= now
        && now < time("exp")
        && time("exp") <= now + 600
}
