//! MRR by day, and who moved it.

use axum::response::Json;
use cc_devops_kernel::paging::Cursor;
use cc_devops_revenue::customer_movements::{MovementFilter, date_at, days_or_usual, place};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::{checked_cursor, checked_limit};
use crate::access::{Permitted, ReadRevenue};
use crate::extract::Query;
use crate::problem::Problem;
use crate::wire::{DayPage, DayView, KindName, MovementPage, MovementView};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Days {
    /// The first day; without, 90 days before the last.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; without, today.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// How many rows a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next` of the page before.
    #[param(minimum = 0)]
    cursor: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Movements {
    /// The first day; without, 90 days before the last.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; without, today.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// Only movements of this kind.
    #[param(inline)]
    kind: Option<KindName>,
    /// Only this customer's.
    #[param(min_length = 1, max_length = 255)]
    customer: Option<String>,
    /// How many rows a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next` of the page before.
    #[param(minimum = 0)]
    cursor: Option<i64>,
}

/// The days that are asked for, both inclusive.
fn range(permitted: &Permitted<ReadRevenue>, from: Option<Date>, to: Option<Date>) -> (Date, Date) {
    days_or_usual(from, to, permitted.today())
}

/// Lists MRR by day, oldest first
#[utoipa::path(
    get, path = "/v1/revenue/days", tag = "revenue", params(Days),
    responses((status = 200, description = "One page", body = DayPage)),
)]
pub(crate) async fn list_revenue_days(
    permitted: Permitted<ReadRevenue>,
    Query(query): Query<Days>,
) -> Result<Json<DayPage>, Problem> {
    let limit = checked_limit(query.limit)?;
    let after = checked_cursor("cursor", query.cursor)?;
    let (from, until) = range(&permitted, query.from, query.to);
    // Days before the page's are not read again.
    let from = after.map_or(from, |after| from.max(date_at(after)));
    let mut days = permitted.revenue().days(from, until).await?;
    days.retain(|day| after.is_none_or(|after| place(day.date, 0) > after));
    let more = days.len() > limit;
    days.truncate(limit);
    Ok(Json(DayPage {
        next: days.last().filter(|_| more).map(|day| place(day.date, 0).0),
        days: days.into_iter().map(DayView::from).collect(),
    }))
}

/// Lists which customers moved MRR, oldest day first
#[utoipa::path(
    get, path = "/v1/revenue/movements", tag = "revenue", params(Movements),
    responses((status = 200, description = "One page", body = MovementPage)),
)]
pub(crate) async fn list_revenue_movements(
    permitted: Permitted<ReadRevenue>,
    Query(query): Query<Movements>,
) -> Result<Json<MovementPage>, Problem> {
    let limit = checked_limit(query.limit)?;
    let after: Option<Cursor> = checked_cursor("cursor", query.cursor)?;
    if query
        .customer
        .as_ref()
        .is_some_and(|id| id.is_empty() || id.len() > 255)
    {
        return Err(Problem::invalid("`customer` must have 1 to 255 characters"));
    }
    let (from, until) = range(&permitted, query.from, query.to);
    let wanted = MovementFilter {
        from,
        until,
        kind: query.kind.map(Into::into),
        customer: query.customer,
    };
    let page = permitted.movements(&wanted, after, limit).await?;
    Ok(Json(MovementPage {
        movements: page.movements.items.into_iter().map(MovementView::from).collect(),
        days_without_movements: page.covered.days_without_movements,
        next: page.movements.next.map(|cursor| cursor.0),
    }))
}
