//! Personal data recognised by a column's name and its first values (step 3 of the specification).

use regex::Regex;

use crate::table::Column;

/// A kind of personal data.
#[derive(Debug)]
pub(super) struct PersonalData {
    pub(super) kind: &'static str,
    /// Column names, lower case.
    names: &'static [&'static str],
    pattern: &'static str,
    /// Percentage of the sample that must be exceeded.
    share: f64,
    pub(super) sensitivity: &'static str,
}

/// Non-null values that are looked at.
const SAMPLE: usize = 100;

const KINDS: &[PersonalData] = &[
    PersonalData {
        kind: "email_address",
        names: &["email", "email_address", "email_addr", "contact_email"],
        pattern: "@",
        share: 70.0,
        sensitivity: "high",
    },
    PersonalData {
        kind: "phone_number",
        names: &["phone", "phone_number", "contact_phone", "mobile", "telephone"],
        pattern: r"^[\d\s\-()+]{10,}$",
        share: 70.0,
        sensitivity: "high",
    },
    PersonalData {
        kind: "ssn",
        names: &["ssn", "social_security", "social_security_number"],
        pattern: r"^\d{3}-\d{2}-\d{4}$",
        share: 70.0,
        sensitivity: "high",
    },
    PersonalData {
        kind: "name",
        names: &["name", "full_name", "first_name", "last_name", "person_name", "customer_name"],
        pattern: "[A-Z]",
        share: 80.0,
        sensitivity: "high",
    },
    PersonalData {
        kind: "credit_card",
        names: &["credit_card", "card_number", "cc_number", "payment_card"],
        pattern: r"^\d{4}[\s-]?\d{4}[\s-]?\d{4}[\s-]?\d{4}$",
        share: 70.0,
        sensitivity: "critical",
    },
];

/// The kind of personal data in a column, if there is any.
pub(super) fn recognise(column: &Column) -> Option<&'static PersonalData> {
    let name = column.name().to_lowercase();
    let kind = KINDS.iter().find(|kind| kind.names.contains(&name.as_str()))?;
    let pattern = Regex::new(kind.pattern).ok()?;
    let values = (0..column.len()).filter_map(|row| column.cell(row).cast()).take(SAMPLE);
    let (mut matching, mut size) = (0_u32, 0_u32);
    for value in values {
        matching += u32::from(pattern.is_match(&value));
        size += 1;
    }
    // An empty sample compares as NaN, which exceeds nothing.
    (f64::from(matching) / f64::from(size) * 100.0 > kind.share).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};
    use bytes::Bytes;

    fn kind(csv: &str) -> Option<&'static str> {
        let table =
            Table::read_csv("x.csv", &Bytes::from(csv.to_owned()), ReadOptions::inferring(100)).unwrap();
        recognise(&table.columns()[0]).map(|kind| kind.kind)
    }

    #[test]
    fn every_pattern_compiles() {
        for kind in KINDS {
            assert!(Regex::new(kind.pattern).is_ok(), "{}", kind.kind);
        }
    }

    #[test]
    fn name_and_values_must_both_fit() {
        assert_eq!(kind("Email\na@b\nc@d\n\n"), Some("email_address"));
        assert_eq!(kind("mail\na@b\n"), None);
        assert_eq!(kind("email\na@b\nnone\n"), None);
        assert_eq!(kind("phone\n+49 (30) 123-456\n"), Some("phone_number"));
        assert_eq!(kind("phone\n5551234567\n"), Some("phone_number"));
        assert_eq!(kind("ssn\n123-45-6789\n"), Some("ssn"));
        assert_eq!(kind("ssn\n123-45-6789x\n"), None);
        assert_eq!(kind("card_number\n1234 5678-12345678\n"), Some("credit_card"));
        assert_eq!(kind("name\nÄnne\nbob\n"), None);
        assert_eq!(kind("name\nAnn\nBob\nCy\nDee\nEve\nfay\n"), Some("name"));
        assert_eq!(kind("email\n\n"), None);
    }
}
