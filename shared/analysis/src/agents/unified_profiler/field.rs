//! The figures of one column (steps 1 to 10 of the specification).

use serde_json::{Map, Value, json};

use super::personal::{self, PersonalData};
use crate::stats::{Fences, Ranking, entropy, percentage, round};
use crate::table::{Cells, Column, Distinct, Group, Kind};

/// Bytes that make a text more than alphanumeric.
const SPECIAL: &[u8] = b"!@#$%^&*()_+=[]{};:'\",.<>?/\\|`~-";

/// A column with its figures. Percentages and scores are rounded to 2 digits unless said otherwise: all later
/// comparisons use the rounded figures (step 11).
pub(super) struct Field<'a> {
    pub(super) column: &'a Column,
    pub(super) null_count: usize,
    /// Percentage of nulls, not rounded.
    pub(super) null_share: f64,
    pub(super) null_percentage: f64,
    unique_count: usize,
    pub(super) unique_percentage: f64,
    personal: Option<&'static PersonalData>,
    pub(super) quality_score: f64,
    pub(super) completeness: f64,
    pub(super) validity: f64,
    pub(super) consistency: f64,
    pub(super) numeric: Option<Numeric<'a>>,
    /// Absent without a value.
    statistics: Option<Value>,
    top_values: Vec<Group>,
}

/// Further figures of an integer or float column with a value.
pub(super) struct Numeric<'a> {
    pub(super) ranking: &'a Ranking,
    /// Bounds beyond which a value is an outlier.
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) outlier_count: usize,
    /// Of all rows, rounded.
    pub(super) outlier_percentage: f64,
    /// Mean and standard deviation, when the values differ and are finite.
    pub(super) spread: Option<(f64, f64)>,
}

impl<'a> Field<'a> {
    pub(super) fn measure(column: &'a Column, top_n_values: i64, outlier_iqr_multiplier: f64) -> Self {
        let rows = column.len();
        let null_share = percentage(column.null_count(), rows);
        let distinct = column.distinct();
        let unique_count = distinct.count_with_null();
        let numeric = Numeric::measure(column, outlier_iqr_multiplier);
        let completeness = 100.0 - null_share;
        let outlier_share = numeric.as_ref().map_or(0.0, |numeric| percentage(numeric.outlier_count, rows));
        let validity = 100.0 - outlier_share.min(20.0);
        let consistency = if unique_count > 1 { 100.0 } else { 50.0 };
        Self {
            column,
            null_count: column.null_count(),
            null_share,
            null_percentage: round(null_share, 2),
            unique_count,
            unique_percentage: round(percentage(unique_count, rows), 2),
            personal: personal::recognise(column),
            quality_score: round((completeness + validity + consistency) / 3.0, 2),
            completeness: round(completeness, 2),
            validity: round(validity, 2),
            consistency,
            statistics: match &numeric {
                Some(numeric) => Some(numeric.statistics(column)),
                None => text_statistics(column),
            },
            numeric,
            top_values: distinct.most_frequent(list_length(top_n_values, distinct)),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.column.name()
    }

    /// Rounded percentage of outliers; 0 for columns that are not numeric.
    pub(super) fn outlier_percentage(&self) -> f64 {
        self.numeric.as_ref().map_or(0.0, |numeric| numeric.outlier_percentage)
    }

    pub(super) fn has_low_cardinality(&self) -> bool {
        self.unique_percentage < 5.0
    }

    pub(super) fn has_high_cardinality(&self) -> bool {
        self.unique_percentage > 95.0 && self.null_percentage < 10.0
    }

    pub(super) fn to_json(&self) -> Value {
        let kind = match self.column.kind() {
            Kind::Text => "string",
            Kind::Integer => "integer",
            Kind::Float => "float",
            Kind::Boolean => "boolean",
            other => other.engine_name(),
        };
        let mut field = json!({
            "field_id": self.name(),
            "field_name": self.name(),
            "data_type": kind,
            "semantic_type": kind,
            "properties": {
                "null_count": self.null_count,
                "null_percentage": self.null_percentage,
                "unique_count": self.unique_count,
                "unique_percentage": self.unique_percentage,
                "is_primary_key": false,
                "is_foreign_key": false,
                "estimated_pii_type": self.personal.map(|personal| personal.kind),
                "estimated_sensitivity_level": self.personal.map_or("low", |personal| personal.sensitivity),
            },
            "quality_score": self.quality_score,
            "quality_indicators": {
                "completeness_score": self.completeness,
                "uniqueness_score": self.unique_percentage,
                "validity_score": self.validity,
                "consistency_score": self.consistency,
            },
        });
        if let Value::Object(field) = &mut field {
            if let Some(statistics) = &self.statistics {
                field.insert("statistics".to_owned(), statistics.clone());
            }
            field.insert("distribution".to_owned(), self.distribution());
        }
        field
    }

    fn distribution(&self) -> Value {
        let top_values: Vec<Value> = self
            .top_values
            .iter()
            .map(|group| {
                json!({
                    "value": self.column.cell(group.first_row as usize).display(),
                    "count": group.count,
                    "percentage": round(percentage(group.count as usize, self.column.len()), 2),
                })
            })
            .collect();
        json!({"type": if top_values.len() > 1 { "non_uniform" } else { "uniform" }, "top_values": top_values})
    }
}

/// How many of the most frequent values are listed; a negative wish leaves out as many of the rarest.
fn list_length(wish: i64, distinct: &Distinct) -> usize {
    let all = distinct.count_with_null();
    let length = usize::try_from(wish.unsigned_abs()).unwrap_or(usize::MAX);
    if wish < 0 { all.saturating_sub(length) } else { length.min(all) }
}

impl<'a> Numeric<'a> {
    fn measure(column: &'a Column, outlier_iqr_multiplier: f64) -> Option<Self> {
        let ranking = column.ranking()?;
        let Fences { lower, upper, .. } = Fences::of(ranking, outlier_iqr_multiplier)?;
        let outlier_count = ranking.count_outside(lower, upper);
        let moments = column.moments()?;
        Some(Self {
            ranking,
            lower,
            upper,
            outlier_count,
            outlier_percentage: round(percentage(outlier_count, column.len()), 2),
            spread: moments.std().filter(|std| *std > 0.0).map(|std| (moments.mean, std)),
        })
    }

    fn statistics(&self, column: &Column) -> Value {
        let ranking = self.ranking;
        let moments = column.moments();
        let std = moments.and_then(|moments| moments.std());
        let mut statistics = Map::new();
        statistics.insert("type".to_owned(), json!("numeric"));
        statistics.insert("count".to_owned(), json!(ranking.count()));
        for (key, figure) in [
            ("min", ranking.min()),
            ("max", ranking.max()),
            ("mean", moments.map(|moments| moments.mean)),
            ("median", ranking.median()),
            ("stddev", std),
            ("variance", moments.and_then(|moments| moments.variance)),
            ("p25", ranking.quantile(0.25)),
            ("p50", ranking.quantile(0.5)),
            ("p75", ranking.quantile(0.75)),
            ("skewness", moments.map(|moments| moments.skewness)),
            ("kurtosis", moments.map(|moments| moments.kurtosis)),
        ] {
            statistics
                .insert(key.to_owned(), json!(figure.filter(|figure| figure.is_finite()).unwrap_or(0.0)));
        }
        statistics.insert("outlier_count".to_owned(), json!(self.outlier_count));
        statistics.insert("outlier_percentage".to_owned(), json!(self.outlier_percentage));
        statistics.insert("entropy".to_owned(), json!(value_entropy(column)));
        Value::Object(statistics)
    }
}

fn value_entropy(column: &Column) -> f64 {
    entropy(column.distinct().groups().map(|group| group.count))
}

fn text_statistics(column: &Column) -> Option<Value> {
    let facts = column.text_facts()?;
    let special = has_special(column);
    Some(json!({
        "type": "string",
        "min_length": facts.min_length,
        "max_length": facts.max_length,
        "avg_length": round(facts.total_length as f64 / column.value_count() as f64, 2),
        "entropy": round(value_entropy(column), 2),
        "charset_diversity": if special { vec!["alphanumeric", "special"] } else { vec!["alphanumeric"] },
    }))
}

/// Whether the cast text of any value has one of the special characters.
fn has_special(column: &Column) -> bool {
    let is_special: [bool; 256] =
        std::array::from_fn(|byte| u8::try_from(byte).is_ok_and(|byte| SPECIAL.contains(&byte)));
    let special =
        |text: &str| text.bytes().any(|byte| is_special.get(usize::from(byte)).copied().unwrap_or(false));
    match column.cells() {
        Cells::Text(cells) => cells.iter().flatten().any(special),
        // Distinct values stand for all.
        _ => column
            .distinct()
            .groups()
            .any(|group| column.cell(group.first_row as usize).cast().is_some_and(|text| special(&text))),
    }
}
