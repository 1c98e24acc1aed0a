//! Alerts, issues, recommendations and summary (section 6 of the specification).

use super::ID;
use super::rows::SEVERAL;
use super::scores::{
    Governance, GovernanceIssue, MISSING_CLASSIFICATION, MISSING_CONSENT, MISSING_LINEAGE, PERSONAL, Status,
};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, RowIssue, Severity, SummaryItem, first_names,
};
use crate::table::Table;
use crate::text::{counted, fixed};

/// Most issues that come from governance issues.
const ISSUES: usize = 100;

/// Columns that stand for the file where a score is low.
const GAP_COLUMNS: usize = 3;

const WHOLE: &str = "entire dataset";
const ALL: &str = "all";

/// Fields of each kind of governance issue.
struct Groups<'a> {
    lineage: Vec<&'a str>,
    consent: Vec<&'a str>,
    classification: Vec<&'a str>,
    personal: Vec<&'a str>,
    critical: usize,
}

impl<'a> Groups<'a> {
    fn of(governance: &Governance<'a>) -> Self {
        Self {
            lineage: governance.fields_of(MISSING_LINEAGE),
            consent: governance.fields_of(MISSING_CONSENT),
            classification: governance.fields_of(MISSING_CLASSIFICATION),
            personal: governance.fields_of(PERSONAL),
            critical: governance.issues.iter().filter(|issue| issue.severity == Severity::Critical).count(),
        }
    }
}

pub(super) fn collect(
    table: &Table,
    governance: &Governance<'_>,
    row_level_issues: Vec<RowIssue>,
) -> Findings {
    let groups = Groups::of(governance);
    Findings {
        alerts: alerts(table, governance, &groups),
        issues: issues(table, governance),
        recommendations: recommendations(governance, &groups),
        executive_summary: vec![SummaryItem::new(
            "exec_governance",
            "Governance Compliance",
            fixed(governance.overall, 1),
            governance.status.word(),
            format!(
                "Governance reaches {} of 100 points ({}) with {}.",
                fixed(governance.overall, 1),
                governance.status.word(),
                counted(governance.issues.len(), "finding", "findings")
            ),
        )],
        ai_analysis_text: summary_lines(governance, &groups),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues).without_column(SEVERAL),
        row_level_issues,
    }
}

fn alerts(table: &Table, governance: &Governance<'_>, groups: &Groups<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message: String, advice| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    let score = fixed(governance.overall, 1);
    if governance.status != Status::Compliant {
        let severity =
            if governance.status == Status::NonCompliant { Severity::Critical } else { Severity::High };
        add(
            "alert_governance_001_overall",
            severity,
            "governance_compliance",
            governance.issues.len(),
            format!(
                "Governance reaches {score} of 100 points ({}); {} came up.",
                governance.status.word(),
                counted(governance.issues.len(), "finding", "findings")
            ),
            "Work through the critical findings first, then rate the file again.",
        );
    }
    for (id, category, what, value, fields, (critical, high), advice) in [
        (
            "alert_governance_002_lineage",
            "data_lineage",
            "Lineage",
            governance.lineage,
            &groups.lineage,
            (50.0, 65.0),
            "Add the missing lineage columns, and fill those that exist.",
        ),
        (
            "alert_governance_003_consent",
            "consent_management",
            "Consent",
            governance.consent,
            &groups.consent,
            (50.0, 65.0),
            "Add the missing consent columns, and use the agreed statuses only.",
        ),
        (
            "alert_governance_004_classification",
            "data_classification",
            "Classification",
            governance.classification,
            &groups.classification,
            (f64::NEG_INFINITY, 60.0),
            "Add the missing classification columns, and classify rows with personal data as such.",
        ),
    ] {
        if value < 80.0 {
            let severity = match value {
                value if value < critical => Severity::Critical,
                value if value < high => Severity::High,
                _ => Severity::Medium,
            };
            let message = format!(
                "{what} reaches {} of 100 points; {} missing.",
                fixed(value, 1),
                counted(fields.len(), "required column is", "required columns are")
            );
            add(id, severity, category, fields.len(), message, advice);
        }
    }
    if !groups.personal.is_empty() {
        let size = groups.personal.len();
        add(
            "alert_governance_005_pii",
            Severity::Critical,
            "pii_without_classification",
            size,
            format!(
                "{} personal data, among them {}.",
                counted(size, "column holds", "columns hold"),
                first_names(&groups.personal, 3, ALL)
            ),
            "Classify these columns, restrict who may read them, and mask what is not needed.",
        );
    }
    for (id, severity, category, what, fields) in [
        (
            "alert_governance_006_missing_lineage",
            Severity::Critical,
            "data_lineage",
            "lineage",
            &groups.lineage,
        ),
        (
            "alert_governance_007_missing_consent",
            Severity::Critical,
            "consent_management",
            "consent",
            &groups.consent,
        ),
        (
            "alert_governance_008_missing_classification",
            Severity::High,
            "data_classification",
            "classification",
            &groups.classification,
        ),
    ] {
        if !fields.is_empty() {
            let shown = if id.ends_with("classification") { 3 } else { usize::MAX };
            let message = format!(
                "{} of {what} missing: {}.",
                counted(fields.len(), "required column", "required columns"),
                first_names(fields, shown, ALL)
            );
            add(id, severity, category, fields.len(), message, "Have the source deliver these columns.");
        }
    }
    if groups.critical > 0 {
        add(
            "alert_governance_009_critical_issues",
            Severity::Critical,
            "governance_compliance",
            groups.critical,
            format!(
                "{} to be resolved at once.",
                counted(groups.critical, "critical finding has", "critical findings have")
            ),
            "Name somebody who resolves the critical findings, and by when.",
        );
    }
    let gap = 100.0 - governance.overall;
    if gap > 20.0 {
        add(
            "alert_governance_010_framework_gaps",
            Severity::High,
            "governance_compliance",
            table.columns().len(),
            format!("{} points are missing to full governance.", fixed(gap, 1)),
            "Compare your governance rules with the columns of this file, and close the gaps.",
        );
    }
    alerts
}

fn issues(table: &Table, governance: &Governance<'_>) -> Vec<Issue> {
    let found = governance.issues.iter().take(ISSUES).enumerate().map(|(index, issue)| {
        let id = format!("issue_governance_{}_{}_{index}", issue.kind, issue.field);
        Issue::new(ID, id, issue.field, issue.kind, issue.severity.clone(), issue.message.clone())
    });
    let mut issues: Vec<Issue> = found.collect();
    for (kind, what, score, critical, high) in [
        ("lineage_gap", "lineage", governance.lineage, f64::NEG_INFINITY, 50.0),
        ("consent_gap", "consent", governance.consent, 50.0, f64::INFINITY),
        ("classification_gap", "classification", governance.classification, f64::NEG_INFINITY, f64::INFINITY),
    ] {
        if score < 80.0 {
            let severity = match score {
                score if score < critical => Severity::Critical,
                score if score < high => Severity::High,
                _ => Severity::Medium,
            };
            issues.extend(table.columns().iter().take(GAP_COLUMNS).map(|column| {
                let name = column.name();
                let message =
                    format!("The {what} score of the file of column \"{name}\" is {}.", fixed(score, 1));
                let id = format!("issue_governance_{kind}_{name}");
                Issue::new(ID, id, name, kind, severity.clone(), message)
            }));
        }
    }
    issues
}

fn recommendations(governance: &Governance<'_>, groups: &Groups<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    for (word, severity, most, timeline) in
        [("critical", Severity::Critical, 3, "immediate"), ("high", Severity::High, 2, "1-2 weeks")]
    {
        let issues =
            governance.issues.iter().filter(|issue| issue.severity == severity).take(most).enumerate();
        list.extend(issues.map(|(index, issue)| {
            let id = format!("rec_governance_{word}_{}_{index}", issue.kind);
            let text = for_issue(issue);
            Recommendation::new(ID, id, issue.field.to_owned(), severity.clone(), timeline, text)
        }));
    }
    let mut add = |id: &'static str, field: String, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field, priority, timeline, text));
    };
    let raise =
        |what: &str, score: f64| format!("Raise the {what} score from {} to 80 or more.", fixed(score, 1));
    if governance.lineage < 80.0 {
        let priority = if governance.lineage < 50.0 { Severity::Critical } else { Severity::High };
        let text = raise("lineage", governance.lineage);
        add("rec_governance_lineage_impl", first_names(&groups.lineage, 3, ALL), priority, "2-4 weeks", text);
    }
    if governance.consent < 80.0 {
        let text = raise("consent", governance.consent);
        let field = first_names(&groups.consent, 3, ALL);
        add("rec_governance_consent_impl", field, Severity::Critical, "1-2 weeks", text);
    }
    if governance.classification < 80.0 {
        let text = raise("classification", governance.classification);
        let field = first_names(&groups.classification, 3, ALL);
        add("rec_governance_classification_impl", field, Severity::High, "1-2 weeks", text);
    }
    if !groups.personal.is_empty() {
        let text = format!(
            "Protect {} of personal data: classify, encrypt or mask, and log access.",
            counted(groups.personal.len(), "column", "columns")
        );
        let field = first_names(&groups.personal, 5, ALL);
        add("rec_governance_pii_protection", field, Severity::Critical, "immediate", text);
    }
    let missing = groups.lineage.len() + groups.consent.len() + groups.classification.len();
    if missing > 0 {
        let text = format!(
            "Add {}: {} of lineage, {} of consent, {} of classification.",
            counted(missing, "required column", "required columns"),
            groups.lineage.len(),
            groups.consent.len(),
            groups.classification.len()
        );
        add("rec_governance_fields_add", ALL.to_owned(), Severity::Critical, "1 week", text);
    }
    let score = fixed(governance.overall, 1);
    let (id, priority, timeline, text) = match governance.status {
        Status::NonCompliant => (
            "rec_governance_framework",
            Severity::Critical,
            "4-6 weeks",
            format!("Set up rules of governance with owners and dates; the score of {score} calls for it."),
        ),
        Status::NeedsReview => (
            "rec_governance_review",
            Severity::High,
            "2-3 weeks",
            format!("Have governance of this file reviewed; its score is {score}."),
        ),
        Status::Compliant => (
            "rec_governance_continuous",
            Severity::Medium,
            "ongoing",
            format!("Keep watching governance; its score is {score}."),
        ),
    };
    add(id, WHOLE.to_owned(), priority, timeline, text);
    list
}

fn for_issue(issue: &GovernanceIssue<'_>) -> String {
    if issue.kind == PERSONAL {
        format!("Classify column \"{}\" and restrict who may read it.", issue.field)
    } else {
        format!("Have column \"{}\" delivered and filled.", issue.field)
    }
}

fn summary_lines(governance: &Governance<'_>, groups: &Groups<'_>) -> String {
    let mut lines = vec![
        format!("Governance: {}, {} of 100", governance.status.word(), fixed(governance.overall, 1)),
        format!("- Lineage: {} of 100", fixed(governance.lineage, 1)),
        format!("- Consent: {} of 100", fixed(governance.consent, 1)),
        format!("- Classification: {} of 100", fixed(governance.classification, 1)),
    ];
    if !governance.issues.is_empty() {
        lines.push(format!("- Findings: {}", governance.issues.len()));
        let counts = [("critical", groups.critical), ("columns with personal data", groups.personal.len())];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        lines.extend(counts.map(|(what, count)| format!("  - {what}: {count}")));
    }
    lines.push(match governance.status {
        Status::Compliant => "The file complies with the rules that were checked.".to_owned(),
        Status::NeedsReview => "The file needs a review before it complies.".to_owned(),
        Status::NonCompliant => "The file does not comply; it should not be shared.".to_owned(),
    });
    lines.join("\n")
}
