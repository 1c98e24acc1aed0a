//! Alerts, issues and summary (section 6 of the specification).

use super::recommendations::recommendations;
use super::{ID, Judged, rows};
use crate::findings::{Alert, Findings, Issue, IssueSummary, Severity, SummaryItem};
use crate::text::{counted, fixed};

/// Issues in all.
const ISSUES: usize = 100;

pub(super) fn collect(judged: &Judged) -> Findings {
    let row_level_issues = rows::collect(judged);
    Findings {
        alerts: alerts(judged),
        issues: issues(judged),
        recommendations: recommendations(judged),
        executive_summary: vec![SummaryItem::new(
            "exec_quarantine",
            "Quarantine",
            fixed(judged.score, 1),
            judged.quality,
            format!(
                "Quality is {}: {} quarantined ({} %), {} stay; {} of flaws occur.",
                judged.quality,
                counted(judged.bad, "row was", "rows were"),
                fixed(judged.share, 1),
                judged.clean(),
                counted(judged.kinds.len(), "kind", "kinds")
            ),
        )],
        ai_analysis_text: summary_lines(judged),
        issue_summary: IssueSummary::of_later_rows(&row_level_issues),
        row_level_issues,
    }
}

pub(super) fn summary(judged: &Judged) -> String {
    format!(
        "Quarantine ended as {}: {} looked at, {} quarantined, {} kept.",
        judged.quality,
        counted(judged.rows, "row", "rows"),
        judged.bad,
        judged.clean()
    )
}

fn summary_lines(judged: &Judged) -> String {
    let kinds: Vec<String> =
        judged.kinds.iter().take(5).map(|(kind, count)| format!("{kind} {count}")).collect();
    let of = |severity: Severity| judged.of_severity(&severity);
    [
        "Quarantine Agent:".to_owned(),
        format!(
            "- score {} of 100 ({}): quarantine rate {} %, integrity {} %, efficiency {} %",
            fixed(judged.score, 1),
            judged.quality,
            fixed(judged.reduction, 1),
            fixed(judged.integrity, 1),
            fixed(judged.efficiency, 1)
        ),
        format!(
            "- {} of {} rows quarantined ({} %), {} kept ({} %)",
            judged.bad,
            judged.rows,
            fixed(judged.share, 1),
            judged.clean(),
            fixed(judged.integrity, 1)
        ),
        format!(
            "- kinds of flaws: {} ({})",
            judged.kinds.len(),
            if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
        ),
        format!(
            "- listed flaws by severity: critical {}, high {}, medium {}",
            of(Severity::Critical),
            of(Severity::High),
            of(Severity::Medium)
        ),
        format!("- integrity {} %, efficiency {} %", fixed(judged.integrity, 1), fixed(judged.efficiency, 1)),
        if judged.bad > 0 {
            "- look through the quarantined rows before they are dropped for good".to_owned()
        } else {
            "- no row needs attention".to_owned()
        },
    ]
    .join("\n")
}

fn alerts(judged: &Judged) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message, advice| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    let (bad, share) = (judged.bad, fixed(judged.share, 1));
    let volume = match judged.share {
        share if share > 30.0 => Some(("alert_quarantine_001_volume_critical", Severity::Critical)),
        share if share > 15.0 => Some(("alert_quarantine_001_volume_high", Severity::High)),
        share if share > 5.0 => Some(("alert_quarantine_001_volume_medium", Severity::Medium)),
        _ => None,
    };
    if let Some((id, severity)) = volume {
        let message = format!("{bad} of {} rows ({share} %) are quarantined.", judged.rows);
        add(
            id,
            severity,
            "data_quality",
            judged.kinds.len(),
            message,
            "Have the source corrected, then deliver the file again.",
        );
    }
    let critical = judged.of_severity(&Severity::Critical);
    if critical > 0 {
        let message = format!(
            "{} listed; {share} % of the rows are quarantined.",
            counted(critical, "critical flaw is", "critical flaws are")
        );
        add(
            "alert_quarantine_002_critical_severity",
            Severity::Critical,
            "data_integrity",
            critical,
            message,
            "Begin with the rows that have critical flaws.",
        );
    }
    let high = judged.of_severity(&Severity::High);
    if judged.exceeds(high, 0.05) {
        let message =
            format!("{high} flaws of high severity are listed; {share} % of the rows are quarantined.");
        add(
            "alert_quarantine_003_high_severity",
            Severity::High,
            "data_quality",
            high,
            message,
            "Check types and ranges at the source.",
        );
    }
    if judged.integrity < 80.0 {
        let severity = if judged.integrity < 70.0 { Severity::High } else { Severity::Medium };
        let message = format!(
            "Only {} % of the rows are without a flaw; {bad} ({share} %) are quarantined.",
            fixed(judged.integrity, 1)
        );
        add(
            "alert_quarantine_004_integrity_score",
            severity,
            "data_integrity",
            bad,
            message,
            "Find out which step of the source breaks rows.",
        );
    }
    let missing = judged.of_kind("missing_required_field");
    if missing > 0 {
        let severity = if judged.exceeds(missing, 0.1) { Severity::Critical } else { Severity::High };
        let message = format!(
            "{} listed; {share} % of the rows are quarantined.",
            counted(missing, "missing required value is", "missing required values are")
        );
        add(
            "alert_quarantine_005_missing_fields",
            severity,
            "data_integrity",
            missing,
            message,
            "Make these columns mandatory where the data is entered.",
        );
    }
    let types = judged.of_kind("type_mismatch");
    if types > 0 {
        let severity = if judged.exceeds(types, 0.05) { Severity::High } else { Severity::Medium };
        let message = format!(
            "{} listed; {share} % of the rows are quarantined.",
            counted(types, "value of a wrong type is", "values of wrong types are")
        );
        add(
            "alert_quarantine_006_type_mismatches",
            severity,
            "data_quality",
            types,
            message,
            "Correct the types, or the schema that you expect.",
        );
    }
    if judged.of_kind("schema_mismatch") > 0 {
        let message = format!(
            "At least half of the expected columns are absent, so all {bad} rows ({share} %) are quarantined."
        );
        add(
            "alert_quarantine_007_schema_mismatch",
            Severity::Critical,
            "data_integrity",
            bad,
            message,
            "Check that this is the right file and the right schema.",
        );
    }
    let broken =
        ["corrupted_record", "invalid_format", "out_of_range"].map(|kind| judged.of_kind(kind)).iter().sum();
    if broken > 0 {
        let severity = if judged.exceeds(broken, 0.1) { Severity::High } else { Severity::Medium };
        let message = format!(
            "{} listed; {share} % of the rows are quarantined.",
            counted(
                broken,
                "broken, malformed or excessive value is",
                "broken, malformed or excessive values are"
            )
        );
        add(
            "alert_quarantine_008_corrupted_invalid",
            severity,
            "data_quality",
            broken,
            message,
            "Look at the rows, then correct values or constraints.",
        );
    }
    alerts
}

fn issues(judged: &Judged) -> Vec<Issue> {
    let listed = judged.flaws().iter().take(ISSUES).enumerate();
    let mut issues: Vec<Issue> = listed
        .map(|(n, flaw)| {
            let severity = match flaw.kind {
                "missing_required_field" | "schema_mismatch" | "corrupted_record" => Severity::Critical,
                "type_mismatch" | "out_of_range" => Severity::High,
                _ => Severity::Medium,
            };
            let id = format!("issue_quarantine_{}_{n}_{}", flaw.kind, flaw.row);
            Issue::new(ID, id, &flaw.column, flaw.kind, severity, flaw.description.clone())
        })
        .collect();
    for (kind, count) in &judged.kinds {
        if issues.len() >= ISSUES {
            break;
        }
        let severity = match *kind {
            "missing_required_field" | "schema_mismatch" => Severity::Critical,
            "type_mismatch" => Severity::High,
            _ => Severity::Medium,
        };
        let message =
            format!("{} of the kind {kind}.", counted(*count, "listed flaw is", "listed flaws are"));
        let issue =
            Issue::new(ID, format!("issue_quarantine_aggregate_{kind}"), "all", "", severity, message);
        issues.push(Issue { issue_type: format!("{kind}_pattern").into(), ..issue });
    }
    issues
}
