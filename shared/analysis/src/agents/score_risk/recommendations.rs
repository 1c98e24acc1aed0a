//! What to do about the risk (section 6 of the specification).

use serde_json::json;

use super::field::{Breach, Field, Framework, Level};
use super::{ID, Risk};
use crate::findings::{Recommendation, Severity, extra};
use crate::text::counted;

/// High (and medium) fields that get a recommendation of their own.
const ADVISED_FIELDS: usize = 3;

/// What the recommendations of this agent have in common.
struct Advice {
    id: String,
    field_name: String,
    priority: Severity,
    timeline: &'static str,
    hours: u32,
    owner: &'static str,
    depends_on: &'static [&'static str],
    text: String,
}

impl From<Advice> for Recommendation {
    fn from(advice: Advice) -> Self {
        let Advice { id, field_name, priority, timeline, text, .. } = advice;
        Self {
            extra: extra([
                ("estimated_effort_hours", json!(advice.hours)),
                ("owner", json!(advice.owner)),
                ("depends_on", json!(advice.depends_on)),
            ]),
            ..Self::new(ID, id, field_name, priority, timeline, text)
        }
    }
}

pub(super) fn collect(fields: &[Field<'_>], risk: &Risk) -> Vec<Recommendation> {
    let mut advice = Vec::new();
    let of_level =
        |level: Level| fields.iter().filter(move |field| field.level == level).take(ADVISED_FIELDS);
    for field in of_level(Level::High) {
        let name = field.name();
        advice.push(Advice {
            id: format!("rec_risk_{name}"),
            field_name: name.to_owned(),
            priority: Severity::Critical,
            timeline: "immediate",
            hours: 8,
            owner: "Data Security Team",
            depends_on: &[],
            text: format!(
                "Protect column \"{name}\" (risk score {}): encrypt or mask it, and restrict who may read it.",
                field.score
            ),
        });
    }
    for (position, field) in of_level(Level::Medium).enumerate() {
        let name = field.name();
        advice.push(Advice {
            id: format!("rec_risk_medium_{name}"),
            field_name: name.to_owned(),
            priority: Severity::High,
            timeline: "1 week",
            hours: 4,
            owner: "Data Engineering Team",
            depends_on: if position == 0 { &["rec_risk_*"] } else { &[] },
            text: format!(
                "Check whether column \"{name}\" (risk score {}) is needed, and mask it where it is not.",
                field.score
            ),
        });
    }
    if risk.personal > 0 {
        advice.push(Advice {
            id: "rec_pii_handling".to_owned(),
            field_name: counted(risk.personal, "field with personal data", "fields with personal data"),
            priority: Severity::Critical,
            timeline: "immediate",
            hours: 16,
            owner: "Privacy & Security Officer",
            depends_on: &[],
            text: format!(
                "Set down how personal data is masked, encrypted, kept and deleted, and apply it to {}.",
                counted(risk.personal, "column", "columns")
            ),
        });
    }
    if risk.gaps > 0 {
        advice.push(Advice {
            id: "rec_governance_gaps".to_owned(),
            field_name: counted(risk.gaps, "field without encryption", "fields without encryption"),
            priority: Severity::High,
            timeline: "1-2 weeks",
            hours: 12,
            owner: "Data Governance Team",
            depends_on: &[],
            text: format!(
                "Close {}: record the encryption of each column at risk.",
                counted(risk.gaps, "gap of governance", "gaps of governance")
            ),
        });
    }
    for (framework, id, priority, timeline, hours, owner, depends_on) in [
        (
            Framework::Gdpr,
            "rec_gdpr_compliance",
            Severity::Critical,
            "immediate",
            24,
            "Legal & Compliance Team",
            &["rec_pii_handling"][..],
        ),
        (
            Framework::Hipaa,
            "rec_hipaa_compliance",
            Severity::Critical,
            "immediate",
            32,
            "HIPAA Compliance Officer",
            &["rec_pii_handling"],
        ),
        (Framework::Ccpa, "rec_ccpa_compliance", Severity::High, "2-3 weeks", 20, "Privacy Counsel", &[]),
    ] {
        let Some(size) = risk.touching(framework) else { continue };
        advice.push(Advice {
            id: id.to_owned(),
            field_name: format!("{} under {}", counted(size, "field", "fields"), framework.name()),
            priority,
            timeline,
            hours,
            owner,
            depends_on,
            text: format!(
                "Bring {} in line with {}: {}",
                counted(size, "column", "columns"),
                framework.name(),
                Breach::Law(framework).text()
            ),
        });
    }
    advice.push(Advice {
        id: "rec_audit_logging".to_owned(),
        field_name: "all sensitive fields".to_owned(),
        priority: Severity::High,
        timeline: "1-2 weeks",
        hours: 10,
        owner: "Security Operations Center",
        depends_on: &[],
        text: format!(
            "Log who reads the columns at risk ({}), and review the log regularly.",
            risk.high + risk.medium
        ),
    });
    advice.into_iter().map(Recommendation::from).collect()
}
