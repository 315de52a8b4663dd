//! The parts of the API that are read.

use std::fmt;

/// A list endpoint, and the objects in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `/v1/subscriptions`
    Subscriptions,
    /// `/v1/subscription_items`
    SubscriptionItems,
    /// `/v1/prices`
    Prices,
    /// `/v1/coupons`
    Coupons,
    /// `/v1/customers`
    Customers,
    /// `/v1/balance_transactions`
    BalanceTransactions,
    /// `/v1/events`
    Events,
    /// `/v1/invoices`
    Invoices,
    /// `/v1/invoiceitems`
    InvoiceItems,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Subscriptions,
        Self::SubscriptionItems,
        Self::Prices,
        Self::Coupons,
        Self::Customers,
        Self::BalanceTransactions,
        Self::Events,
        Self::Invoices,
        Self::InvoiceItems,
    ];

    /// The last part of its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::SubscriptionItems => "subscription_items",
            Self::Prices => "prices",
            Self::Coupons => "coupons",
            Self::Customers => "customers",
            Self::BalanceTransactions => "balance_transactions",
            Self::Events => "events",
            Self::Invoices => "invoices",
            Self::InvoiceItems => "invoiceitems",
        }
    }

    /// The permission that reading it takes, for an answer that does not name one.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Subscriptions | Self::SubscriptionItems => "rak_subscription_read",
            Self::Prices => "rak_plan_read",
            Self::Coupons => "rak_coupon_read",
            Self::Customers => "rak_customer_read",
            Self::BalanceTransactions => "rak_balance_transaction_source_read",
            Self::Events => "rak_event_read",
            Self::Invoices | Self::InvoiceItems => "rak_invoice_read",
        }
    }
}

impl fmt::Display for Endpoint {
    /// As Stripe's dashboard names the permission.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscriptions | Self::SubscriptionItems => "Subscriptions",
            Self::Prices => "Prices",
            Self::Coupons => "Coupons",
            Self::Customers => "Customers",
            Self::BalanceTransactions => "Balance transactions",
            Self::Events => "Events",
            Self::Invoices | Self::InvoiceItems => "Invoices",
        })
    }
}
