use axum::body::to_bytes;
use axum::http::Request;
use cc_devops_http::problem::Problem;

use super::*;
use crate::fault::Failed;
use crate::model::Text;
use crate::operation::Call;
use crate::refusals::{not_served, of_problem};

static OUTPUT: [Member; 3] = [
    Member::optional("Label", Text::ANY.shape()),
    Member::optional("At", Shape::Timestamp),
    Member::optional("Sum", Shape::Double),
];

fn operation(service: Service, output: &'static [Member]) -> Operation {
    Operation::of(service, "GetIt", (&[], output), nothing)
}

async fn nothing(_call: Call, _input: Value) -> Result<Value, Failed> {
    Ok(Value::Null)
}

/// What a request with these headers asks.
fn asked(uri: &str, headers: &[(&str, &str)]) -> Asked {
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Asked::of(&request.body(()).unwrap())
}

fn json(target: &str) -> Asked {
    asked(
        "/aws",
        &[("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")],
    )
}

fn query(service: &str) -> Asked {
    let signed = format!("AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/{service}/aws4_request");
    asked(
        "/aws",
        &[
            ("authorization", signed.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
    )
}

fn noon() -> Option<Timestamp> {
    "2026-11-25T12:00:00Z".parse().ok()
}

async fn told(response: Response) -> (u16, HeaderMap, Vec<u8>) {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status.as_u16(), parts.headers, bytes.to_vec())
}

fn output() -> Value {
    json!({"At": "2025-11-25T12:00:00.25Z", "Label": "a<b", "Sum": null, "Unnamed": 1})
}

#[tokio::test]
async fn json_has_epochs_a_request_id_and_the_time() {
    let asked = json("GraniteServiceVersion20100801.GetIt");
    let operation = operation(Service::CloudWatch, &OUTPUT);
    let (status, headers, body) = told(Answering::to(&asked, noon()).given(&operation, output())).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(headers["date"], "Wed, 25 Nov 2026 12:00:00 GMT");
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told, json!({"At": 1_764_072_000.25, "Label": "a<b"}));
    assert!(!headers.contains_key("x-amz-crc32"));
}

#[tokio::test]
async fn a_forms_answer_is_xml() {
    let asked = query("monitoring");
    let operation = operation(Service::CloudWatch, &OUTPUT);
    let (_, headers, body) = told(Answering::to(&asked, noon()).given(&operation, output())).await;
    let id = headers["x-amzn-requestid"].to_str().unwrap();
    assert_eq!(headers["content-type"], "text/xml");
    assert_eq!(
        String::from_utf8(body).unwrap(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <GetItResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><GetItResult><Label>a&lt;b</Label>\
             <At>2025-11-25T12:00:00.25Z</At></GetItResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </GetItResponse>\n"
        )
    );
}

#[tokio::test]
async fn cbor_says_its_protocol_and_dynamodb_its_sum() {
    let path = "/aws/service/GraniteServiceVersion20100801/operation/GetIt";
    let cbor = asked(path, &[("smithy-protocol", "rpc-v2-cbor")]);
    let operation = operation(Service::CloudWatch, &OUTPUT);
    let (_, headers, body) = told(Answering::to(&cbor, noon()).given(&operation, output())).await;
    assert_eq!(headers["smithy-protocol"], "rpc-v2-cbor");
    let read = crate::cbor::read(&body, &Shape::Structure(&OUTPUT)).unwrap();
    assert_eq!(read, json!({"Label": "a<b", "At": 1_764_072_000.25}));

    let refusal = Fault::sender("ResourceNotFoundException", "Requested resource not found");
    let (status, headers, body) =
        told(Answering::to(&json("DynamoDB_20120810.GetItem"), noon()).refused(&refusal)).await;
    assert_eq!(status, 400);
    assert_eq!(headers["x-amz-crc32"], crc32fast::hash(&body).to_string());
    assert_eq!(headers["x-amzn-errortype"], "ResourceNotFoundException");
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        said,
        json!({"__type": "ResourceNotFoundException", "message": "Requested resource not found"})
    );
}

#[tokio::test]
async fn an_error_has_its_name_wherever_an_sdk_looks() {
    let fault = of_problem(
        &Problem::denied("no policy permits it"),
        Some(Service::CloudWatch),
        crate::service::Family::Query,
    );
    let compatible = asked(
        "/aws",
        &[
            ("x-amz-target", "GraniteServiceVersion20100801.PutMetricData"),
            ("x-amzn-query-mode", "true"),
        ],
    );
    let (status, headers, _) = told(Answering::to(&compatible, noon()).refused(&fault)).await;
    assert_eq!(
        (status, headers["x-amzn-query-error"].to_str().unwrap()),
        (403, "AccessDenied;Sender")
    );
    let plain = json("GraniteServiceVersion20100801.PutMetricData");
    let (_, headers, _) = told(Answering::to(&plain, noon()).refused(&fault)).await;
    assert!(!headers.contains_key("x-amzn-query-error"), "nobody asked for it");

    let (_, headers, body) = told(Answering::to(&query("sts"), noon()).refused(&fault)).await;
    let id = headers["x-amzn-requestid"].to_str().unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.ends_with(&format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>AccessDenied</Code><Message>no policy permits it</Message></Error><RequestId>{id}</RequestId>\
             </ErrorResponse>\n"
        )),
        "{body}"
    );
}

#[tokio::test]
async fn s3_hears_it_in_its_own_xml() {
    let signed = "AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/s3/aws4_request";
    let s3 = asked("/articles/a.txt", &[("authorization", signed)]);
    let (status, headers, body) = told(Answering::to(&s3, noon()).refused(&not_served(&s3, None))).await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (400, "application/xml")
    );
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.contains("<Error><Code>NotImplemented</Code><Message>the control plane does not serve S3"),
        "{body}"
    );
}
