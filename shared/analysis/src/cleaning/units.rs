//! Amounts in one unit (field-standardization, section 4).

use regex::{Regex, RegexBuilder, escape};

use crate::text::{Cell, to_float};

/// A unit and what is made of it.
#[derive(Debug, Clone)]
pub struct Unit {
    amount: Regex,
    factor: f64,
    target: String,
}

/// The pattern of a unit is too large to be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the unit's name is too long to be searched for")]
pub struct UnitTooLong;

impl Unit {
    /// Amounts in unit `name`, in any case and taken literally, times `factor` are amounts in unit `target`.
    ///
    /// # Errors
    /// For a name of many thousand characters.
    pub fn new(name: &str, factor: f64, target: &str) -> Result<Self, UnitTooLong> {
        let amount = RegexBuilder::new(&format!(r"([0-9]+(?:\.[0-9]+)?)\s*{}", escape(name)))
            .case_insensitive(true)
            .build()
            .map_err(|_| UnitTooLong)?;
        Ok(Self { amount, factor, target: target.to_owned() })
    }

    /// The text in the target unit, if it holds an amount in this one: what stands around the amount is dropped, a
    /// sign too.
    pub fn convert(&self, text: &str) -> Option<String> {
        if !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let amount = to_float(self.amount.captures(text)?.get(1)?.as_str())?;
        Some(format!("{} {}", Cell::Float(amount * self.factor).display(), self.target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_amount_in_the_unit_is_converted() {
        let cases = [
            ("ft", 12.0, "in", "5 FT", Some("60.0 in")),
            ("ft", 12.0, "in", "-5ft tall", Some("60.0 in")),
            ("m", 1.0, "m", "5 miles", Some("5.0 m")),
            ("kg", 0.1, "x", "3kg", Some("0.30000000000000004 x")),
            ("kg", 1e17, "x", "3 kg", Some("3e+17 x")),
            ("kg", 1e-6, "x", "3 kg", Some("3e-06 x")),
            ("m", 2.0, "x", "1.5.3 m", Some("10.6 x")),
            ("m", 2.0, "x", "1e5 m", Some("10.0 x")),
            ("m", 2.0, "x", "7 . 5\u{a0}m", Some("10.0 x")),
            ("m", 2.0, "x", "5. m", None),
            ("m", 2.0, "x", "m 5", None),
            (".", 2.0, "x", "5.", Some("10.0 x")),
            (".*", 2.0, "x", "5 m", None),
            ("", 2.0, "x", "about 5", Some("10.0 x")),
        ];
        for (name, factor, target, text, converted) in cases {
            let unit = Unit::new(name, factor, target).unwrap();
            assert_eq!(unit.convert(text).as_deref(), converted, "{text}");
        }
    }

    #[test]
    fn huge_names_and_huge_amounts() {
        assert_eq!(Unit::new(&"m".repeat(1_000_000), 1.0, "").unwrap_err(), UnitTooLong);
        let unit = Unit::new("m", 10.0, "m").unwrap();
        assert_eq!(unit.convert(&format!("{} m", "9".repeat(400))).as_deref(), Some("inf m"));
    }
}
