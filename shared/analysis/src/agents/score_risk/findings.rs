//! Alerts, issues and summary (section 6 of the specification): what the figures are worth telling. What to do about it
//! is in [`super::recommendations`].

use serde_json::json;

use super::field::{Field, Framework, Level};
use super::{ID, Risk, recommendations};
use crate::findings::{Alert, Findings, Issue, IssueSummary, RowIssue, Severity, SummaryItem, extra};
use crate::text::{counted, fixed};

pub(super) fn collect(fields: &[Field<'_>], risk: &Risk, row_level_issues: Vec<RowIssue>) -> Findings {
    Findings {
        alerts: alerts(risk),
        issues: fields.iter().filter(|field| field.is_at_risk()).flat_map(issues).collect(),
        recommendations: recommendations::collect(fields, risk),
        executive_summary: vec![executive_summary(risk)],
        ai_analysis_text: summary_lines(risk),
        issue_summary: summary_of(&row_level_issues),
        row_level_issues,
    }
}

/// Issues of this agent name several columns at once; each counts for itself. A name with `, ` in it counts as two
/// (Q8).
fn summary_of(issues: &[RowIssue]) -> IssueSummary {
    let mut summary = IssueSummary::of_what_occurs(issues);
    let joined = std::mem::take(&mut summary.affected_columns);
    let mut columns: Vec<String> =
        joined.iter().flat_map(|columns| columns.split(", ")).map(str::to_owned).collect();
    columns.sort_unstable();
    columns.dedup();
    summary.affected_columns = columns;
    summary
}

fn alerts(risk: &Risk) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message, advice: &str| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    let score = fixed(risk.overall, 1);
    match risk.level {
        Level::High => add(
            "alert_risk_001_overall_critical",
            Severity::Critical,
            "risk_compliance",
            risk.high,
            format!("The overall risk score is {score} of 100: high."),
            "Restrict access to this data now, and protect its riskiest columns before it is passed on.",
        ),
        Level::Medium => add(
            "alert_risk_002_overall_high",
            Severity::High,
            "risk_compliance",
            risk.high + risk.medium,
            format!("The overall risk score is {score} of 100: medium."),
            "Plan the protection of the columns at risk, the riskiest first.",
        ),
        Level::Low => add(
            "alert_risk_003_overall_low",
            Severity::Low,
            "risk_compliance",
            risk.low,
            format!("The overall risk score is {score} of 100: low."),
            "Keep the present protection, and score the data again when columns are added.",
        ),
    }
    if risk.personal > 0 {
        add(
            "alert_pii_001_detected_critical",
            Severity::Critical,
            "pii_detected",
            risk.personal,
            format!("{} personal data.", counted(risk.personal, "column holds", "columns hold")),
            "Mask, tokenise or encrypt these columns, and limit who may read them.",
        );
    }
    if risk.high > 0 {
        add(
            "alert_risk_high_volume",
            if risk.high > 5 { Severity::Critical } else { Severity::High },
            "high_risk_fields",
            risk.high,
            format!(
                "{} a risk score of {} or more.",
                counted(risk.high, "column has", "columns have"),
                risk.high_risk_threshold
            ),
            "Work through these columns one by one, beginning with those that most people can read.",
        );
    }
    if risk.medium > 0 {
        add(
            "alert_risk_medium_volume",
            Severity::High,
            "medium_risk_fields",
            risk.medium,
            format!("{} of medium risk.", counted(risk.medium, "column is", "columns are")),
            "Decide for each of these columns whether it is needed, and protect what is kept.",
        );
    }
    let sensitive_only = risk.sensitive_only();
    if sensitive_only > 0 {
        add(
            "alert_sensitive_001_high",
            Severity::High,
            "sensitive_data",
            sensitive_only,
            format!(
                "{} sensitive by the name without known personal data.",
                counted(sensitive_only, "column is", "columns are")
            ),
            "Look at the values of these columns, and treat them as personal until it is known better.",
        );
    }
    if risk.gaps > 0 {
        add(
            "alert_governance_gaps_001",
            Severity::High,
            "governance_gaps",
            risk.gaps,
            format!(
                "For {} at risk nothing says that the values are encrypted.",
                counted(risk.gaps, "column", "columns")
            ),
            "Write down for each of these columns how it is protected, and close the gaps.",
        );
    }
    for (framework, id, severity, category, advice) in [
        (
            Framework::Gdpr,
            "alert_compliance_gdpr_critical",
            Severity::Critical,
            "compliance_gdpr",
            "Check consent, purpose and retention of these columns with the data protection officer.",
        ),
        (
            Framework::Hipaa,
            "alert_compliance_hipaa_critical",
            Severity::Critical,
            "compliance_hipaa",
            "Encrypt these columns at rest and in transit, and record every access.",
        ),
        (
            Framework::Ccpa,
            "alert_compliance_ccpa_high",
            Severity::High,
            "compliance_ccpa",
            "Make sure that these columns can be disclosed, deleted and kept from sale on request.",
        ),
    ] {
        if let Some(size) = risk.touching(framework) {
            let message =
                format!("{} under {}.", counted(size, "column falls", "columns fall"), framework.name());
            add(id, severity, category, size, message, advice);
        }
    }
    if risk.high > 0 {
        add(
            "alert_encryption_missing",
            Severity::Critical,
            "encryption_gap",
            risk.high,
            format!(
                "{} of high risk: the values should not be stored unencrypted.",
                counted(risk.high, "column is", "columns are")
            ),
            "Encrypt these columns where they are stored and where they are sent.",
        );
    }
    if risk.frameworks.len() > 1 {
        add(
            "alert_multiple_compliance_critical",
            Severity::Critical,
            "multi_compliance",
            risk.fields,
            format!(
                "The data falls under {} laws at once: {}.",
                risk.frameworks.len(),
                risk.framework_names().join(", ")
            ),
            "Follow the strictest of the laws for each column, and keep one record of how all of them are met.",
        );
    }
    alerts
}

/// Issues of a field of high or medium risk.
fn issues(field: &Field<'_>) -> Vec<Issue> {
    let name = field.name();
    let mut issues = Vec::new();
    let mut add = |id: String, issue_type: String, severity, message: String, hours: u32, keys| {
        let mut extra: serde_json::Map<String, serde_json::Value> = keys;
        extra.insert("remediation_time_hours".to_owned(), json!(hours));
        issues.push(Issue {
            issue_id: id,
            agent_id: ID.into(),
            field_name: name.to_owned(),
            issue_type: issue_type.into(),
            severity,
            message,
            extra,
        });
    };
    let none = serde_json::Map::new;
    let high = field.level == Level::High;
    add(
        format!("issue_risk_{name}"),
        "pii_or_sensitive_data".to_owned(),
        if high { Severity::Critical } else { Severity::High },
        format!("Column \"{name}\" has a risk score of {} of 100: {}.", field.score, field.level.as_str()),
        if high { 4 } else { 2 },
        none(),
    );
    if let Some(personal) = field.personal {
        let kind = personal.kind;
        add(
            format!("issue_pii_{name}_{kind}"),
            format!("pii_{kind}"),
            Severity::Critical,
            format!(
                "The values of \"{name}\" look like {kind}, with a confidence of {} %.",
                fixed(personal.confidence * 100.0, 0)
            ),
            8,
            extra([("pii_category", json!(kind)), ("confidence_score", json!(personal.confidence))]),
        );
        let exposure = match kind {
            "ssn" => Some((Severity::Critical, 12, "social security numbers")),
            "credit_card" => Some((Severity::Critical, 12, "numbers of credit cards")),
            "zipcode" => Some((Severity::Medium, 4, "ZIP codes, which help to find out persons")),
            _ => None,
        };
        if let Some((severity, hours, what)) = exposure {
            add(
                format!("issue_pii_{kind}_{name}"),
                format!("{kind}_exposure"),
                severity,
                format!("Column \"{name}\" exposes {what}."),
                hours,
                none(),
            );
        }
    }
    if field.sensitive_factor {
        add(
            format!("issue_sensitive_{name}"),
            "sensitive_personal_data".to_owned(),
            Severity::High,
            format!("The name of column \"{name}\" says that it identifies persons or keeps secrets."),
            6,
            none(),
        );
    }
    add(
        format!("issue_classification_{name}"),
        "data_classification".to_owned(),
        Severity::High,
        format!("Column \"{name}\" needs a classification that says who may read it."),
        2,
        none(),
    );
    for (index, breach) in field.breaches().enumerate() {
        let framework = breach.framework();
        add(
            format!("issue_compliance_{name}_{index}"),
            "compliance_violation".to_owned(),
            if framework == Framework::Ccpa { Severity::High } else { Severity::Critical },
            format!("Column \"{name}\": {}", breach.text()),
            if framework == Framework::Hipaa { 12 } else { 8 },
            extra([("framework", json!(framework.name()))]),
        );
    }
    issues
}

fn executive_summary(risk: &Risk) -> SummaryItem {
    let score = fixed(risk.overall, 1);
    // By fixed numbers, whatever the thresholds (Q9).
    let status = match risk.overall {
        overall if overall >= 70.0 => "high",
        overall if overall >= 40.0 => "medium",
        _ => "low",
    };
    let level = risk.level.as_str();
    let description = format!("The data has a risk score of {score} of 100; its level is {level}.");
    SummaryItem::new("exec_risk", "Data Risk Score", score, status, description)
}

fn summary_lines(risk: &Risk) -> String {
    let mut lines = vec![
        format!("Data risk: level {}, score {} of 100", risk.level.as_str(), fixed(risk.overall, 1)),
        format!("- Columns of high risk: {}", risk.high),
        format!("- Columns of medium risk: {}", risk.medium),
        format!("- Columns with personal data: {}", risk.personal),
    ];
    if risk.sensitive > 0 {
        lines.push(format!("- Columns that are sensitive by their name: {}", risk.sensitive));
    }
    if risk.gaps > 0 {
        lines.push(format!("- Gaps of governance: {}", risk.gaps));
    }
    if !risk.frameworks.is_empty() {
        lines.push(format!("- Laws concerned: {}", risk.framework_names().join(", ")));
    }
    if risk.level != Level::Low {
        lines.push(
            "- Measures are needed: protect the columns at risk before the data is passed on".to_owned(),
        );
    }
    lines.join("\n")
}
