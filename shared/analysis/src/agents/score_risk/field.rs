//! The risk of one column (section 4 of the specification).

use serde_json::{Value, json};

use super::Settings;
use super::personal::{Personal, Recogniser};
use crate::table::Column;

/// A column whose lower-cased name contains one of these is sensitive (Q2).
const SENSITIVE: [&str; 14] = [
    "email",
    "phone",
    "ssn",
    "social_security",
    "credit_card",
    "account_number",
    "password",
    "api_key",
    "token",
    "secret",
    "name",
    "address",
    "dob",
    "date_of_birth",
];
/// Points of a column that is sensitive by its name only.
const SENSITIVE_POINTS: u32 = 60;
/// Names that say that their values are protected already.
const PROTECTED: [&str; 2] = ["encrypted_email", "masked_phone"];

/// How risky a column or a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    High,
    Medium,
    Low,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A law about personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framework {
    Gdpr,
    Ccpa,
    Hipaa,
}

impl Framework {
    /// In the order in which a column's issues name them.
    const ALL: [Self; 3] = [Self::Gdpr, Self::Ccpa, Self::Hipaa];
    /// Ascending by name.
    pub(super) const BY_NAME: [Self; 3] = [Self::Ccpa, Self::Gdpr, Self::Hipaa];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gdpr => "GDPR",
            Self::Ccpa => "CCPA",
            Self::Hipaa => "HIPAA",
        }
    }

    /// Words in a lower-cased column name that make it fall under the law.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Gdpr => &["email", "phone", "name", "address", "dob"],
            Self::Ccpa => &["email", "phone", "name", "address", "ssn"],
            Self::Hipaa => &["email", "phone", "name", "ssn", "patient_id", "medical_record"],
        }
    }
}

/// Why a column breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breach {
    /// Nothing says that the values are encrypted.
    Unencrypted,
    Law(Framework),
}

impl Breach {
    /// The law that the breach is filed under; an unencrypted column under GDPR.
    pub(super) fn framework(self) -> Framework {
        match self {
            Self::Unencrypted => Framework::Gdpr,
            Self::Law(framework) => framework,
        }
    }

    /// Names no column, so that a law in the text is always one that is meant.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Unencrypted => {
                "Encryption is missing: nothing says that these values are stored encrypted."
            }
            Self::Law(Framework::Gdpr) => "GDPR: the persons concerned must have given their consent.",
            Self::Law(Framework::Ccpa) => "CCPA: the values count as personal information.",
            Self::Law(Framework::Hipaa) => "HIPAA: the values must be encrypted at rest and in transit.",
        }
    }
}

/// A column with its risk.
pub(super) struct Field<'a> {
    pub(super) column: &'a Column,
    /// 0 to 100.
    pub(super) score: u32,
    pub(super) level: Level,
    pub(super) personal: Option<Personal>,
    /// Sensitive by its name, whatever the switches say.
    pub(super) sensitive: bool,
    /// Whether the name has added points.
    pub(super) sensitive_factor: bool,
    /// Whether encryption is missing: a gap of governance.
    pub(super) unencrypted: bool,
    /// In the order of [`Framework::ALL`].
    pub(super) frameworks: Vec<Framework>,
}

impl<'a> Field<'a> {
    pub(super) fn score(column: &'a Column, settings: &Settings, recogniser: &Recogniser) -> Self {
        let name = column.name().to_lowercase();
        let contains = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let sensitive = contains(&SENSITIVE);
        let personal = settings.pii_detection_enabled.then(|| recogniser.recognise(column, &name)).flatten();
        let sensitive_factor = settings.sensitive_field_detection_enabled && sensitive && personal.is_none();
        let score = personal.map_or(0, |personal| personal.points)
            + if sensitive_factor { SENSITIVE_POINTS } else { 0 };
        let concerned = personal.is_some() || sensitive;
        let frameworks = Framework::ALL.into_iter().filter(|law| concerned && contains(law.words()));
        Self {
            column,
            score: score.min(100),
            level: settings.level(f64::from(score)),
            personal,
            sensitive,
            sensitive_factor,
            unencrypted: settings.governance_check_enabled
                && score > 0
                && !PROTECTED.contains(&name.as_str()),
            frameworks: frameworks.collect(),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.column.name()
    }

    pub(super) fn is_at_risk(&self) -> bool {
        self.level != Level::Low
    }

    /// In the order in which they are listed.
    pub(super) fn breaches(&self) -> impl Iterator<Item = Breach> + '_ {
        let unencrypted = self.unencrypted.then_some(Breach::Unencrypted);
        unencrypted.into_iter().chain(self.frameworks.iter().copied().map(Breach::Law))
    }

    pub(super) fn to_json(&self) -> Value {
        let mut factors = Vec::new();
        if let Some(personal) = self.personal {
            factors.push(json!({
                "factor": "pii_detected", "confidence": personal.confidence, "pii_type": personal.kind,
            }));
        }
        if self.sensitive_factor {
            factors.push(json!({"factor": "contains_personal_identifier", "confidence": 0.75}));
        }
        if factors.is_empty() {
            factors.push(json!({"factor": "no_risk_detected", "confidence": 1.0}));
        }
        let effort = match (self.personal, self.sensitive) {
            (Some(_), _) => "high",
            (None, true) => "medium",
            (None, false) => "low",
        };
        json!({
            "field_id": self.name(),
            "field_name": self.name(),
            "risk_score": self.score,
            "risk_level": self.level.as_str(),
            "risk_factors": factors,
            "compliance_issues": self.breaches().map(Breach::text).collect::<Vec<_>>(),
            "remediation_priority": self.level.as_str(),
            "remediation_effort": effort,
        })
    }
}
