//! What is done with the listed outliers (section 4 of the specification).

use super::columns::Measured;
use crate::agent::AgentError;
use crate::agents::cleaned;
use crate::cleaning::{ImputeError, replace_numbers};
use crate::table::{Column, Table};

/// `removal_strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    Remove,
    ImputeMean,
    ImputeMedian,
    Report,
}

impl Strategy {
    pub(super) fn named(word: &str) -> Self {
        match word {
            "remove" => Self::Remove,
            "impute_mean" => Self::ImputeMean,
            "impute_median" => Self::ImputeMedian,
            _ => Self::Report,
        }
    }

    pub(super) fn issue_type(self) -> &'static str {
        match self {
            Self::Remove => "outlier_removed",
            Self::ImputeMean | Self::ImputeMedian => "outlier_imputed",
            Self::Report => "outlier_detected",
        }
    }

    pub(super) fn action_taken(self) -> Option<&'static str> {
        match self {
            Self::Remove => Some("removed"),
            Self::ImputeMean => Some("imputed_mean"),
            Self::ImputeMedian => Some("imputed_median"),
            Self::Report => None,
        }
    }

    /// The table afterwards.
    pub(super) fn apply(self, table: &Table, columns: &[Measured<'_>]) -> Result<Table, AgentError> {
        if self == Self::Remove {
            let mut keep = vec![true; table.height()];
            for outlier in columns.iter().flat_map(|measured| &measured.outliers.first) {
                if let Some(keep) = keep.get_mut(outlier.row) {
                    *keep = false;
                }
            }
            return table.filtered(keep).map_err(cleaned::engine("removing the rows of outliers"));
        }
        // The measured columns come in the order of the table.
        let mut measured = columns.iter().peekable();
        let treated = table.columns().iter().map(|column| {
            match measured.next_if(|measured| measured.name() == column.name()) {
                Some(measured) => self.imputed(measured),
                None => Ok(column.share()),
            }
        });
        let treated = treated.collect::<Result<_, _>>().map_err(cleaned::engine("replacing outliers"))?;
        Table::of_columns(table.name(), treated).map_err(cleaned::engine("putting columns together"))
    }

    fn imputed(self, measured: &Measured<'_>) -> Result<Column, ImputeError> {
        let column = measured.column;
        let value = match self {
            Self::ImputeMean => column.moments().map(|moments| moments.mean),
            Self::ImputeMedian => column.ranking().and_then(|ranking| ranking.median()),
            Self::Remove | Self::Report => None,
        };
        match value.filter(|_| measured.outliers.count > 0) {
            Some(value) => {
                let rows = measured.outliers.first.iter().map(|outlier| outlier.row);
                replace_numbers(column, rows, value)
            }
            None => Ok(column.share()),
        }
    }
}
