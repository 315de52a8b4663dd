//! Invoices with their lines, and invoice items that wait for an invoice.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::connection::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing::{Listed, Listing};
use super::ranges::PAGE;

/// What is expanded of an invoice: its discounts with their coupons, and its lines' discounts, whose coupons would be a
/// level too deep in a list.
const DISCOUNTS: [&str; 2] = ["data.discounts.source.coupon", "data.lines.data.discounts"];

/// The rest of an invoice's lines.
#[derive(Deserialize)]
struct Lines {
    data: Vec<Box<RawValue>>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Head {
    id: String,
}

impl Client {
    /// Every invoice created from `from` on (Unix seconds), with its first lines. Read side by side.
    pub fn invoices<I>(&self, from: i64) -> Listing<I>
    where
        I: DeserializeOwned + Listed + Send + 'static,
    {
        let expand = DISCOUNTS.iter().map(|path| ("expand[]", (*path).to_owned())).collect();
        self.list_side_by_side(Endpoint::Invoices, expand, Some(from), None)
    }

    /// The invoice items that are on no invoice yet.
    pub fn pending_invoice_items<I>(&self) -> Listing<I>
    where
        I: DeserializeOwned + Listed + Send + 'static,
    {
        self.list(Endpoint::InvoiceItems, vec![("pending", "true".to_owned())])
    }

    /// The lines of an invoice behind `after`, as JSON.
    ///
    /// # Errors
    /// As every read.
    pub async fn invoice_lines(&self, invoice: &str, after: &str) -> Result<Vec<Box<RawValue>>, Error> {
        let mut all = Vec::new();
        let mut after = after.to_owned();
        loop {
            let mut url = self.url(Endpoint::Invoices, Some(invoice), &Vec::new());
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.push("lines");
            }
            url.query_pairs_mut()
                .append_pair("limit", &PAGE.to_string())
                .append_pair("starting_after", &after)
                .append_pair("expand[]", "data.discounts");
            let page: Lines = self
                .tries(Endpoint::Invoices, false, || self.get(Endpoint::Invoices, url.clone()))
                .await?;
            let last = page
                .data
                .last()
                .and_then(|line| serde_json::from_str::<Head>(line.get()).ok());
            all.extend(page.data);
            match last {
                Some(last) if page.has_more => after = last.id,
                _ => return Ok(all),
            }
        }
    }
}
