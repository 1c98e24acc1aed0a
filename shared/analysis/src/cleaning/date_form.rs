//! How dates are written (field-standardization, section 4): forms as `strftime` of Python's library has them.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// A `strftime` form, as Python's library understands it.
#[derive(Debug, Clone)]
pub struct DateForm {
    items: Vec<Item<'static>>,
}

impl DateForm {
    /// Reads a form. What is no directive stands for itself.
    pub fn new(form: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = form;
        while let Some(at) = rest.find('%') {
            let (before, directive) = rest.split_at(at);
            items.push(literal(before));
            let length = directive_length(directive);
            let (directive, behind) = directive.split_at_checked(length).unwrap_or((directive, ""));
            match directive {
                // Microseconds, and the zone of a time without one.
                "%f" => items.push(literal("000000")),
                "%z" | "%Z" | "%:z" => {}
                // Others of this library's own mean nothing to Python.
                "%v" | "%q" | "%+" => items.push(literal(directive)),
                _ => {
                    let mut parsed = StrftimeItems::new(directive).map(Item::to_owned).collect::<Vec<_>>();
                    if parsed.iter().any(|item| matches!(item, Item::Error)) {
                        parsed = vec![literal(directive)];
                    }
                    items.append(&mut parsed);
                }
            }
            rest = behind;
        }
        items.push(literal(rest));
        Self { items }
    }

    /// The date at midnight in this form; years have four digits.
    pub fn write(&self, date: NaiveDate) -> String {
        let mut written = String::new();
        let time = NaiveDateTime::new(date, NaiveTime::MIN);
        // Items that a date without zone cannot fill have been left out.
        // Writing to a text does not fail otherwise.
        let _ = write!(written, "{}", time.format_with_items(self.items.iter()));
        written
    }
}

fn literal(text: &str) -> Item<'static> {
    Item::OwnedLiteral(text.into())
}

/// `%`, flags, and one letter.
fn directive_length(directive: &str) -> usize {
    let mut length = 0;
    for (at, letter) in directive.char_indices() {
        length = at + letter.len_utf8();
        if at > 0 && !matches!(letter, '-' | '_' | '0' | ':') {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_that_are_written() {
        let date = NaiveDate::from_ymd_opt(999, 3, 4).unwrap();
        for (form, written) in [
            ("%Y-%m-%d", "0999-03-04"),
            ("%d %b %Y", "04 Mar 0999"),
            ("%-d.%-m.%y", "4.3.99"),
            ("%A, %e %B", "Monday,  4 March"),
            ("%Y%m%dT%H%M%S.%f%z", "09990304T000000.000000"),
            ("%I %p %j %%", "12 AM 063 %"),
            ("%Q%", "%Q%"),
            ("é%", "é%"),
            ("%é", "%é"),
            ("%-", "%-"),
            ("%+%v", "%+%v"),
            ("", ""),
        ] {
            assert_eq!(DateForm::new(form).write(date), written, "{form}");
        }
    }

    proptest! {
        #[test]
        fn any_form_is_written(form in "[%a-zA-Z0-9:é.#_^+-]{0,12}") {
            DateForm::new(&form).write(NaiveDate::from_ymd_opt(1, 1, 1).unwrap());
        }
    }
}
