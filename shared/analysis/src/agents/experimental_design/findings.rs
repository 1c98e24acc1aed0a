//! Alerts, issues, recommendations and summary (section 6 of the specification).

use serde_json::json;

use super::design::{Design, Feasibility, LOW_BASELINE};
use super::{ID, POWER, ReadFile};
use crate::agents::analytics::issue_without_row;
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, RowIssue, Severity, SummaryItem,
};
use crate::text::{Cell, fixed, grouped};

pub(super) fn collect(design: &Design, file: &ReadFile) -> Findings {
    let row_level_issues: Vec<RowIssue> = unreadable(file).into_iter().collect();
    Findings {
        alerts: alerts(design),
        issues: issues(design),
        recommendations: recommendations(design),
        executive_summary: executive_summary(design),
        ai_analysis_text: summary_lines(design),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

/// Whether there are enough people, in words.
pub(super) fn feasibility(design: &Design) -> String {
    let total = whole(design.total());
    match (design.population, design.utilization) {
        (Some(population), _) if design.feasibility == Feasibility::Infeasible => format!(
            "{total} people are needed and {} are there: {} are missing.",
            whole(population),
            whole(design.total().saturating_sub(population))
        ),
        (Some(population), Some(share)) => {
            format!(
                "{total} people are needed, {} % of the {} that are there.",
                fixed(share, 2),
                whole(population)
            )
        }
        _ => format!("{total} people are needed; check that your audience is that large."),
    }
}

fn whole(count: i64) -> String {
    grouped(count as f64, 0)
}

fn unreadable(file: &ReadFile) -> Option<RowIssue> {
    let ReadFile::Unreadable { name, reason } = file else { return None };
    let message = format!("The file was not used: {reason}.");
    Some(issue_without_row(None, "file_parse_warning", Severity::Low, message, json!(name)))
}

fn alerts(design: &Design) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message, advice| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    match design.feasibility {
        Feasibility::Infeasible => add(
            "alert_experiment_infeasible",
            Severity::Critical,
            "feasibility",
            0,
            feasibility(design),
            "Look for a larger effect, accept less confidence, or find more people.",
        ),
        Feasibility::Marginal => add(
            "alert_experiment_marginal",
            Severity::High,
            "feasibility",
            0,
            feasibility(design),
            "Leave room for people who drop out.",
        ),
        Feasibility::Feasible | Feasibility::Tight => {}
    }
    if design.asked.baseline < LOW_BASELINE {
        let message = format!("The baseline of {} % is low.", fixed(design.asked.baseline * 100.0, 2));
        let advice = "Measure something that happens more often.";
        add("alert_low_baseline", Severity::Medium, "parameter_quality", 1, message, advice);
    }
    if design.population.is_none() {
        let message =
            format!("How many people there are is not known; {} are needed.", whole(design.total()));
        let advice = "Give the size of the population, or a file with one row each.";
        add("alert_no_population", Severity::Medium, "data_completeness", 1, message, advice);
    }
    alerts
}

fn issues(design: &Design) -> Vec<Issue> {
    let asked = design.asked;
    let quality = if design.grade == "needs_improvement" { Severity::Medium } else { Severity::Low };
    let mut issues = Vec::new();
    let mut add = |id: &str, field, kind, severity, message| {
        issues.push(Issue::new(ID, id.to_owned(), field, kind, severity, message));
    };
    let message = format!("The design scores {} of 100 ({}).", fixed(design.score, 1), design.grade);
    add("issue_experiment_design_quality", "experiment_design", "design_assessment", quality, message);
    if asked.lift > 30.0 {
        let message = format!("A lift of {} % is seldom seen.", fixed(asked.lift, 1));
        add(
            "issue_high_lift_expectation",
            "min_detectable_lift",
            "parameter_warning",
            Severity::Low,
            message,
        );
    }
    if asked.level < 0.9 {
        let message = format!("A confidence of {} % lets chance pass often.", fixed(asked.level * 100.0, 1));
        add("issue_low_confidence", "significance_level", "parameter_warning", Severity::Medium, message);
    }
    issues
}

fn recommendations(design: &Design) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: &'static str, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    let asked = design.asked;
    if design.feasibility == Feasibility::Infeasible {
        let text = format!(
            "Aim at a lift of {} % instead of {} %: a larger effect needs fewer people.",
            fixed(asked.lift * 1.5, 1),
            fixed(asked.lift, 1)
        );
        add("rec_reduce_lift", "min_detectable_lift", Severity::High, "immediate", text);
        let text = format!("Accept less than {} % confidence.", fixed(asked.level * 100.0, 1));
        add("rec_reduce_confidence", "significance_level", Severity::Medium, "immediate", text);
    }
    let text = format!("Plan how long it takes until {} people have come.", whole(design.total()));
    add("rec_experiment_duration", "experiment_planning", Severity::Medium, "before launch", text);
    let text = "Draw the groups by lot, and check that they are alike before the start.".to_owned();
    add("rec_randomization", "experiment_execution", Severity::Medium, "before launch", text);
    let text = "Watch further rates beside the one that decides.".to_owned();
    add("rec_multiple_metrics", "metrics", Severity::Low, "1-2 weeks", text);
    list
}

fn executive_summary(design: &Design) -> Vec<SummaryItem> {
    let group = || whole(design.group);
    let mut items = vec![
        SummaryItem::new(
            "exec_experiment_control_size",
            "Control Group",
            group(),
            "good",
            "People without the change.".to_owned(),
        ),
        SummaryItem::new(
            "exec_experiment_test_size",
            "Test Group",
            group(),
            "good",
            "People with the change.".to_owned(),
        ),
        SummaryItem::new(
            "exec_experiment_total",
            "Sample",
            whole(design.total()),
            if design.feasibility == Feasibility::Infeasible { "critical" } else { "excellent" },
            "People in both groups.".to_owned(),
        ),
        SummaryItem::new(
            "exec_experiment_feasibility",
            "Feasibility",
            design.feasibility.word().to_uppercase(),
            match design.feasibility {
                Feasibility::Feasible => "excellent",
                Feasibility::Tight | Feasibility::Marginal => "warning",
                Feasibility::Infeasible => "critical",
            },
            feasibility(design),
        ),
    ];
    items.extend(design.utilization.map(|share| {
        SummaryItem::new(
            "exec_experiment_utilization",
            "Share of the Population",
            format!("{}%", Cell::Float(share).display()),
            match share {
                share if share < 30.0 => "excellent",
                share if share < 60.0 => "good",
                _ => "warning",
            },
            "Part of the population that takes part.".to_owned(),
        )
    }));
    items
}

fn summary_lines(design: &Design) -> String {
    let asked = design.asked;
    [
        "Experimental Design:".to_owned(),
        format!("- baseline rate {} %", fixed(asked.baseline * 100.0, 2)),
        format!("- lift to be found {} %", fixed(asked.lift, 1)),
        format!("- confidence {} %, power {} %", fixed(asked.level * 100.0, 1), fixed(POWER * 100.0, 0)),
        format!(
            "- sizes: control {}, test {}, together {}",
            whole(design.group),
            whole(design.group),
            whole(design.total())
        ),
        format!("- {}: {}", design.feasibility.word(), feasibility(design)),
        format!("- score {} of 100 ({})", fixed(design.score, 1), design.grade),
    ]
    .join("\n")
}
