//! Alerts, issues, recommendations and summary (section 6 of the specification).

use serde_json::json;

use super::outcome::{Kind, Outcome};
use super::rows::NO_COLUMN;
use super::{Coverage, ID, Status};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, RowIssue, Severity, SummaryItem, extra, first_names,
};
use crate::text::{counted, fixed};

/// Most issues that come from tests.
const ISSUES: usize = 100;

const KINDS: [Kind; 3] = [Kind::Uniqueness, Kind::Range, Kind::Format];

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Uniqueness => "uniqueness",
            Self::Range => "range",
            Self::Format => "format",
        }
    }

    /// What stands for the columns where none is to be named.
    fn any_field(self) -> &'static str {
        match self {
            Self::Uniqueness => "primary_key_fields",
            Self::Range => "numeric_fields",
            Self::Format => "text_fields",
        }
    }
}

pub(super) fn collect(
    coverage: &Coverage,
    outcomes: &[Outcome<'_>],
    row_level_issues: Vec<RowIssue>,
) -> Findings {
    let told: Vec<&Outcome<'_>> = outcomes.iter().filter(|outcome| outcome.issue_type().is_some()).collect();
    Findings {
        alerts: alerts(coverage, &told),
        issues: issues(coverage, &told),
        recommendations: recommendations(coverage, &told),
        executive_summary: vec![SummaryItem::new(
            "exec_test_coverage",
            "Test Coverage",
            fixed(coverage.overall, 1),
            coverage.status.word(),
            format!(
                "The tests reach {} of 100 points; {}.",
                fixed(coverage.overall, 1),
                counted(told.len(), "finding came up", "findings came up")
            ),
        )],
        ai_analysis_text: summary_lines(coverage, &told),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues).without_column(NO_COLUMN),
        row_level_issues,
    }
}

/// Tests of one kind that found violations or a missing column.
fn count(told: &[&Outcome<'_>], kind: Kind) -> usize {
    let of_kind = told.iter().filter(|outcome| outcome.kind() == kind);
    of_kind.filter(|outcome| outcome.issue_type() != Some("invalid_regex_pattern")).count()
}

fn alerts(coverage: &Coverage, told: &[&Outcome<'_>]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let overall = coverage.overall;
    let score = fixed(overall, 1);
    if coverage.status != Status::Excellent {
        let severity = match coverage.status {
            Status::NeedsImprovement if overall < 60.0 => Severity::Critical,
            Status::NeedsImprovement => Severity::High,
            Status::Good | Status::Excellent => Severity::Medium,
        };
        alerts.push(Alert::new(
            "alert_test_coverage_001_overall",
            severity,
            "test_coverage",
            told.len(),
            format!(
                "Test coverage is {score} of 100 ({}); {}.",
                coverage.status.word(),
                counted(told.len(), "finding came up", "findings came up")
            ),
            "Correct the columns with violations, and the names of columns that do not exist.",
        ));
    }
    for kind in KINDS {
        alerts.extend(kind_alert(coverage, told, kind));
    }
    let scores = KINDS.map(|kind| (kind, coverage.of_kind(kind)));
    let greatest = scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let lowest = scores.into_iter().reduce(|lowest, next| if next.1 < lowest.1 { next } else { lowest });
    if let Some((kind, least)) = lowest.filter(|(_, least)| greatest - least > 20.0) {
        alerts.push(Alert::new(
            "alert_test_dimension_imbalance",
            Severity::Medium,
            "test_completeness",
            1,
            format!(
                "The lowest score is that of {} tests, {}; the highest is {}.",
                kind.word(),
                fixed(least, 1),
                fixed(greatest, 1)
            ),
            "Work on the kind of tests with the lowest score first.",
        ));
    }
    if overall < 75.0 {
        alerts.push(Alert::new(
            "alert_test_edge_case_gaps",
            Severity::Medium,
            "test_completeness",
            0,
            format!("At a score of {score}, extreme and empty values are probably not covered."),
            "Add tests for empty values, extremes and unusual formats.",
        ));
    }
    if overall >= 85.0 {
        alerts.push(Alert::new(
            "alert_test_coverage_good",
            Severity::Low,
            "test_quality",
            0,
            format!("The tests reach {score} of 100 points."),
            "Keep the tests, and run them after each change of the source.",
        ));
    }
    alerts
}

fn kind_alert(coverage: &Coverage, told: &[&Outcome<'_>], kind: Kind) -> Option<Alert> {
    let (weak, strong, category) = match kind {
        Kind::Uniqueness => {
            ("alert_test_uniqueness_coverage", "alert_test_uniqueness_excellent", "uniqueness_tests")
        }
        Kind::Range => ("alert_test_range_coverage", "alert_test_range_excellent", "range_tests"),
        Kind::Format => ("alert_test_format_coverage", "alert_test_format_excellent", "format_tests"),
    };
    let score = coverage.of_kind(kind);
    let shown = fixed(score, 1);
    if score < 80.0 {
        let severity = match (kind, score < 60.0) {
            (Kind::Uniqueness, true) => Severity::Critical,
            (Kind::Uniqueness, false) | (_, true) => Severity::High,
            (_, false) => Severity::Medium,
        };
        let failed = count(told, kind);
        let message = format!(
            "The {} tests reach {shown} of 100 points; {}.",
            kind.word(),
            counted(failed, "column fails", "columns fail")
        );
        let advice = match kind {
            Kind::Uniqueness => "Remove the repeated values, or choose columns that are meant to be unique.",
            Kind::Range => {
                "Correct the values outside of their range, or widen the range where they are right."
            }
            Kind::Format => "Bring the values into the expected format, or correct the pattern.",
        };
        return Some(Alert::new(weak, severity, category, failed, message, advice));
    }
    (score >= 90.0).then(|| {
        let message = format!("The {} tests reach {shown} of 100 points.", kind.word());
        Alert::new(strong, Severity::Low, category, 0, message, "Keep these tests as they are.")
    })
}

fn issues(coverage: &Coverage, told: &[&Outcome<'_>]) -> Vec<Issue> {
    let tests = told.iter().take(ISSUES).enumerate().filter_map(|(index, outcome)| {
        let issue_type = outcome.issue_type()?;
        let (category, severity) = match issue_type {
            "uniqueness_violation" => ("uniqueness", Severity::Critical),
            "missing_unique_column" => ("uniqueness", Severity::High),
            "range_violation" | "missing_range_column" => ("range", Severity::Medium),
            "format_violation" => ("format", Severity::High),
            "missing_format_column" => ("format", Severity::Medium),
            _ => ("other", Severity::Warning),
        };
        let field = &outcome.test.column;
        let id = format!("issue_test_{category}_{field}_{index}");
        Some(issue(id, field, issue_type, severity, category, outcome.message()))
    });
    let mut issues: Vec<Issue> = tests.collect();
    for kind in KINDS {
        let score = coverage.of_kind(kind);
        if score < 70.0 {
            let severity = if kind == Kind::Uniqueness { Severity::Critical } else { Severity::High };
            let id = format!("issue_test_{}_coverage_gap", kind.word());
            let message = format!("The {} tests reach only {} of 100 points.", kind.word(), fixed(score, 1));
            issues.push(issue(id, kind.any_field(), "test_coverage_gap", severity, kind.word(), message));
        }
    }
    if coverage.overall < 75.0 {
        let message = format!(
            "At an overall score of {}, rules between columns are probably not tested.",
            fixed(coverage.overall, 1)
        );
        let id = "issue_test_cross_field_validation".to_owned();
        issues.push(issue(
            id,
            "all_fields",
            "cross_field_validation_gap",
            Severity::Medium,
            "coverage",
            message,
        ));
    }
    issues
}

fn issue(
    id: String,
    field: &str,
    issue_type: &'static str,
    severity: Severity,
    category: &str,
    message: String,
) -> Issue {
    let priority = match severity {
        Severity::Critical => "immediate",
        Severity::High => "high",
        _ => "medium",
    };
    let extra = extra([("test_category", json!(category)), ("remediation_priority", json!(priority))]);
    Issue { extra, ..Issue::new(ID, id, field, issue_type, severity, message) }
}

fn recommendations(coverage: &Coverage, told: &[&Outcome<'_>]) -> Vec<Recommendation> {
    let overall = coverage.overall;
    let high_below_75 = if overall < 75.0 { Severity::High } else { Severity::Medium };
    let mut list: Vec<Recommendation> =
        KINDS.into_iter().filter_map(|kind| kind_recommendation(coverage, told, kind)).collect();
    let mut add = |id: &'static str, field: &str, priority, timeline, (hours, owner), text: String| {
        list.push(with_effort(
            Recommendation::new(ID, id, field.to_owned(), priority, timeline, text),
            hours,
            owner,
        ));
    };
    let score = fixed(overall, 1);
    if coverage.status == Status::NeedsImprovement {
        let (timeline, hours) = if overall < 75.0 { ("2-3 weeks", 16) } else { ("4 weeks", 12) };
        let text =
            format!("Agree on a plan that takes test coverage from {score} points to an agreed level.");
        let effort = (hours, "Data Quality Lead");
        add("rec_test_coverage_strategy", "all_fields", high_below_75.clone(), timeline, effort, text);
    }
    add(
        "rec_test_edge_cases",
        "all_fields",
        high_below_75,
        "1-2 weeks",
        (10, "QA/Test Automation Team"),
        format!("Test empty values, extremes and unusual formats; the score is {score} now."),
    );
    if overall < 80.0 {
        let text =
            format!("Write tests for rules between columns; the score of {score} leaves room for them.");
        add(
            "rec_test_cross_field",
            "multiple_fields",
            Severity::Medium,
            "2-3 weeks",
            (10, "Data Quality Team"),
            text,
        );
    }
    add(
        "rec_test_monitoring",
        "all_fields",
        Severity::Medium,
        "ongoing",
        (6, "Data Quality Lead"),
        format!("Run the tests with every delivery and watch the score ({score} now)."),
    );
    list
}

fn kind_recommendation(coverage: &Coverage, told: &[&Outcome<'_>], kind: Kind) -> Option<Recommendation> {
    let violated: Vec<&&Outcome<'_>> =
        told.iter().filter(|outcome| outcome.kind() == kind && outcome.violations() > 0).collect();
    let score = coverage.of_kind(kind);
    if score >= 80.0 && violated.is_empty() {
        return None;
    }
    let (id, owner) = match kind {
        Kind::Uniqueness => ("rec_test_uniqueness_priority", "Data Quality Team"),
        Kind::Range => ("rec_test_range_priority", "Data Engineering Team"),
        Kind::Format => ("rec_test_format_priority", "Data Quality Team"),
    };
    let (priority, timeline, hours) = match kind {
        Kind::Uniqueness if score < 60.0 => (Severity::Critical, "immediate", 12),
        Kind::Uniqueness => (Severity::High, "1 week", 8),
        Kind::Range if score < 70.0 => (Severity::High, "1-2 weeks", 10),
        Kind::Range => (Severity::Medium, "2-3 weeks", 6),
        Kind::Format if score < 70.0 => (Severity::High, "1-2 weeks", 8),
        Kind::Format => (Severity::Medium, "2-3 weeks", 5),
    };
    let total: usize = violated.iter().map(|outcome| outcome.violations()).sum();
    let text = format!(
        "Resolve {} of the {} tests; they reach {} of 100 points.",
        counted(total, "violation", "violations"),
        kind.word(),
        fixed(score, 1)
    );
    let names: Vec<&str> = violated.iter().map(|outcome| outcome.test.column.as_str()).collect();
    let field = first_names(&names, 3, kind.any_field());
    Some(with_effort(Recommendation::new(ID, id, field, priority, timeline, text), hours, owner))
}

fn with_effort(recommendation: Recommendation, hours: u32, owner: &str) -> Recommendation {
    let extra = extra([("estimated_effort_hours", json!(hours)), ("owner", json!(owner))]);
    Recommendation { extra, ..recommendation }
}

fn summary_lines(coverage: &Coverage, told: &[&Outcome<'_>]) -> String {
    let mut lines =
        vec![format!("Test coverage: {}, {} of 100", coverage.status.word(), fixed(coverage.overall, 1))];
    for (title, kind) in [("Uniqueness", Kind::Uniqueness), ("Range", Kind::Range), ("Format", Kind::Format)]
    {
        lines.push(format!("- {title}: {} of 100", fixed(coverage.of_kind(kind), 1)));
    }
    if !told.is_empty() {
        lines.push(format!("- Findings: {}", told.len()));
        let critical = told.iter().filter(|outcome| outcome.is_critical()).count();
        let counts = [
            ("critical", critical),
            ("uniqueness", count(told, Kind::Uniqueness)),
            ("range", count(told, Kind::Range)),
            ("format", count(told, Kind::Format)),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        lines.extend(counts.map(|(kind, count)| format!("  - {kind}: {count}")));
    }
    lines.push(match coverage.status {
        Status::Excellent => "The tests hold; keep running them.".to_owned(),
        Status::Good => "The tests mostly hold; look at what is left.".to_owned(),
        Status::NeedsImprovement => {
            "The tests show gaps that should be closed before the data is used.".to_owned()
        }
    });
    lines.join("\n")
}
