//! Whatever comes in the place of the Bank's file: it is one day's rates, or is refused.

use cc_devops_rates::read;
use cc_devops_testkit::fuzz::Fuzz;
use jiff::civil::date;

const FILE: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube><Cube time='2026-03-02'><Cube currency='USD' rate='1.0842'/><Cube currency='JPY' rate='163.05'/></Cube></Cube>
</gesmes:Envelope>"#;
const OTHER: &[u8] = b"<!DOCTYPE a [<!ENTITY b '&b;&b;'>]><E><Cube><Cube time='2026-03-01'><!-- - --><Cube currency='\
                       &#85;SD' rate='&b;'></Cube><![CDATA[<Cube>]]></Cube></Cube></E>";

#[test]
fn a_daily_file_of_any_bytes_is_one_days_rates_or_is_refused() {
    let today = date(2026, 3, 2);
    Fuzz::new().run(&[FILE, OTHER], |bytes| {
        match read(&String::from_utf8_lossy(bytes), today) {
            Ok(rates) => assert!(rates.date().is_some_and(|day| day <= today)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
