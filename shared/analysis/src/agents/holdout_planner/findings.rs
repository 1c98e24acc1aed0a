//! Alerts, issues, recommendations and summary (section 6 of the specification).

use serde_json::Value;

use super::segment::{Design, NoPlan, Segment};
use super::{ID, Plan};
use crate::agents::analytics::issue_without_row;
use crate::findings::{Alert, Findings, Issue, IssueSummary, Recommendation, Severity, SummaryItem};
use crate::text::{counted, fixed, grouped};

/// Days that a plan may take without a word.
const LONG: f64 = 30.0;

impl Segment {
    /// A word about a holdout that is smaller than a group of an even split, with the arithmetic.
    pub(super) fn warning(&self, design: &Design) -> Option<String> {
        let sizes = self.sizes.as_ref().ok().filter(|sizes| sizes.is_underpowered())?;
        Some(format!(
            "{}: {} users are held out, a group of an even split has {}. The total allows for the uneven split by the factor {}; at {} % the holdout stays below an even group.",
            self.name,
            grouped(sizes.held_out, 0),
            grouped(sizes.per_group, 0),
            fixed(design.imbalance, 2),
            design.ratio
        ))
    }
}

pub(super) fn collect(plan: &Plan) -> Findings {
    let warned: Vec<(&Segment, String)> = plan
        .segments
        .iter()
        .filter_map(|segment| segment.warning(&plan.design).map(|warning| (segment, warning)))
        .collect();
    let row_level_issues: Vec<_> = warned
        .iter()
        .map(|(_, warning)| {
            issue_without_row(
                Some("global"),
                "small_control",
                Severity::Warning,
                warning.clone(),
                Value::Null,
            )
        })
        .collect();
    Findings {
        alerts: warned.iter().map(|(segment, warning)| alert(segment, warning.clone())).collect(),
        issues: plan.segments.iter().filter_map(issue).collect(),
        recommendations: recommendations(plan),
        executive_summary: executive_summary(plan),
        ai_analysis_text: summary_lines(plan),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

fn alert(segment: &Segment, message: String) -> Alert {
    let advice = "Raise the holdout ratio, or run longer than planned.";
    let alert = Alert::new("", Severity::High, "power", 1, message, advice);
    Alert { alert_id: format!("alert_underpowered_seg_{}", segment.number).into(), ..alert }
}

fn issue(segment: &Segment) -> Option<Issue> {
    let (id, kind) = match segment.sizes.as_ref().err()? {
        NoPlan::NoEffect(_) => ("no_effect", "insufficient_effect"),
        NoPlan::NoSize(_) => ("sample_calc", "calculation_error"),
    };
    let text = segment.sizes.as_ref().err().map_or("", NoPlan::text).to_owned();
    let field = format!("segment_{}", segment.number);
    Some(Issue::new(ID, format!("issue_{id}_seg_{}", segment.number), &field, kind, Severity::High, text))
}

fn recommendations(plan: &Plan) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: &'static str, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    if plan.underpowered > 0 {
        let segments = counted(plan.underpowered, "segment holds", "segments hold");
        let text = format!(
            "Raise the ratio of {} %: {segments} out fewer users than an even group.",
            plan.design.ratio
        );
        add("rec_increase_control", "holdout_ratio", Severity::High, "immediate", text);
    }
    let text = "Check baselines and lifts against earlier campaigns; sizes follow their squares.".to_owned();
    add("rec_validate_assumptions", "lift", Severity::Medium, "before launch", text);
    list
}

fn executive_summary(plan: &Plan) -> Vec<SummaryItem> {
    let few = plan.underpowered == 0;
    vec![
        SummaryItem::new(
            "exec_total_users_required",
            "Users Required",
            grouped(plan.users, 0),
            if few { "excellent" } else { "warning" },
            format!("Users of {} together.", counted(plan.computed, "segment", "segments")),
        ),
        SummaryItem::new(
            "exec_max_duration",
            "Longest Duration",
            grouped(plan.days, 1),
            if plan.days <= LONG { "good" } else { "warning" },
            "Days of the segment that takes longest.".to_owned(),
        ),
        SummaryItem::new(
            "exec_total_holdout_cost",
            "Holdout Cost",
            format!("${}", grouped(plan.cost, 2)),
            "info",
            "What the lift would have brought among those who are held out.".to_owned(),
        ),
        SummaryItem::new(
            "exec_underpowered_segments",
            "Underpowered Segments",
            plan.underpowered.to_string(),
            if few { "success" } else { "warning" },
            format!("Segments of {} whose holdout is smaller than an even group.", plan.computed),
        ),
    ]
}

fn summary_lines(plan: &Plan) -> String {
    let design = &plan.design;
    [
        "Control Group Holdout Planner:".to_owned(),
        format!("- holdout ratio {} %", design.ratio),
        format!(
            "- confidence {} %, power {} %",
            fixed(design.confidence * 100.0, 0),
            fixed(design.power * 100.0, 0)
        ),
        format!("- segments planned: {}, computed: {}", plan.segments.len(), plan.computed),
        format!("- users required: {}", grouped(plan.users, 0)),
        format!("- longest duration: {} days", grouped(plan.days, 1)),
        format!("- holdout cost: ${}", grouped(plan.cost, 2)),
        format!("- underpowered segments: {}", plan.underpowered),
    ]
    .join("\n")
}
