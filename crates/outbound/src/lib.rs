#![doc = include_str!("../README.md")]

mod address;
mod answer;
mod client;
pub mod egress;
mod error;
mod hold;
pub mod loopback;
mod request;
mod retry;
mod retry_after;

pub use http::{HeaderMap, Method, StatusCode, header};
pub use url::Url;

pub use address::{AddressError, PlainHttp, address, base_address};
pub use answer::{Answer, header_text};
pub use client::{Certificates, HttpClient, HttpOptions, Trust};
pub use egress::{Guard, Refused};
pub use error::{Cause, Error, is_tls_error};
pub use hold::Hold;
pub use request::{Request, bearer};
pub use retry::{Failure, Retries, may_pass};
pub use retry_after::{parse_retry_after, retry_after};
