//! Answers, in the protocol of whoever asked.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use cc_devops_http::problem::{Problem, whole_seconds};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map as Object, Value, json};
use uuid::Uuid;

use crate::asked::{Asked, Protocol};
use crate::cbor;
use crate::epoch::Epoch;
use crate::fault::Fault;
use crate::model::{Member, Shape};
use crate::operation::Operation;
use crate::service::Service;
use crate::services::sqs::shape_of;
use crate::xml;

/// What an answer is made with.
pub(crate) struct Answering<'a> {
    asked: &'a Asked,
    /// The id by which the caller's log names the call.
    id: String,
    /// Nobody's clock where the answer is not given by this door's own routes; the server adds it then.
    now: Option<Timestamp>,
}

impl<'a> Answering<'a> {
    pub(crate) fn to(asked: &'a Asked, now: Option<Timestamp>) -> Self {
        Self {
            asked,
            id: Uuid::now_v7().to_string(),
            now,
        }
    }

    /// What an operation gave.
    pub(crate) fn given(&self, operation: &Operation, output: Value) -> Response {
        // An operation that gives nothing gives no members.
        let output = match output {
            Value::Object(members) => Value::Object(members),
            _ => Value::Object(Object::new()),
        };
        let body = match self.asked.protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
                as_json(output, &operation.output).to_string().into_bytes()
            }
            Protocol::Cbor => cbor::write(&output, &operation.output),
            Protocol::Query | Protocol::RestXml => self.result(operation, &output).into_bytes(),
        };
        self.answer(StatusCode::OK, body, HeaderMap::new())
    }

    /// Why it was not given.
    pub(crate) fn refused(&self, fault: &Fault) -> Response {
        let mut headers = HeaderMap::new();
        let kind = self.kind(fault);
        put(&mut headers, "x-amzn-errortype", &kind);
        let of_query = self.asked.service.is_some_and(Service::is_query_compatible);
        let in_header = self.asked.query_mode || self.asked.service == Some(Service::Sqs);
        if of_query && in_header {
            put(
                &mut headers,
                "x-amzn-query-error",
                &format!("{};{}", fault.code, fault.side()),
            );
        }
        let document = || json!({"__type": kind, "message": fault.message});
        let body = match self.asked.protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => document().to_string().into_bytes(),
            Protocol::Cbor => cbor::write(&document(), &cbor::ERROR),
            Protocol::Query => self.error(fault).into_bytes(),
            Protocol::RestXml => self.storage_error(fault).into_bytes(),
        };
        self.answer(fault.status, body, headers)
    }

    /// The same, in the words of a problem that may be tried again later.
    pub(crate) fn refused_for(&self, fault: &Fault, problem: &Problem) -> Response {
        let mut response = self.refused(fault);
        if let Some(wait) = problem.wait() {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }

    /// The name of an error's shape: SQS's have other names than forms have for them.
    fn kind(&self, fault: &Fault) -> String {
        match (self.asked.service, self.asked.protocol) {
            (Some(Service::Sqs), Protocol::Json10 | Protocol::Json11) => {
                format!("com.amazonaws.sqs#{}", shape_of(&fault.code))
            }
            _ => fault.code.to_string(),
        }
    }

    /// What an operation gave, as a form's answer.
    fn result(&self, operation: &Operation, output: &Value) -> String {
        let mut xml = String::from(xml::HEAD);
        let (answer, result) = (
            format!("{}Response", operation.name),
            format!("{}Result", operation.name),
        );
        let namespace = operation.service.namespace().unwrap_or_default();
        xml.extend(["<", &answer, " xmlns=\"", namespace, "\">"]);
        let members = output_members(&operation.output);
        if !members.is_empty() {
            xml::within(&mut xml, &result, |xml| xml::members(xml, output, members));
        }
        xml::within(&mut xml, "ResponseMetadata", |xml| {
            xml::text(xml, "RequestId", &self.id);
        });
        xml.extend(["</", &answer, ">\n"]);
        xml
    }

    /// An error, as a form's answer.
    fn error(&self, fault: &Fault) -> String {
        let mut xml = String::from(xml::HEAD);
        match self.asked.service.and_then(Service::namespace) {
            Some(namespace) => xml.extend(["<ErrorResponse xmlns=\"", namespace, "\">"]),
            None => xml.push_str("<ErrorResponse>"),
        }
        xml::within(&mut xml, "Error", |xml| {
            xml::text(xml, "Type", fault.side());
            xml::text(xml, "Code", &fault.code);
            xml::text(xml, "Message", &fault.message);
        });
        xml::text(&mut xml, "RequestId", &self.id);
        xml.push_str("</ErrorResponse>\n");
        xml
    }

    /// An error as S3 has it.
    fn storage_error(&self, fault: &Fault) -> String {
        let mut xml = String::from(xml::HEAD);
        xml::within(&mut xml, "Error", |xml| {
            xml::text(xml, "Code", &fault.code);
            xml::text(xml, "Message", &fault.message);
            xml::text(xml, "RequestId", &self.id);
        });
        xml
    }

    fn answer(&self, status: StatusCode, body: Vec<u8>, mut headers: HeaderMap) -> Response {
        let kind = match self.asked.protocol {
            Protocol::Json10 => "application/x-amz-json-1.0",
            Protocol::Json11 => "application/x-amz-json-1.1",
            Protocol::RestJson => "application/json",
            Protocol::Cbor => "application/cbor",
            Protocol::Query => "text/xml",
            Protocol::RestXml => "application/xml",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        put(&mut headers, "x-amzn-requestid", &self.id);
        if self.asked.protocol == Protocol::RestXml {
            put(&mut headers, "x-amz-request-id", &self.id);
        }
        if self.asked.protocol == Protocol::Cbor {
            put(&mut headers, "smithy-protocol", "rpc-v2-cbor");
        }
        if self.asked.service == Some(Service::DynamoDb) {
            put(&mut headers, "x-amz-crc32", &crc32fast::hash(&body).to_string());
        }
        // SDKs correct their clock by it, so it is the clock that signatures are held against.
        let date = self
            .now
            .and_then(|now| DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok());
        if let Some(date) = date {
            put(&mut headers, "date", &date);
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// What an operation gives; nothing where it gives no structure.
fn output_members(shape: &Shape) -> &'static [Member] {
    match *shape {
        Shape::Structure(members) => members,
        _ => &[],
    }
}

/// A document as JSON has it, as far as its shape names it: moments are seconds of 1970.
fn as_json(document: Value, shape: &Shape) -> Value {
    match (shape, document) {
        (Shape::Structure(members), Value::Object(mut given)) => {
            let mut taken = Object::new();
            for member in *members {
                match given.remove(member.name) {
                    None | Some(Value::Null) => {}
                    Some(value) => {
                        taken.insert(member.name.to_owned(), as_json(value, &member.shape));
                    }
                }
            }
            Value::Object(taken)
        }
        (Shape::List(list), Value::Array(items)) => {
            Value::Array(items.into_iter().map(|item| as_json(item, &list.of)).collect())
        }
        (Shape::Map(map), Value::Object(entries)) => {
            let entries = entries.into_iter().map(|(key, item)| (key, as_json(item, &map.of)));
            Value::Object(entries.collect())
        }
        (Shape::Timestamp, Value::String(text)) => match Epoch::of(&text) {
            Some(Epoch::Whole(seconds)) => Value::from(seconds),
            Some(Epoch::Parts(seconds)) => Value::from(seconds),
            None => Value::Null,
        },
        (_, document) => document,
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests;
