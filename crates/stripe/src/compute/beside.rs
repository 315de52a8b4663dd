//! Files that stand beside subscriptions: prices, coupons, customers, in every form that subscriptions have.

use std::io::BufRead;

use cc_devops_revenue::model::Catalog;

use super::ComputeError;
use super::source::{Block, Source};
use crate::objects::{is_another, read_coupon, read_customer, read_price, without_place};

/// Adds the prices of a file to a catalog.
///
/// # Errors
/// [`ComputeError`].
pub fn read_prices(input: impl BufRead, catalog: &mut Catalog) -> Result<(), ComputeError> {
    each(input, "price", &["price", "plan"], |json| {
        catalog.add_price(read_price(json)?);
        Ok(())
    })
}

/// Adds the coupons of a file to a catalog.
///
/// # Errors
/// [`ComputeError`].
pub fn read_coupons(input: impl BufRead, catalog: &mut Catalog) -> Result<(), ComputeError> {
    each(input, "coupon", &["coupon"], |json| {
        catalog.add_coupon(read_coupon(json)?);
        Ok(())
    })
}

/// Adds the customers of a file, with their own discounts, to a catalog.
///
/// # Errors
/// [`ComputeError`].
pub fn read_customers(input: impl BufRead, catalog: &mut Catalog) -> Result<(), ComputeError> {
    each(input, "customer", &["customer"], |json| {
        let customer = read_customer(json)?;
        catalog.add_customer(&customer.id, customer.discounts, customer.country.as_deref());
        Ok(())
    })
}

fn each(
    input: impl BufRead,
    what: &'static str,
    objects: &[&str],
    mut add: impl FnMut(&[u8]) -> Result<(), serde_json::Error>,
) -> Result<(), ComputeError> {
    let (mut source, mut block, mut number) = (Source::open(input)?, Block::default(), 0_u64);
    while source.fill(&mut block)? {
        for object in block.objects().made {
            number += 1;
            let added = match is_another(object.json(), objects) {
                Some(other) => Err(format!("it is {other}")),
                None => add(object.json()).map_err(|error| without_place(&error)),
            };
            added.map_err(|why| ComputeError::Entry {
                what,
                place: match object.line() {
                    0 => format!("number {number} of the file"),
                    line => format!("on line {line}"),
                },
                why,
            })?;
        }
    }
    Ok(())
}
