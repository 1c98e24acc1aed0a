//! What a rule changes, and how much that matters (sections 3 and 4 of the specification).

use serde_json::{Map, Value, json};

use super::Settings;
use super::profile::{ColumnProfile, Profile};
use super::simulation::{Rule, Simulated};
use crate::findings::{Severity, extra};
use crate::stats::round;
use crate::table::Table;
use crate::text::{counted, fixed};

/// How much a rule changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    High,
    Medium,
    Low,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One rule, and what it would change; or why it cannot be carried out.
#[derive(Debug)]
pub(super) struct Preview {
    pub(super) rule: Rule,
    pub(super) outcome: Result<Impact, String>,
}

/// What a rule changes.
#[derive(Debug)]
pub(super) struct Impact {
    log: Vec<String>,
    rows: usize,
    width: usize,
    /// In megabytes, with two decimals.
    pub(super) memory: f64,
    memory_change: f64,
    pub(super) row_change: i64,
    /// Of the rows before, in percent, not rounded.
    pub(super) row_share: f64,
    pub(super) column_change: i64,
    /// For each column of the original: how it changes, `None` when it is gone.
    pub(super) columns: Vec<Option<ColumnChange>>,
    pub(super) level: Level,
    has_risk: bool,
    pub(super) risk_factors: Vec<String>,
}

/// How a column changes. Shares have two decimals.
#[derive(Debug)]
pub(super) struct ColumnChange {
    null_count: i64,
    null_share: f64,
    unique: i64,
    /// Of columns that are numeric and have values before and after.
    pub(super) numeric: Option<NumericChange>,
}

/// With two decimals.
#[derive(Debug)]
pub(super) struct NumericChange {
    mean: f64,
    pub(super) mean_share: f64,
    median: f64,
}

impl ColumnChange {
    fn of(before: &ColumnProfile<'_>, after: &ColumnProfile<'_>) -> Self {
        let numeric = || {
            let (old, new) = (before.mean()?, after.mean()?);
            let share = if old == 0.0 { 0.0 } else { (new - old) / old * 100.0 };
            let median = after.median()? - before.median()?;
            Some(NumericChange {
                mean: round(new - old, 2),
                mean_share: round(share, 2),
                median: round(median, 2),
            })
        };
        Self {
            null_count: difference(after.nulls, before.nulls),
            null_share: round(after.null_share - before.null_share, 2),
            unique: difference(after.unique, before.unique),
            numeric: numeric(),
        }
    }

    fn to_json(&self) -> Value {
        let mut change = extra([
            ("null_count_change", json!(self.null_count)),
            ("null_percentage_change", json!(self.null_share)),
            ("unique_count_change", json!(self.unique)),
        ]);
        if let Some(numeric) = &self.numeric {
            change.insert("mean_change".to_owned(), json!(numeric.mean));
            change.insert("mean_change_pct".to_owned(), json!(numeric.mean_share));
            change.insert("median_change".to_owned(), json!(numeric.median));
        }
        Value::Object(change)
    }
}

impl Impact {
    fn of(simulated: Simulated, original: &Profile<'_>, settings: &Settings) -> Self {
        let after = Profile::of(&simulated.table);
        let (rows, width) = (simulated.table.height(), after.columns.len());
        let row_change = difference(rows, original.table.height());
        let row_share = row_change as f64 / original.table.height() as f64 * 100.0;
        let column_change = difference(width, original.columns.len());
        let columns: Vec<Option<ColumnChange>> = original
            .columns
            .iter()
            .map(|before| {
                let position = simulated.table.position(before.column.name())?;
                after.columns.get(position).map(|after| ColumnChange::of(before, after))
            })
            .collect();
        let level = if row_share.abs() >= settings.high_impact || column_change != 0 {
            Level::High
        } else if row_share.abs() >= settings.medium_impact {
            Level::Medium
        } else {
            Level::Low
        };
        let has_risk = row_share.abs() > 20.0 || column_change < 0;
        let mut risk_factors = Vec::new();
        if row_share.abs() > 20.0 {
            risk_factors.push(format!("{} % of the rows would go.", fixed(row_share.abs(), 1)));
        }
        if column_change < 0 {
            let gone = usize::try_from(column_change.unsigned_abs()).unwrap_or(usize::MAX);
            risk_factors.push(format!("{} would go.", counted(gone, "column", "columns")));
        }
        for (before, change) in original.columns.iter().zip(&columns) {
            let numeric = change.as_ref().and_then(|change| change.numeric.as_ref());
            if let Some(numeric) = numeric.filter(|numeric| numeric.mean_share.abs() > 50.0) {
                let share = fixed(numeric.mean_share, 1);
                risk_factors.push(format!("The mean of {} would change by {share} %.", before.column.name()));
            }
        }
        Self {
            log: simulated.log,
            rows,
            width,
            memory: round(after.memory, 2),
            memory_change: round(after.memory - original.memory, 2),
            row_change,
            row_share,
            column_change,
            columns,
            level,
            has_risk,
            risk_factors,
        }
    }

    /// Whether rows or columns are lost to an extent that needs a look; a changed mean alone is no risk.
    pub(super) fn is_risky(&self) -> bool {
        self.has_risk
    }

    fn recommendations(&self) -> Vec<Value> {
        let mut list = Vec::new();
        let mut add = |priority: Severity, action: &str, reason: String| {
            list.push(json!({"priority": priority, "action": action, "reason": reason}));
        };
        if self.row_share.abs() > 10.0 {
            let share = fixed(self.row_share.abs(), 1);
            add(Severity::High, "review_data_loss", format!("{share} % of the rows would go."));
        }
        if self.has_risk {
            let factors = counted(self.risk_factors.len(), "risk", "risks");
            add(Severity::High, "create_backup", format!("The rule has {factors}: keep a copy of the file."));
        }
        if self.level == Level::Low {
            let share = fixed(self.row_share.abs(), 1);
            add(Severity::Low, "safe_to_proceed", format!("Little changes: {share} % of the rows."));
        }
        list
    }
}

impl Preview {
    /// Carries out the rule at a 0-based position and measures what it changes.
    pub(super) fn of(
        position: usize,
        given: &Value,
        table: &Table,
        original: &Profile<'_>,
        settings: &Settings,
    ) -> Self {
        let rule = Rule::of(position, given);
        let outcome = rule.simulate(given, table).map(|simulated| Impact::of(simulated, original, settings));
        Self { outcome: outcome.map_err(|error| error.to_string()), rule }
    }

    pub(super) fn to_json(&self, original: &Profile<'_>) -> Value {
        let impact = match &self.outcome {
            Ok(impact) => impact,
            Err(error) => {
                return json!({
                    "rule_id": self.rule.id,
                    "rule_description": self.rule.description,
                    "status": "error",
                    "error": error,
                });
            }
        };
        let changes: Map<String, Value> = original
            .columns
            .iter()
            .zip(&impact.columns)
            .map(|(column, change)| {
                let change =
                    change.as_ref().map_or_else(|| json!({"status": "removed"}), ColumnChange::to_json);
                (column.column.name().to_owned(), change)
            })
            .collect();
        json!({
            "rule_id": self.rule.id,
            "rule_description": self.rule.description,
            "rule_type": self.rule.kind,
            "target_columns": self.rule.targets,
            "simulation_log": impact.log,
            "original_metrics": {
                "total_rows": original.table.height(),
                "total_columns": original.columns.len(),
                "memory_mb": round(original.memory, 2),
            },
            "preview_metrics": {
                "total_rows": impact.rows,
                "total_columns": impact.width,
                "memory_mb": impact.memory,
            },
            "changes": {
                "row_change": impact.row_change,
                "row_change_percentage": round(impact.row_share, 2),
                "column_change": impact.column_change,
                "memory_change_mb": impact.memory_change,
                "column_level_changes": changes,
            },
            "impact_level": impact.level.as_str(),
            "risk_assessment": {
                "is_risky": impact.has_risk,
                "risk_level": if impact.has_risk { "high" } else { "low" },
                "risk_factors": impact.risk_factors,
            },
            "recommendations": impact.recommendations(),
        })
    }

    /// Whether it can be carried out and changes much.
    pub(super) fn is_high(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|impact| impact.level == Level::High)
    }

    /// What is wrong with the rule (section 6.1).
    pub(super) fn impact_issues(&self) -> Vec<ImpactIssue<'_>> {
        let issue = |kind, description| ImpactIssue { rule: &self.rule, kind, description, details: None };
        let impact = match &self.outcome {
            Ok(impact) => impact,
            Err(error) => return vec![issue("simulation_error", error.clone())],
        };
        let mut issues = Vec::new();
        if impact.level == Level::High {
            let description = format!(
                "The number of rows changes by {} %, that of columns by {}.",
                fixed(impact.row_share, 1),
                impact.column_change
            );
            let details =
                json!({"rows_affected": impact.row_change, "columns_affected": impact.column_change});
            issues
                .push(ImpactIssue { details: Some(details), ..issue("high_impact_operation", description) });
        }
        if impact.has_risk {
            issues.extend(impact.risk_factors.iter().map(|factor| issue("risk_detected", factor.clone())));
        }
        issues
    }
}

/// One thing that is wrong with a rule.
pub(super) struct ImpactIssue<'a> {
    pub(super) rule: &'a Rule,
    pub(super) kind: &'static str,
    pub(super) description: String,
    details: Option<Value>,
}

impl ImpactIssue<'_> {
    pub(super) fn to_json(&self) -> Value {
        let mut issue = extra([
            ("issue_type", json!(self.kind)),
            ("rule_id", self.rule.id.clone()),
            ("severity", json!(Severity::High)),
            ("description", json!(self.description)),
        ]);
        if let Some(details) = &self.details {
            issue.insert("details".to_owned(), details.clone());
        }
        Value::Object(issue)
    }
}

fn difference(after: usize, before: usize) -> i64 {
    after as i64 - before as i64
}
