//! Exact numbers as decimals.

use super::money::{OutOfRange, Total};

impl Total {
    /// The number rounded to `places` after the point, halves away from zero; as a fraction where that is too large.
    pub fn decimal(&self, places: u32) -> String {
        self.shifted(i32::try_from(places).unwrap_or(i32::MAX), places)
            .unwrap_or_else(|_| self.to_string())
    }

    /// `self × 10^digits` rounded to a whole number, halves away from zero, with a point before its last `places` digits:
    /// cents as dollars with 0 and 2, a part as a percentage with 4 and 2.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn shifted(&self, digits: i32, places: u32) -> Result<String, OutOfRange> {
        let rounded = self.scaled(&Self::from(1), digits).rounded()?;
        let sign = if rounded < 0 { "-" } else { "" };
        let text = rounded.unsigned_abs().to_string();
        let places = places as usize;
        if places == 0 {
            return Ok(format!("{sign}{text}"));
        }
        let text = format!("{text:0>width$}", width = places + 1);
        let (whole, rest) = text.split_at(text.len() - places);
        Ok(format!("{sign}{whole}.{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Exact;

    #[test]
    fn a_point_stands_where_it_should() {
        let total = |text: &str| Total::from(text.parse::<Exact>().unwrap());
        let cents = |text: &str| total(text).shifted(0, 2).unwrap();
        assert_eq!([cents("5"), cents("-150"), cents("2/3")], ["0.05", "-1.50", "0.01"]);
        assert_eq!(total("19/20").shifted(4, 2).unwrap(), "95.00");
        assert_eq!(
            (total("1/3").decimal(6), total("-7").decimal(0)),
            ("0.333333".to_owned(), "-7".to_owned())
        );
    }
}
