//! Rows of purchases and the customers that they belong to (section 4 of the specification, steps 1 to 5).

use chrono::{Datelike, Days, NaiveDate};
use hashbrown::HashMap;
use polars::prelude::StringChunked;

use super::Timeframe;
use crate::agent::AgentError;
use crate::agents::analytics;
use crate::table::Column;

/// The rows of the file.
pub(super) struct Rows<'a> {
    /// The columns of ids, dates and values.
    pub(super) columns: [&'a Column; 3],
    pub(super) ids: StringChunked,
    pub(super) dates: Vec<Option<NaiveDate>>,
    pub(super) values: Vec<Option<f64>>,
    pub(super) count: usize,
    /// Rows without an id, a date or a number.
    pub(super) invalid: usize,
}

/// The days that count, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: NaiveDate,
    pub(super) end: NaiveDate,
}

/// One customer's purchases in the time frame.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) id: String,
    /// Number of rows.
    pub(super) frequency: usize,
    /// Sum of the values.
    pub(super) monetary: f64,
    pub(super) last: NaiveDate,
    /// From the last purchase to the end of the time frame.
    pub(super) recency_days: i64,
}

impl<'a> Rows<'a> {
    pub(super) fn read(columns: [&'a Column; 3]) -> Result<Self, AgentError> {
        let [id, date, value] = columns;
        let dates = analytics::instants(date)?;
        let dates = dates.into_iter().map(|instant| instant.map(|instant| instant.date())).collect();
        let mut rows = Self {
            columns,
            ids: analytics::texts(id)?,
            dates,
            values: analytics::numbers(value)?,
            count: id.len(),
            invalid: 0,
        };
        rows.invalid = rows.count - rows.valid().count();
        if rows.invalid == rows.count {
            let reason = format!("none of {} rows has an id, a date and a number", rows.count);
            return Err(AgentError::Computation { step: "looking for valid rows", reason });
        }
        Ok(rows)
    }

    /// Rows that have everything.
    fn valid(&self) -> impl Iterator<Item = (&str, NaiveDate, f64)> {
        let rows = self.ids.iter().zip(&self.dates).zip(&self.values);
        rows.filter_map(|((id, date), value)| Some((id.filter(|id| !id.is_empty())?, (*date)?, (*value)?)))
    }

    /// The days that count. Without two given ones, the latest date of the file is the last.
    pub(super) fn window(&self, timeframe: Timeframe) -> Result<Window, AgentError> {
        let end = self.dates.iter().flatten().max().copied();
        let window = end.and_then(|end| match timeframe {
            Timeframe::Between(start, end) => Some(Window { start, end }),
            Timeframe::YearToDate => Some(Window { start: NaiveDate::from_ymd_opt(end.year(), 1, 1)?, end }),
            Timeframe::LastTwelveMonths => Some(Window { start: end.checked_sub_days(Days::new(365))?, end }),
        });
        window.ok_or_else(|| AgentError::Computation {
            step: "finding the time frame",
            reason: "there is no date".to_owned(),
        })
    }

    /// Customers with a purchase in the time frame, by id.
    pub(super) fn customers(&self, window: Window) -> Vec<Customer> {
        let mut positions: HashMap<&str, usize> = HashMap::new();
        let mut customers: Vec<Customer> = Vec::new();
        for (id, date, value) in
            self.valid().filter(|(_, date, _)| (window.start..=window.end).contains(date))
        {
            let position = *positions.entry(id).or_insert_with(|| {
                let (frequency, monetary, recency_days) = (0, 0.0, 0);
                customers.push(Customer { id: id.to_owned(), frequency, monetary, last: date, recency_days });
                customers.len() - 1
            });
            if let Some(customer) = customers.get_mut(position) {
                customer.frequency += 1;
                customer.monetary += value;
                customer.last = customer.last.max(date);
            }
        }
        for customer in &mut customers {
            customer.recency_days = (window.end - customer.last).num_days();
        }
        customers.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        customers
    }
}
